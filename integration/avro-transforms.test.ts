import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generate, SAMPLE_MIX, type SampleRecord } from '../examples/data/generate.ts';
import { confluentConsumer } from './avro/confluent-consumer.ts';
import { eventually, readAll, type RecordToProduce } from './cluster/client.ts';
import { Api } from './harness/api.ts';
import { avroTest, framed, register } from './harness/avro-world.ts';
import { FaultProxy } from './harness/fault-proxy.ts';
import { Rig } from './harness/rig.ts';
import { headerOf, ID_HEADER, uniqueName } from './harness/spec.ts';

/* Avro through the real sidecar, the real cluster and the real registry; and, read by nobody of ours, what it has written. */

const API_LOG = readFileSync(new URL('../examples/data/api-log.avsc', import.meta.url), 'utf8');

function plain({ key, value, headers, timestampMs }: SampleRecord): RecordToProduce {
  return { key, value, headers, timestamp: timestampMs };
}

/** What json_to_avro.c makes of a log line, in the words of the schema. */
function apiLogOf(value: string): Record<string, unknown> {
  const log = JSON.parse(value) as Record<string, unknown>;
  return {
    timestamp: Date.parse(String(log['ts'])),
    request_id: log['req_id'],
    method: String(log['method']).toUpperCase(),
    path: log['path'],
    status: log['status'],
    duration_ms: log['latency_ms'] ?? 0,
    response_bytes: log['bytes_out'] ?? 0,
    client_ip: log['ip'] ?? null,
    user_id: log['user'] ?? null,
    user_agent: log['ua'] ?? null,
  };
}

avroTest(
  "the seed's json-to-avro runs with config.schema_registry_subject alone, and Confluent's consumer reads it (I2, I3)",
  async ({ bootstrap, registry }, t) => {
    const samples = [...generate('api-logs', 3, 2000, SAMPLE_MIX)];
    const settings = { schema_registry: { url: registry.url } };
    const rig = await Rig.create(t, bootstrap, { records: samples.map(plain), partitions: 3, settings, spec: {} });
    const subject = `${rig.name}-value`;
    const id = await register(registry, subject, API_LOG);
    rig.deploy({ wasm_module: 'transforms/json_to_avro.wasm', config: { schema_registry_subject: subject } });
    const sidecar = await rig.start();
    const metrics = await sidecar.settles(rig.name, samples.length);
    assert.ok(metrics.sum('streamline_schema_registry_requests_total', { result: 'ok' }) >= 1);
    assert.ok(metrics.sum('streamline_schema_registry_latency_seconds_sum') > 0);

    const ledger = await rig.ledger();
    const sampleOf = (record: string): SampleRecord => samples[Number(record)] ?? assert.fail(record);
    ledger.assertAccounted(({ id: record }) => (sampleOf(record).fate === 'dead_letter' ? ['guest.failed'] : 'output'));
    ledger.assertOrdered();
    for (const { input, outputs } of ledger.entries) {
      const [output] = outputs;
      if (output === undefined) continue;
      assert.deepEqual([output.key, output.headers], [input.key, input.headers]);
      if (input.value === null) assert.equal(output.value, null);
      else assert.deepEqual(output.value?.subarray(0, 5), framed(id, ''));
    }

    const written = ledger.entries.filter(({ outputs }) => outputs.length > 0);
    const read = await confluentConsumer({ bootstrap, registry: registry.url, topic: rig.out, count: written.length });
    if (typeof read === 'string') {
      t.diagnostic(`not read by an independent consumer: ${read}`);
      return;
    }
    assert.equal(read.length, written.length);
    for (const { value, headers } of read) {
      const record = headers.find(([name]) => name === ID_HEADER)?.[1] ?? assert.fail('a record without id');
      const sample = sampleOf(record);
      if (sample.value === null) assert.equal(value, null);
      else assert.deepEqual(withEpochMs(value), apiLogOf(sample.value), record);
    }
  },
  { timeoutMs: 180_000 },
);

/** The consumer shows a timestamp as a date. */
function withEpochMs(value: unknown): unknown {
  const log = value as Record<string, unknown>;
  return { ...log, timestamp: Date.parse(String(log['timestamp'])) };
}

