import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InjectOptions } from 'fastify';
import { StreamlineError } from '../base/error.ts';
import { fixture } from './testing/api-fixture.ts';
import {
  BY_HAND_SHA256,
  FakeControl,
  FREE_SHA256,
  MASK_PII,
  NOW_MS,
  USED_SHA256,
  WORKER,
} from './testing/fake-control.ts';

const json = { 'content-type': 'application/json' };
const yaml = { 'content-type': 'application/yaml' };
const wasm = { 'content-type': 'application/wasm' };
const SPEC = 'name: other\ninput_topic: a\noutput_topic: b\nwasm_module: m.wasm\n';
const MODULE = Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);

async function ask(request: string | InjectOptions, control = new FakeControl()) {
  const { api, logged } = fixture({ control });
  const response = await api.inject(request);
  assert.deepEqual(logged, [], 'an answer is not as described');
  return {
    status: response.statusCode,
    headers: response.headers,
    body: response.body,
    json: () => response.json(),
    control,
  };
}

test('GET / says what this sidecar is, and why it cannot write specs', async () => {
  const writable = (await ask('/')).json();
  assert.deepEqual(
    [writable.version, writable.worker_id, writable.transport, writable.features],
    ['1.2.3', WORKER, 'bridge', { wasm_transforms: true }],
  );
  assert.deepEqual([writable.specs.writable, writable.specs.reason], [true, undefined]);
  assert.deepEqual(
    [writable.specs.errors[0].code, writable.specs.errors[0].place],
    ['spec.unknown_field', 'specs/b.yaml:3:1'],
  );
  const control = new FakeControl();
  control.readOnly = 'a ConfigMap';
  const readOnly = (await ask('/', control)).json();
  assert.deepEqual([readOnly.specs.writable, readOnly.specs.reason], [false, 'a ConfigMap']);
});

test('GET /transforms: names, or what is asked for of each', async () => {
  const control = new FakeControl();
  control.specs.set('a', { text: SPEC, target: 'PAUSED' });
  assert.deepEqual((await ask('/transforms', control)).json(), ['a', 'mask-pii']);
  const both = (await ask('/transforms?expand=status&expand=info', control)).json();
  assert.deepEqual(Object.keys(both), ['a', 'mask-pii']);
  assert.deepEqual(Object.keys(both.a), ['status', 'info']);
  assert.equal(both.a.status.connector.state, 'PAUSED');
  assert.deepEqual(Object.keys((await ask('/transforms?expand=info', control)).json().a), ['info']);
});

test('GET /transforms: one that is removed meanwhile is left out', async () => {
  const control = new FakeControl();
  control.names = () => ['gone', 'mask-pii'];
  assert.deepEqual(Object.keys((await ask('/transforms?expand=info', control)).json()), ['mask-pii']);
});

test('GET /transforms: a spec file that cannot be read hides no other transform', async () => {
  const control = new FakeControl();
  const spec = control.spec.bind(control);
  control.specs.set('a', { text: SPEC, target: 'RUNNING' });
  control.spec = async (name) => {
    if (name === 'a') throw new StreamlineError('spec.unreadable', 'not UTF-8', { place: 'specs/a.yaml' });
    return spec(name);
  };
  const { status, json: body } = await ask('/transforms?expand=info&expand=status', control);
  assert.equal(status, 200);
  assert.deepEqual([body().a.info.config, body().a.info.source], [{}, 'specs/a.yaml']);
  assert.equal(body()['mask-pii'].info.config.name, 'mask-pii');
  assert.equal((await ask('/transforms/a', control)).status, 422);
});

test('GET status: Connect’s fields, and more', async () => {
  const { json: body } = await ask('/transforms/mask-pii/status');
  const { connector, tasks, version, group } = body();
  assert.deepEqual(connector, { state: 'RUNNING', worker_id: WORKER });
  assert.deepEqual(
    tasks,
    [0, 2].map((id) => ({ id, state: 'RUNNING', worker_id: WORKER })),
  );
  assert.deepEqual([version.number, version.since, version.records], [1, '2026-01-31T12:00:00.000Z', 17]);
  assert.equal(group, undefined, 'the cluster is not asked unless asked to');
});

