import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimClock } from '../../pipeline/sim/sim-clock.ts';
import { RegistryClient } from './registry-client.ts';
import { clientOf, failure, registryConfig, ScriptedRegistry, type Scripted } from './testing/scripted-registry.ts';

const AVRO = { type: 'AVRO', text: '"long"' } as const;
const OK: Scripted = [200, { schema: '"long"' }];

test('a schema by its id, under a base path; without a type it is Avro', async (t) => {
  const registry = await ScriptedRegistry.start(t);
  registry.script = () => OK;
  const client = clientOf(t, `${registry.url}/apis/ccompat/v7`);
  assert.deepEqual(await client.schema(7), { id: 7, type: 'AVRO', text: '"long"', references: [] });
  const [request] = registry.received;
  assert.equal(request?.path, '/apis/ccompat/v7/schemas/ids/7');
  assert.equal(request?.headers.authorization, undefined);
  assert.match(request?.headers.accept ?? '', /schemaregistry/);
  registry.script = () => [200, { schema: '{}', schemaType: 'JSON', references: null, maxId: 9 }];
  assert.deepEqual(await client.schema(8), { id: 8, type: 'JSON', text: '{}', references: [] });
  assert.equal(registry.connections, 1, 'the connection is kept');
});

test('a subject is encoded once, whatever is in it', async (t) => {
  const registry = await ScriptedRegistry.start(t);
  registry.script = () => [200, { id: 3, version: 2, schema: '"long"', schemaType: 'AVRO' }];
  const client = clientOf(t, registry.url);
  const subject = 'a/b c%2F$& ü?#{version}..';
  const found = await client.subject(subject, 'latest');
  assert.deepEqual(found, { id: 3, subject, version: 2, type: 'AVRO', text: '"long"', references: [] });
  const path = registry.received[0]?.path ?? '';
  const [, subjects, encoded = '', versions, version, ...rest] = path.split('/');
  assert.deepEqual([subjects, versions, version, rest], ['subjects', 'versions', 'latest', []]);
  assert.equal(decodeURIComponent(encoded), subject);
  await client.subject('a b', 12);
  assert.equal(registry.received[1]?.path, '/subjects/a%20b/versions/12');
  for (const none of ['', '.', '..']) assert.equal((await failure(client.subject(none, 1))).code, 'schema.missing');
  assert.equal(registry.received.length, 2);
});

test('registering says the type unless it is Avro, and what it refers to', async (t) => {
  const registry = await ScriptedRegistry.start(t);
  registry.script = () => [200, { id: 11 }];
  const client = clientOf(t, registry.url);
  assert.equal(await client.register('s', AVRO), 11);
  const references = [{ name: 'n.A', subject: 'a', version: 1 }];
  assert.equal(await client.register('s', { type: 'JSON', text: '{}', references }), 11);
  assert.deepEqual(
    registry.received.map(({ method, path, body }): unknown[] => [method, path, JSON.parse(body)]),
    [
      ['POST', '/subjects/s/versions', { schema: '"long"' }],
      ['POST', '/subjects/s/versions', { schema: '{}', schemaType: 'JSON', references }],
    ],
  );
  assert.equal(registry.received[0]?.headers['content-type'], 'application/vnd.schemaregistry.v1+json');
});

test('a schema that is refused is refused in the words of the registry', async (t) => {
  const registry = await ScriptedRegistry.start(t);
  const client = clientOf(t, registry.url);
  registry.script = ({ path }) =>
    path.startsWith('/compatibility')
      ? [200, { is_compatible: false, messages: ['field x has no default'] }]
      : path.endsWith('/latest')
        ? [200, { id: 1, version: 1, schema: '"int"' }]
        : [409, { error_code: 409, message: 'incompatible with an earlier schema' }];
  const incompatible = await failure(client.register('s', AVRO));
  assert.equal(incompatible.code, 'schema.incompatible');
  assert.match(incompatible.message, /incompatible with an earlier schema; field x has no default$/);
  assert.match(incompatible.message, new RegExp(registry.place));
  registry.script = () => [422, { error_code: 42201, message: 'unknown type: lomg' }];
  const invalid = await failure(client.register('s', AVRO));
  assert.equal(invalid.code, 'schema.invalid');
  assert.match(invalid.message, /unknown type: lomg/);
});

