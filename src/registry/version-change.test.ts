import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamlineError } from '../base/error.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';
import { close, reconciled, setUp, spec, states, until } from './testing/fake-factory.ts';
import type { TransformSnapshot } from './transform-snapshot.ts';

type World = ReturnType<typeof setUp>;

const away = (): StreamlineError => new StreamlineError('broker.unreachable', 'no broker');

async function want({ registry, clock }: World, ...configs: TransformationConfig[]): Promise<void> {
  await reconciled(clock, registry.reconcile({ configs, errors: [] }));
}

const shown = ({ registry }: World): TransformSnapshot => {
  const [snapshot] = registry.snapshots();
  assert.ok(snapshot !== undefined);
  return snapshot;
};

/** `a` runs the module `one`. */
async function running(): Promise<World> {
  const world = setUp();
  world.factory.files.set('a', 'one');
  await want(world, spec('a'));
  assert.equal(shown(world).version?.moduleSha256, 'one');
  return world;
}

test('a changed module takes over in place: the group is not left, the old guests go', async () => {
  const world = await running();
  world.factory.files.set('a', 'two');
  await want(world, spec('a'));
  const { version, candidate, state } = shown(world);
  assert.deepEqual([version?.moduleSha256, version?.number, candidate, state], ['two', 2, undefined, 'RUNNING']);
  await until(world.clock, () => world.factory.events.length === 2);
  assert.deepEqual(world.factory.events, ['a joined', 'a guest closed']);
  await close(world.registry, world.clock);
});

test('changed config, limits and error policy take over in place; topic, group and delivery drain and join anew', async () => {
  const world = await running();
  for (const extra of ['timeout_ms: 20\n', 'errors: { on_failure: skip }\n', 'instances: 2\n', 'config: { a: 1 }\n']) {
    await want(world, spec('a', extra));
  }
  assert.equal(world.factory.events.filter((event) => event === 'a left').length, 0);
  assert.equal(shown(world).version?.number, 5);
  for (const extra of ['input: { group_id: other }\n', 'delivery: at_least_once\nordering: key\n']) {
    await want(world, spec('a', extra));
  }
  assert.equal(world.factory.events.filter((event) => event === 'a left').length, 2);
  assert.equal(world.factory.events.filter((event) => event === 'a joined').length, 3);
  assert.equal(shown(world).state, 'RUNNING');
  assert.deepEqual(shown(world).reloads, { served: 6, refused: 0 });
  await close(world.registry, world.clock);
});

test('I10: a bad version is refused and shown with its reason, and the one before goes on', async () => {
  const world = await running();
  world.factory.files.set('a', 'bad');
  world.factory.badModules.add('bad');
  await want(world, spec('a'));
  const { version, candidate, state, error } = shown(world);
  assert.deepEqual([version?.moduleSha256, state, error], ['one', 'RUNNING', undefined]);
  assert.deepEqual(
    [candidate?.stage, candidate?.error?.code, candidate?.moduleSha256],
    ['REFUSED', 'module.invalid', 'bad'],
  );
  assert.deepEqual(world.factory.events, ['a joined']);
  // Read again and again it is not tried again.
  await want(world, spec('a'));
  assert.equal(shown(world).candidate?.sinceMs, candidate?.sinceMs);
  world.factory.files.set('a', 'good');
  await want(world, spec('a'));
  assert.deepEqual([shown(world).version?.moduleSha256, shown(world).candidate], ['good', undefined]);
  assert.deepEqual(shown(world).reloads, { served: 1, refused: 1 });
  await close(world.registry, world.clock);
});

test('a changed schema file is another version, of the same module', async () => {
  const world = await running();
  world.factory.schemas.set('a', 'schema-1');
  await want(world, spec('a'));
  assert.deepEqual([shown(world).version?.number, shown(world).version?.schemasSha256], [2, 'schema-1']);
  await want(world, spec('a'));
  assert.equal(shown(world).version?.number, 2, 'read again it is the same');
  world.factory.schemas.set('a', 'schema-2');
  await want(world, spec('a'));
  const { version, candidate, state } = shown(world);
  assert.deepEqual([version?.number, version?.schemasSha256, version?.moduleSha256], [3, 'schema-2', 'one']);
  assert.deepEqual([candidate, state], [undefined, 'RUNNING']);
  assert.deepEqual(
    world.factory.events.filter((event) => !event.endsWith('closed')),
    ['a joined'],
  );
  await close(world.registry, world.clock);
});

