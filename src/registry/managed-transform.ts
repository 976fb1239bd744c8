import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { toStreamlineError, type StreamlineError } from '../base/error.ts';
import type { Rng } from '../base/rng.ts';
import { Pipeline, type PipelineLimits, type PipelineLog } from '../pipeline/pipeline.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';
import { StallWatch } from './stall-watch.ts';
import type { GuestEngine, KafkaEdge, TransformFactory } from './transform-factory.ts';
import { addTotals, emptyTotals, type TransformTotals } from './transform-totals.ts';

/**
 * Kafka Connect's states. STOPPED: not started, or taken down. UNASSIGNED: on its way up, or up and not yet given its share by
 * the group. RUNNING: it has it.
 */
export type TransformState = 'UNASSIGNED' | 'RUNNING' | 'RESTARTING' | 'FAILED' | 'STOPPED';

export interface ManagedOptions {
  readonly factory: TransformFactory;
  readonly limits: PipelineLimits;
  readonly restartBackoffMs: number;
  readonly restartBackoffMaxMs: number;
  /** limits.stall_timeout_ms */
  readonly stallTimeoutMs: number;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly workerId: string;
  readonly log: TransformLog;
  /** What went before under the same name, when a changed spec replaces it: its counts go on. */
  readonly predecessor?: TransformSnapshot | undefined;
}

export interface TransformLog extends PipelineLog {
  error(fields: Record<string, unknown>, message: string): void;
}

export interface TransformSnapshot {
  readonly name: string;
  readonly state: TransformState;
  /** Why it is FAILED or RESTARTING. */
  readonly error: StreamlineError | undefined;
  readonly config: TransformationConfig;
  readonly moduleSha256: string | undefined;
  readonly partitions: readonly number[];
  readonly lag: readonly { readonly partition: number; readonly lag: number }[];
  readonly totals: TransformTotals;
  readonly instances: { readonly busy: number; readonly idle: number };
  readonly stuckThreads: number;
  readonly inFlightBytes: number;
  readonly lastCommitMs: number | undefined;
  readonly restarts: number;
}

interface Running {
  readonly pipeline: Pipeline;
  readonly engine: GuestEngine;
  readonly edge: KafkaEdge;
  readonly watch: StallWatch;
}

/**
 * One transform's life: brought up, watched, brought up again after a pause when the cluster is at fault, FAILED and left alone
 * when the module, the spec or a record is. It never throws at its owner and never retries hot.
 */
export class ManagedTransform {
  #config: TransformationConfig;
  readonly #options: ManagedOptions;
  #state: TransformState = 'STOPPED';
  #error: StreamlineError | undefined;
  #running: Running | undefined;
  #past: TransformTotals;
  #restarts: number;
  /** Grows when an attempt to run ends: one that fails twice, in its start and by its pipeline, is restarted once. */
  #attempt = 0;
  #guestsMade = false;
  /** Failures in a row: the next pause. */
  #failures = 0;
  #startedAtMs = 0;
  #stopping = false;
  readonly #stopAsked = Promise.withResolvers<void>();
  #cancelRestart: (() => void) | undefined;
  /** One change of state at a time. */
  #work: Promise<void> = Promise.resolve();

  constructor(config: TransformationConfig, options: ManagedOptions) {
    this.#config = config;
    this.#options = options;
    this.#past = options.predecessor?.totals ?? emptyTotals();
    this.#restarts = options.predecessor?.restarts ?? 0;
  }

  get config(): TransformationConfig {
    return this.#config;
  }

  /** The same spec, read again: it may have moved to another file or line. */
  adopt(config: TransformationConfig): void {
    assert(config.sha256 === this.#config.sha256, 'a transform adopts no other spec');
    this.#config = config;
  }

  /** Resolves when it runs or the first attempt has failed. */
  start(): Promise<void> {
    if (this.#state === 'STOPPED' && !this.#stopping) this.#state = 'UNASSIGNED';
    return this.#enqueue(() => this.#bringUp());
  }

  /** Drains, commits, leaves the group. Idempotent. A start under way is given up at once. */
  stop(): Promise<void> {
    this.#stopping = true;
    this.#cancelRestart?.();
    this.#stopAsked.resolve();
    void this.#running?.pipeline.stop();
    return this.#enqueue(async () => {
      await this.#takeDown();
      this.#state = 'STOPPED';
      this.#error = undefined;
    });
  }