test('whether a subject has a schema, and whether one is compatible with it', async (t) => {
  const registry = await ScriptedRegistry.start(t);
  const client = clientOf(t, registry.url);
  registry.script = () => [200, { id: 4, version: 2, subject: 's', schema: '"long"' }];
  assert.deepEqual(await client.registered('s', AVRO), { id: 4, version: 2 });
  assert.equal(registry.received[0]?.path, '/subjects/s');
  for (const code of [40401, 40403]) {
    registry.script = () => [404, { error_code: code, message: 'no' }];
    assert.equal(await client.registered('s', AVRO), undefined);
  }
  assert.equal(await client.compatibility('s', AVRO), undefined);
  // One that finds everything compatible with what is not there.
  registry.script = ({ path }) =>
    path.startsWith('/compatibility') ? [200, { is_compatible: true }] : [404, { error_code: 40401, message: 'no' }];
  assert.equal(await client.compatibility('s', AVRO), undefined);
  registry.script = ({ path }) =>
    path.startsWith('/compatibility')
      ? [200, { is_compatible: false, messages: ['because', 'and'] }]
      : [200, { id: 4, version: 2, schema: '"int"' }];
  assert.deepEqual(await client.compatibility('s', AVRO), { compatible: false, messages: ['because', 'and'] });
  assert.equal(registry.received.at(-1)?.path, '/compatibility/subjects/s/versions/latest?verbose=true');
});

test('the level of a subject, else of the registry, else none', async (t) => {
  const registry = await ScriptedRegistry.start(t);
  const client = clientOf(t, registry.url);
  registry.script = () => [200, { compatibilityLevel: 'FULL' }];
  assert.equal(await client.compatibilityLevel('s'), 'FULL');
  registry.script = ({ path }) =>
    path === '/config' ? [200, { compatibilityLevel: 'BACKWARD' }] : [404, { error_code: 40408, message: 'none' }];
  assert.equal(await client.compatibilityLevel('s'), 'BACKWARD');
  registry.script = () => [404, { error_code: 40408 }];
  assert.equal(await client.compatibilityLevel('s'), undefined);
});

test('what a schema refers to comes before it, each fetched once', async (t) => {
  const registry = await ScriptedRegistry.start(t);
  const client = clientOf(t, registry.url);
  const refer = (...subjects: string[]) => subjects.map((subject) => ({ name: `n.${subject}`, subject, version: 1 }));
  const graph: Record<string, string[]> = { b: ['c', 'd'], c: ['d'], d: [] };
  registry.script = ({ path }) => {
    const subject = path.split('/')[2] ?? '';
    if (path.startsWith('/schemas')) return [200, { schema: 'root', references: refer('b', 'd', 'c') }];
    return [200, { id: 1, version: 1, schema: `text of ${subject}`, references: refer(...(graph[subject] ?? [])) }];
  };
  assert.deepEqual((await client.schema(1)).references, [
    { name: 'n.d', text: 'text of d' },
    { name: 'n.c', text: 'text of c' },
    { name: 'n.b', text: 'text of b' },
  ]);
  assert.equal(registry.received.length, 4);
  // One under two names.
  const aliases = ['n.d', 'n.other'].map((name) => ({ name, subject: 'd', version: 1 }));
  const { script: byName } = registry;
  registry.script = (request) =>
    request.path.startsWith('/schemas') ? [200, { schema: 'root', references: aliases }] : byName(request);
  registry.received.length = 0;
  assert.deepEqual(
    (await client.schema(1)).references.map(({ name, text }) => [name, text]),
    [
      ['n.d', 'text of d'],
      ['n.other', 'text of d'],
    ],
  );
  assert.equal(registry.received.length, 2);
  registry.script = byName;
  // In a circle.
  graph['d'] = ['b'];
  const circle = await failure(client.schema(1));
  assert.equal(circle.code, 'schema.invalid');
  assert.match(circle.message, /schema id 1 refers in a circle to b@1/);
  // One that is not there.
  graph['d'] = [];
  const { script } = registry;
  registry.script = (request) =>
    request.path.includes('/d/') ? [404, { error_code: 40401, message: 'gone' }] : script(request);
  const gone = await failure(client.schema(1));
  assert.equal(gone.code, 'schema.missing');
  assert.match(gone.message, /schema id 1 refers to n\.d: .*gone/);
});