test('I10: a bad schema file is refused, what serves comes up again with the one it had, and a good one takes over', async () => {
  const world = await running();
  world.factory.schemas.set('a', 'schema-1');
  await want(world, spec('a'));
  world.factory.schemas.set('a', 'schema-bad');
  world.factory.badSchemas.add('schema-bad');
  await want(world, spec('a'));
  assert.deepEqual(
    [shown(world).candidate?.stage, shown(world).candidate?.error?.code, shown(world).state],
    ['REFUSED', 'schema.incompatible', 'RUNNING'],
  );
  world.factory.handlers.get('a')?.failed(away());
  await until(world.clock, () => shown(world).restarts === 1 && shown(world).state === 'RUNNING');
  assert.deepEqual([shown(world).version?.schemasSha256, shown(world).version?.number], ['schema-1', 2]);
  const { sinceMs } = shown(world).candidate ?? {};
  for (let i = 0; i < 300; i += 1) await world.clock.step();
  assert.equal(shown(world).candidate?.sinceMs, sinceMs, 'what the registry refused is not tried again');
  world.factory.schemas.set('a', 'schema-3');
  await want(world, spec('a'));
  assert.deepEqual([shown(world).version?.schemasSha256, shown(world).candidate], ['schema-3', undefined]);
  await close(world.registry, world.clock);
});

test('a version that comes while the schema registry is away is tried again until it is back', async () => {
  const world = await running();
  for (const code of ['registry.unreachable', 'registry.unauthorized', 'registry.failed'] as const) {
    world.factory.guestFailures.set('a', new StreamlineError(code, 'no registry'));
    world.factory.files.set('a', code);
    await want(world, spec('a'));
    const { candidate, state } = shown(world);
    assert.deepEqual([candidate?.stage, candidate?.error?.code, state], ['REFUSED', code, 'RUNNING']);
    world.factory.guestFailures.delete('a');
    await until(world.clock, () => shown(world).candidate === undefined);
    assert.equal(shown(world).version?.moduleSha256, code);
  }
  await close(world.registry, world.clock);
});

test('I10: of a spec that would change the group nothing is drained before its guests and topics are there', async () => {
  const world = await running();
  world.factory.guestFailures.set('a', new StreamlineError('guest.init_rejected', 'no'));
  const other = spec('a', 'input: { group_id: other }\n');
  await want(world, other);
  assert.deepEqual(world.factory.events, ['a joined']);
  assert.equal(shown(world).candidate?.stage, 'REFUSED');
  assert.equal(shown(world).config.input.groupId, 'streamline.a');
  await close(world.registry, world.clock);
});

test('a version whose topics the cluster refuses is tried again later', async () => {
  const world = await running();
  world.factory.topicFailures.set('a', new StreamlineError('broker.topic_missing', 'no topic'));
  await want(world, spec('a', 'timeout_ms: 20\n'));
  assert.equal(shown(world).candidate?.stage, 'REFUSED');
  world.factory.topicFailures.delete('a');
  await until(world.clock, () => shown(world).candidate === undefined);
  assert.equal(shown(world).config.timeoutMs, 20);
  await close(world.registry, world.clock);
});

test('a change that is taken back while it is prepared never takes over', async () => {
  const world = await running();
  const gate = Promise.withResolvers<void>();
  world.factory.guestGates.set('a', gate.promise);
  world.factory.files.set('a', 'two');
  const work = world.registry.reconcile({ configs: [spec('a')], errors: [] });
  await until(world.clock, () => shown(world).candidate?.stage === 'PREPARING');
  world.factory.files.set('a', 'one');
  await want(world, spec('a'));
  assert.equal(shown(world).candidate, undefined);
  gate.resolve();
  await reconciled(world.clock, work);
  await until(world.clock, () => world.factory.events.includes('a guest closed'));
  assert.equal(shown(world).version?.moduleSha256, 'one');
  await close(world.registry, world.clock);
});

test('of two changes the later one serves, whatever takes longer', async () => {
  const world = await running();
  const gate = Promise.withResolvers<void>();
  world.factory.guestGates.set('a', gate.promise);
  world.factory.files.set('a', 'two');
  const first = world.registry.reconcile({ configs: [spec('a')], errors: [] });
  await until(world.clock, () => shown(world).candidate?.stage === 'PREPARING');
  world.factory.guestGates.delete('a');
  world.factory.files.set('a', 'three');
  await want(world, spec('a'));
  gate.resolve();
  await reconciled(world.clock, first);
  assert.deepEqual([shown(world).version?.moduleSha256, shown(world).candidate], ['three', undefined]);
  await close(world.registry, world.clock);
});

