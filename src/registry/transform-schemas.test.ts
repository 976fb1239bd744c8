import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { RefusedError, StreamlineError } from '../base/error.ts';
import { ScriptedRegistry, type Scripted } from '../codec/registry/testing/scripted-registry.ts';
import { createLog } from '../observe/log.ts';
import { parseSidecarConfig } from '../spec/sidecar-config.ts';
import { spec } from './testing/fake-factory.ts';
import { SchemaDesk } from './transform-schemas.ts';

const NO_SUBJECT: Scripted = [404, { error_code: 40401, message: 'no subject' }];
const NO_SCHEMA: Scripted = [404, { error_code: 40403, message: 'no schema' }];
const latest = (id: number, schemaType = 'AVRO'): Scripted => [200, { id, version: 1, schema: '"string"', schemaType }];
const compatible = (messages: readonly string[] = []): Scripted => [
  200,
  { is_compatible: messages.length === 0, messages },
];

interface World {
  readonly desk: SchemaDesk;
  readonly registry: ScriptedRegistry;
  readonly specs: string;
  /** By method and path, `GET /subjects/s/versions/latest`. */
  readonly answers: Map<string, Scripted>;
}

async function world(t: TestContext): Promise<World> {
  const specs = mkdtempSync(join(tmpdir(), 'transform-schemas-'));
  t.after(() => rmSync(specs, { recursive: true }));
  const registry = await ScriptedRegistry.start(t);
  const answers = new Map<string, Scripted>();
  registry.script = ({ method, path }) => answers.get(`${method} ${path.replace(/\?.*/, '')}`) ?? NO_SUBJECT;
  const text = `schema_registry: { url: "${registry.url}", retries: 0 }`;
  const outcome = parseSidecarConfig(text, join(specs, 'sidecar.yaml'), {
    resolveSecret: () => undefined,
    paths: { specs, modules: specs, cache: specs },
  });
  assert.ok('config' in outcome);
  const desk = new SchemaDesk(outcome.config, systemClock, () => 0.5, createLog({ level: 'silent' }));
  t.after(() => desk.close());
  return { desk, registry, specs, answers };
}

const AVRO = 'output: { format: avro, key_format: avro, subject: s, key_subject: k }\n';

test('a plan names the subjects there are, and every fault with its line', async (t) => {
  const { desk, answers } = await world(t);
  answers.set('GET /subjects/s/versions/latest', latest(7));
  answers.set('GET /subjects/k/versions/latest', latest(8));
  const nothing = { registers: false, compatible: undefined, level: undefined, messages: [] };
  const value = { part: 'value', subject: 's', version: 'latest', id: 7, type: 'AVRO', ...nothing };
  const key = { ...value, part: 'key', subject: 'k', id: 8 };
  assert.deepEqual(await desk.plan(spec('a', AVRO)), { schemas: [value, key], faults: [] });
  await desk.assertDeployable(spec('a', AVRO));

  const other = AVRO.replace('subject: s', 'subject: none').replace('key_subject: k', 'key_subject: j');
  answers.set('GET /subjects/j/versions/latest', latest(9, 'JSON'));
  const { schemas, faults } = await desk.plan(spec('a', other));
  assert.deepEqual(schemas, []);
  const told = faults.map(({ code, place, configPath }) => [code, place, configPath]);
  assert.deepEqual(told, [
    ['schema.missing', 'a.yaml:5:52', '/output/subject'],
    ['schema.unsupported', 'a.yaml:5:71', '/output/key_subject'],
  ]);
  await assert.rejects(desk.assertDeployable(spec('a', other)), (thrown) => {
    assert.ok(thrown instanceof RefusedError);
    return thrown.reasons.length === 2 && thrown.code === 'schema.missing';
  });
});

