import { StreamlineError } from '../../base/error.ts';
import type { Rng } from '../../base/rng.ts';
import { BatchReader, type PackedBatch } from '../packed-batch.ts';
import {
  ALL_FROM_INPUT,
  CONTINUES,
  DEFAULT_TOPIC,
  KIND_FILTERED,
  KIND_OUTPUT,
  ResultWriter,
} from '../packed-results.ts';
import type { Executor, SegmentResult, WorkResult } from '../ports.ts';
import type { BufferWatch } from './buffer-watch.ts';
import type { SimClock } from './sim-clock.ts';
import { FAN, fansOut, fateOf } from './sim-record.ts';

export interface SimExecutorOptions {
  readonly clock: SimClock;
  readonly rng: Rng;
  readonly delayMaxMs: number;
  /** Chance that a batch finds the guest beyond repair. */
  readonly deathRate: number;
  /** Survives restarts of the executor, as the outside world would: which records have failed once. */
  readonly failedOnce: Set<string>;
  /** Records somebody has mended: they pass. */
  readonly mended: ReadonlySet<string>;
  /** Chance that a batch takes very long. */
  readonly slowRate: number;
  readonly buffers: BufferWatch;
  /** A broken version: every record traps. */
  readonly broken?: boolean;
}

/** How long a slow batch takes: longer than a drain waits and a group likes, ms. */
const SLOW_MS = 1500;

/** Guests as the pipeline sees them: results late, out of order, sometimes never. */
export class SimExecutor implements Executor {
  readonly parallelism = 3;
  readonly #options: SimExecutorOptions;
  closed = false;

  constructor(options: SimExecutorOptions) {
    this.#options = options;
  }

  execute(batch: PackedBatch): Promise<WorkResult> {
    const { clock, rng, delayMaxMs, deathRate, slowRate, buffers } = this.#options;
    const dies = rng() < deathRate;
    const delayMs = rng() < slowRate ? SLOW_MS : rng() * delayMaxMs;
    const work = new Promise<WorkResult>((resolve, reject) => {
      clock.after(delayMs, () => {
        if (dies || this.closed) reject(new StreamlineError('guest.stuck', 'simulated: no guest left'));
        else resolve(this.#run(batch));
      });
    });
    return buffers.reading([batch.buffer], work);
  }

  release(result: WorkResult): void {
    this.#options.buffers.release('result', result.buffer);
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  #run(batch: PackedBatch): WorkResult {
    const reader = new BatchReader(batch.buffer);
    const writer = new ResultWriter(new SharedArrayBuffer(64));
    const segments: SegmentResult[] = [];
    for (const segment of reader.segments()) {
      const startByte = writer.byteLength;
      const counts = { outputs: 0, filtered: 0, failed: 0 };
      for (let i = 0; i < segment.recordCount; i += 1) {
        counts[this.#record(reader, segment.firstRecord + i, writer)] += 1;
      }
      segments.push({ startByte, endByte: writer.byteLength, ...counts });
    }
    this.#options.buffers.lend(writer.buffer);
    return { buffer: writer.buffer, segments, topics: ['routed', 'no such topic!'] };
  }

  #record(reader: BatchReader, index: number, writer: ResultWriter): 'outputs' | 'filtered' | 'failed' {
    const record = reader.plain(index);
    const id = `${record.partition}@${record.offset}`;
    if (this.#options.broken === true) {
      writer.failed(index, 'guest.trap', `simulated: broken at ${id}`, 7);
      return 'failed';
    }
    const fate = this.#options.mended.has(id) ? 'pass' : fateOf(record);
    const firstTime = !this.#options.failedOnce.has(id);
    if (fate === 'fail' || ((fate === 'fail_once' || fate === 'trap_then_ok') && firstTime)) {
      this.#options.failedOnce.add(id);
      writer.failed(index, fate === 'fail' ? 'guest.failed' : 'guest.trap', `simulated: ${id}`, 7);
      return 'failed';
    }
    if (fate === 'filter') {
      writer.plain(index, KIND_FILTERED, 0, DEFAULT_TOPIC, -1, 1);
      return 'filtered';
    }
    const topic = fate === 'route' ? 0 : fate === 'route_bad' ? 1 : DEFAULT_TOPIC;
    writer.plain(index, KIND_OUTPUT, ALL_FROM_INPUT, topic, -1, 1);
    for (let i = 1; fansOut(record) && i < FAN; i += 1) {
      // The last one is what is wrong with a bad one.
      const next = fate === 'fan_bad' && i === FAN - 1 ? 1 : DEFAULT_TOPIC;
      writer.plain(index, KIND_OUTPUT, ALL_FROM_INPUT | CONTINUES, next, -1, 0);
    }
    return 'outputs';
  }
}