test('references without end are refused: too deep, too many, too large', async (t) => {
  const registry = await ScriptedRegistry.start(t);
  const client = clientOf(t, registry.url, { schemaBytesMax: 10_000 });
  const chain = (path: string): string => String(Number(path.split('/')[2]) + 1);
  registry.script = ({ path }) => {
    const next = path.startsWith('/schemas') ? '0' : chain(path);
    return [200, { id: 1, version: 1, schema: 'x', references: [{ name: next, subject: next, version: 1 }] }];
  };
  assert.match((await failure(client.schema(1))).message, /more than 20 schemas deep/);
  assert.equal(registry.received.length, 21);
  const many = Array.from({ length: 101 }, (_, i) => ({ name: `n${i}`, subject: `s${i}`, version: 1 }));
  registry.script = ({ path }) =>
    path.startsWith('/schemas') ? [200, { schema: 'x', references: many }] : [200, { id: 1, version: 1, schema: 'x' }];
  assert.match((await failure(client.schema(1))).message, /more than 100 schemas/);
  const text = 'x'.repeat(4000);
  registry.script = ({ path }) =>
    path.startsWith('/schemas')
      ? [200, { schema: text, references: many.slice(0, 2) }]
      : [200, { id: 1, version: 1, schema: text }];
  const large = await failure(client.schema(1));
  assert.equal(large.code, 'schema.invalid');
  assert.match(large.message, /larger than 10000 bytes/);
});

test('a type that nobody knows is no schema we can use', async (t) => {
  const registry = await ScriptedRegistry.start(t);
  registry.script = () => [200, { schema: 'x', schemaType: 'THRIFT' }];
  const error = await failure(clientOf(t, registry.url).schema(1));
  assert.deepEqual(
    [error.code, error.message],
    ['schema.unsupported', 'schema id 1 is of type THRIFT, which is not supported'],
  );
});

