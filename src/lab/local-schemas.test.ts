import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientOf, ScriptedRegistry } from '../codec/registry/testing/scripted-registry.ts';
import { LocalSchemas } from './local-schemas.ts';

test('files stand in for a registry: ids from 1, one schema a subject', async () => {
  const schemas = new LocalSchemas();
  const first = schemas.add('a-value', '"long"', 'a.avsc');
  const second = schemas.add('b-value', '{"type":"object","properties":{}}', 'b.json');
  assert.deepEqual([first.id, first.type, second.id, second.type], [1, 'AVRO', 2, 'JSON']);
  assert.deepEqual(await schemas.get({ by: 'id', id: 2 }), { schema: second });
  for (const version of [1, 7, 'latest'] as const)
    assert.deepEqual(await schemas.get({ by: 'subject', subject: 'a-value', version }), { schema: first });
  const [unknown, missing] = [
    await schemas.get({ by: 'id', id: 3 }),
    await schemas.get({ by: 'file', subject: 'none' }),
  ];
  assert.equal('fault' in unknown && unknown.fault.code, 'schema.unknown_id');
  assert.equal('fault' in missing && missing.fault.code, 'schema.missing');
  assert.throws(() => schemas.add('c', 'text', 'c.avsc'), { code: 'schema.invalid', place: 'c.avsc' });
});

test('before a registry: files win, ids do not meet, it is asked once and never written', async (t) => {
  const registry = await ScriptedRegistry.start(t);
  registry.script = ({ path }) =>
    path.startsWith('/schemas/ids/1')
      ? [200, { schema: '"string"' }]
      : path.startsWith('/subjects/s/')
        ? [200, { id: 9, version: 2, schema: '"int"', schemaType: 'AVRO' }]
        : [404, { error_code: 40403, message: 'no such schema' }];
  const schemas = new LocalSchemas(clientOf(t, registry.url));
  const file = schemas.add('f', '"long"', 'f.avsc');
  assert.ok(file.id > 1_000_000);
  assert.deepEqual(await schemas.get({ by: 'subject', subject: 'f', version: 'latest' }), { schema: file });
  for (let i = 0; i < 2; i++) {
    const byId = await schemas.get({ by: 'id', id: 1 });
    assert.equal('schema' in byId && byId.schema.text, '"string"');
    const bySubject = await schemas.get({ by: 'subject', subject: 's', version: 'latest' });
    assert.equal('schema' in bySubject && bySubject.schema.id, 9);
  }
  const unknown = await schemas.get({ by: 'id', id: 2 });
  assert.equal('fault' in unknown && unknown.fault.code, 'schema.unknown_id');
  const own = await schemas.get({ by: 'file', subject: 'nobody' });
  assert.equal('fault' in own && own.fault.code, 'schema.missing');
  assert.deepEqual(
    registry.received.map(({ method, path }) => `${method} ${path}`),
    ['GET /schemas/ids/1', 'GET /subjects/s/versions/latest', 'GET /schemas/ids/2'],
  );
});
