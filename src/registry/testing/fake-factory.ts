import assert from 'node:assert/strict';
import { StreamlineError } from '../../base/error.ts';
import { SimClock } from '../../pipeline/sim/sim-clock.ts';
import type { PreparedModule } from '../../catalog/prepared-module.ts';
import type { SchemaWaiting } from '../../codec/registry/schema-supply.ts';
import type { Executor, RecordSink, RecordSource, SourceHandlers } from '../../pipeline/ports.ts';
import { parseSpec } from '../../spec/parse-spec.ts';
import type { TransformationConfig } from '../../spec/transformation-config.ts';
import type { GuestEngine, KafkaEdge, TransformFactory } from '../transform-factory.ts';
import { TransformationRegistry } from '../transformation-registry.ts';
import type { FileDigests, VersionFiles } from '../version-change.ts';

export function spec(name: string, extra = '', source = `${name}.yaml`): TransformationConfig {
  const text = `name: ${name}\ninput_topic: ${name}-in\noutput_topic: ${name}-out\nwasm_module: builtin:pass-through\n${extra}`;
  const outcome = parseSpec(text, source);
  assert.ok('config' in outcome);
  return outcome.config;
}

/** Parts that do nothing but say when they were opened and closed, and fail when told to. */
export class FakeFactory implements TransformFactory {
  readonly events: string[] = [];
  readonly guestFailures = new Map<string, StreamlineError>();
  readonly edgeFailures = new Map<string, StreamlineError[]>();
  readonly handlers = new Map<string, SourceHandlers>();
  /** What the start of a name's source does instead of joining. */
  readonly joining = new Map<string, (handlers: SourceHandlers) => Promise<void>>();
  /** Until a name's part is there. */
  readonly guestGates = new Map<string, Promise<void>>();
  readonly edgeGates = new Map<string, Promise<void>>();
  /** What the close of a name's source waits for. */
  readonly leaving = new Map<string, () => Promise<void>>();
  /** Where the partitions of every input end. */
  ends: ReadonlyMap<number, number> = new Map();

  /** The module's file of a name as it is now; `builtin` otherwise. */
  readonly files = new Map<string, string>();
  /** Modules that are no good, by digest. */
  readonly badModules = new Set<string>();
  /** The same of schema files. */
  readonly badSchemas = new Set<string>();
  readonly topicFailures = new Map<string, StreamlineError>();

  /** The schema file of a name as it is now: its digest. */
  readonly schemas = new Map<string, string>();
  /** For what a name's records wait. */
  readonly waiting = new Map<string, SchemaWaiting>();

  async digest({ name }: TransformationConfig): Promise<FileDigests> {
    return { moduleSha256: this.files.get(name) ?? 'builtin', schemasSha256: this.schemas.get(name) };
  }

  async topics(config: TransformationConfig): Promise<KafkaEdge['topics']> {
    const failure = this.topicFailures.get(config.name);
    if (failure !== undefined) throw failure;
    return { known: () => 'ok', check: async () => undefined };
  }

  async guest(config: TransformationConfig, known?: VersionFiles): Promise<GuestEngine> {
    const files = known ?? this.#filesOf(config.name);
    const sha256 = files.module?.facts.sha256;
    await this.guestGates.get(config.name);
    const failure = this.guestFailures.get(config.name);
    if (failure !== undefined) throw failure;
    if (known === undefined && sha256 !== undefined && this.badModules.has(sha256)) {
      throw new StreamlineError('module.invalid', `${sha256} is no good`);
    }
    const schema = files.schemas?.sha256;
    if (known === undefined && schema !== undefined && this.badSchemas.has(schema)) {
      throw new StreamlineError('schema.incompatible', `${schema} is no good`);
    }
    const executor: Executor = {
      parallelism: 1,
      execute: () => Promise.reject(new StreamlineError('bug.unexpected', 'no records here')),
      release: () => undefined,
      close: async () => void this.events.push(`${config.name} guest closed`),
    };
    const report = {
      latency: { counts: [1], sum: 60 },
      fuel: { counts: [1], sum: 5 },
      inputBytes: 3,
      outputBytes: 2,
      instances: { busy: 0, idle: 1, starting: 0 },
      instanceRestarts: 0,
      stuckThreads: 0,
      logLinesDropped: 0,
      guestMetrics: { counters: new Map(), gauges: new Map() },
      stages: [],
    };
    return { executor, files, report: () => ({ ...report, waiting: this.waiting.get(config.name) }) };
  }