test('what a status means', async (t) => {
  const registry = await ScriptedRegistry.start(t);
  const client = clientOf(t, registry.url);
  const cases: [Scripted, (client: RegistryClient) => Promise<unknown>, string, number, RegExp][] = [
    [
      [404, { error_code: 40403, message: 'Schema not found' }],
      (c) => c.schema(9),
      'schema.unknown_id',
      1,
      /id 9.*Schema not/,
    ],
    [[404, { error_code: 40401, message: 'no' }], (c) => c.subject('s', 'latest'), 'schema.missing', 1, /subject s/],
    [[404, { error_code: 40402, message: 'no' }], (c) => c.subject('s', 3), 'schema.missing', 1, /version 3/],
    // Not the registry: a gateway, or a wrong base path. No record may be given up for that.
    [[404, '<html>default backend</html>'], (c) => c.schema(9), 'registry.failed', 1, /status 404/],
    [[404, { error_code: 404, message: 'HTTP 404 Not Found' }], (c) => c.schema(9), 'registry.failed', 1, /404/],
    [[404, { error_code: 404, message: 'HTTP 404 Not Found' }], (c) => c.subject('s', 1), 'registry.failed', 1, /404/],
    [[401, { error_code: 401, message: 'x' }], (c) => c.schema(1), 'registry.unauthorized', 1, /credentials/],
    [[403, '<html>'], (c) => c.schema(1), 'registry.unauthorized', 1, /does not allow/],
    [[400, 'bad'], (c) => c.schema(1), 'registry.failed', 1, /status 400/],
    [[409, { error_code: 409 }], (c) => c.schema(1), 'registry.failed', 1, /status 409/],
    [[422, { error_code: 42202, message: 'x' }], (c) => c.subject('s', 1), 'registry.failed', 1, /status 422: x/],
    [[301, '', { location: '/elsewhere' }], (c) => c.schema(1), 'registry.failed', 1, /status 301/],
    [[500, { error_code: 50001, message: 'store' }], (c) => c.schema(1), 'registry.failed', 3, /500: store/],
    [[503, '<html>'], (c) => c.register('s', AVRO), 'registry.failed', 3, /503/],
    [[429, ''], (c) => c.registered('s', AVRO), 'registry.failed', 3, /429/],
    [[200, '<html>welcome</html>'], (c) => c.schema(1), 'registry.failed', 1, /nonsense.*no JSON/],
    [[200, { schema: 7 }], (c) => c.schema(1), 'registry.failed', 1, /nonsense.*\/schema: /],
    [[200, []], (c) => c.register('s', AVRO), 'registry.failed', 1, /nonsense/],
    [[200, { id: -1 }], (c) => c.register('s', AVRO), 'registry.failed', 1, /\/id: /],
    [[200, { id: 1.5 }], (c) => c.register('s', AVRO), 'registry.failed', 1, /\/id: /],
    [[204, ''], (c) => c.compatibilityLevel('s'), 'registry.failed', 1, /nonsense/],
    ['cut', (c) => c.schema(1), 'registry.unreachable', 3, /cannot be reached/],
    ['reset', (c) => c.schema(1), 'registry.unreachable', 3, /cannot be reached/],
  ];
  for (const [scripted, ask, code, tries, words] of cases) {
    registry.received.length = 0;
    registry.script = () => scripted;
    const error = await failure(ask(client));
    const what = JSON.stringify(scripted);
    assert.equal(error.code, code, what);
    assert.match(error.message, words, what);
    assert.ok(error.message.includes(registry.place), `${error.message} names the place`);
    assert.equal(registry.received.length, tries, what);
  }
});

test('what fails in passing is tried again, a POST too', async (t) => {
  const registry = await ScriptedRegistry.start(t);
  const client = clientOf(t, registry.url);
  for (const passing of [[503, ''], [429, ''], 'reset', 'cut'] satisfies Scripted[]) {
    registry.received.length = 0;
    registry.script = () => (registry.received.length < 3 ? passing : [200, { id: 5, schema: '"long"' }]);
    assert.equal(await client.register('s', AVRO), 5);
    assert.equal(registry.received.length, 3);
    assert.equal(new Set(registry.received.map(({ body }) => body)).size, 1);
  }
});

test('pauses between tries double, with jitter, up to their bound', async (t) => {
  const registry = await ScriptedRegistry.start(t);
  registry.script = () => [500, ''];
  const pauses: number[] = [];
  const clock = new SimClock();
  const after = (delayMs: number, callback: () => void): (() => void) => {
    pauses.push(delayMs);
    setImmediate(callback);
    return () => undefined;
  };
  const config = registryConfig(registry.url, { retries: 6, retryBackoffMs: 100, retryBackoffMaxMs: 1000 });
  const timed = { nowMs: () => clock.nowMs(), wallMs: () => clock.wallMs(), after };
  await failure(new RegistryClient(config, timed, () => 1).schema(1));
  await failure(new RegistryClient(config, timed, () => 0).schema(1));
  assert.deepEqual(pauses, [100, 200, 400, 800, 1000, 1000, 50, 100, 200, 400, 500, 500]);
});

test('requests are counted, each try, by how they ended; those of a closed client are not', async (t) => {
  const registry = await ScriptedRegistry.start(t);
  const client = clientOf(t, registry.url);
  const answers: Scripted[] = [[503, ''], 'reset', OK, [404, { error_code: 40403, message: 'no' }]];
  registry.script = () => answers[registry.received.length - 1] ?? OK;
  await client.schema(1);
  await failure(client.schema(2));
  client.close();
  await failure(client.schema(3));
  const { results, latency } = client.requests;
  assert.deepEqual(results, { ok: 1, refused: 1, failed: 1, unreachable: 1 });
  assert.equal(
    latency.counts.reduce((sum, count) => sum + count, 0),
    4,
  );
  assert.ok(latency.sum > 0);
});