test('GET status of one that failed, with a candidate that was refused', async () => {
  const control = new FakeControl();
  const error = new StreamlineError('guest.stuck', 'it hangs', { suggestion: 'mend it' });
  const candidate = { module: 'm.wasm', moduleSha256: undefined, configSha256: 'e'.repeat(64), sinceMs: NOW_MS };
  control.statusMore = {
    state: 'FAILED',
    error,
    candidate: { ...candidate, stage: 'REFUSED', error, canary: { done: 2, of: 5 } },
    specErrors: [error],
  };
  const status = (await ask('/transforms/mask-pii/status?group=true', control)).json();
  assert.equal(status.connector.trace, 'it hangs [guest.stuck]\n  mend it');
  assert.deepEqual(
    [status.error.code, status.candidate.error.code, status.spec_errors[0].code],
    Array(3).fill('guest.stuck'),
  );
  assert.deepEqual([status.candidate.module_sha256, status.candidate.canary], [undefined, { done: 2, of: 5 }]);
  assert.deepEqual(
    [status.group.one_of, status.group.members[1].partitions, status.group.members[0].self],
    [2, [1], true],
  );
});

test('GET status of one whose records wait for the schema registry', async () => {
  const control = new FakeControl();
  const error = new StreamlineError('registry.unreachable', 'no answer', { suggestion: 'hidden' });
  control.statusMore = { waiting: { for: 'schema_registry', sinceMs: NOW_MS, error } };
  const waiting = {
    for: 'schema_registry',
    since: '2026-01-31T12:00:00.000Z',
    code: 'registry.unreachable',
    message: 'no answer',
  };
  const status = (await ask('/transforms/mask-pii/status', control)).json();
  assert.deepEqual([status.connector.state, status.waiting, status.error], ['RUNNING', waiting, undefined]);
  const listed = (await ask('/transforms?expand=status', control)).json();
  assert.deepEqual(listed['mask-pii'].status.waiting, waiting);
  assert.equal((await ask('/transforms/mask-pii/status')).json().waiting, undefined);
});

test('GET info, tasks, topics', async () => {
  const info = (await ask('/transforms/mask-pii')).json();
  assert.deepEqual(
    [info.name, info.type, info.source, info.config.input_topic],
    ['mask-pii', 'map', 'specs/mask-pii.yaml', 'raw-events'],
  );
  assert.deepEqual(
    info.tasks,
    [0, 2].map((task) => ({ transform: 'mask-pii', task })),
  );
  assert.deepEqual((await ask('/transforms/mask-pii/tasks')).json()[1], {
    id: { transform: 'mask-pii', task: 2 },
    config: {},
  });
  assert.deepEqual((await ask('/transforms/mask-pii/topics')).json()['mask-pii'].topics[0], 'raw-events');
});

test('I2: GET metrics shows what is unaccounted for', async () => {
  const metrics = (await ask('/transforms/mask-pii/metrics')).json();
  assert.deepEqual([metrics.records.received, metrics.records.unaccounted, metrics.latency_us.p99], [100, 0, 9]);
  assert.deepEqual(
    [metrics.end_to_end_us.p50, metrics.output_bytes, metrics.dead_letters],
    [3000, 2500, { 'guest.trap': 2 }],
  );
  assert.deepEqual(
    [metrics.lag.total, metrics.errors, metrics.last_commit],
    [12, { 'guest.trap': 3 }, '2026-01-31T12:00:00.000Z'],
  );
  const control = new FakeControl();
  const { received, ...rest } = control.metrics('mask-pii');
  control.metrics = () => ({ ...rest, received: received + 4 });
  assert.equal((await ask('/transforms/mask-pii/metrics', control)).json().records.unaccounted, 4);
});