avroTest(
  'Avro in, JSON for the guest, Avro out: keys and values, each with its subject (I2, I3)',
  async ({ bootstrap, registry }, t) => {
    const settings = { schema_registry: { url: registry.url } };
    const rig = await Rig.create(t, bootstrap, { records: [], partitions: 2, settings, spec: {} });
    const keyIn = await register(registry, uniqueName('key'), '"string"');
    const valueIn = await register(registry, uniqueName('value'), {
      type: 'record',
      name: 'Person',
      fields: [
        { name: 'email', type: 'string' },
        { name: 'age', type: 'int' },
        { name: 'balance', type: 'long' },
      ],
    });
    const person = {
      type: 'record',
      name: 'Person',
      fields: [
        { name: 'email', type: 'string' },
        { name: 'age', type: 'long' },
        { name: 'balance', type: 'long' },
        { name: 'tags', type: { type: 'array', items: 'string' }, default: [] },
      ],
    };
    const keyOut = await register(registry, `${rig.out}-key`, '"string"');
    const valueOut = await register(registry, `${rig.out}-value`, person);
    const big = Buffer.from([0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]); // 2^63 - 1
    const records = Array.from({ length: 100 }, (_, i) => ({
      key: framed(keyIn, Buffer.from([4, 0x6b, 0x30 + (i % 10)])),
      value: i % 10 === 9 ? null : framed(valueIn, Buffer.concat([Buffer.from([6, 0x61, 0x40, 0x62, i]), big])),
    }));
    await rig.produce(records);
    rig.deploy({
      wasm_module: 'transforms/mask_pii.wasm',
      config: { fields_to_mask: ['email'] },
      input: { start: 'earliest', format: 'avro', key_format: 'avro' },
      output: { format: 'avro', key_format: 'avro' },
    });
    const sidecar = await rig.start();
    await sidecar.settles(rig.name, records.length);
    const ledger = await rig.ledger();
    ledger.assertAccounted(() => 'output');
    ledger.assertOrdered();
    for (let i = 0; i < records.length; i += 1) {
      const { key, value } = ledger.output(i);
      assert.deepEqual(key, framed(keyOut, Buffer.from([4, 0x6b, 0x30 + (i % 10)])));
      const masked = Buffer.concat([
        Buffer.from([28]),
        Buffer.from('***REDACTED***'),
        Buffer.from([i]),
        big,
        Buffer.from([0]),
      ]);
      assert.deepEqual(value, i % 10 === 9 ? null : framed(valueOut, masked));
    }
  },
);

avroTest(
  'route() names the topic, the topic the subject; a topic without one fails its records alone',
  async ({ bootstrap, registry }, t) => {
    const settings = { schema_registry: { url: registry.url, unknown_ttl_ms: 200 } };
    const records = Array.from({ length: 60 }, (_, i) => ({
      value: `{"region":"${['eu', 'us', 'mea'][i % 3]}","n":${i}}`,
    }));
    const rig = await Rig.create(t, bootstrap, { records, settings, spec: {} });
    const order = (name: string): object => ({
      type: 'record',
      name,
      fields: [
        { name: 'region', type: 'string' },
        { name: 'n', type: 'int' },
      ],
    });
    const topics = ['eu', 'us', 'mea'].map((region) => `${rig.name}-${region}`);
    const eu = await register(registry, `${topics[0]}-value`, order('Eu'));
    const us = await register(registry, `${topics[1]}-value`, order('Us'));
    rig.deploy({
      output_topic: '',
      wasm_module: 'transforms/region_router.wasm',
      config: { route_field: 'region', topic_prefix: `${rig.name}-` },
      output: { format: 'avro' },
    });
    const sidecar = await rig.start();
    await sidecar.settles(rig.name, records.length);
    const ledger = await rig.ledger(topics.slice(0, 2));
    ledger.assertAccounted(({ id }) => (Number(id) % 3 === 2 ? ['schema.missing'] : 'output'));
    for (const { id, outputs } of ledger.entries) {
      const [output] = outputs;
      if (output !== undefined) assert.equal(output.value?.readUInt32BE(1), Number(id) % 3 === 0 ? eu : us);
    }
  },
);