test('a change that comes while the first version is on its way up is not lost', async () => {
  const world = setUp();
  world.factory.files.set('a', 'one');
  const gate = Promise.withResolvers<void>();
  world.factory.edgeGates.set('a', gate.promise);
  const first = world.registry.reconcile({ configs: [spec('a')], errors: [] });
  await until(world.clock, () => world.registry.names().length === 1);
  world.factory.files.set('a', 'two');
  const second = world.registry.reconcile({ configs: [spec('a', 'timeout_ms: 20\n')], errors: [] });
  for (let i = 0; i < 20; i += 1) await world.clock.step();
  gate.resolve();
  await reconciled(
    world.clock,
    Promise.all([first, second]).then(() => undefined),
  );
  assert.deepEqual([shown(world).version?.moduleSha256, shown(world).config.timeoutMs], ['two', 20]);
  await close(world.registry, world.clock);
});

test('I10: what serves comes up again after trouble although its file is another, bad one by now', async () => {
  const world = await running();
  world.factory.files.set('a', 'bad');
  world.factory.badModules.add('bad');
  await want(world, spec('a'));
  world.factory.handlers.get('a')?.failed(away());
  await until(world.clock, () => shown(world).restarts === 1 && shown(world).state === 'RUNNING');
  assert.deepEqual([shown(world).version?.moduleSha256, shown(world).version?.number], ['one', 1]);
  assert.equal(shown(world).candidate?.stage, 'REFUSED');
  await close(world.registry, world.clock);
});

test('a transform that failed for its module comes up when the module is mended, and not before', async () => {
  const world = setUp();
  world.factory.files.set('a', 'bad');
  world.factory.badModules.add('bad');
  await want(world, spec('a'));
  assert.equal(shown(world).state, 'FAILED');
  await want(world, spec('a'));
  for (let i = 0; i < 50; i += 1) await world.clock.step();
  assert.equal(shown(world).state, 'FAILED');
  world.factory.files.set('a', 'good');
  await want(world, spec('a'));
  assert.deepEqual([shown(world).state, shown(world).version?.moduleSha256], ['RUNNING', 'good']);
  await close(world.registry, world.clock);
});

test('pause keeps the group, stop leaves it, resume goes on; a stopped transform starts stopped', async () => {
  const world = await running();
  const transform = world.registry.get('a');
  await transform.setTarget('PAUSED');
  assert.deepEqual([states(world.registry), world.factory.events], [{ a: 'PAUSED' }, ['a joined']]);
  await transform.setTarget('RUNNING');
  assert.deepEqual(states(world.registry), { a: 'RUNNING' });
  await reconciled(world.clock, transform.setTarget('STOPPED'));
  assert.deepEqual(
    [states(world.registry), world.factory.events],
    [{ a: 'STOPPED' }, ['a joined', 'a left', 'a guest closed']],
  );
  // Nothing brings it up but a person.
  world.factory.files.set('a', 'two');
  await want(world, spec('a'));
  assert.deepEqual(states(world.registry), { a: 'STOPPED' });
  await reconciled(world.clock, transform.setTarget('PAUSED'));
  assert.deepEqual(states(world.registry), { a: 'PAUSED' });
  await transform.setTarget('RUNNING');
  assert.deepEqual([states(world.registry), shown(world).version?.moduleSha256], [{ a: 'RUNNING' }, 'two']);
  await close(world.registry, world.clock);
});

test('a transform that is asked to stop while it waits for the cluster stops, and starts anew when asked', async () => {
  const world = setUp();
  world.factory.edgeFailures.set('a', Array.from({ length: 1000 }, away));
  await want(world, spec('a'));
  await until(world.clock, () => states(world.registry)['a'] === 'RESTARTING');
  const transform = world.registry.get('a');
  await reconciled(world.clock, transform.setTarget('STOPPED'));
  const left = world.factory.edgeFailures.get('a')?.length;
  for (let i = 0; i < 300; i += 1) await world.clock.step();
  assert.deepEqual([states(world.registry), world.factory.edgeFailures.get('a')?.length], [{ a: 'STOPPED' }, left]);
  world.factory.edgeFailures.clear();
  await reconciled(world.clock, transform.setTarget('RUNNING'));
  await until(world.clock, () => states(world.registry)['a'] === 'RUNNING');
  await close(world.registry, world.clock);
});

