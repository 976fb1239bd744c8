import { StreamlineError } from '../base/error.ts';
import type { PackedBatch } from '../pipeline/packed-batch.ts';
import type { Condemned, Executor, WorkResult } from '../pipeline/ports.ts';
import { BatchRunner, type GuestSource } from './batch-runner.ts';
import { BufferPool, RESULT_BYTES_INITIAL } from './buffer-pool.ts';
import { LatencyTotals, type GuestStats } from './guest-stats.ts';
import type { GuestLog } from './host-functions/log-buffer.ts';
import { ControlBlock } from './thread/control-block.ts';

/**
 * Runs guests in the calling thread: for tests and tools. The same engine as in a guest thread, without what only a second
 * thread can give: no wall-clock backstop, so a guest has only its fuel to stop it.
 */
export class InThreadExecutor implements Executor {
  readonly parallelism = 1;
  readonly #source: GuestSource;
  readonly #onLog: (log: GuestLog) => void;
  readonly #control = new ControlBlock();
  readonly #buffers: BufferPool;
  readonly #latencies = new LatencyTotals();
  readonly #latenciesSeen = new Uint32Array(this.#control.latencies.length);
  #runner: BatchRunner | undefined;
  #failure: StreamlineError | undefined;
  #batches = 0;
  #logLinesDropped = 0;

  constructor(source: GuestSource, onLog: (log: GuestLog) => void, resultBytesInitial = RESULT_BYTES_INITIAL) {
    this.#source = source;
    this.#onLog = onLog;
    this.#buffers = new BufferPool(resultBytesInitial);
  }

  /** Makes the guest. Rejects with guest.init_failed or guest.init_rejected. */
  // eslint-disable-next-line @typescript-eslint/require-await -- a rejection, not a throw
  async start(): Promise<void> {
    const runner = new BatchRunner(this.#source, this.#control);
    try {
      runner.open();
      this.#runner = runner;
    } finally {
      this.#takeLog(runner);
    }
  }

  execute(batch: PackedBatch, condemned: readonly Condemned[] = []): Promise<WorkResult> {
    return Promise.resolve().then(() => this.#execute(batch, condemned));
  }

  release(result: WorkResult): void {
    this.#buffers.give(result.buffer);
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- of the interface
  async close(): Promise<void> {
    this.#runner = undefined;
  }

  stats(): GuestStats {
    this.#latencies.absorb(this.#control.latencies, this.#latenciesSeen);
    return {
      latencyCounts: this.#latencies.counts.slice(),
      fuelUsed: this.#control.fuelUsed,
      logLinesDropped: this.#logLinesDropped,
      instances: { starting: 0, idle: this.#runner === undefined ? 0 : 1, busy: 0 },
      instanceRestarts: this.#control.restarts,
      threadRestarts: 0,
      stuckThreads: 0,
    };
  }

  #execute(batch: PackedBatch, condemned: readonly Condemned[]): WorkResult {
    if (this.#failure !== undefined) throw this.#failure;
    const runner = this.#runner;
    if (runner === undefined) throw new StreamlineError('guest.closed', 'the executor is closed');
    this.#batches += 1;
    try {
      return runner.run(this.#batches, batch.buffer, condemned, this.#buffers.take());
    } catch (thrown) {
      if (thrown instanceof StreamlineError) this.#failure = thrown;
      throw thrown;
    } finally {
      this.#takeLog(runner);
    }
  }

  #takeLog(runner: BatchRunner): void {
    const log = runner.log.take();
    if (log.lines.length === 0 && log.dropped === 0) return;
    this.#logLinesDropped += log.dropped;
    this.#onLog(log);
  }
}
