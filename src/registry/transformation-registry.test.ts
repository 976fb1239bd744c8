import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamlineError } from '../base/error.ts';
import type { SpecFault } from '../spec/spec-set.ts';
import { close, reconciled, setUp, spec, states, until } from './testing/fake-factory.ts';

test('what is wanted runs; what is gone leaves; what changed is replaced; the rest is left alone', async () => {
  const { registry, factory, clock } = setUp();
  await reconciled(clock, registry.reconcile({ configs: [spec('a'), spec('b'), spec('c')], errors: [] }));
  assert.deepEqual(states(registry), { a: 'RUNNING', b: 'RUNNING', c: 'RUNNING' });
  factory.events.length = 0;
  await reconciled(clock, registry.reconcile({ configs: [spec('a'), spec('b', 'timeout_ms: 20\n')], errors: [] }));
  assert.deepEqual(states(registry), { a: 'RUNNING', b: 'RUNNING' });
  await until(clock, () => factory.events.length === 3);
  assert.deepEqual(factory.events.toSorted(), ['b guest closed', 'c guest closed', 'c left'], 'b stays in its group');
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

test('a cluster that is away is tried again with growing pauses, and no guest is made while it is', async () => {
  const { registry, factory, clock } = setUp();
  const away = () => new StreamlineError('broker.unreachable', 'no broker');
  factory.edgeFailures.set('a', [away(), away(), away()]);
  await reconciled(clock, registry.reconcile({ configs: [spec('a')], errors: [] }));
  await until(clock, () => states(registry)['a'] === 'RUNNING');
  // 100, 200, 400 ms, each times 0.75 by the jitter of rng 0.5.
  assert.ok(clock.nowMs() >= 525, `not hot: ${clock.nowMs()} ms`);
  assert.equal(registry.snapshots()[0]?.restarts, 3);
  assert.deepEqual(factory.events, ['a guest closed', 'a joined'], 'only the first attempt looks at the module first');
  await close(registry, clock);
});

test('a transform that fails while it runs is restarted, and its counts never go back', async () => {
  const { registry, factory, clock } = setUp();
  await reconciled(clock, registry.reconcile({ configs: [spec('a')], errors: [] }));
  factory.handlers.get('a')?.failed(new StreamlineError('broker.fatal', 'fenced'));
  await until(clock, () => registry.snapshots()[0]?.restarts === 1 && states(registry)['a'] === 'RUNNING');
  assert.equal(registry.snapshots()[0]?.totals.fuel.sum, 10, 'two engines, 5 units each');
  await close(registry, clock);
  assert.deepEqual(states(registry), { a: 'STOPPED' });
});

test('with the feature off nothing starts and no group is joined: every transform shows as STOPPED', async () => {
  const { registry, factory, clock } = setUp(false);
  const configs = [spec('a'), spec('b')];
  await reconciled(clock, registry.reconcile({ configs, errors: [fault('c.yaml')] }));
  assert.deepEqual([states(registry), factory.events], [{ a: 'STOPPED', b: 'STOPPED' }, []]);
  assert.equal(registry.specErrors.length, 1);
  await reconciled(clock, registry.reconcile({ configs: [spec('b', 'timeout_ms: 20\n')], errors: [] }));
  assert.deepEqual([states(registry), factory.events], [{ b: 'STOPPED' }, []]);
  await close(registry, clock);
  assert.deepEqual(factory.events, []);
});

const fault = (source: string): SpecFault => ({ source, error: new StreamlineError('spec.not_yaml', 'half-written') });

test('I10: a running transform is not stopped because its file is half-written; it is when the file is gone', async () => {
  const { registry, factory, clock } = setUp();
  await reconciled(clock, registry.reconcile({ configs: [spec('a'), spec('b')], errors: [] }));
  factory.events.length = 0;
  await reconciled(clock, registry.reconcile({ configs: [spec('b')], errors: [fault('a.yaml')] }));
  assert.deepEqual([states(registry), factory.events], [{ a: 'RUNNING', b: 'RUNNING' }, []]);
  assert.equal(registry.specErrors.length, 1);
  await reconciled(clock, registry.reconcile({ configs: [spec('a'), spec('b')], errors: [] }));
  assert.deepEqual([states(registry), factory.events], [{ a: 'RUNNING', b: 'RUNNING' }, []]);
  await reconciled(clock, registry.reconcile({ configs: [spec('b')], errors: [] }));
  assert.deepEqual([states(registry), factory.events], [{ b: 'RUNNING' }, ['a left', 'a guest closed']]);
  await close(registry, clock);
});

test('I10: a spec that moved to another file and is half-written there runs on too', async () => {
  const { registry, factory, clock } = setUp();
  await reconciled(clock, registry.reconcile({ configs: [spec('a')], errors: [] }));
  await reconciled(clock, registry.reconcile({ configs: [spec('a', '', 'moved.yaml')], errors: [] }));
  await reconciled(clock, registry.reconcile({ configs: [], errors: [fault('moved.yaml')] }));
  assert.deepEqual([states(registry), factory.events], [{ a: 'RUNNING' }, ['a joined']]);
  await close(registry, clock);
});

test('what runs on with a wrong file keeps its name and group, and no cycle is closed behind it', async () => {
  const { registry, factory, clock } = setUp();
  await reconciled(clock, registry.reconcile({ configs: [spec('a'), spec('d')], errors: [] }));
  factory.events.length = 0;
  const sameName = spec('a', 'timeout_ms: 20\n', 'copy.yaml');
  const sameGroup = spec('b', 'input: { group_id: streamline.a }\n');
  const cycle = { ...spec('c'), inputTopic: spec('a').outputTopic!, outputTopic: spec('a').inputTopic };
  // Its new version would take the group of what runs on: it is refused, and its old version runs on in turn.
  const changed = spec('d', 'input: { group_id: streamline.a }\n');
  const configs = [sameName, sameGroup, cycle, changed, spec('e')];
  await reconciled(clock, registry.reconcile({ configs, errors: [fault('a.yaml')] }));
  assert.deepEqual(states(registry), { a: 'RUNNING', d: 'RUNNING', e: 'RUNNING' });
  assert.deepEqual(factory.events, ['e joined']);
  assert.deepEqual(registry.specErrors.map(({ source, error }) => `${source} ${error.code}`).toSorted(), [
    'a.yaml spec.not_yaml',
    'b.yaml spec.conflict',
    'c.yaml spec.cycle',
    'copy.yaml spec.duplicate_name',
    'd.yaml spec.conflict',
  ]);
  await close(registry, clock);
});

test('a transform that takes its time to leave does not keep a new one from starting', async () => {
  const { registry, factory, clock } = setUp();
  await reconciled(clock, registry.reconcile({ configs: [spec('a')], errors: [] }));
  const leave = Promise.withResolvers<void>();
  factory.leaving.set('a', () => leave.promise);
  const work = registry.reconcile({ configs: [spec('b')], errors: [] });
  await until(clock, () => factory.events.includes('b joined'));
  assert.ok(!factory.events.includes('a left'));
  leave.resolve();
  await reconciled(clock, work);
  assert.deepEqual(states(registry), { b: 'RUNNING' });
  await close(registry, clock);
});

test("a changed spec goes on with its predecessor's counts", async () => {
  const { registry, clock } = setUp();
  await reconciled(clock, registry.reconcile({ configs: [spec('a')], errors: [] }));
  await reconciled(clock, registry.reconcile({ configs: [spec('a', 'timeout_ms: 20\n')], errors: [] }));
  assert.equal(registry.snapshots()[0]?.totals.fuel.sum, 10, 'two engines, 5 units each');
  await close(registry, clock);
});

test('I8: a close does not wait for a start under way, and nothing starts after it', async () => {
  const { registry, factory, clock } = setUp();
  const compiled = Promise.withResolvers<void>();
  factory.guestGates.set('compiles', compiled.promise);
  factory.edgeGates.set('connects', new Promise(() => undefined));
  const specs = { configs: [spec('compiles'), spec('connects'), spec('runs')], errors: [] };
  const work = registry.reconcile(specs);
  await until(clock, () => states(registry)['runs'] === 'RUNNING');
  await close(registry, clock);
  await work;
  assert.deepEqual(states(registry), { compiles: 'STOPPED', connects: 'STOPPED', runs: 'STOPPED' });
  assert.deepEqual(factory.events.toSorted(), [
    'connects guest closed',
    'runs guest closed',
    'runs joined',
    'runs left',
  ]);
  compiled.resolve();
  await until(clock, () => factory.events.includes('compiles guest closed'));
  factory.events.length = 0;
  await reconciled(clock, registry.reconcile({ configs: [spec('late')], errors: [] }));
  assert.deepEqual(factory.events, []);
});
