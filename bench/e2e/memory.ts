import { median, say, shown, type Row } from '../rows.ts';
import { MASK_CONFIG } from './copies.ts';
import type { E2eContext } from './e2e-bench.ts';
import { rssMb } from './process-usage.ts';
import { startSidecar, type BenchSpec } from './sidecar.ts';

const SAMPLE_MS = 100;
const STALL_MS_MAX = 60_000;
/** Buffers, pools and compiled code are there by then. */
const WARM_SHARE = 0.15;
/** Readings at each end whose median is compared: one alone is where the collector happens to be. */
const END_SHARE = 0.1;

const ENRICH_CONFIG = {
  lookups: [{ field: 'type', table: 'types', as: 'type_info' }],
  tables: { types: { login: { rank: 1 }, logout: { rank: 2 }, signup: { rank: 3 }, purchase: { rank: 4 } } },
};

const TRANSFORMS: readonly Omit<BenchSpec, 'output'>[] = [
  { name: 'memory-pass', module: 'pass_through.wasm' },
  { name: 'memory-mask', module: 'mask_pii.wasm', config: MASK_CONFIG },
  { name: 'memory-enrich', module: 'enrich.wasm', config: ENRICH_CONFIG },
];

interface Reading {
  readonly records: number;
  readonly mb: number;
}

/** One sidecar, three transforms, as much load as there is, until together they have put through `total` records. */
export async function memoryFigures(context: E2eContext, inputRecordCount: number): Promise<Row[]> {
  const { bootstrap, id, topics, partitions, input, folder, profileDir } = context;
  const specs = TRANSFORMS.map((transform) => ({ ...transform, output: `bench-${transform.name}-${id}` }));
  for (const { output } of specs) await topics.create(output, partitions);
  const sidecar = startSidecar({
    ...{ bootstrap, input, folder, run: `memory-${id}`, profileDir, start: 'earliest' },
    specs,
  });
  const total = inputRecordCount * specs.length;
  const readings: Reading[] = [];
  try {
    let movedAtMs = performance.now();
    for (let records = 0; records < total;) {
      sidecar.assertAlive();
      const ends = await Promise.all(specs.map(({ output }) => topics.endOffset(output, partitions)));
      const now = ends.reduce((sum, end) => sum + end, 0);
      if (now > records) movedAtMs = performance.now();
      if (performance.now() - movedAtMs > STALL_MS_MAX) throw new Error(`stands still at ${now} of ${total} records`);
      records = now;
      readings.push({ records, mb: rssMb(sidecar.pid) });
      await new Promise((resolve) => void setTimeout(resolve, SAMPLE_MS));
    }
  } finally {
    await sidecar.stop();
    for (const { output } of specs) await topics.delete(output);
  }
  return rowsOf(readings, total);
}

function rowsOf(readings: readonly Reading[], total: number): Row[] {
  const warm = readings.filter(({ records }) => records >= total * WARM_SHARE).map(({ mb }) => mb);
  const count = Math.ceil(warm.length * END_SHARE);
  const growth = median(warm.slice(-count)) - median(warm.slice(0, count));
  const most = Math.max(...readings.map(({ mb }) => mb));
  const step = Math.ceil(readings.length / 10);
  const steps = readings.filter((_, i) => i % step === step - 1).map(({ mb }) => Math.round(mb));
  say(`  RSS over ${shown(total)} records: at most ${shown(most)} MB; in the course of it ${steps.join(' ')} MB`);
  return [
    { name: 'e2e.rss_mb', value: most, unit: 'MB' },
    { name: 'e2e.rss_growth_mb', value: growth, unit: 'MB' },
  ];
}
