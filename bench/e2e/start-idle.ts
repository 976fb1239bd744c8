import { median, say, shown, type Row } from '../rows.ts';
import { MASK_CONFIG } from './input.ts';
import type { BenchContext } from './on-cluster.ts';
import { cpuSeconds, rssMb } from './process-usage.ts';
import { startSidecar } from './sidecar.ts';
import type { Subject } from './subject.ts';

const LOOK_MS = 20;
const START_MS_MAX = 60_000;
const STARTS = 5;
const IDLE_TRANSFORMS = 50;
/** A transform without records has given up its thread by then (ADR 14), and its groups have formed. */
const SETTLE_MS = 75_000;
const IDLE_MS = 40_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

/** From the start of the process to its first record in the output topic. The first start compiles; what counts are those that find their modules cached. */
export async function startFigures(context: BenchContext): Promise<Row[]> {
  const { bootstrap, id, input, folder, topics, partitions } = context;
  const times: number[] = [];
  for (let round = 0; round <= STARTS; round += 1) {
    const run = `start-${id}-${round}`;
    const output = `bench-output-${run}`;
    await topics.create(output, partitions);
    const began = performance.now();
    const specs = [{ name: 'start', module: 'mask_pii.wasm', config: MASK_CONFIG, output }];
    const sidecar = startSidecar({ bootstrap, input, folder, run, profileDir: undefined, kafka: {}, specs });
    try {
      await firstRecord(sidecar, () => topics.endOffset(output, partitions));
      const tookMs = performance.now() - began;
      say(`  start ${round}: first record out after ${shown(tookMs)} ms${round === 0 ? ', nothing cached' : ''}`);
      if (round > 0) times.push(tookMs);
    } finally {
      await sidecar.stop();
      await topics.delete(output);
    }
  }
  return [{ name: 'e2e.start_to_first_record_ms', value: median(times), unit: 'ms' }];
}

async function firstRecord(sidecar: Subject, written: () => Promise<number>): Promise<void> {
  const began = performance.now();
  while ((await written()) === 0) {
    sidecar.assertAlive();
    if (performance.now() - began > START_MS_MAX) throw new Error(`no record came out:\n${sidecar.output}`);
    await pause(LOOK_MS);
  }
}

/** What fifty transforms take that have nothing to do. */
export async function idleFigures(context: BenchContext): Promise<Row[]> {
  const { bootstrap, id, folder, topics, partitions } = context;
  const input = `bench-idle-${id}`;
  const output = `bench-idle-output-${id}`;
  await topics.create(input, partitions);
  await topics.create(output, partitions);
  const specs = Array.from({ length: IDLE_TRANSFORMS }, (_, i) => ({
    ...{ name: `idle-${i}`, module: 'mask_pii.wasm', config: MASK_CONFIG, output },
  }));
  const run = `idle-${id}`;
  const sidecar = startSidecar({ bootstrap, input, folder, run, profileDir: undefined, kafka: {}, specs });
  try {
    await pause(SETTLE_MS);
    sidecar.assertAlive();
    const usedS = cpuSeconds(sidecar.pid);
    await pause(IDLE_MS);
    sidecar.assertAlive();
    const cpuPercent = ((cpuSeconds(sidecar.pid) - usedS) / (IDLE_MS / 1000)) * 100;
    const mb = rssMb(sidecar.pid);
    say(`  ${IDLE_TRANSFORMS} idle transforms: ${shown(mb)} MB, ${shown(cpuPercent)} % of a core`);
    return [
      { name: 'e2e.idle_50.rss_mb', value: mb, unit: 'MB' },
      { name: 'e2e.idle_50.cpu_percent', value: cpuPercent, unit: '% of a core' },
    ];
  } finally {
    await sidecar.stop();
    await topics.delete(input);
    await topics.delete(output);
  }
}