test('the schema of a file: registered, new, compatible or not, and whether it would be registered', async (t) => {
  const { desk, answers, specs } = await world(t);
  writeFileSync(join(specs, 's.avsc'), '"string"');
  const source = join(specs, 'a.yaml');
  const of = (more = '') => spec('a', `output: { format: avro, subject: s, schema_file: s.avsc${more} }\n`, source);
  const auto = ', auto_register: true';
  const planned = async (more = '') => {
    const { schemas, faults } = await desk.plan(of(more));
    const [{ id, registers, compatible: fits, level } = assert.fail()] = schemas;
    return [id, registers, fits, level, ...faults.map(({ code }) => code)];
  };
  answers.set('GET /config/s', [200, { compatibilityLevel: 'BACKWARD' }]);
  assert.deepEqual(await planned(auto), [undefined, true, undefined, 'BACKWARD']);
  assert.deepEqual(await planned(), [undefined, false, undefined, 'BACKWARD', 'schema.not_registered']);
  answers.set('POST /subjects/s', NO_SCHEMA);
  answers.set('GET /subjects/s/versions/latest', latest(7));
  answers.set('POST /compatibility/subjects/s/versions/latest', compatible());
  assert.deepEqual(await planned(auto), [undefined, true, true, 'BACKWARD']);
  await desk.assertDeployable(of(auto));
  answers.set('POST /compatibility/subjects/s/versions/latest', compatible(['id: gone']));
  assert.deepEqual(await planned(auto), [undefined, true, false, 'BACKWARD', 'schema.incompatible']);
  await assert.rejects(desk.assertDeployable(of(auto)), {
    code: 'schema.incompatible',
    place: `${source}:5:50`,
    message: /BACKWARD.*subject s: id: gone/,
  });
  answers.set('POST /compatibility/subjects/s/versions/latest', [422, { error_code: 42201, message: 'no Avro' }]);
  await assert.rejects(desk.assertDeployable(of(auto)), { code: 'schema.invalid', place: `${source}:5:50` });
  answers.set('POST /subjects/s', latest(7));
  assert.deepEqual(await planned(), [7, false, true, undefined]);
});

test('who deploys or starts after another schema was registered gets that one', async (t) => {
  const { desk, answers } = await world(t);
  const config = spec('a', 'output: { format: avro, subject: s }\n');
  const ids = async () => {
    const { schemas } = await desk.plan(config);
    const prepared = await desk.prepare(config, undefined, createLog({ level: 'silent' }));
    const answer = prepared?.formats.schemas[0]?.answer;
    return [schemas[0]?.id, answer !== undefined && 'schema' in answer ? answer.schema.id : undefined];
  };
  answers.set('GET /subjects/s/versions/latest', latest(7));
  assert.deepEqual(await ids(), [7, 7]);
  answers.set('GET /subjects/s/versions/latest', latest(8));
  assert.deepEqual(await ids(), [8, 8]);
  answers.set('GET /subjects/s/versions/latest', [500, { error_code: 50001, message: 'boom' }]);
  assert.deepEqual(await ids(), [8, 8], 'what is known serves where nobody answers');
});

test('a schema of a file whose subject was deleted meanwhile is registered again at the next start', async (t) => {
  const { desk, answers, registry, specs } = await world(t);
  writeFileSync(join(specs, 'v.avsc'), '"string"');
  const config = spec('a', 'output: { format: avro, schema_file: v.avsc, auto_register: true, subject: s }\n', 'spec');
  const files = await desk.files(config);
  answers.set('POST /subjects/s/versions', [200, { id: 7 }]);
  for (let i = 0; i < 2; i += 1) await desk.prepare(config, files, createLog({ level: 'silent' }));
  assert.equal(registry.received.filter(({ path }) => path === '/subjects/s/versions').length, 2);
});

test('a registry that does not answer: the plan says so and has the rest, and a deploy goes ahead', async (t) => {
  const { desk, answers, registry } = await world(t);
  answers.set('GET /subjects/s/versions/latest', latest(7));
  answers.set('GET /subjects/k/versions/latest', [500, { error_code: 50001, message: 'boom' }]);
  const config = spec('a', AVRO);
  const { schemas, faults } = await desk.plan(config);
  assert.deepEqual([schemas.map(({ id }) => id), faults.map(({ code }) => code)], [[7], ['registry.failed']]);
  await desk.assertDeployable(config);
  await registry.stop();
  await desk.assertDeployable(spec('a', AVRO.replace('subject: s', 'subject: t')));
});

test('where all is bytes nobody is asked, and without a registry the line that needs one is named', async (t) => {
  const { desk, registry, specs } = await world(t);
  assert.deepEqual(await desk.plan(spec('a')), { schemas: [], faults: [] });
  assert.equal(await desk.prepare(spec('a'), undefined, createLog({ level: 'silent' })), undefined);
  assert.equal(registry.received.length, 0);
  const paths = { specs, modules: specs, cache: specs };
  const outcome = parseSidecarConfig('', join(specs, 'sidecar.yaml'), { resolveSecret: () => undefined, paths });
  assert.ok('config' in outcome);
  const without = new SchemaDesk(outcome.config, systemClock, () => 0.5, createLog({ level: 'silent' }));
  const [fault] = (await without.plan(spec('a', AVRO))).faults;
  assert.ok(fault instanceof StreamlineError);
  assert.deepEqual([fault.code, fault.place], ['registry.not_configured', 'a.yaml:5:52']);
  await assert.rejects(without.check(spec('a', 'input: { format: avro }\n')), { place: 'a.yaml:5:18' });
  await without.check(spec('a', 'input: { format: json }\n'));
});