test('GET config: as JSON with every digit, or as it was written', async () => {
  const asJson = await ask('/transforms/mask-pii/config');
  assert.match(asJson.body, /"id":12345678901234567890,"price":5285\.90\}/);
  assert.match(String(asJson.headers['content-type']), /^application\/json/);
  const asYaml = await ask({ url: '/transforms/mask-pii/config', headers: { accept: 'application/yaml' } });
  assert.equal(asYaml.body, MASK_PII);
  assert.match(String(asYaml.headers['content-type']), /^application\/yaml/);
  const any = await ask({ url: '/transforms/mask-pii/config', headers: { accept: 'text/html, */*' } });
  assert.equal(any.body, asJson.body);
});

test('POST /transforms: a spec alone, as YAML', async () => {
  const made = await ask({ method: 'POST', url: '/transforms', headers: yaml, payload: SPEC });
  assert.deepEqual([made.status, made.headers['location']], [201, '/transforms/other']);
  assert.deepEqual(
    [made.json().created, made.json().config_sha256, made.json().source],
    [true, 'd'.repeat(64), 'specs/other.yaml'],
  );
  assert.deepEqual(made.control.calls, [['deploy', SPEC, { createOnly: true }]]);
});

test('POST /transforms: one that is there is a conflict', async () => {
  const twice = await ask({ method: 'POST', url: '/transforms', headers: yaml, payload: MASK_PII });
  assert.deepEqual([twice.status, twice.json().code], [409, 'transform.exists']);
});

test('POST /transforms in Connect’s shape: digits, order and name reach the spec', async () => {
  const config =
    '{"input_topic": "a", "output_topic": "b",\n "wasm_module": "m.wasm", "config": {"id": 12345678901234567890, "p": 5285.90}}';
  const made = await ask({
    method: 'POST',
    url: '/transforms',
    headers: json,
    payload: `{"name": "other", "config": ${config}}`,
  });
  assert.equal(made.status, 201);
  assert.deepEqual(made.control.calls[0], ['deploy', `{"name": "other", ${config.slice(1)}`, { createOnly: true }]);
});

test('PUT config: 201 for a new one, 200 for a change; a name that is left out comes from the path', async () => {
  const { control, status } = await ask({
    method: 'PUT',
    url: '/transforms/other/config',
    headers: yaml,
    payload: SPEC.replace('name: other\n', ''),
  });
  assert.equal(status, 201);
  assert.deepEqual(control.calls[0], [
    'deploy',
    SPEC.replace('other', '"other"'),
    { name: 'other', createOnly: false },
  ]);
  const changed = await ask({ method: 'PUT', url: '/transforms/other/config', headers: yaml, payload: SPEC }, control);
  assert.deepEqual([changed.status, changed.json().created, changed.json().changed], [200, false, true]);
});

test('PUT config: a spec of another name is refused, and nothing is deployed', async () => {
  const refused = await ask({ method: 'PUT', url: '/transforms/another/config', headers: yaml, payload: SPEC });
  assert.deepEqual([refused.status, refused.json().code, refused.json().configPath], [400, 'request.invalid', '/name']);
  assert.deepEqual(refused.control.calls, []);
});

test('PUT config: every mistake in the spec is told, with its place', async () => {
  const payload = 'name: other\ninput_topic: 7\noutptu_topic: b\nwasm_module: m.wasm\n';
  const refused = await ask({ method: 'PUT', url: '/transforms/other/config', headers: yaml, payload });
  assert.equal(refused.status, 422);
  const reasons = refused.json().reasons as { configPath: string; error_code: number }[];
  assert.deepEqual(reasons.map(({ configPath }) => configPath).toSorted(), ['/input_topic', '/outptu_topic']);
  assert.ok(reasons.every((reason) => reason.error_code === 422));
});

