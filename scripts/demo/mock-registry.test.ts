import { test, type TestContext } from 'node:test';
import assert from 'node:assert/strict';
import { clientOf, failure } from '../../src/codec/registry/testing/scripted-registry.ts';
import { MockRegistry } from './mock-registry.ts';

/* What integration/schema-registry.test.ts asks of real registries, as far as the mock does it; of the rest that it says so. */

async function started(t: TestContext): Promise<MockRegistry> {
  const registry = await MockRegistry.start();
  t.after(() => registry.close());
  return registry;
}

function record(name: string, fields: Record<string, unknown>): { type: 'AVRO'; text: string } {
  const list = Object.entries(fields).map(([field, type]) => ({ name: field, type }));
  return { type: 'AVRO', text: JSON.stringify({ type: 'record', name, fields: list }) };
}

test('a schema that was registered is found by id, by version, as the latest and by itself', async (t) => {
  const client = clientOf(t, (await started(t)).url);
  const first = record('R', { x: 'long' });
  const id = await client.register('s', first);
  assert.equal(await client.register('s', first), id, 'once more is the same');
  assert.equal(await client.register('s', { ...first, text: ` ${first.text.replaceAll(',', ' ,\n')}` }), id);
  assert.equal(await client.register('other', first), id, 'under another subject too');
  const second = record('R', { x: 'long', y: 'string' });
  const nextId = await client.register('s', second);
  assert.notEqual(nextId, id);
  const expected = { type: 'AVRO', references: [] };
  assert.deepEqual(await client.schema(id), { id, ...first, ...expected });
  assert.deepEqual(await client.subject('s', 1), { id, subject: 's', version: 1, ...first, ...expected });
  assert.deepEqual(await client.subject('s', 'latest'), {
    ...{ id: nextId, subject: 's', version: 2 },
    ...{ ...second, ...expected },
  });
  assert.deepEqual(await client.registered('s', first), { id, version: 1 });
  assert.deepEqual(await client.registered('s', second), { id: nextId, version: 2 });
  assert.equal(await client.registered('s', record('R', { z: 'int' })), undefined);
  assert.equal(await client.registered('other', second), undefined);
});

test('what the demo itself put in is found like any other', async (t) => {
  const registry = await started(t);
  const id = registry.register('s', record('R', { x: 'long' }).text);
  const client = clientOf(t, registry.url);
  assert.equal((await client.subject('s', 'latest')).id, id);
  assert.equal((await client.schema(id)).id, id);
});

test('a subject with a slash, a space and a percent sign', async (t) => {
  const { url } = await started(t);
  const client = clientOf(t, url);
  const subject = 'a/b c%2F%';
  const schema = record('Odd', { x: 'long' });
  const id = await client.register(subject, schema);
  assert.equal((await client.subject(subject, 'latest')).id, id);
  assert.deepEqual(await client.registered(subject, schema), { id, version: 1 });
  assert.deepEqual(await (await fetch(`${url}/subjects`)).json(), [subject]);
});

test('an id nobody has, a subject nobody has, a version it does not have', async (t) => {
  const client = clientOf(t, (await started(t)).url);
  const schema = record('R', { x: 'long' });
  assert.equal((await failure(client.schema(2_000_000_000))).code, 'schema.unknown_id');
  assert.equal((await failure(client.schema(0))).code, 'schema.unknown_id');
  assert.equal((await failure(client.subject('gone', 'latest'))).code, 'schema.missing');
  assert.equal(await client.registered('gone', schema), undefined);
  assert.equal(await client.compatibility('gone', schema), undefined);
  await client.register('gone', schema);
  assert.equal((await failure(client.subject('gone', 9))).code, 'schema.missing');
});

test('what is no Avro schema is refused', async (t) => {
  const client = clientOf(t, (await started(t)).url);
  for (const text of ['{"type":"record"', '{"type":"record"}', 'string', '"nobody"']) {
    assert.equal((await failure(client.register('s', { type: 'AVRO', text }))).code, 'schema.invalid', text);
  }
  assert.equal((await failure(client.subject('s', 'latest'))).code, 'schema.missing');
});

test('a wrong base path is no unknown schema', async (t) => {
  const error = await failure(clientOf(t, `${(await started(t)).url}/nowhere`).schema(1));
  assert.equal(error.code, 'registry.failed');
  assert.match(error.suggestion ?? '', /base path/);
});

test('what it does not do it refuses, and never makes up: verdicts, levels, references, other types, deleting', async (t) => {
  const { url } = await started(t);
  const client = clientOf(t, url, { retries: 0 });
  const schema = record('R', { x: 'long' });
  await client.register('s', schema);
  const reference = { name: 'R', subject: 's', version: 1 };
  const asked: readonly (() => Promise<unknown>)[] = [
    () => client.compatibility('s', schema),
    () => client.compatibilityLevel('s'),
    () => client.register('s', { ...record('Outer', { r: 'string' }), references: [reference] }),
    () => client.register('json', { type: 'JSON', text: '{"type":"object"}' }),
  ];
  for (const ask of asked) {
    const error = await failure(ask());
    assert.equal(error.code, 'registry.failed');
    assert.match(error.message, /status 501: the mock:\/\/ registry of the demo does not do/);
  }
  assert.equal((await fetch(`${url}/subjects/s`, { method: 'DELETE' })).status, 501);
  assert.equal((await client.subject('s', 'latest')).version, 1);
});

test('nonsense is answered, and the next one is served', async (t) => {
  const { url } = await started(t);
  const body = 'no JSON';
  assert.equal((await fetch(`${url}/subjects/s/versions`, { method: 'POST', body })).status, 500);
  assert.equal((await fetch(`${url}/subjects/%ZZ/versions/latest`)).status, 500);
  assert.equal((await fetch(`${url}/subjects/s/versions/0`)).status, 404);
  assert.deepEqual(await (await fetch(`${url}/subjects`)).json(), []);
});

test('closed, it is gone, with a connection still open', async (t) => {
  const registry = await started(t);
  const { url } = registry;
  await (await fetch(`${url}/subjects`)).text();
  await registry.close();
  const error = await failure(clientOf(t, url, { retries: 0 }).schema(1));
  assert.equal(error.code, 'registry.unreachable');
});
