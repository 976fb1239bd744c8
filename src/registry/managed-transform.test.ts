import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamlineError } from '../base/error.ts';
import { statusOf } from './status-view.ts';
import { close, reconciled, setUp, spec, states, until } from './testing/fake-factory.ts';

const away = (): StreamlineError => new StreamlineError('broker.unreachable', 'no broker');

test('a start that fails by its promise and by its pipeline is restarted once, not twice side by side', async () => {
  const { registry, factory, clock } = setUp();
  let starts = 0;
  factory.joining.set('a', async (handlers) => {
    starts += 1;
    handlers.failed(away());
    if (starts === 1) throw away();
    factory.joining.delete('a');
    throw away();
  });
  await reconciled(clock, registry.reconcile({ configs: [spec('a')], errors: [] }));
  await until(clock, () => states(registry)['a'] === 'RUNNING');
  for (let i = 0; i < 300; i += 1) await clock.step();
  assert.equal(registry.snapshots()[0]?.restarts, 2);
  assert.deepEqual(
    factory.events.filter((event) => event === 'a joined'),
    ['a joined'],
    'one member at a time',
  );
  await close(registry, clock);
});

test('a failure told by a pipeline that was given up does not restart the next one', async () => {
  const { registry, factory, clock } = setUp();
  await reconciled(clock, registry.reconcile({ configs: [spec('a')], errors: [] }));
  const old = factory.handlers.get('a');
  old?.failed(away());
  await until(clock, () => registry.snapshots()[0]?.restarts === 1 && states(registry)['a'] === 'RUNNING');
  old?.failed(away());
  for (let i = 0; i < 300; i += 1) await clock.step();
  assert.equal(registry.snapshots()[0]?.restarts, 1);
  await close(registry, clock);
});

test('when the source cannot start, source and guests are closed before the next attempt', async () => {
  const { registry, factory, clock } = setUp();
  factory.joining.set('a', () => {
    factory.joining.delete('a');
    return Promise.reject(away());
  });
  await reconciled(clock, registry.reconcile({ configs: [spec('a')], errors: [] }));
  await until(clock, () => states(registry)['a'] === 'RUNNING');
  assert.deepEqual(factory.events, ['a left', 'a guest closed', 'a joined']);
  await close(registry, clock);
});

test('a transform is RUNNING when the group has given it its share, and UNASSIGNED before', async () => {
  const { registry, factory, clock } = setUp();
  factory.joining.set('a', async () => undefined);
  await reconciled(clock, registry.reconcile({ configs: [spec('a')], errors: [] }));
  assert.deepEqual(states(registry), { a: 'UNASSIGNED' });
  // More members than partitions: a share of nothing is one.
  factory.handlers.get('a')?.assigned([]);
  assert.deepEqual(states(registry), { a: 'RUNNING' });
  await close(registry, clock);
});

test('a stop in the pause before a restart ends it: nothing starts later', async () => {
  const { registry, factory, clock } = setUp();
  factory.edgeFailures.set('a', Array.from({ length: 1000 }, away));
  await reconciled(clock, registry.reconcile({ configs: [spec('a')], errors: [] }));
  await until(clock, () => states(registry)['a'] === 'RESTARTING');
  await close(registry, clock);
  const left = factory.edgeFailures.get('a')?.length;
  for (let i = 0; i < 300; i += 1) await clock.step();
  assert.equal(factory.edgeFailures.get('a')?.length, left);
  assert.deepEqual(states(registry), { a: 'STOPPED' });
  assert.equal(registry.snapshots()[0]?.error, undefined);
});

test('a stop ends a start that hangs in the cluster, and a failure in the midst of a stop restarts nothing', async () => {
  const { registry, factory, clock } = setUp();
  factory.joining.set('a', (handlers) => {
    // As the adapter does: a close while it starts makes the start reject.
    const gone = Promise.withResolvers<void>();
    factory.leaving.set('a', async () => {
      handlers.failed(away());
      gone.reject(away());
    });
    return gone.promise;
  });
  const work = registry.reconcile({ configs: [spec('a')], errors: [] });
  await until(clock, () => factory.handlers.has('a'));
  await close(registry, clock);
  await work;
  for (let i = 0; i < 300; i += 1) await clock.step();
  assert.deepEqual([states(registry), factory.events], [{ a: 'STOPPED' }, ['a left', 'a guest closed']]);
});

test('while the schema registry is away a start is tried again, and the state says why', async () => {
  const { registry, factory, clock } = setUp();
  factory.guestFailures.set('a', new StreamlineError('registry.unreachable', 'no registry'));
  await reconciled(clock, registry.reconcile({ configs: [spec('a')], errors: [] }));
  await until(clock, () => (registry.snapshots()[0]?.restarts ?? 0) >= 2);
  await until(clock, () => states(registry)['a'] === 'RESTARTING');
  assert.equal(registry.snapshots()[0]?.error?.code, 'registry.unreachable');
  factory.guestFailures.delete('a');
  await until(clock, () => states(registry)['a'] === 'RUNNING');
  await close(registry, clock);
});

test('without a schema registry, or with a schema that it does not have, a start fails for good', async () => {
  for (const code of ['registry.not_configured', 'schema.missing', 'schema.file_unreadable'] as const) {
    const { registry, factory, clock } = setUp();
    factory.guestFailures.set('a', new StreamlineError(code, 'no'));
    await reconciled(clock, registry.reconcile({ configs: [spec('a')], errors: [] }));
    for (let i = 0; i < 300; i += 1) await clock.step();
    assert.deepEqual([states(registry), registry.snapshots()[0]?.restarts], [{ a: 'FAILED' }, 0], code);
    await close(registry, clock);
  }
});

test('records that wait for the schema registry are shown, and the transform is RUNNING', async () => {
  const { registry, factory, clock } = setUp();
  await reconciled(clock, registry.reconcile({ configs: [spec('a')], errors: [] }));
  assert.equal(registry.snapshots()[0]?.waiting, undefined);
  const error = new StreamlineError('registry.unreachable', 'no registry');
  factory.waiting.set('a', { sinceMs: 5, error });
  const [snapshot] = registry.snapshots();
  assert.ok(snapshot !== undefined);
  const status = statusOf(snapshot, 'w', true, []);
  assert.deepEqual([status.state, status.waiting], ['RUNNING', { for: 'schema_registry', sinceMs: 5, error }]);
  await close(registry, clock);
  assert.equal(registry.snapshots()[0]?.waiting, undefined, 'what is stopped waits for nothing');
});

test('a consumer that gets nothing while its partitions grow is made anew', async () => {
  const { registry, factory, clock } = setUp();
  await reconciled(clock, registry.reconcile({ configs: [spec('a')], errors: [] }));
  await until(clock, () => states(registry)['a'] === 'RUNNING');
  for (let end = 1; registry.snapshots()[0]?.restarts === 0 && end < 5000; end += 1) {
    factory.ends = new Map([[0, end]]);
    await clock.step();
  }
  assert.equal(registry.snapshots()[0]?.restarts, 1);
  assert.deepEqual(factory.events.slice(0, 2), ['a joined', 'a left']);
  await close(registry, clock);
});
