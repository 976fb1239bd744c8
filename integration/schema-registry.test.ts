import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { registryTest } from '../testcontainers.config.ts';
import { systemClock } from '../src/base/clock.ts';
import { SchemaStore } from '../src/codec/registry/schema-store.ts';
import { SchemaSupply, type SchemaWaiting } from '../src/codec/registry/schema-supply.ts';
import { clientOf, failure, registryConfig } from '../src/codec/registry/testing/scripted-registry.ts';
import type { RegistryConfig } from '../src/spec/registry-config.ts';
import { eventually } from './cluster/client.ts';
import type { Registry } from './cluster/registry.ts';
import { FaultProxy } from './harness/fault-proxy.ts';

const UNKNOWN_ID = 2_000_000_000;
let count = 0;

/** Of this run alone: a registry may be shared, and does not forget. */
function fresh(name: string): string {
  count += 1;
  return `${name}-${process.pid}-${Date.now()}-${count}`;
}

async function proxied(t: TestContext, registry: Registry, more: Partial<RegistryConfig> = {}) {
  const proxy = await FaultProxy.inFrontOf(registry.url);
  t.after(() => proxy.close());
  return { proxy, client: clientOf(t, proxy.url, more) };
}

/** A record of fields; the name is one nobody else has, for a registry gives equal schemas one id. */
function record(name: string, fields: Record<string, unknown>): { type: 'AVRO'; text: string } {
  const list = Object.entries(fields).map(([field, type]) => ({ name: field, type }));
  return { type: 'AVRO', text: JSON.stringify({ type: 'record', name: name.replaceAll('-', '_'), fields: list }) };
}

async function deleteSubject(registry: Registry, subject: string): Promise<void> {
  const response = await fetch(`${registry.url}/subjects/${encodeURIComponent(subject)}`, { method: 'DELETE' });
  assert.ok(response.ok, await response.text());
}

registryTest(
  'a schema that was registered is found by id, by version, as the latest and by itself',
  async (registry, t) => {
    const client = clientOf(t, registry.url);
    const subject = fresh('found');
    const first = record(subject, { x: 'long' });
    const id = await client.register(subject, first);
    assert.equal(await client.register(subject, first), id, 'once more is the same');
    const second = record(subject, { x: 'long', y: ['null', 'string'] });
    const compatible = {
      type: second.type,
      text: second.text.replace('"type":["null"', '"default":null,"type":["null"'),
    };
    const nextId = await client.register(subject, compatible);
    assert.notEqual(nextId, id);
    const expected = { id, type: 'AVRO', references: [] };
    const { text, ...byId } = await client.schema(id);
    assert.deepEqual([byId, JSON.parse(text)], [expected, JSON.parse(first.text)]);
    const { text: versionText, ...byVersion } = await client.subject(subject, 1);
    assert.deepEqual(
      [byVersion, JSON.parse(versionText)],
      [{ ...expected, subject, version: 1 }, JSON.parse(first.text)],
    );
    const latest = await client.subject(subject, 'latest');
    assert.deepEqual([latest.id, latest.version], [nextId, 2]);
    assert.deepEqual(await client.registered(subject, first), { id, version: 1 });
    assert.deepEqual(await client.registered(subject, compatible), { id: nextId, version: 2 });
    assert.equal(await client.registered(subject, record(subject, { z: 'int' })), undefined);
  },
);

registryTest('a subject with a slash, a space and a percent sign', async (registry, t) => {
  const client = clientOf(t, registry.url);
  const subject = fresh('a/b c%2F%');
  const schema = record(fresh('odd'), { x: 'long' });
  const id = await client.register(subject, schema);
  assert.equal((await client.subject(subject, 'latest')).id, id);
  assert.deepEqual(await client.registered(subject, schema), { id, version: 1 });
  // Not its list of subjects: Apicurio's ends at a thousand, and a registry may be shared.
  const uses = (await (await fetch(`${registry.url}/schemas/ids/${id}/versions`)).json()) as { subject: string }[];
  assert.deepEqual(
    uses.map((use) => use.subject),
    [subject],
    'the registry calls it what we do',
  );
});

registryTest('references two levels deep come in the order of their use', async (registry, t) => {
  const client = clientOf(t, registry.url);
  const [inner, middle, outer] = [fresh('inner'), fresh('middle'), fresh('outer')];
  const names = [inner, middle].map((name) => name.replaceAll('-', '_'));
  const [innerName = '', middleName = ''] = names;
  await client.register(inner, record(inner, { x: 'long' }));
  const toInner = { name: innerName, subject: inner, version: 1 };
  await client.register(middle, { ...record(middle, { inner: innerName }), references: [toInner] });
  const toMiddle = { name: middleName, subject: middle, version: 1 };
  const schema = { ...record(outer, { middle: middleName, inner: innerName }), references: [toMiddle, toInner] };
  const id = await client.register(outer, schema);
  for (const found of [await client.schema(id), await client.subject(outer, 'latest')]) {
    assert.deepEqual(
      found.references.map(({ name }) => name),
      [innerName, middleName],
    );
    assert.match(found.references[0]?.text ?? '', /"long"/);
  }
});