  snapshot(): TransformSnapshot {
    const running = this.#running;
    const report = running?.engine.report();
    return {
      name: this.#config.name,
      state: this.#state === 'RUNNING' && running?.pipeline.joined !== true ? 'UNASSIGNED' : this.#state,
      error: this.#error,
      config: this.#config,
      moduleSha256: running?.engine.facts?.sha256,
      partitions: running?.pipeline.partitions ?? [],
      lag: running?.edge.lag() ?? [],
      totals: addTotals(this.#past, running?.pipeline.stats, report),
      instances: report?.instances ?? { busy: 0, idle: 0 },
      stuckThreads: report?.stuckThreads ?? 0,
      inFlightBytes: running?.pipeline.inFlightBytes ?? 0,
      lastCommitMs: running?.pipeline.lastCommitMs,
      restarts: this.#restarts,
    };
  }

  async #bringUp(): Promise<void> {
    if (this.#stopping) return;
    const attempt = this.#attempt;
    const config = this.#config;
    const { factory, clock, log } = this.#options;
    let engine: GuestEngine | undefined;
    try {
      const makeEdge = (): Promise<KafkaEdge | undefined> =>
        this.#unlessStopped(factory.edge(config), async () => undefined);
      // A module that was good once is good: the cluster is asked first then, and while it is away no guest is made in vain.
      const ahead = this.#guestsMade ? await makeEdge() : undefined;
      if (this.#stopping) return;
      engine = await this.#unlessStopped(factory.guest(config), (late) => late.executor.close());
      if (engine === undefined) return;
      this.#guestsMade = true;
      const edge = ahead ?? (await makeEdge());
      if (edge === undefined) {
        await engine.executor.close();
        return;
      }
      const pipeline = this.#pipelineOf(config, engine, edge, attempt);
      const watch = this.#watchOf(pipeline, edge, attempt);
      this.#running = { pipeline, engine, edge, watch };
      engine = undefined;
      await pipeline.start();
      watch.start();
      this.#startedAtMs = clock.nowMs();
      this.#state = 'RUNNING';
      this.#error = undefined;
      log.info({ input: config.inputTopic, output: config.outputTopic ?? '(route)' }, 'transform running');
    } catch (thrown) {
      await engine?.executor.close().catch(() => undefined);
      this.#failed(attempt, toStreamlineError(thrown));
    }
  }

  #pipelineOf(config: TransformationConfig, engine: GuestEngine, edge: KafkaEdge, attempt: number): Pipeline {
    const { limits, clock, rng, workerId, log } = this.#options;
    const { source, sink, topics } = edge;
    const { executor, facts } = engine;
    const moduleSha256 = facts?.sha256 ?? 'builtin';
    const parts = { config, limits, source, sink, executor, topics, clock, rng, moduleSha256, workerId, log };
    return new Pipeline(parts, (error) => this.#failed(attempt, error));
  }

  #watchOf(pipeline: Pipeline, edge: KafkaEdge, attempt: number): StallWatch {
    const { clock, stallTimeoutMs, log } = this.#options;
    return new StallWatch({
      clock,
      timeoutMs: stallTimeoutMs,
      progress: () => {
        const { received, inFlight } = pipeline.stats;
        return { received, inFlight, partitions: pipeline.partitions };
      },
      endOffsets: (partitions) => edge.endOffsets(partitions),
      stalled: (error) => this.#failed(attempt, error),
      unsure: (error) => log.warn({ code: error.code, err: error.message }, 'cannot tell whether the consumer stalls'),
    });
  }

  /** I8: a stop waits for no compiler and no cluster that does not answer. What comes too late is released by itself. */
  async #unlessStopped<T>(work: Promise<T>, release: (late: T) => Promise<unknown>): Promise<T | undefined> {
    const made = await Promise.race([work.then((value) => ({ value })), this.#stopAsked.promise]);
    if (made !== undefined) return made.value;
    void work.then(release).catch(() => undefined);
    return undefined;
  }

  /** Told by the pipeline or a failed start, possibly in the middle of another change: only queues the consequences. */
  #failed(attempt: number, error: StreamlineError): void {
    void this.#enqueue(async () => {
      if (this.#stopping || attempt !== this.#attempt) return;
      this.#attempt += 1;
      this.#error = error;
      const restarts = isWorthRestarting(error);
      this.#state = restarts ? 'RESTARTING' : 'FAILED';
      await this.#takeDown();
      const fields = { ...error.toJSON() };
      if (!restarts) {
        this.#options.log.error(fields, 'transform failed');
        return;
      }
      const delayMs = this.#nextPause();
      this.#options.log.warn({ ...fields, restartInMs: Math.round(delayMs) }, 'transform will be restarted');
      this.#restartAfter(delayMs);
    });
  }

  /** Exponential, jittered; starts over once the transform has run for longer than the longest pause. */
  #nextPause(): number {
    const { clock, rng, restartBackoffMs, restartBackoffMaxMs } = this.#options;
    const ranMs = this.#startedAtMs === 0 ? 0 : clock.nowMs() - this.#startedAtMs;
    this.#failures = ranMs > restartBackoffMaxMs ? 1 : this.#failures + 1;
    this.#startedAtMs = 0;
    const ceiling = Math.min(restartBackoffMaxMs, restartBackoffMs * 2 ** Math.min(this.#failures - 1, 30));
    return ceiling * (0.5 + 0.5 * rng());
  }

  #restartAfter(delayMs: number): void {
    this.#cancelRestart = this.#options.clock.after(delayMs, () => {
      this.#cancelRestart = undefined;
      if (this.#stopping) return;
      this.#restarts += 1;
      void this.start();
    });
  }

  async #takeDown(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    running.watch.stop();
    await running.pipeline.stop();
    // The report is taken at the end: what the guests did while draining counts too.
    this.#past = addTotals(this.#past, running.pipeline.stats, running.engine.report());
    this.#running = undefined;
  }

  #enqueue(change: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(change).catch((thrown: unknown) => {
      this.#options.log.error({ err: toStreamlineError(thrown).toJSON() }, 'transform life cycle');
    });
    return this.#work;
  }
}

/** The cluster (and bugs of ours) may be better next time; a module, a spec or a record will not change by itself. */
function isWorthRestarting(error: StreamlineError): boolean {
  return error.origin === 'broker' || error.origin === 'bug';
}