test('PATCH config: a merge patch, as either media type', async () => {
  for (const type of ['application/json', 'application/merge-patch+json; charset=UTF-8']) {
    const payload = '{"timeout_ms": 20, "config": null}';
    const changed = await ask({
      method: 'PATCH',
      url: '/transforms/mask-pii/config',
      headers: { 'content-type': type },
      payload,
    });
    assert.deepEqual(
      [changed.status, changed.json().config.timeout_ms, changed.json().config.config],
      [200, 20, undefined],
    );
    assert.deepEqual(changed.control.calls[0], ['patch', 'mask-pii', payload]);
  }
});

test('PATCH config does not rename, and hands numbers on with their digits', async () => {
  const patch = async (payload: string) =>
    ask({ method: 'PATCH', url: '/transforms/mask-pii/config', headers: json, payload });
  for (const payload of ['{"name": "b"}', '{"name": null}', '{"__proto__": {"x": 1}}']) {
    const refused = await patch(payload);
    assert.deepEqual(
      [refused.status, refused.json().code, refused.control.calls],
      [400, 'request.invalid', []],
      payload,
    );
  }
  assert.equal((await patch('{"name": "mask-pii"}')).status, 200);
  const long = '{"config": {"id": 12345678901234567890, "price": 5285.90}}';
  assert.deepEqual((await patch(long)).control.calls[0], ['patch', 'mask-pii', long]);
});

test('DELETE undeploys', async () => {
  const gone = await ask({ method: 'DELETE', url: '/transforms/mask-pii' });
  assert.deepEqual([gone.status, gone.body, gone.control.names()], [204, '', []]);
  assert.equal((await ask({ method: 'DELETE', url: '/transforms/mask-pii' }, gone.control)).status, 404);
});

test('pause, resume, stop', async () => {
  for (const [word, status, target] of [
    ['pause', 202, 'PAUSED'],
    ['resume', 202, 'RUNNING'],
    ['stop', 204, 'STOPPED'],
  ] as const) {
    const done = await ask({ method: 'PUT', url: `/transforms/mask-pii/${word}` });
    assert.deepEqual([done.status, done.body, done.control.calls], [status, '', [['setTarget', 'mask-pii', target]]]);
  }
});

test('paths without a body take none, or an empty one of any kind', async () => {
  const pause = (headers: Record<string, string>, payload: string) =>
    ask({ method: 'PUT', url: '/transforms/mask-pii/pause', headers, payload });
  assert.equal((await pause(json, '{}')).status, 202);
  assert.equal((await pause({ 'content-type': 'application/x-www-form-urlencoded' }, '')).status, 202);
  assert.equal((await pause(json, '{"a": 1}')).status, 400);
});

test('restart', async () => {
  const plain = await ask({ method: 'POST', url: '/transforms/mask-pii/restart' });
  assert.deepEqual([plain.status, plain.control.calls], [204, [['restart', 'mask-pii', { onlyFailed: false }]]]);
  const full = await ask({ method: 'POST', url: '/transforms/mask-pii/restart?includeTasks=true&onlyFailed=true' });
  assert.deepEqual(
    [full.status, full.json().name, full.control.calls[0]?.[2]],
    [202, 'mask-pii', { onlyFailed: true }],
  );
});

test('GET offsets: what is committed, and where the version that serves took over', async () => {
  const { offsets } = (await ask('/transforms/mask-pii/offsets')).json();
  assert.deepEqual(offsets[0].partition, { kafka_topic: 'raw-events', kafka_partition: 0 });
  assert.deepEqual([offsets[0].offset, offsets[0].lag, offsets[0].switched.offset], [{ kafka_offset: 93 }, 7, 42]);
  assert.deepEqual([offsets[1].offset, offsets[1].lag], [null, undefined]);
});

