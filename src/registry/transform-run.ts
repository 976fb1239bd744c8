import type { StreamlineError } from '../base/error.ts';
import type { SchemaWaiting } from '../codec/registry/schema-supply.ts';
import { Pipeline } from '../pipeline/pipeline.ts';
import type { Executor } from '../pipeline/ports.ts';
import type { VersionParts } from '../pipeline/version.ts';
import type { TakeOver } from '../pipeline/versions.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';
import type { ManagedOptions } from './managed-transform.ts';
import { StallWatch } from './stall-watch.ts';
import type { GuestEngine, GuestReport, InstanceCounts, KafkaEdge } from './transform-factory.ts';
import { addGuests, addPipeline, emptyTotals, type GuestTotals, type TransformTotals } from './transform-totals.ts';
import { digestsOf } from './version-change.ts';

export interface RunParts {
  readonly config: TransformationConfig;
  readonly engine: GuestEngine;
  readonly edge: KafkaEdge;
  readonly versionNumber: number;
}

/** One run of a transform, from its group's door to the way out: a pipeline, the guests of its versions, its edge, and the watch over it. */
export class TransformRun {
  readonly pipeline: Pipeline;
  readonly #edge: KafkaEdge;
  readonly #watch: StallWatch;
  /** One for each version that has not gone. */
  readonly #engines: Map<Executor, GuestEngine>;
  /** What the guests of versions that have gone did. */
  #gone: TransformTotals = emptyTotals();
  #paused = false;

  /** @param failed told by the pipeline, or when it stands still: it is to be taken down */
  constructor(parts: RunParts, options: ManagedOptions, failed: (error: StreamlineError) => void) {
    const { config, engine, edge, versionNumber } = parts;
    const { source, sink, topics } = edge;
    const { executor, files } = engine;
    const { limits, clock, rng, workerId, log, stallTimeoutMs, tracing } = options;
    const version = { config, executor, topics, moduleSha256: digestsOf(files).moduleSha256, versionNumber };
    const closed = (gone: Executor): void => this.#closed(gone);
    const ports = { source, sink, clock, rng, log, tracing: tracing?.() };
    const pipeline = new Pipeline({ ...version, ...ports, limits, workerId, closed }, failed);
    this.pipeline = pipeline;
    this.#edge = edge;
    this.#engines = new Map([[executor, engine]]);
    this.#watch = new StallWatch({
      clock,
      timeoutMs: stallTimeoutMs,
      progress: () => {
        const { received, inFlight } = pipeline.stats;
        // A paused one gets nothing and is well.
        return { received, inFlight, partitions: this.#paused ? [] : pipeline.partitions };
      },
      endOffsets: (partitions) => edge.endOffsets(partitions),
      stalled: failed,
      unsure: (error) => log.warn({ code: error.code, err: error.message }, 'cannot tell whether the consumer stalls'),
    });
  }

  /** Resolves when it has joined its group. */
  async start(): Promise<void> {
    await this.pipeline.start();
    this.#watch.start();
  }

  pause(): void {
    this.#paused = true;
    this.pipeline.pause();
  }

  resume(): void {
    this.#paused = false;
    this.pipeline.resume();
  }

  /** From the next batch on it is this version's. */
  adopt(engine: GuestEngine, parts: VersionParts, number: number, events: TakeOver): void {
    this.#engines.set(parts.executor, engine);
    this.pipeline.adopt(parts, number, events);
  }

  /** Drains and leaves the group. Never rejects. */
  async stop(): Promise<void> {
    this.#watch.stop();
    await this.pipeline.stop();
  }

  lag(): ReturnType<KafkaEdge['lag']> {
    return this.#edge.lag();
  }

  get instances(): InstanceCounts {
    const sum = { busy: 0, idle: 0, starting: 0 };
    for (const { instances } of this.#reports()) {
      sum.busy += instances.busy;
      sum.idle += instances.idle;
      sum.starting += instances.starting;
    }
    return sum;
  }

  /** What records wait for, and since when; of several versions the one that waits the longest. */
  get waiting(): SchemaWaiting | undefined {
    const all = this.#reports().flatMap(({ waiting }) => waiting ?? []);
    return all.toSorted((a, b) => a.sinceMs - b.sinceMs)[0];
  }

  get stuckThreads(): number {
    return this.#reports().reduce((sum, report) => sum + report.stuckThreads, 0);
  }

  /** What went before, and what this run has done so far. */
  totals(past: TransformTotals): TransformTotals {
    const guests: readonly GuestTotals[] = [this.#gone, ...this.#reports()];
    return addGuests(addPipeline(past, this.pipeline), guests);
  }

  #reports(): GuestReport[] {
    return [...this.#engines.values()].map((engine) => engine.report());
  }

  /** A version is done: what its guests did counts on. */
  #closed(executor: Executor): void {
    const engine = this.#engines.get(executor);
    if (engine === undefined) return;
    this.#engines.delete(executor);
    this.#gone = addGuests(this.#gone, [engine.report()]);
  }
}