avroTest(
  'exactly once with Avro on both sides: each outcome once, read as committed (I4)',
  async ({ bootstrap, registry }, t) => {
    const settings = { schema_registry: { url: registry.url } };
    const subject = uniqueName('eo');
    const id = await register(registry, subject, '"int"');
    const records = Array.from({ length: 500 }, (_, i) => ({
      value: i % 50 === 49 ? 'x' : framed(id, Buffer.from([i % 100])),
    }));
    const spec = {
      wasm_module: 'builtin:pass-through',
      delivery: 'exactly_once',
      input: { start: 'earliest', format: 'avro' },
      output: { format: 'avro', subject },
    };
    const rig = await Rig.create(t, bootstrap, { records, settings, spec, partitions: 2 });
    const sidecar = await rig.start();
    await sidecar.settles(rig.name, records.length);
    await sidecar.stop();
    const ledger = await rig.ledger();
    ledger.assertAccounted(({ id: record }) => (Number(record) % 50 === 49 ? ['record.not_framed'] : 'output'));
    ledger.assertOrdered();
  },
);

avroTest(
  'a schema beside the spec is registered when it may be; an incompatible one is refused, and plan says so before',
  async ({ bootstrap, registry }, t) => {
    const settings = { schema_registry: { url: registry.url } };
    const rig = await Rig.create(t, bootstrap, { records: [], settings, spec: {} });
    rig.home.removeSpec('spec.yaml');
    const sidecar = await rig.start();
    const api = Api.of(sidecar);
    const file = join(rig.home.specs, 'point.avsc');
    const point = { type: 'record', name: 'Point', namespace: 'a', fields: [{ name: 'x', type: 'int' }] };
    writeFileSync(file, JSON.stringify(point));
    const spec = (output: object): object => ({
      name: rig.name,
      input_topic: rig.name,
      output_topic: rig.out,
      wasm_module: 'builtin:pass-through',
      input: { start: 'earliest' },
      output: { format: 'avro', subject_name_strategy: 'topic_record', schema_file: 'point.avsc', ...output },
    });
    const subject = `${rig.out}-a.Point`;
    await api.refused(409, 'schema.not_registered', 'POST', '/transforms', spec({ auto_register: false }));
    interface Plan {
      readonly schemas: readonly Record<string, unknown>[];
      readonly errors: readonly { readonly code: string }[];
    }
    const plan = async (): Promise<Plan> =>
      JSON.parse(await api.ok(200, 'PUT', '/transforms/plan', spec({ auto_register: true }))) as Plan;
    const before = await plan();
    assert.deepEqual(
      [before.schemas[0]?.['subject'], before.schemas[0]?.['registers'], before.errors],
      [subject, true, []],
    );
    await api.ok(201, 'POST', '/transforms', spec({ auto_register: true }));
    await sidecar.reaches('RUNNING', rig.name);
    await rig.produce([{ value: '{"x":3}' }]);
    await sidecar.settles(rig.name, 1);
    const { id } = (await (
      await fetch(`${registry.url}/subjects/${encodeURIComponent(subject)}/versions/latest`)
    ).json()) as { id: number };
    assert.deepEqual((await rig.ledger()).output(0).value, framed(id, Buffer.from([6])));

    // A field that readers of the old schema cannot do without.
    writeFileSync(file, JSON.stringify({ ...point, fields: [...point.fields, { name: 'y', type: 'int' }] }));
    const after = await plan();
    assert.equal(after.schemas[0]?.['compatible'], false);
    assert.ok(after.errors.some(({ code }) => code === 'schema.incompatible'));
    await api.refused(
      409,
      'schema.incompatible',
      'PUT',
      `/transforms/${rig.name}/config`,
      spec({ auto_register: true, timestamp: 'now' }),
    );
    // The version that serves goes on (I10).
    await rig.produce([{ value: '{"x":4}' }]);
    await sidecar.settles(rig.name, 2);
    (await rig.ledger()).assertAccounted(() => 'output');

    writeFileSync(
      file,
      JSON.stringify({ ...point, fields: [...point.fields, { name: 'y', type: 'int', default: 0 }] }),
    );
    await eventually(async () => {
      await rig.produce([{ value: '{"x":5,"y":6}' }]);
      const last = (await readAll(bootstrap, rig.out, { until: 'end' })).at(-1);
      assert.equal(last?.value?.at(-1), 12, 'the changed file is a new version');
    });
  },
);

