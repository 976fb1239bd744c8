import { systemClock } from '../../src/base/clock.ts';
import { poolLimits, ThreadedExecutor } from '../../src/guest/threaded-executor.ts';
import { ResultReader } from '../../src/pipeline/packed-results.ts';
import type { PackedBatch } from '../../src/pipeline/packed-batch.ts';
import { median, say, shown, type Row } from '../rows.ts';
import type { Timing } from './guest-figures.ts';
import { prepareGuest, repeatedBatch, sampleBatches, specConfigJson } from './guests.ts';
import type { BatchRunnerSource } from './source.ts';

/*
 * What only threads can show. Two guest threads and the main thread on two cores: the main thread does little here, a message a
 * batch.
 */

const SPIN = '{"device_id":"therm-1","poison":"spin"}';
const SPIN_TIMEOUT_MS = 10;
/** Few, so that the executor's close is not far away. */
const SPINS_PER_BATCH = 20;
const COMPUTE_BATCH_RECORDS = 200;

async function startExecutor(source: BatchRunnerSource, instances: number): Promise<ThreadedExecutor> {
  const executor = new ThreadedExecutor(source, poolLimits(source, instances), systemClock, () => undefined);
  await executor.start();
  return executor;
}

/** Keeps an executor busy until told to stop; resolves with the records that came out or failed. */
class Load {
  readonly #executor: ThreadedExecutor;
  readonly #batches: readonly PackedBatch[];
  #stopping = false;
  records = 0;
  #running: Promise<void>[] = [];

  constructor(executor: ThreadedExecutor, batches: readonly PackedBatch[]) {
    this.#executor = executor;
    this.#batches = batches;
    this.#running = Array.from({ length: executor.parallelism }, (_, i) => this.#run(i));
  }

  async #run(first: number): Promise<void> {
    for (let i = first; !this.#stopping; i += 1) {
      const batch = this.#batches[i % this.#batches.length];
      if (batch === undefined) return;
      const result = await this.#executor.execute(batch);
      for (const { outputs, failed } of result.segments) this.records += outputs + failed;
      this.#executor.release(result);
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(this.#running);
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

/** Records per second over `roundMs`, from load that is under way already. */
async function measure(executor: ThreadedExecutor, batches: readonly PackedBatch[], timing: Timing): Promise<number> {
  const load = new Load(executor, batches);
  await pause(timing.warmUpMs / 4);
  const before = load.records;
  const began = performance.now();
  await pause(timing.roundMs);
  const perSecond = ((load.records - before) / (performance.now() - began)) * 1000;
  await load.stop();
  return perSecond;
}

/** From dispatch to the failed result, one spinning record, on a thread that is warm. The worst of all. */
export async function spinStopped(runs: number): Promise<Row[]> {
  const executor = await startExecutor(await prepareGuest('fragile.wasm', '{}', SPIN_TIMEOUT_MS), 1);
  const good = repeatedBatch('{"device_id":"therm-1"}', 100);
  const spin = repeatedBatch(SPIN, 1);
  const times: number[] = [];
  for (let i = 0; i < runs; i += 1) {
    // Also makes the instance that replaces the one the spin has cost.
    executor.release(await executor.execute(good));
    const began = performance.now();
    const result = await executor.execute(spin);
    times.push(performance.now() - began);
    const [segment] = result.segments;
    if (segment?.failed !== 1) throw new Error('the spin was not stopped');
    const { code } = new ResultReader(result.buffer).failure(segment.startByte);
    if (code !== 'guest.out_of_fuel') throw new Error(`the spin was stopped by ${code}`);
    executor.release(result);
  }
  await executor.close();
  say(
    `  spin, timeout_ms ${SPIN_TIMEOUT_MS}: median ${shown(median(times))} ms, worst ${shown(Math.max(...times))} ms of ${runs}`,
  );
  return [{ name: 'engine.spin_stopped_ms', value: Math.max(...times), unit: 'ms' }];
}

/** I7: masking beside a transform whose every record spins, relative to masking beside an idle one, in turns. */
export async function neighbourRatio(timing: Timing): Promise<Row[]> {
  const mask = await startExecutor(await prepareGuest('mask_pii.wasm', specConfigJson('specs/mask-pii.yaml')), 1);
  const neighbour = await startExecutor(await prepareGuest('fragile.wasm', '{}', SPIN_TIMEOUT_MS), 1);
  const batches = sampleBatches('raw-events', 8);
  const spins = [repeatedBatch(SPIN, SPINS_PER_BATCH)];
  await measure(mask, batches, timing);
  const ratios: number[] = [];
  for (let round = 0; round < timing.rounds; round += 1) {
    const idle = await measure(mask, batches, timing);
    const load = new Load(neighbour, spins);
    const beside = await measure(mask, batches, timing);
    await load.stop();
    if (load.records === 0) throw new Error('the neighbour did not spin');
    ratios.push(beside / idle);
  }
  await mask.close();
  await neighbour.close();
  const ratio = median(ratios);
  say(
    `  beside a spinning neighbour: ${shown(ratio * 100)} % of the throughput (rounds ${ratios.map(shown).join(', ')})`,
  );
  return [{ name: 'engine.neighbour_ratio', value: ratio, unit: 'of alone' }];
}

/** A compute-bound guest with two instances, relative to one, in turns. */
export async function twoThreadsRatio(timing: Timing): Promise<Row[]> {
  const source = await prepareGuest('compute.wasm', '{"rounds":20000}');
  const one = await startExecutor(source, 1);
  const two = await startExecutor(source, 2);
  const batches = sampleBatches('raw-events', 8, COMPUTE_BATCH_RECORDS);
  await measure(one, batches, timing);
  await measure(two, batches, timing);
  const ratios: number[] = [];
  for (let round = 0; round < timing.rounds; round += 1) {
    const single = await measure(one, batches, timing);
    ratios.push((await measure(two, batches, timing)) / single);
  }
  await one.close();
  await two.close();
  const ratio = median(ratios);
  say(`  two threads: ${shown(ratio)} times one (rounds ${ratios.map(shown).join(', ')})`);
  return [{ name: 'engine.two_threads_ratio', value: ratio, unit: 'of one' }];
}
