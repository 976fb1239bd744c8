import { test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { generate } from '../data/generate.ts';
import { GuestRunner, framed } from './testing/guest-runner.ts';

const FAILED = 0xffffffff;

function configOf(spec: string): unknown {
  const text = readFileSync(join(import.meta.dirname, '../specs', spec), 'utf8');
  return (parse(text) as { config: unknown }).config;
}

const object = (text: string): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>;

test('every framed guest survives short and lying frames', () => {
  const guests: readonly (readonly [string, unknown])[] = [
    ['mask_pii', { fields_to_mask: ['a'] }],
    ['region_router', { route_field: 'region' }],
    ['json_to_avro', {}],
    ['enrich', configOf('enrich.yaml')],
    ['compute', {}],
    ['flights', {}],
    ['fragile', {}],
    ['json_transform', {}],
  ];
  for (const [name, config] of guests) {
    const guest = new GuestRunner(name, config);
    assert.equal(guest.accepted, true, name);
    for (const bytes of [[], [1], [0, 0, 0], [1, 0, 0, 0], [0xfe, 0xff, 0xff, 0xff, 1, 2], [5, 0, 0, 0, 1, 2, 3, 4]]) {
      assert.equal(guest.rawTransform(Uint8Array.from(bytes)), FAILED, `${name} ${String(bytes)}`);
    }
  }
});

test('every guest that parses fails what is no JSON object', () => {
  for (const name of ['region_router', 'json_to_avro', 'enrich', 'flights', 'fragile', 'json_transform']) {
    const guest = new GuestRunner(
      name,
      name === 'enrich' ? configOf('enrich.yaml') : { ...(name === 'region_router' && { route_field: 'r' }) },
    );
    for (const value of ['', '{', 'x', '[]', '1', 'null', '{"a":1', '{"a":1}}', '{"region":"eu"} x', '{"r":"a",}']) {
      assert.equal(guest.transform(value), 'failed', `${name} ${value}`);
    }
  }
});

test('pass_through passes', () => {
  const guest = new GuestRunner('pass_through', {});
  assert.equal(guest.transform('anything', null), 'unchanged');
});

test('region_router: prefix and sanitised value, the last of a repeated field', () => {
  const guest = new GuestRunner('region_router', { route_field: 'region', topic_prefix: 'orders-' });
  const routes: readonly (readonly [string, string])[] = [
    ['{"region":"eu"}', 'orders-eu'],
    ['{"a":{"region":"no"},"region":"EU.west_1-a"}', 'orders-EU.west_1-a'],
    ['{"r\\u0065gion":"a b/ü"}', 'orders-a-b---'],
    ['{"region":276}', 'orders-276'],
    ['{"region":true}', 'orders-true'],
    ['{"region":"us","region":"eu"}', 'orders-eu'],
    ['{"region":"../../etc"}', 'orders-..-..-etc'],
    [`{"region":"${'x'.repeat(242)}"}`, `orders-${'x'.repeat(242)}`],
  ];
  for (const [value, topic] of routes) {
    assert.equal(guest.transform(value), 'unchanged', value);
    assert.equal(guest.route(value), topic);
  }
});

test('region_router: without a usable field the record fails', () => {
  const guest = new GuestRunner('region_router', { route_field: 'region', topic_prefix: 'orders-' });
  const values = ['{}', '{"Region":"eu"}', '{"region":""}', '{"region":null}', '{"region":["eu"]}', '{"region":{}}'];
  for (const value of [...values, `{"region":"${'x'.repeat(243)}"}`])
    assert.equal(guest.transform(value), 'failed', value);
});

test('region_router: init refuses a config without route_field', () => {
  const accepted = (config: unknown): boolean => new GuestRunner('region_router', config).accepted;
  assert.equal(accepted({ route_field: 'region' }), true);
  for (const config of [
    {},
    { topic_prefix: 'x' },
    { route_field: '' },
    { route_field: 1 },
    { route_field: 'r', prefix: 'x' },
    [],
  ]) {
    assert.equal(accepted(config), false, JSON.stringify(config));
  }
  assert.equal(accepted({ route_field: 'r', topic_prefix: 'no spaces ' }), false);
});

test('region_router routes the orders of the demo', () => {
  const guest = new GuestRunner('region_router', { route_field: 'region', topic_prefix: 'orders-' });
  for (const record of generate('orders', 1, 2000)) {
    if (record.value === null) continue;
    if (record.fate === 'dead_letter') assert.equal(guest.transform(record.value), 'failed');
    else assert.equal(guest.route(record.value), `orders-${String(object(record.value)['region'])}`);
  }
});

test('json_to_avro: the fields of the schema, in its order', () => {
  const guest = new GuestRunner('json_to_avro', { schema_registry_subject: 'api-logs-value' });
  const schema = JSON.parse(readFileSync(join(import.meta.dirname, '../data/api-log.avsc'), 'utf8')) as {
    fields: { name: string }[];
  };
  const names = schema.fields.map((field) => field.name);
  for (const record of generate('api-logs', 1, 2000)) {
    if (record.value === null) continue;
    if (record.fate === 'dead_letter') {
      assert.equal(guest.transform(record.value), 'failed', record.value);
      continue;
    }
    const input = object(record.value);
    const output = object(guest.output(record.value));
    assert.deepEqual(Object.keys(output), names);
    assert.deepEqual(output, {
      timestamp: Date.parse(String(input['ts'])),
      request_id: input['req_id'],
      method: String(input['method']).toUpperCase(),
      path: input['path'],
      status: input['status'],
      duration_ms: input['latency_ms'],
      response_bytes: input['bytes_out'],
      client_ip: input['ip'],
      user_id: input['user'],
      user_agent: input['ua'],
    });
  }
});

test('json_to_avro: defaults, dates, and wrong types', () => {
  const guest = new GuestRunner('json_to_avro', {});
  const log = (changes: Record<string, unknown>): string =>
    JSON.stringify({ ts: '2026-03-14T09:26:53.589Z', req_id: 'r', method: 'get', path: '/', status: 200, ...changes });
  assert.equal(
    guest.output(log({ extra: 1 })),
    '{"timestamp":1773480413589,"request_id":"r","method":"GET","path":"/","status":200,"duration_ms":0.0,"response_bytes":0,"client_ip":null,"user_id":null,"user_agent":null}',
  );
  for (let day = 0; day < 40_000; day += 13) {
    const ts = new Date(day * 86_400_000 + 3_599_000).toISOString();
    assert.equal(object(guest.output(log({ ts })))['timestamp'], Date.parse(ts), ts);
  }
  assert.match(guest.output(log({}).replace('200', '200,"latency_ms":12.50')), /"duration_ms":12\.50,/);
  const wrong = [
    { ts: '2026-02-29T00:00:00Z' }, { ts: '2026-13-01T00:00:00Z' }, { ts: 'now' }, { ts: 1 }, { status: '200' }, { status: 2.5 },
    { status: 4294967296 }, { status: -1 }, { req_id: 1 }, { req_id: null }, { method: 'g\n' }, { latency_ms: '1' }, { ip: 4 },
  ]; // prettier-ignore
  for (const changes of wrong) assert.equal(guest.transform(log(changes)), 'failed', JSON.stringify(changes));
});

test('enrich: appends what the tables say; the record’s own bytes stay', () => {
  const guest = new GuestRunner('enrich', {
    lookups: [
      { field: 'c', table: 'countries', as: 'country' },
      { field: 'n', table: 'numbers', as: 'number' },
      { field: 'c', table: 'none', as: 'no"ne' },
    ],
    tables: { countries: { DE: { vat: 19 }, 'ü"': 'x' }, numbers: { 276: [1, 2] } },
  });
  assert.equal(
    guest.output('{ "c":"DE","n":276, "k": 5285.90 }'),
    '{ "c":"DE","n":276, "k": 5285.90 ,"country":{"vat":19},"number":[1,2],"no\\"ne":null}',
  );
  assert.equal(guest.output('{"c":"\\u00fc\\""}'), '{"c":"\\u00fc\\"","country":"x","number":null,"no\\"ne":null}');
  assert.equal(guest.output('{}'), '{"country":null,"number":null,"no\\"ne":null}');
  assert.equal(
    guest.output('{"c":{"c":"DE"},"n":true}'),
    '{"c":{"c":"DE"},"n":true,"country":null,"number":null,"no\\"ne":null}',
  );
});

test('enrich: six lookups make the demo’s orders about twice as long', () => {
  const config = configOf('enrich.yaml') as {
    lookups: { field: string; table: string; as: string }[];
    tables: Record<string, Record<string, unknown>>;
  };
  const guest = new GuestRunner('enrich', config);
  let before = 0;
  let after = 0;
  for (const record of generate('orders', 2, 2000)) {
    if (record.value === null || record.kind === 'malformed') continue;
    const output = guest.output(record.value);
    const input = object(record.value);
    const added = config.lookups.map(
      ({ field, table, as }) => [as, config.tables[table]?.[String(input[field])] ?? null] as const,
    );
    assert.ok(output.startsWith(record.value.slice(0, -1)));
    assert.deepEqual(object(output), { ...input, ...Object.fromEntries(added) });
    before += record.value.length;
    after += output.length;
  }
  assert.ok(after / before > 1.7 && after / before < 2.3, `${String(after / before)} times`);
});

test('enrich: init refuses what it does not understand, and more entries than it holds', () => {
  const lookup = { field: 'a', table: 'b', as: 'c' };
  const tables = { b: Object.fromEntries(Array.from({ length: 4097 }, (_, i) => [`k${String(i)}`, i])) };
  const refused = [
    {},
    { lookups: [] },
    { lookups: [{ field: 'a', table: 'b' }] },
    { lookups: [lookup], table: {} },
    { lookups: [lookup], tables },
    { lookups: [lookup], tables: [] },
  ];
  for (const config of refused)
    assert.equal(new GuestRunner('enrich', config).accepted, false, JSON.stringify(config).slice(0, 80));
  delete tables.b['k0'];
  const guest = new GuestRunner('enrich', { lookups: [lookup], tables });
  assert.equal(guest.accepted, true);
  for (let i = 1; i <= 4096; i += 97)
    assert.equal(guest.output(`{"a":"k${String(i)}"}`), `{"a":"k${String(i)}","c":${String(i)}}`);
  assert.equal(guest.output('{"a":"k0"}'), '{"a":"k0","c":null}');
});

test('flights: SI units in decimal, every other byte as it came', () => {
  const guest = new GuestRunner('flights', { min_distance_miles: 100 });
  const outputs: readonly (readonly [string, string])[] = [
    [
      '{"date":"2001/01/01 06:55","delay":-19,"distance":1797,"origin":"LAX"}',
      '{"date":"2001/01/01 06:55","delay_s":-1140,"distance_m":2891991.168,"origin":"LAX"}',
    ],
    ['{ "distance" : 2586.5 , "x":5285.90,"delay" : 0 }', '{ "distance_m":4162568.256 , "x":5285.90,"delay_s":0 }'],
    ['{"delay":-0,"distance":1000}', '{"delay_s":0,"distance_m":1609344}'],
    ['{"delay":0.25,"distance":999999999999}', '{"delay_s":15,"distance_m":1609343999998390.656}'],
  ];
  for (const [value, output] of outputs) {
    assert.equal(guest.filter(value), true);
    assert.equal(guest.output(value), output);
  }
});

test('flights: cancelled and short ones are dropped, what cannot be judged fails', () => {
  const guest = new GuestRunner('flights', { min_distance_miles: 100 });
  for (const value of [
    '{"delay":null,"distance":500}',
    '{"distance":500}',
    '{"delay":1,"distance":99}',
    '{"delay":1,"distance":99.999}',
    '{"delay":1,"distance":-200}',
  ]) {
    assert.equal(guest.filter(value), false, value);
  }
  assert.equal(guest.filter('{"delay":1,"distance":100.0}'), true);
  for (const value of [
    'oops',
    '{"delay":1}',
    '{"delay":"1","distance":500}',
    '{"delay":1,"distance":1e3}',
    '{"delay":1,"distance":1234567890123}',
  ]) {
    assert.equal(guest.filter(value), true, value);
    assert.equal(guest.transform(value), 'failed', value);
  }
});

test('json_transform: total in decimal, fields renamed and added, order and number text kept', () => {
  const guest = new GuestRunner('json_transform', {});
  assert.equal(
    guest.output(
      '{"order_id":"o1","n":12345678901234567890,"items":[{"sku":"a","qty":3,"unit_price":0.1},{"qty":1,"unit_price":5285.90}],"placed_at":"t"}',
    ),
    '{"id":"o1","n":12345678901234567890,"items":[{"sku":"a","qty":3,"unit_price":0.1,"line_total":0.30},{"qty":1,"unit_price":5285.90,"line_total":5285.90}],"ordered_at":"t","item_count":4,"total":5286.20,"status":"priced"}',
  );
  for (const value of [
    '{}',
    '{"items":{}}',
    '{"items":[{"qty":1}]}',
    '{"items":[{"qty":-1,"unit_price":1}]}',
    '{"items":[{"qty":1,"unit_price":1e3}]}',
    '{"items":[1]}',
  ]) {
    assert.equal(guest.transform(value), 'failed', value);
  }
});

test('json_transform prices the orders of the demo', () => {
  const guest = new GuestRunner('json_transform', {});
  for (const record of generate('orders', 3, 2000)) {
    if (record.value === null || record.kind === 'malformed') continue;
    const input = object(record.value) as { items: { qty: number; unit_price: number }[] };
    const cents = input.items.reduce((sum, item) => sum + item.qty * Math.round(item.unit_price * 100), 0);
    const output = guest.output(record.value);
    assert.ok(output.includes(`"total":${(cents / 100).toFixed(2)},`), output);
    assert.equal(/"customer":(\d+)/.exec(output)?.[1], /"customer":(\d+)/.exec(record.value)?.[1]);
  }
});

function hashByReference(value: string, rounds: number): string {
  const mask = (1n << 64n) - 1n;
  let hash = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(value, 'utf8')) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & mask;
  for (let i = 0; i < rounds; i += 1) {
    hash ^= hash >> 12n;
    hash = (hash ^ (hash << 25n)) & mask;
    hash ^= hash >> 27n;
    hash = (hash * 0x2545f4914f6cdd1dn) & mask;
  }
  return hash.toString(16).padStart(16, '0');
}