  #filesOf(name: string): VersionFiles {
    const [module, schemas] = [this.files.get(name), this.schemas.get(name)];
    return {
      module: module === undefined ? undefined : ({ facts: { sha256: module } } as PreparedModule),
      schemas: schemas === undefined ? undefined : { input: undefined, output: '"string"', sha256: schemas },
    };
  }

  async edge(config: TransformationConfig): Promise<KafkaEdge> {
    await this.edgeGates.get(config.name);
    const failure = this.edgeFailures.get(config.name)?.shift();
    if (failure !== undefined) throw failure;
    const name = config.name;
    const source: RecordSource = {
      start: async (handlers) => {
        this.handlers.set(name, handlers);
        const join = this.joining.get(name);
        if (join !== undefined) return join(handlers);
        this.events.push(`${name} joined`);
        handlers.assigned([0]);
      },
      // Unref: a test that fails before it has closed everything ends nevertheless.
      poll: () => new Promise((resolve) => void setImmediate(() => resolve(undefined)).unref()),
      release: () => undefined,
      pause: () => undefined,
      resume: () => undefined,
      commit: async () => undefined,
      member: async () => ({ adapter: 'fake' }),
      seek: async () => undefined,
      close: async () => {
        await this.leaving.get(name)?.();
        this.events.push(`${name} left`);
      },
    };
    const sink: RecordSink = {
      start: async () => undefined,
      produce: async () => [],
      produceOne: async () => undefined,
      hurry: () => undefined,
      close: async () => undefined,
    };
    const topics: KafkaEdge['topics'] = { known: () => 'ok', check: async () => undefined };
    return { source, sink, topics, lag: () => [], endOffsets: async () => this.ends };
  }
}

export function setUp(enabled = true): { registry: TransformationRegistry; factory: FakeFactory; clock: SimClock } {
  const factory = new FakeFactory();
  const clock = new SimClock();
  const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const registry = new TransformationRegistry({
    factory,
    clock,
    rng: () => 0.5,
    workerId: 'w',
    limits: {
      pollRecordsMax: 10,
      inFlightBatchesMax: 2,
      inFlightBytesMax: 1000,
      commitIntervalMs: 10,
      transactionIntervalMs: 10,
      drainTimeoutMs: 100,
      recordBytesMax: 1000,
    },
    restartBackoffMs: 100,
    restartBackoffMaxMs: 1000,
    stallTimeoutMs: 4000,
    logFor: () => quiet,
    enabled,
  });
  return { registry, factory, clock };
}

export const states = (registry: TransformationRegistry): Record<string, string> =>
  Object.fromEntries(registry.snapshots().map((s) => [s.name, s.state]));

/** Lets promises settle, moving simulated time until `done`. */
export async function until(clock: SimClock, done: () => boolean): Promise<void> {
  for (let i = 0; i < 10_000 && !done(); i += 1) await clock.step();
  assert.ok(done(), 'never came to pass');
}

export async function close(registry: TransformationRegistry, clock: SimClock): Promise<void> {
  let closed = false;
  void registry.close().then(() => (closed = true));
  await until(clock, () => closed);
}

export async function reconciled(clock: SimClock, work: Promise<void>): Promise<void> {
  let done = false;
  void work.then(() => (done = true));
  await until(clock, () => done);
}