registryTest('JSON Schema and Protobuf keep their type', async (registry, t) => {
  const client = clientOf(t, registry.url);
  const [json, protobuf] = [fresh('json'), fresh('protobuf')];
  const draft = 'http://json-schema.org/draft-07/schema#';
  const schema = { $schema: draft, title: json, type: 'object', properties: { x: { type: 'string' } } };
  await client.register(json, { type: 'JSON', text: JSON.stringify(schema) });
  const message = `syntax = "proto3"; message ${protobuf.replaceAll('-', '_')} { string x = 1; }`;
  await client.register(protobuf, { type: 'PROTOBUF', text: message });
  assert.equal((await client.subject(json, 'latest')).type, 'JSON');
  assert.equal((await client.subject(protobuf, 'latest')).type, 'PROTOBUF');
});

registryTest(
  'an id nobody has, a subject nobody has, a version it does not have, a deleted subject',
  async (registry, t) => {
    const client = clientOf(t, registry.url);
    assert.equal((await failure(client.schema(UNKNOWN_ID))).code, 'schema.unknown_id');
    const subject = fresh('gone');
    const schema = record(subject, { x: 'long' });
    assert.equal((await failure(client.subject(subject, 'latest'))).code, 'schema.missing');
    assert.equal(await client.registered(subject, schema), undefined);
    assert.equal(await client.compatibility(subject, schema), undefined);
    const id = await client.register(subject, schema);
    assert.equal((await failure(client.subject(subject, 9))).code, 'schema.missing');
    await deleteSubject(registry, subject);
    assert.equal((await failure(client.subject(subject, 'latest'))).code, 'schema.missing');
    assert.equal((await failure(client.subject(subject, 1))).code, 'schema.missing');
    assert.equal((await client.schema(id)).id, id, 'what was written with it can still be read');
  },
);

registryTest('an incompatible schema is refused, the verdict is known before, the level too', async (registry, t) => {
  const client = clientOf(t, registry.url);
  const subject = fresh('evolving');
  await client.register(subject, record(subject, { x: 'string' }));
  const incompatible = record(subject, { x: 'string', y: 'int' });
  const verdict = await client.compatibility(subject, incompatible);
  assert.equal(verdict?.compatible, false);
  // Apicurio gives its reasons only when it refuses.
  if (registry.provider === 'redpanda') assert.ok(verdict.messages.length > 0);
  assert.deepEqual(await client.compatibility(subject, record(subject, { x: 'string' })), {
    compatible: true,
    messages: [],
  });
  const refused = await failure(client.register(subject, incompatible));
  assert.equal(refused.code, 'schema.incompatible');
  if (registry.provider !== 'external') assert.match(refused.message, /y|fields\/1/i);
  assert.equal((await client.subject(subject, 'latest')).version, 1);
  assert.equal(await client.compatibilityLevel(subject), 'BACKWARD');
  assert.equal(await client.compatibilityLevel(fresh('none')), 'BACKWARD');
  const invalid = await failure(client.register(fresh('invalid'), { type: 'AVRO', text: '{"type":"record"' }));
  assert.equal(invalid.code, 'schema.invalid');
});

registryTest('a wrong base path is no unknown schema', async (registry, t) => {
  const { origin, pathname } = new URL(registry.url);
  const error = await failure(clientOf(t, `${origin}${pathname.replace(/\/$/, '')}/nowhere`).schema(UNKNOWN_ID));
  assert.equal(error.code, 'registry.failed');
  assert.match(error.suggestion ?? '', /base path/);
});

registryTest('slow is waited for, 500s and one cut are tried again, all of them are told', async (registry, t) => {
  const { proxy, client } = await proxied(t, registry);
  const subject = fresh('faulty');
  const id = await client.register(subject, record(subject, { x: 'long' }));
  proxy.slow(300);
  const before = performance.now();
  assert.equal((await client.schema(id)).id, id);
  assert.ok(performance.now() - before >= 290);
  proxy.answer(500, 2);
  assert.equal((await client.schema(id)).id, id);
  assert.equal(proxy.count(new RegExp(`^GET /schemas/ids/${id}$`)), 4);
  proxy.answer(500);
  const failed = await failure(client.schema(id));
  assert.equal(failed.code, 'registry.failed');
  assert.equal(proxy.count(/^GET .schemas/), 7);
  proxy.answer(401);
  const unauthorized = await failure(client.schema(id));
  assert.equal(unauthorized.code, 'registry.unauthorized');
  assert.equal(proxy.count(/^GET .schemas/), 8, 'not tried again');
  proxy.heal();
  assert.equal((await client.schema(id)).id, id);
});