test('compute hashes, and keeps the key', () => {
  const guest = new GuestRunner('compute', { rounds: 100 });
  const value = `{"hash":"${hashByReference('grüße', 100)}","rounds":100}`;
  assert.deepEqual(guest.transform('grüße', 'key'), { key: 'key', value });
  assert.equal(new GuestRunner('compute', {}).output('x'), `{"hash":"${hashByReference('x', 2000)}","rounds":2000}`);
  for (const config of [{ rounds: -1 }, { rounds: 1.5 }, { rounds: '1' }, { turns: 1 }]) {
    assert.equal(new GuestRunner('compute', config).accepted, false);
  }
});

test('fragile upper-cases its field, escapes aside, and traps on a marked record', () => {
  const guest = new GuestRunner('fragile', configOf('fragile.yaml'));
  assert.equal(
    guest.output('{"device_id":"ab\\n\\u00e4é-9z","other":"ab","poison":"none"}'),
    '{"device_id":"AB\\n\\u00e4é-9Z","other":"ab","poison":"none"}',
  );
  assert.throws(() => guest.transform('{"device_id":"a","poison":"trap"}'), WebAssembly.RuntimeError);
});

test('fragile on the device events of the demo', () => {
  for (const record of generate('device-events', 1, 2000)) {
    if (record.value === null || record.kind === 'spin') continue;
    const guest = new GuestRunner('fragile', configOf('fragile.yaml'), 4096);
    const { value } = record;
    if (record.kind === 'trap') assert.throws(() => guest.transform(value), WebAssembly.RuntimeError);
    else if (record.kind === 'malformed') assert.equal(guest.transform(value), 'failed');
    else
      assert.equal(
        guest.output(value),
        value.replace(/"device_id":"[^"]*"/, (field) => field.replace(/:".*/, (id) => id.toUpperCase())),
      );
  }
});

test('a frame is what the ABI says', () => {
  assert.deepEqual([...framed('k', 'v')], [1, 0, 0, 0, 0x6b, 0x76]);
  assert.deepEqual([...framed(null, '')], [0xff, 0xff, 0xff, 0xff]);
});