test('PATCH offsets: every way to say where, when STOPPED', async () => {
  const partition = { kafka_topic: 'raw-events', kafka_partition: 1 };
  for (const [body, target] of [
    [{ to: 'earliest' }, { to: 'earliest' }],
    [{ to: 'latest' }, { to: 'latest' }],
    [{ to: '@1767225600000' }, { to: 'timestamp', timestampMs: 1_767_225_600_000 }],
    [{ to: '@2026-01-01T00:00:00Z' }, { to: 'timestamp', timestampMs: 1_767_225_600_000 }],
    [{ to: '+5' }, { to: 'shift', records: 5 }],
    [{ to: '-5' }, { to: 'shift', records: -5 }],
    [{ to: '-0' }, { to: 'shift', records: 0 }],
    [
      { offsets: [{ partition, offset: { kafka_offset: 7 } }] },
      { to: 'exact', offsets: [{ partition: 1, offset: 7 }] },
    ],
  ] as const) {
    const control = new FakeControl();
    await control.setTarget('mask-pii', 'STOPPED');
    const moved = await ask({ method: 'PATCH', url: '/transforms/mask-pii/offsets', payload: body }, control);
    assert.deepEqual([moved.status, control.calls.at(-1)], [200, ['resetOffsets', 'mask-pii', target]], moved.body);
    assert.equal(moved.json().offsets.length, 2);
  }
});

test('PATCH offsets: what cannot be meant is refused, with the field', async () => {
  const one = (topic: string, partition: number) => ({
    partition: { kafka_topic: topic, kafka_partition: partition },
    offset: { kafka_offset: 7 },
  });
  for (const [body, code, configPath] of [
    [{ to: 'yesterday' }, 'offsets.invalid', '/to'],
    [{ to: '5' }, 'offsets.invalid', '/to'],
    [{ to: '@2026-02-30' }, 'offsets.invalid', '/to'],
    [{ to: 'earliest', offsets: [one('raw-events', 0)] }, 'request.invalid', ''],
    [{}, 'request.invalid', ''],
    [{ offsets: [one('other', 0)] }, 'offsets.invalid', '/offsets/0/partition/kafka_topic'],
    [{ offsets: [one('raw-events', 0), one('raw-events', 0)] }, 'offsets.invalid', '/offsets/1/partition'],
    [{ offsets: [{ ...one('raw-events', 0), offset: null }] }, 'request.invalid', '/offsets/0/offset'],
    [{ offsets: [one('raw-events', -1)] }, 'request.invalid', '/offsets/0/partition/kafka_partition'],
  ] as const) {
    const refused = await ask({ method: 'PATCH', url: '/transforms/mask-pii/offsets', payload: body });
    const error = refused.json();
    assert.deepEqual([refused.status, error.code, error.configPath], [400, code, configPath], refused.body);
    assert.deepEqual(refused.control.calls, []);
  }
});

test('PATCH and DELETE offsets: a conflict unless STOPPED', async () => {
  const running = await ask({ method: 'PATCH', url: '/transforms/mask-pii/offsets', payload: { to: 'earliest' } });
  assert.deepEqual([running.status, running.json().code], [409, 'transform.not_stopped']);
  const kept = await ask({ method: 'DELETE', url: '/transforms/mask-pii/offsets' });
  assert.equal(kept.status, 409);
  await kept.control.setTarget('mask-pii', 'STOPPED');
  assert.equal((await ask({ method: 'DELETE', url: '/transforms/mask-pii/offsets' }, kept.control)).status, 204);
});

