import { latencyQuantileNs } from '../../src/pipeline/transformation-stats.ts';
import type { SampleTopic } from '../../examples/data/generate.ts';
import type { PackedBatch } from '../../src/pipeline/packed-batch.ts';
import { median, say, shown, type Row } from '../rows.ts';
import { GuestLoop } from './guest-loop.ts';
import { moduleBytes, prepareBytes, prepareGuest, sampleBatches, specConfigJson, withoutMeter } from './guests.ts';
import type { LoopReport } from './loop-messages.ts';
import type { BatchRunnerSource } from './source.ts';
import { TIGHT_LOOP } from './tight-loop.ts';

export interface Timing {
  readonly rounds: number;
  /** Of one round of one guest. */
  readonly roundMs: number;
  readonly warmUpMs: number;
}

interface Subject {
  readonly name: string;
  readonly module: string;
  readonly topic: SampleTopic;
  readonly spec: string | undefined;
}

const SUBJECTS: readonly Subject[] = [
  { name: 'pass_through', module: 'pass_through.wasm', topic: 'raw-events', spec: undefined },
  { name: 'mask', module: 'mask_pii.wasm', topic: 'raw-events', spec: 'specs/mask-pii.yaml' },
  { name: 'json_transform', module: 'json_transform.wasm', topic: 'orders', spec: undefined },
  { name: 'enrich', module: 'enrich.wasm', topic: 'orders', spec: 'examples/specs/enrich.yaml' },
];
/** 16 MB of records: more than a core's own caches hold. */
const BATCHES = 16;

/** A guest and the batches it goes through. */
export interface Measured {
  readonly name: string;
  readonly source: BatchRunnerSource;
  readonly batches: readonly PackedBatch[];
}

export async function guestFigures(timing: Timing): Promise<Row[]> {
  const measured: Measured[] = [];
  for (const { name, module, topic, spec } of SUBJECTS) {
    const source = await prepareGuest(module, spec === undefined ? undefined : specConfigJson(spec));
    measured.push({ name, source, batches: sampleBatches(topic, BATCHES) });
  }
  return figuresOf(measured, timing);
}

/** Each guest by itself in one thread: throughput, and the latency of a record as the engine's own histogram has it. */
export async function figuresOf(measured: readonly Measured[], timing: Timing): Promise<Row[]> {
  const loops: { readonly name: string; readonly loop: GuestLoop; readonly reports: LoopReport[] }[] = [];
  for (const { name, source, batches } of measured) {
    const loop = new GuestLoop(source, batches);
    await loop.run(timing.warmUpMs);
    loops.push({ name, loop, reports: [] });
  }
  for (let round = 0; round < timing.rounds; round += 1) {
    for (const { loop, reports } of loops) reports.push(await loop.run(timing.roundMs));
  }
  const rows: Row[] = [];
  for (const { name, loop, reports } of loops) {
    await loop.close();
    const perSecond = median(reports.map(({ records, elapsedMs }) => (records / elapsedMs) * 1000));
    const p99Us = median(reports.map(({ latencies }) => latencyQuantileNs(latencies, 0.99) / 1000));
    const { records, outputBytes } = total(reports);
    say(
      `  ${name}: ${shown(perSecond)} records/s, p99 ${shown(p99Us)} µs, ${Math.round(outputBytes / records)} B of results a record`,
    );
    rows.push({ name: `engine.${name}.per_s`, value: perSecond, unit: 'records/s' });
    rows.push({ name: `engine.${name}.p99_us`, value: p99Us, unit: 'µs' });
  }
  return rows;
}

function total(reports: readonly LoopReport[]): { records: number; outputBytes: number } {
  let records = 0;
  let outputBytes = 0;
  for (const report of reports) {
    records += report.records;
    outputBytes += report.outputBytes;
  }
  return { records, outputBytes };
}

/**
 * The same guest with and without its meter, in turns: how much more CPU time a record takes, 0.1 = 10 %. The figure is the worst of three: a
 * loop as tight as they come, eight instructions over registers (compute), and real work byte after byte (mask).
 */
export async function meteringOverhead(timing: Timing): Promise<Row[]> {
  const compute = await prepareGuest('compute.wasm', '{"rounds":2000}');
  const mask = await prepareGuest('mask_pii.wasm', specConfigJson('specs/mask-pii.yaml'));
  const overheads = [
    await overheadOf('tight loop', prepareBytes(TIGHT_LOOP, 'tight-loop'), TIGHT_LOOP, timing),
    await overheadOf('compute', compute, moduleBytes('compute.wasm'), timing),
    await overheadOf('mask', mask, moduleBytes('mask_pii.wasm'), timing),
  ];
  return [{ name: 'engine.metering_overhead_ratio', value: Math.max(...overheads), unit: 'of unmetered' }];
}

async function overheadOf(
  name: string,
  source: BatchRunnerSource,
  bytes: Uint8Array<ArrayBuffer>,
  timing: Timing,
): Promise<number> {
  const batches = sampleBatches('raw-events', 1);
  const metered = new GuestLoop(source, batches);
  const bare = new GuestLoop(withoutMeter(source, bytes), batches);
  await metered.run(timing.warmUpMs);
  await bare.run(timing.warmUpMs);
  const ratios: number[] = [];
  for (let round = 0; round < timing.rounds; round += 1) {
    const withMeter = await metered.run(timing.roundMs);
    const without = await bare.run(timing.roundMs);
    ratios.push(withMeter.cpuMs / withMeter.records / (without.cpuMs / without.records));
  }
  await metered.close();
  await bare.close();
  const overhead = median(ratios) - 1;
  say(`  metering, ${name}: ${shown(overhead * 100)} % more CPU time a record`);
  return overhead;
}
