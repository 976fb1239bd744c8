import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { StreamlineError } from '../base/error.ts';
import type { SimClock } from '../pipeline/sim/sim-clock.ts';
import { SidecarControl, type ControlParts } from './sidecar-control.ts';
import { SpecReload } from './spec-reload.ts';
import { SpecStore } from './store/spec-store.ts';
import { TargetStore } from './store/target-store.ts';
import { setUp, until } from './testing/fake-factory.ts';
import type { TransformationRegistry } from './transformation-registry.ts';
import { UNKNOWN_FILES } from './version-change.ts';

interface World {
  readonly control: SidecarControl;
  readonly registry: TransformationRegistry;
  readonly clock: SimClock;
  readonly specs: string;
  readonly targets: TargetStore;
  readonly known: () => void;
}

/** A control over a directory of its own, a registry of parts that do nothing, and no modules. */
function world(t: TestContext, factory: object = {}, schemasSha256?: string): World {
  const folder = mkdtempSync(join(tmpdir(), 'sidecar-control-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const { registry, clock, factory: parts } = setUp();
  if (schemasSha256 !== undefined) parts.schemas.set('a', schemasSha256);
  const quiet = { error: () => undefined, info: () => undefined, warn: () => undefined };
  const targets = new TargetStore(join(folder, 'state'), { warn: () => undefined });
  const specsKnown = Promise.withResolvers<void>();
  const whole: Partial<Record<keyof ControlParts, unknown>> = {
    config: {
      features: { wasmTransforms: true },
      limits: { moduleVersions: 5 },
      paths: { specs: folder },
      topics: { create: true },
    },
    registry,
    factory: {
      module: async () => undefined,
      modules: { collectGarbage: async () => [] },
      digest: async () => UNKNOWN_FILES,
      schemas: { assertDeployable: async () => undefined, plan: async () => ({ schemas: [], faults: [] }) },
      admin: () => Promise.reject(new StreamlineError('broker.unreachable', 'no broker')),
      ...factory,
    },
    reload: new SpecReload(folder, registry, quiet),
    specsKnown: specsKnown.promise,
    specs: new SpecStore(folder),
    targets,
    loggers: { root: quiet },
  };
  const control = new SidecarControl(whole as unknown as ControlParts);
  return { control, registry, clock, specs: folder, targets, known: specsKnown.resolve };
}

const text = (name: string, extra = ''): string =>
  `name: ${name}\ninput_topic: in\noutput_topic: out-${name}\nwasm_module: builtin:pass-through\n${extra}`;

/** Moves simulated time until all have ended, and says how. */
async function outcomes(clock: SimClock, works: readonly Promise<unknown>[]): Promise<string[]> {
  let seen: string[] | undefined;
  const codeOf = (reason: unknown): string => (reason instanceof StreamlineError ? reason.code : String(reason));
  void Promise.allSettled(works).then((all) => {
    seen = all.map((one) => (one.status === 'fulfilled' ? 'done' : codeOf(one.reason)));
  });
  await until(clock, () => seen !== undefined);
  return seen ?? [];
}

async function end({ registry, clock }: World): Promise<void> {
  await outcomes(clock, [registry.close()]);
}

test('of two that create the same transform at once one is told that it exists', async (t) => {
  const w = world(t);
  w.known();
  const create = (extra: string) => w.control.deploy(text('a', extra), { createOnly: true });
  assert.deepEqual((await outcomes(w.clock, [create('timeout_ms: 10\n'), create('timeout_ms: 20\n')])).toSorted(), [
    'done',
    'transform.exists',
  ]);
  assert.match(readFileSync(join(w.specs, 'a.yaml'), 'utf8'), /timeout_ms: 10/);
  await end(w);
});

test('of two that take the same group at once one is refused, and its file is not left in the way', async (t) => {
  const w = world(t);
  w.known();
  const put = (name: string) => w.control.deploy(text(name, 'input: { group_id: g }\n'), { name, createOnly: false });
  assert.deepEqual((await outcomes(w.clock, [put('a'), put('b')])).toSorted(), ['done', 'spec.conflict']);
  assert.equal(readdirSync(w.specs).filter((file) => file.endsWith('.yaml')).length, 1);
  await end(w);
});

test('patches of different fields that come at once are both kept', async (t) => {
  const w = world(t);
  w.known();
  await outcomes(w.clock, [w.control.deploy(text('a'), { createOnly: true })]);
  const patches = ['{"timeout_ms": 20}', '{"instances": 2}', '{"max_memory_mb": 32}'];
  await outcomes(
    w.clock,
    patches.map((patch) => w.control.patch('a', patch)),
  );
  const { config } = await w.control.spec('a');
  assert.deepEqual([config['timeout_ms'], config['instances'], config['max_memory_mb']], [20, 2, 32]);
  await end(w);
});

test('a spec whose file is anything by now is shown without its fields', async (t) => {
  const w = world(t);
  w.known();
  await outcomes(w.clock, [w.control.deploy(text('a'), { createOnly: true })]);
  const many = `x: &x [1]\ny: [${'*x, '.repeat(500)}*x]\n`;
  for (const broken of ['a: *nowhere', 'a: [', '- 1', '', '\u0000']) {
    writeFileSync(join(w.specs, 'a.yaml'), broken);
    assert.deepEqual((await w.control.spec('a')).config, {}, broken);
  }
  writeFileSync(join(w.specs, 'a.yaml'), many);
  assert.deepEqual(Object.keys((await w.control.spec('a')).config), ['x', 'y']);
  await end(w);
});

test('a deploy waits for the first look at the directory: what is paused there stays paused', async (t) => {
  const w = world(t);
  writeFileSync(join(w.specs, 'a.yaml'), text('a'));
  await w.targets.set('a', 'PAUSED');
  const deployed = w.control.deploy(text('a', 'timeout_ms: 20\n'), { createOnly: true });
  await w.registry.reconcile({ configs: [], errors: [] });
  const reload = new SpecReload(w.specs, w.registry, { error: () => undefined, info: () => undefined });
  await outcomes(w.clock, [reload.run().then(({ up }) => up)]);
  w.known();
  assert.deepEqual(await outcomes(w.clock, [deployed]), ['transform.exists']);
  assert.equal(w.targets.get('a'), 'PAUSED');
  await end(w);
});

test('a deploy is refused for what the schema registry says, before anything is written', async (t) => {
  const refused = new StreamlineError('schema.missing', 'no subject');
  const w = world(t, { schemas: { assertDeployable: () => Promise.reject(refused) } });
  w.known();
  const deployed = w.control.deploy(text('a'), { createOnly: true });
  assert.deepEqual(await outcomes(w.clock, [deployed]), ['schema.missing']);
  assert.deepEqual(
    readdirSync(w.specs).filter((file) => file.endsWith('.yaml')),
    [],
  );
  await end(w);
});

test('a plan has the schemas, what is wrong with them, and each error once', async (t) => {
  const missing = (): StreamlineError =>
    new StreamlineError('schema.file_unreadable', 'no file', { place: 'spec:6:1' });
  const schema = {
    part: 'value',
    subject: 's',
    version: 'latest',
    id: 7,
    type: 'AVRO',
    registers: false,
    messages: [],
  };
  const away = new StreamlineError('registry.unreachable', 'no registry');
  const w = world(t, {
    module: () => Promise.reject(missing()),
    schemas: { plan: async () => ({ schemas: [schema], faults: [missing(), away] }) },
  });
  w.known();
  const plan = await w.control.plan(text('a'));
  assert.deepEqual(plan.schemas, [schema]);
  assert.deepEqual(
    plan.errors.map(({ code }) => code),
    ['schema.file_unreadable', 'registry.unreachable', 'broker.unreachable'],
  );
  assert.deepEqual([plan.name, plan.action, plan.topics.length], ['a', 'create', 3], 'the rest is there');
  await end(w);
});

test('a plan sees that a schema file says something else by now', async (t) => {
  const digests = { moduleSha256: 'builtin', schemasSha256: 'new' };
  const w = world(t, { digest: async () => digests });
  w.known();
  await outcomes(w.clock, [w.control.deploy(text('a'), { createOnly: true })]);
  await until(w.clock, () => w.registry.snapshots()[0]?.state === 'RUNNING');
  assert.equal((await w.control.plan(text('a'))).action, 'unchanged', 'what serves had none');
  await end(w);
  const other = world(t, { digest: async () => digests }, 'old');
  other.known();
  await outcomes(other.clock, [other.control.deploy(text('a'), { createOnly: true })]);
  await until(other.clock, () => other.registry.snapshots()[0]?.state === 'RUNNING');
  assert.equal((await other.control.plan(text('a'))).action, 'in_place');
  await end(other);
});