test('validate and plan', async () => {
  const good = await ask({ method: 'PUT', url: '/transforms/validate', headers: yaml, payload: SPEC });
  assert.deepEqual([good.status, good.json().ok, good.json().module.exports], [200, true, ['memory', 'transform']]);
  const bad = await ask({ method: 'PUT', url: '/transforms/validate', headers: yaml, payload: 'name: [' });
  assert.deepEqual([bad.status, bad.json().ok, bad.json().errors[0].code], [200, false, 'spec.not_yaml']);
  const plan = await ask({ method: 'PUT', url: '/transforms/plan', headers: yaml, payload: SPEC });
  assert.deepEqual([plan.status, plan.json().action, plan.json().group.lag], [200, 'in_place', 12]);
  assert.deepEqual(plan.json().topics[1], { role: 'output', creates: false });
  assert.deepEqual(plan.json().changes[1], { field: '/type', after: 'map' });
  const [fresh, known] = plan.json().schemas;
  assert.deepEqual(
    [fresh.id, fresh.version, fresh.registers, fresh.compatible, fresh.level, fresh.messages],
    [undefined, 'file', true, false, 'BACKWARD', ['name: changed']],
  );
  assert.deepEqual(known, {
    part: 'key',
    subject: 'k',
    version: 'latest',
    id: 7,
    type: 'AVRO',
    registers: false,
    messages: [],
  });
  const broken = await ask({ method: 'PUT', url: '/transforms/plan', headers: yaml, payload: 'a: [\nb: 1\n' });
  assert.deepEqual([broken.status, broken.json().code], [400, 'request.invalid']);
  assert.match(broken.json().place, /^body:\d+:\d+$/);
});

test('modules: list, upload, look, delete', async () => {
  const control = new FakeControl();
  const [module] = (await ask('/modules', control)).json();
  assert.deepEqual(
    [module.name, module.used_by, module.modified],
    ['mask-pii', ['mask-pii'], '2026-01-31T12:00:00.000Z'],
  );
  const upload = () => ask({ method: 'POST', url: '/modules?name=new', headers: wasm, payload: MODULE }, control);
  const [first, again] = [await upload(), await upload()];
  assert.deepEqual([first.status, again.status, again.json().sha256], [201, 200, first.json().sha256]);
  const sha256 = first.json().sha256 as string;
  assert.equal((await ask(`/modules/${sha256}`, control)).json().path, `uploaded/new/${sha256}.wasm`);
  const remove = async (digest: string) => ask({ method: 'DELETE', url: `/modules/${digest}` }, control);
  assert.equal((await remove(sha256)).status, 204);
  for (const [digest, status, code] of [
    [sha256, 404, 'module.not_found'],
    [USED_SHA256, 409, 'module.in_use'],
    [BY_HAND_SHA256, 409, 'module.read_only'],
    ['7', 400, 'request.invalid'],
  ] as const) {
    const kept = await remove(digest);
    assert.deepEqual([kept.status, kept.json().code], [status, code]);
  }
  assert.equal((await ask(`/modules/${FREE_SHA256}`, control)).status, 200);
  assert.deepEqual([(await ask(`/modules/${sha256}`, control)).json().code], ['module.not_found']);
});

test('POST /modules: a bad one is refused with every reason, one beyond the limit before it is read', async () => {
  const bad = await ask({ method: 'POST', url: '/modules?name=new', headers: wasm, payload: Buffer.from('nonsense') });
  assert.deepEqual([bad.status, bad.json().code], [422, 'module.invalid']);
  assert.deepEqual(
    bad.json().reasons.map((reason: { code: string }) => reason.code),
    ['module.invalid', 'module.missing_export'],
  );
  const large = await ask({ method: 'POST', url: '/modules?name=new', headers: wasm, payload: Buffer.alloc(8193) });
  assert.deepEqual([large.status, large.json().code, large.headers['connection']], [413, 'request.too_large', 'close']);
  const within = await ask({
    method: 'POST',
    url: '/modules?name=new',
    headers: wasm,
    payload: Buffer.concat([MODULE, Buffer.alloc(8184)]),
  });
  assert.equal(within.status, 201, 'a module may be larger than other bodies');
});

