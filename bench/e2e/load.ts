import { freePorts } from '../../integration/cluster/free-port.ts';
import { median, say, shown, type Row } from '../rows.ts';
import type { BenchContext } from './on-cluster.ts';
import { rssMb } from './process-usage.ts';
import { startSidecar, type BenchSpec, type KafkaSettings } from './sidecar.ts';
import type { Subject } from './subject.ts';

const SAMPLE_MS = 100;
const STALL_MS_MAX = 60_000;
/** Buffers, pools and compiled code are there by then. */
const WARM_SHARE = 0.15;
/** Readings at each end whose median is compared: one alone is where the collector happens to be. */
const END_SHARE = 0.1;

export type LoadTransform = Omit<BenchSpec, 'output'>;

interface Reading {
  readonly records: number;
  readonly mb: number;
}

/** What a sidecar was like while it worked off a lag. */
export interface LoadFigures {
  readonly rssMb: number;
  readonly rssGrowthMb: number;
  readonly eventLoopP99Ms: number;
}

/** One sidecar with these transforms, as much load as there is, until each has put through the whole input. */
export async function loadFigures(
  context: BenchContext,
  transforms: readonly LoadTransform[],
  kafka: KafkaSettings,
): Promise<LoadFigures> {
  const { bootstrap, id, topics, partitions, input, folder, profileDir } = context;
  const specs = transforms.map((transform) => ({ ...transform, output: `bench-load-${transform.name}-${id}` }));
  for (const { output } of specs) await topics.create(output, partitions);
  const total = (await topics.endOffset(input, partitions)) * specs.length;
  const [httpPort = 0] = await freePorts(1);
  const run = `load-${id}`;
  const sidecar = startSidecar({ bootstrap, input, folder, run, profileDir, specs, kafka, httpPort });
  const written = async (): Promise<number> => {
    const ends = await Promise.all(specs.map(({ output }) => topics.endOffset(output, partitions)));
    return ends.reduce((sum, end) => sum + end, 0);
  };
  try {
    const readings = await watchLoad(sidecar, written, total * WARM_SHARE);
    // Each scrape begins a new count of the delays: this one leaves out what starting was like.
    await eventLoopP99Ms(httpPort);
    readings.push(...(await watchLoad(sidecar, written, total)));
    return figuresOf(readings, total, await eventLoopP99Ms(httpPort));
  } finally {
    await sidecar.stop();
    for (const { output } of specs) await topics.delete(output);
  }
}

/** Looks at the sidecar until so many records are written. */
async function watchLoad(sidecar: Subject, written: () => Promise<number>, until: number): Promise<Reading[]> {
  const readings: Reading[] = [];
  let movedAtMs = performance.now();
  for (;;) {
    sidecar.assertAlive();
    const records = await written();
    if (records > (readings.at(-1)?.records ?? 0)) movedAtMs = performance.now();
    if (performance.now() - movedAtMs > STALL_MS_MAX)
      throw new Error(`stands still at ${records} of ${until} records:\n${sidecar.output}`);
    readings.push({ records, mb: rssMb(sidecar.pid) });
    if (records >= until) return readings;
    await new Promise((resolve) => void setTimeout(resolve, SAMPLE_MS));
  }
}

/** Since the last scrape. As Node counts it: the time between two looks that should be 10 ms apart. */
async function eventLoopP99Ms(httpPort: number): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${httpPort}/metrics`);
  const value = /^nodejs_eventloop_lag_p99_seconds (\S+)$/m.exec(await response.text())?.[1];
  if (value === undefined) throw new Error('the metrics do not tell the delay of the event loop');
  return Number(value) * 1000;
}

function figuresOf(readings: readonly Reading[], total: number, loopP99Ms: number): LoadFigures {
  const warm = readings.filter(({ records }) => records >= total * WARM_SHARE).map(({ mb }) => mb);
  const count = Math.ceil(warm.length * END_SHARE);
  const growth = median(warm.slice(-count)) - median(warm.slice(0, count));
  const most = Math.max(...readings.map(({ mb }) => mb));
  const step = Math.ceil(readings.length / 10);
  const steps = readings.filter((_, i) => i % step === step - 1).map(({ mb }) => Math.round(mb));
  say(`  RSS over ${shown(total)} records: at most ${shown(most)} MB; in the course of it ${steps.join(' ')} MB`);
  return { rssMb: most, rssGrowthMb: growth, eventLoopP99Ms: loopP99Ms };
}

export function memoryRows(suite: string, figures: LoadFigures): Row[] {
  return [
    { name: `${suite}.rss_mb`, value: figures.rssMb, unit: 'MB' },
    { name: `${suite}.rss_growth_mb`, value: figures.rssGrowthMb, unit: 'MB' },
  ];
}
