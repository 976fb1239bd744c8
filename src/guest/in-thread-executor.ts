import { StreamlineError } from '../base/error.ts';
import { Serial } from '../base/serial.ts';
import { fetchSchemas, type SchemaSource } from '../codec/schema.ts';
import type { PackedBatch } from '../pipeline/packed-batch.ts';
import type { Condemned, Executor, WorkResult } from '../pipeline/ports.ts';
import type { TraceOrder } from '../pipeline/tracing.ts';
import { BatchRunner, loadFormats, needsSchemas, type GuestSource } from './batch-runner.ts';
import { BufferPool, RESULT_BYTES_INITIAL } from './buffer-pool.ts';
import { addTallies, CountsSeen, RecordTotals, type GuestStats, type StageTally } from './guest-stats.ts';
import { GuestMetricTotals, tooManyMetrics } from './host-functions/guest-metrics.ts';
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
  readonly #schemas: SchemaSource | undefined;
  /** A batch that waits for a schema is not overtaken. */
  readonly #serial = new Serial();
  readonly #records = new RecordTotals();
  readonly #seen = new CountsSeen();
  readonly #guestMetrics = new GuestMetricTotals((name) => this.#say(tooManyMetrics(name, this.#source.config.limits)));
  #stages: readonly StageTally[] = [];
  #runner: BatchRunner | undefined;
  #failure: StreamlineError | undefined;
  #batches = 0;
  #logLinesDropped = 0;

  constructor(
    source: GuestSource,
    onLog: (log: GuestLog) => void,
    resultBytesInitial = RESULT_BYTES_INITIAL,
    schemas?: SchemaSource,
  ) {
    this.#schemas = schemas;
    this.#source = source;
    this.#onLog = onLog;
    this.#buffers = new BufferPool(resultBytesInitial);
  }

  /** Makes the guest. Rejects with guest.init_failed or guest.init_rejected. */
  async start(): Promise<void> {
    const runner = new BatchRunner(this.#source, this.#control, await loadFormats(this.#source));
    try {
      runner.open();
      this.#runner = runner;
    } finally {
      this.#takeLog(runner);
    }
  }

  execute(batch: PackedBatch, trace?: TraceOrder, condemned: readonly Condemned[] = []): Promise<WorkResult> {
    return this.#serial.run(() => this.#execute(batch, condemned, trace));
  }

  release(result: WorkResult): void {
    this.#buffers.give(result.buffer);
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- of the interface
  async close(): Promise<void> {
    this.#runner = undefined;
  }

  stats(): GuestStats {
    this.#records.absorb(this.#control, this.#seen);
    return {
      ...this.#records.view(),
      logLinesDropped: this.#logLinesDropped,
      guestMetrics: this.#guestMetrics,
      stages: this.#stages,
      instances: { starting: 0, idle: this.#runner === undefined ? 0 : 1, busy: 0 },
      instanceRestarts: this.#control.restarts,
      threadRestarts: 0,
      stuckThreads: 0,
    };
  }

  async #execute(
    batch: PackedBatch,
    condemned: readonly Condemned[],
    trace: TraceOrder | undefined,
  ): Promise<WorkResult> {
    if (this.#failure !== undefined) throw this.#failure;
    const runner = this.#runner;
    if (runner === undefined) throw new StreamlineError('guest.closed', 'the executor is closed');
    this.#batches += 1;
    try {
      let step = runner.run(this.#batches, batch.buffer, condemned, this.#buffers.take(), trace);
      while (needsSchemas(step)) {
        runner.supply(await fetchSchemas(this.#schemas, step.wishes));
        step = runner.resume();
      }
      const stale = runner.staleWishes();
      if (stale.length > 0) void fetchSchemas(this.#schemas, stale).then((answers) => runner.supply(answers));
      const { metrics, stages = [] } = runner.takeCounts() ?? {};
      this.#guestMetrics.absorb(metrics);
      this.#stages = addTallies(this.#stages, stages);
      return step;
    } catch (thrown) {
      if (thrown instanceof StreamlineError) this.#failure = thrown;
      throw thrown;
    } finally {
      this.#takeLog(runner);
    }
  }

  #takeLog(runner: BatchRunner): void {
    this.#say(runner.log.take());
  }

  #say(log: GuestLog): void {
    if (log.lines.length === 0 && log.dropped === 0) return;
    this.#logLinesDropped += log.dropped;
    this.#onLog(log);
  }
}
