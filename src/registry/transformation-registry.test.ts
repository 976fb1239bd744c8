import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamlineError } from '../base/error.ts';
import { SimClock } from '../pipeline/sim/sim-clock.ts';
import type { Executor, RecordSink, RecordSource, SourceHandlers } from '../pipeline/ports.ts';
import { parseSpec } from '../spec/parse-spec.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';
import type { GuestEngine, KafkaEdge, TransformFactory } from './transform-factory.ts';
import { TransformationRegistry } from './transformation-registry.ts';

function spec(name: string, extra = ''): TransformationConfig {
  const text = `name: ${name}\ninput_topic: ${name}-in\noutput_topic: ${name}-out\nwasm_module: builtin:pass-through\n${extra}`;
  const outcome = parseSpec(text, `${name}.yaml`);
  assert.ok('config' in outcome);
  return outcome.config;
}

/** Parts that do nothing but say when they were opened and closed, and fail when told to. */
class FakeFactory implements TransformFactory {
  readonly events: string[] = [];
  readonly guestFailures = new Map<string, StreamlineError>();
  readonly edgeFailures = new Map<string, StreamlineError[]>();
  readonly handlers = new Map<string, SourceHandlers>();

  async guest(config: TransformationConfig): Promise<GuestEngine> {
    const failure = this.guestFailures.get(config.name);
    if (failure !== undefined) throw failure;
    const executor: Executor = {
      parallelism: 1,
      execute: () => Promise.reject(new StreamlineError('bug.unexpected', 'no records here')),
      release: () => undefined,
      close: async () => void this.events.push(`${config.name} guest closed`),
    };
    const report = {
      fuelUsed: 5,
      latencies: [1],
      instances: { busy: 0, idle: 1 },
      instanceRestarts: 0,
      stuckThreads: 0,
      logLinesDropped: 0,
    };
    return { executor, facts: undefined, report: () => report };
  }

  async edge(config: TransformationConfig): Promise<KafkaEdge> {
    const failure = this.edgeFailures.get(config.name)?.shift();
    if (failure !== undefined) throw failure;
    const name = config.name;
    const source: RecordSource = {
      start: async (handlers) => {
        this.handlers.set(name, handlers);
        this.events.push(`${name} joined`);
      },
      poll: () => new Promise((resolve) => setImmediate(() => resolve(undefined))),
      release: () => undefined,
      pause: () => undefined,
      resume: () => undefined,
      commit: async () => undefined,
      close: async () => void this.events.push(`${name} left`),
    };
    const sink: RecordSink = {
      start: async () => undefined,
      produce: async () => [],
      produceOne: async () => undefined,
      hurry: () => undefined,
      queuedBytes: 0,
      close: async () => undefined,
    };
    return { source, sink, topics: { known: () => 'ok', check: async () => undefined }, lag: () => [] };
  }
}

function setUp(enabled = true): { registry: TransformationRegistry; factory: FakeFactory; clock: SimClock } {
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
      drainTimeoutMs: 100,
      recordBytesMax: 1000,
    },
    restartBackoffMs: 100,
    restartBackoffMaxMs: 1000,
    logFor: () => quiet,
    enabled,
  });
  return { registry, factory, clock };
}

const states = (registry: TransformationRegistry): Record<string, string> =>
  Object.fromEntries(registry.snapshots().map((s) => [s.name, s.state]));

/** Lets promises settle, moving simulated time until `done`. */
async function until(clock: SimClock, done: () => boolean): Promise<void> {
  for (let i = 0; i < 10_000 && !done(); i += 1) await clock.step();
  assert.ok(done(), 'never came to pass');
}

async function close(registry: TransformationRegistry, clock: SimClock): Promise<void> {
  let closed = false;
  void registry.close().then(() => (closed = true));
  await until(clock, () => closed);
}

async function reconciled(clock: SimClock, work: Promise<void>): Promise<void> {
  let done = false;
  void work.then(() => (done = true));
  await until(clock, () => done);
}

test('what is wanted runs; what is gone leaves; what changed is replaced; the rest is left alone', async () => {
  const { registry, factory, clock } = setUp();
  await reconciled(clock, registry.reconcile({ configs: [spec('a'), spec('b'), spec('c')], errors: [] }));
  assert.deepEqual(states(registry), { a: 'RUNNING', b: 'RUNNING', c: 'RUNNING' });
  factory.events.length = 0;
  await reconciled(clock, registry.reconcile({ configs: [spec('a'), spec('b', 'timeout_ms: 20\n')], errors: [] }));
  assert.deepEqual(states(registry), { a: 'RUNNING', b: 'RUNNING' });
  assert.deepEqual(factory.events.toSorted(), ['b guest closed', 'b joined', 'b left', 'c guest closed', 'c left']);
  await close(registry, clock);
});

test('a module that is refused fails its transform for good and disturbs no other (I7)', async () => {
  const { registry, factory, clock } = setUp();
  factory.guestFailures.set('bad', new StreamlineError('guest.init_rejected', 'init returned 0'));
  await reconciled(clock, registry.reconcile({ configs: [spec('bad'), spec('good')], errors: [] }));
  await until(clock, () => states(registry)['bad'] === 'FAILED');
  for (let i = 0; i < 200; i += 1) await clock.step();
  assert.deepEqual(states(registry), { bad: 'FAILED', good: 'RUNNING' });
  assert.equal(registry.snapshots().find((s) => s.name === 'bad')?.error?.code, 'guest.init_rejected');
  assert.ok(!factory.events.includes('bad joined'), 'the group must not be joined');
  await close(registry, clock);
});

test('a cluster that is away is tried again with growing pauses, and the guest is released between', async () => {
  const { registry, factory, clock } = setUp();
  const away = () => new StreamlineError('broker.unreachable', 'no broker');
  factory.edgeFailures.set('a', [away(), away(), away()]);
  await reconciled(clock, registry.reconcile({ configs: [spec('a')], errors: [] }));
  await until(clock, () => states(registry)['a'] === 'RUNNING');
  // 100, 200, 400 ms, each times 0.75 by the jitter of rng 0.5.
  assert.ok(clock.nowMs() >= 525, `not hot: ${clock.nowMs()} ms`);
  assert.equal(registry.snapshots()[0]?.restarts, 3);
  assert.equal(factory.events.filter((e) => e === 'a guest closed').length, 3);
  await close(registry, clock);
});

test('a transform that fails while it runs is restarted, and its counts never go back', async () => {
  const { registry, factory, clock } = setUp();
  await reconciled(clock, registry.reconcile({ configs: [spec('a')], errors: [] }));
  factory.handlers.get('a')?.failed(new StreamlineError('broker.fatal', 'fenced'));
  await until(clock, () => registry.snapshots()[0]?.restarts === 1 && states(registry)['a'] === 'RUNNING');
  assert.equal(registry.snapshots()[0]?.totals.fuelUsed, 10, 'two engines, 5 units each');
  await close(registry, clock);
  assert.deepEqual(states(registry), { a: 'STOPPED' });
});

test('with the feature off nothing starts and no group is joined', async () => {
  const { registry, factory, clock } = setUp(false);
  await reconciled(clock, registry.reconcile({ configs: [spec('a')], errors: [] }));
  assert.deepEqual([registry.snapshots(), factory.events], [[], []]);
  assert.deepEqual(
    registry.disabled.map((c) => String(c.name)),
    ['a'],
  );
  await close(registry, clock);
});