test('loggers', async () => {
  assert.deepEqual((await ask('/admin/loggers')).json().root, { level: 'INFO', last_modified: null });
  const { control, ...changed } = await ask({
    method: 'PUT',
    url: '/admin/loggers/mask-pii',
    payload: { level: 'DEBUG' },
  });
  assert.deepEqual([changed.status, changed.json()], [200, ['mask-pii']]);
  assert.deepEqual((await ask('/admin/loggers/mask-pii', control)).json(), { level: 'DEBUG', last_modified: NOW_MS });
  assert.equal(
    (await ask({ method: 'PUT', url: '/admin/loggers/root', payload: { level: 'warn' } })).control.calls[0]?.[2],
    'warn',
  );
  const unknown = await ask('/admin/loggers/mask-pi');
  assert.deepEqual([unknown.status, unknown.json().suggestion], [404, 'Did you mean mask-pii?']);
  const wrong = await ask({ method: 'PUT', url: '/admin/loggers/root', payload: { level: 'DEBG' } });
  assert.deepEqual(
    [wrong.status, wrong.json().configPath, wrong.json().suggestion],
    [400, '/level', 'Did you mean DEBUG?'],
  );
});

test('the feature switched off: reads work, what would run something says why it does not', async () => {
  const control = new FakeControl();
  control.enabled = false;
  assert.equal((await ask('/', control)).json().features.wasm_transforms, false);
  assert.equal((await ask('/transforms/mask-pii/status', control)).status, 200);
  for (const request of [
    { method: 'POST', url: '/transforms', headers: yaml, payload: SPEC },
    { method: 'PUT', url: '/transforms/mask-pii/config', headers: yaml, payload: MASK_PII },
    { method: 'PATCH', url: '/transforms/mask-pii/config', headers: json, payload: '{"timeout_ms": 9}' },
    { method: 'PUT', url: '/transforms/mask-pii/resume' },
    { method: 'POST', url: '/transforms/mask-pii/restart' },
  ] as const) {
    const refused = await ask(request, control);
    assert.deepEqual([refused.status, refused.json().code], [409, 'transform.disabled'], request.url);
  }
});

test('a spec directory that is read-only is a conflict with the reason', async () => {
  const control = new FakeControl();
  control.readOnly = 'a ConfigMap is mounted there';
  const refused = await ask({ method: 'POST', url: '/transforms', headers: yaml, payload: SPEC }, control);
  assert.deepEqual(
    [refused.status, refused.json().code, refused.json().message],
    [409, 'spec.read_only', control.readOnly],
  );
});

test('HEAD answers as GET does, without a body', async () => {
  for (const url of [
    '/',
    '/livez',
    '/metrics',
    '/transforms',
    '/transforms/mask-pii/status',
    '/transforms/mask-pii/logs?follow=true',
    '/modules',
  ]) {
    const head = await ask({ method: 'HEAD', url });
    assert.deepEqual([head.status, head.body], [200, ''], url);
  }
  assert.equal((await ask({ method: 'HEAD', url: '/transforms/nope' })).status, 404);
});

test('a wrong method on a known path says which are right', async () => {
  const wrong = await ask({ method: 'POST', url: '/transforms/mask-pii/config' });
  assert.deepEqual(
    [wrong.status, wrong.json().code, wrong.headers['allow']],
    [405, 'request.method', 'GET, HEAD, PATCH, PUT'],
  );
  const validate = await ask({ method: 'POST', url: '/transforms/validate' });
  assert.deepEqual([validate.status, validate.headers['allow']], [405, 'DELETE, GET, HEAD, PUT']);
});

test('an answer that is not as described is told to the log and still sent whole', async () => {
  const { api, control, logged } = fixture();
  control.loggers = () => [{ name: 'root', level: 'loud' as 'info', lastModifiedMs: undefined }];
  const response = await api.inject('/admin/loggers');
  assert.deepEqual([response.statusCode, response.json()], [200, { root: { level: 'LOUD', last_modified: null } }]);
  assert.deepEqual(
    logged.map(({ message }) => message),
    ['an answer is not as described'],
  );
});