avroTest('JSON with a JSON Schema: framed, checked, and read back', async ({ bootstrap, registry }, t) => {
  const settings = { schema_registry: { url: registry.url } };
  const subject = uniqueName('json');
  const id = await register(
    registry,
    subject,
    {
      $schema: 'http://json-schema.org/draft-07/schema#',
      type: 'object',
      properties: { a: { type: 'integer', minimum: 0 } },
      required: ['a'],
    },
    'JSON',
  );
  const records = ['{"a":1}', '{"a":-1}', '{"b":1}', '{', framed(id, '{"a":2}'), framed(id, '{"a":"x"}')].map(
    (value) => ({ value }),
  );
  const spec = {
    wasm_module: 'builtin:pass-through',
    input: { start: 'earliest', format: 'json' },
    output: { format: 'json', subject },
  };
  const rig = await Rig.create(t, bootstrap, { records, settings, spec });
  const sidecar = await rig.start();
  await sidecar.settles(rig.name, records.length);
  const ledger = await rig.ledger();
  const mismatch = ['record.schema_mismatch'];
  const fates = ['output', mismatch, mismatch, ['record.not_json'], 'output', ['record.malformed']] as const;
  ledger.assertAccounted(({ id: record }) => fates[Number(record)] ?? 'dropped');
  assert.deepEqual(ledger.output(0).value, framed(id, '{"a":1}'));
  assert.deepEqual(ledger.output(4).value, framed(id, '{"a":2}'));
  const message = headerOf(ledger.deadLetter(1), '__connect.errors.exception.message');
  assert.equal(message, 'output value: $.a: must be >= 0');
  assert.equal(headerOf(ledger.deadLetter(1), '__connect.errors.stage'), 'VALUE_CONVERTER');
});

avroTest(
  'a version registered while it runs is there for the first record that needs it, in the midst of misfits that ask for nothing',
  async ({ bootstrap, registry }, t) => {
    const proxy = await FaultProxy.inFrontOf(registry.url);
    t.after(() => proxy.close());
    // subject_ttl_ms is the default: five minutes.
    const settings = { schema_registry: { url: proxy.url } };
    const subject = uniqueName('grows');
    const grows = (...fields: readonly object[]): object => ({ type: 'record', name: 'Grows', fields });
    const n = { name: 'n', type: 'int' };
    const first = await register(registry, subject, grows(n));
    const spec = { wasm_module: 'builtin:pass-through', output: { format: 'avro', subject } };
    const rig = await Rig.create(t, bootstrap, { records: [{ value: '{"n":1}' }], settings, spec });
    const sidecar = await rig.start();
    await sidecar.settles(rig.name, 1);

    const misfits = Array.from({ length: 20_000 }, (_, i) => ({ value: i % 10 === 0 ? '{"n":"x"}' : '{"n":1}' }));
    const looksBefore = proxy.requests.length;
    const beganMs = performance.now();
    await rig.produce(misfits);
    await sidecar.settles(rig.name, 1 + misfits.length);
    const tookMs = performance.now() - beganMs;
    const looks = proxy.requests.length - looksBefore;
    t.diagnostic(`${misfits.length} records, a tenth of them misfits: ${Math.round(tookMs)} ms, ${looks} requests`);
    assert.ok(looks <= 1 + tookMs / 1000, `${looks} requests in ${tookMs} ms`);

    const second = await register(registry, subject, grows(n, { name: 's', type: 'string', default: '' }));
    assert.notEqual(second, first);
    // The first may come while what was looked up for the misfits is still believed, and then it is judged by that.
    let produced = 1 + misfits.length;
    await eventually(async () => {
      await rig.produce([{ value: '{"n":2,"s":"x"}' }]);
      produced += 1;
      await sidecar.settles(rig.name, produced);
      const last = (await readAll(bootstrap, rig.out, { until: 'end' })).at(-1);
      assert.deepEqual(last?.value, framed(second, Buffer.from([4, 2, 0x78])));
    });
    const ledger = await rig.ledger();
    ledger.assertAccounted(({ input, outputs }) => {
      const value = String(input.value);
      const fits = value === '{"n":1}' || (value.includes('"s"') && outputs.length > 0);
      return fits ? 'output' : ['record.schema_mismatch'];
    });
    ledger.assertOrdered();
    assert.deepEqual(ledger.output(0).value, framed(first, Buffer.from([2])));
  },
);