test('restart: a failed transform as its files are, a running one anew, and a refused version once more', async () => {
  const world = await running();
  world.factory.files.set('a', 'bad');
  world.factory.badModules.add('bad');
  await want(world, spec('a'));
  assert.equal(shown(world).candidate?.stage, 'REFUSED');
  world.factory.badModules.delete('bad');
  await reconciled(world.clock, world.registry.get('a').restart());
  assert.deepEqual([shown(world).version?.moduleSha256, shown(world).candidate], ['bad', undefined]);
  assert.equal(world.factory.events.filter((event) => event === 'a joined').length, 2);
  await close(world.registry, world.clock);
});

test('counts go on over versions: fuel of both', async () => {
  const world = await running();
  world.factory.files.set('a', 'two');
  await want(world, spec('a'));
  await until(world.clock, () => world.factory.events.includes('a guest closed'));
  assert.equal(shown(world).totals.fuel.sum, 10);
  await close(world.registry, world.clock);
});

test('what is resumed while it still stops comes up again', async () => {
  const world = await running();
  const transform = world.registry.get('a');
  const left = Promise.withResolvers<void>();
  world.factory.leaving.set('a', () => left.promise);
  const stopped = transform.setTarget('STOPPED');
  await until(world.clock, () => true);
  const resumed = transform.setTarget('RUNNING');
  left.resolve();
  await reconciled(
    world.clock,
    Promise.all([stopped, resumed]).then(() => undefined),
  );
  await until(world.clock, () => shown(world).state === 'RUNNING');
  assert.deepEqual(
    world.factory.events.filter((event) => !event.endsWith('closed')),
    ['a joined', 'a left', 'a joined'],
  );
  await close(world.registry, world.clock);
});

test('a change that comes while a restart drains serves afterwards', async () => {
  const world = await running();
  const left = Promise.withResolvers<void>();
  world.factory.leaving.set('a', () => left.promise);
  const restarted = world.registry.get('a').restart();
  world.factory.files.set('a', 'two');
  const changed = world.registry.reconcile({ configs: [spec('a')], errors: [] });
  await until(world.clock, () => true);
  left.resolve();
  await reconciled(
    world.clock,
    Promise.all([restarted, changed]).then(() => undefined),
  );
  assert.deepEqual([shown(world).version?.moduleSha256, shown(world).state], ['two', 'RUNNING']);
  await close(world.registry, world.clock);
});

test('I10: a bad version that comes while a restart drains is refused, and the one before comes up again', async () => {
  const world = await running();
  const left = Promise.withResolvers<void>();
  world.factory.leaving.set('a', () => left.promise);
  const restarted = world.registry.get('a').restart();
  world.factory.files.set('a', 'bad');
  world.factory.badModules.add('bad');
  const changed = world.registry.reconcile({ configs: [spec('a')], errors: [] });
  await until(world.clock, () => true);
  left.resolve();
  await reconciled(
    world.clock,
    Promise.all([restarted, changed]).then(() => undefined),
  );
  const { version, candidate, state } = shown(world);
  assert.deepEqual([version?.moduleSha256, candidate?.stage, state], ['one', 'REFUSED', 'RUNNING']);
  await close(world.registry, world.clock);
});

test('a change of group that is taken back while it drains is taken back', async () => {
  const world = await running();
  const left = Promise.withResolvers<void>();
  const leaving = Promise.withResolvers<void>();
  world.factory.leaving.set('a', () => {
    leaving.resolve();
    return left.promise;
  });
  const other = world.registry.reconcile({ configs: [spec('a', 'input: { group_id: other }\n')], errors: [] });
  await reconciled(world.clock, leaving.promise);
  const back = world.registry.reconcile({ configs: [spec('a')], errors: [] });
  await until(world.clock, () => true);
  left.resolve();
  await reconciled(
    world.clock,
    Promise.all([other, back]).then(() => undefined),
  );
  assert.deepEqual([shown(world).config.input.groupId, shown(world).candidate], ['streamline.a', undefined]);
  assert.equal(shown(world).state, 'RUNNING');
  await close(world.registry, world.clock);
});

test('a version on trial is withdrawn when another is wanted, also when that one is refused', async () => {
  const world = await running();
  world.factory.files.set('a', 'two');
  const canary = 'rollout: { canary: 5 }\n';
  await want(world, spec('a', canary));
  assert.equal(shown(world).candidate?.stage, 'CANARY');
  world.factory.files.set('a', 'bad');
  world.factory.badModules.add('bad');
  await want(world, spec('a', canary));
  assert.equal(shown(world).candidate?.stage, 'REFUSED');
  await until(world.clock, () => world.factory.events.includes('a guest closed'));
  assert.deepEqual([shown(world).version?.moduleSha256, shown(world).instances.idle], ['one', 1]);
  await close(world.registry, world.clock);
});