registryTest('a registry that hangs or is down is unreachable until it is back', async (registry, t) => {
  const { proxy, client } = await proxied(t, registry, { timeoutMs: 200, retries: 1 });
  const subject = fresh('down');
  const slower = clientOf(t, registry.url);
  const id = await slower.register(subject, record(subject, { x: 'long' }));
  proxy.hang();
  const hung = await failure(client.schema(id));
  assert.equal(hung.code, 'registry.unreachable');
  assert.match(hung.message, /within 200 ms/);
  assert.equal(proxy.count(/^GET/), 2);
  await proxy.down();
  const refused = await failure(client.schema(id));
  assert.equal(refused.code, 'registry.unreachable');
  assert.match(refused.message, /ECONNREFUSED/);
  proxy.heal();
  await proxy.up();
  const found = await eventually(() => client.schema(id));
  assert.equal(found.id, id);
});

registryTest('many who ask for many ids cost one call an id', async (registry, t) => {
  const { proxy, client } = await proxied(t, registry);
  const config = registryConfig(proxy.url);
  const store = new SchemaStore(client, config, systemClock);
  const ids: number[] = [];
  for (let i = 0; i < 40; i += 1) {
    const subject = fresh(`many${i}`);
    ids.push(await client.register(subject, record(subject, { x: 'long' })));
  }
  const asked = Array.from({ length: 25 }, () => ids).flat();
  const answers = await Promise.all(asked.map((id) => store.get({ by: 'id', id })));
  assert.deepEqual(
    answers.map((answer) => ('schema' in answer ? answer.schema.id : answer.fault)),
    asked,
  );
  assert.equal(proxy.count(/^GET .schemas.ids/), ids.length);
});

registryTest(
  'who waits for a registry that is down has the schema when it is back; what is known stays known',
  async (registry, t) => {
    const { proxy, client } = await proxied(t, registry, { retries: 0, timeoutMs: 1000 });
    const direct = clientOf(t, registry.url);
    const subject = fresh('waiting');
    const id = await direct.register(subject, record(subject, { x: 'long' }));
    const warnings: string[] = [];
    const limits = { cachedSchemas: 10, cachedSchemaBytesMax: 1_000_000, subjectTtlMs: 100, unknownTtlMs: 100 };
    const store = new SchemaStore(client, limits, systemClock, (message) => void warnings.push(message));
    const told: (SchemaWaiting | undefined)[] = [];
    const supply = new SchemaSupply({
      store,
      clock: systemClock,
      rng: Math.random,
      onWaiting: (waiting) => void told.push(waiting),
    });
    t.after(() => supply.close());
    await proxy.down();
    const answer = supply.get({ by: 'id', id });
    await eventually(() => assert.equal(supply.waiting?.error.code, 'registry.unreachable'));
    await proxy.up();
    const found = await answer;
    assert.ok('schema' in found && found.schema.id === id);
    assert.equal(supply.waiting, undefined);
    assert.deepEqual(
      told.map((waiting) => waiting?.error.code),
      ['registry.unreachable', undefined],
    );

    // The latest version of a subject that is deleted, or cannot be asked for, stays in use.
    const latest = { by: 'subject', subject, version: 'latest' } as const;
    const isKnown = async (): Promise<void> => {
      const known = await supply.get(latest);
      assert.ok('schema' in known && known.schema.id === id);
    };
    await isKnown();
    await deleteSubject(registry, subject);
    await eventually(async () => {
      await isKnown();
      assert.equal(warnings.length, 1);
    });
    assert.match(warnings[0] ?? '', /schema\.missing/);
    await proxy.down();
    await eventually(async () => {
      await isKnown();
      assert.equal(warnings.length, 2);
    });
    assert.match(warnings[1] ?? '', /registry\.unreachable/);
    assert.equal(told.length, 2, 'nobody waited');
  },
);

registryTest('the schema of a file is found under a subject, or registered there, or refused', async (registry, t) => {
  const client = clientOf(t, registry.url);
  const store = new SchemaStore(client, registryConfig(registry.url), systemClock);
  const subject = fresh('file');
  const ask = (schema: { type: 'AVRO'; text: string }, autoRegister: boolean) => {
    const supply = new SchemaSupply({ store, clock: systemClock, rng: Math.random, file: { schema, autoRegister } });
    t.after(() => supply.close());
    return supply.get({ by: 'file', subject });
  };
  const schema = record(subject, { x: 'string' });
  const absent = await ask(schema, false);
  assert.equal('fault' in absent && absent.fault.code, 'schema.not_registered');
  const registered = await ask(schema, true);
  assert.ok('schema' in registered);
  assert.deepEqual(await client.registered(subject, schema), { id: registered.schema.id, version: 1 });
  const refused = await ask(record(subject, { x: 'string', y: 'int' }), true);
  assert.equal('fault' in refused && refused.fault.code, 'schema.incompatible');
});

registryTest(
  'a registry that was killed in the middle is asked again when it is back',
  async (registry, t) => {
    const client = clientOf(t, registry.url, { retries: 0 });
    const subject = fresh('killed');
    const schema = record(subject, { x: 'long' });
    await client.register(subject, schema);
    await registry.kill();
    assert.equal((await failure(client.subject(subject, 'latest'))).code, 'registry.unreachable');
    await registry.restart();
    const id = await client.register(subject, schema);
    assert.equal((await client.subject(subject, 'latest')).id, id);
  },
  { own: true },
);
