import { median, say, shown, type Row } from '../rows.ts';
import { GuestLoop } from './guest-loop.ts';
import type { Timing } from './guest-figures.ts';
import { prepareGuest, sampleBatches, specConfigJson } from './guests.ts';
import type { BatchRunnerSource } from './source.ts';

const STAGES = 3;
const BATCHES = 16;

/**
 * Three stages on one thread hop over one stage, in turns: a guest that does nothing, whose crossings are all there is to measure, and one that works
 * (mask_pii, then twice over what is masked by then).
 */
export async function chainFigures(timing: Timing): Promise<Row[]> {
  const subjects = [
    ['trivial', await prepareGuest('pass_through.wasm')],
    ['mask', await prepareGuest('mask_pii.wasm', specConfigJson('specs/mask-pii.yaml'))],
  ] as const;
  const batches = sampleBatches('raw-events', BATCHES);
  const rows: Row[] = [];
  for (const [name, source] of subjects) {
    const [one, three] = [new GuestLoop(source, batches), new GuestLoop(chained(source), batches)];
    await one.run(timing.warmUpMs);
    await three.run(timing.warmUpMs);
    const ratios: number[] = [];
    const rates: number[] = [];
    for (let round = 0; round < timing.rounds; round += 1) {
      const [single, chain] = [await one.run(timing.roundMs), await three.run(timing.roundMs)];
      ratios.push(chain.records / chain.elapsedMs / (single.records / single.elapsedMs));
      rates.push((chain.records / chain.elapsedMs) * 1000);
    }
    await one.close();
    await three.close();
    const [ratio, rate] = [median(ratios), median(rates)];
    say(`  ${STAGES} stages, ${name}: ${shown(rate)} records/s, ${shown(ratio)} of one stage`);
    rows.push({ name: `engine.chain_${name}.per_s`, value: rate, unit: 'records/s' });
    rows.push({ name: `engine.chain_${name}.over_one`, value: ratio, unit: 'of one stage' });
  }
  return rows;
}

function chained(source: BatchRunnerSource): BatchRunnerSource {
  const { builtin, configJson, timeoutMs } = source.config;
  const stage = { builtin, configJson, timeoutMs, module: source.module };
  return { ...source, following: Array.from({ length: STAGES - 1 }, () => stage) };
}
