import assert from 'node:assert/strict';
import { request } from 'node:http';
import { clusterTest } from '../testcontainers.config.ts';
import {
  createTopic,
  eventually,
  produceAll,
  readAll,
  type PlainRecord,
  type RecordToProduce,
} from './cluster/client.ts';
import { Api } from './harness/api.ts';
import { Sidecar, sidecarHome } from './harness/sidecar.ts';
import { specText, uniqueName } from './harness/spec.ts';

/* What the log says and to whom: a topic, and never a secret or a payload. */

interface OtlpLine {
  readonly timeUnixNano: string;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly body: { readonly stringValue: string };
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, unknown>> }[];
}

const lineOf = ({ value }: PlainRecord): OtlpLine => JSON.parse(String(value)) as OtlpLine;
const attribute = (line: OtlpLine, name: string): unknown => {
  const found = line.attributes.find(({ key }) => key === name);
  return found && Object.values(found.value)[0];
};

clusterTest(
  'logging.topic: lines of transforms as OpenTelemetry log records, and none about itself',
  async ({ bootstrap }, t) => {
    const name = uniqueName('logged');
    const topic = `${name}.logs`;
    await createTopic(bootstrap, name, 1);
    await produceAll(bootstrap, name, [
      { key: 'one', value: 'v' },
      { key: 'two', value: 'v' },
    ]);
    const home = sidecarHome(t, bootstrap, { logging: { topic } });
    const start = { input: { start: 'earliest' } };
    home.writeSpec(
      'a.yaml',
      specText({ name, input_topic: name, output_topic: `${name}.out`, wasm_module: 'builtin:logging', ...start }),
    );
    const sidecar = await Sidecar.start(home);
    await sidecar.settles(name, 2);
    // One that logs each line of the topic: its own lines must not be among them.
    home.writeSpec(
      'b.yaml',
      specText({
        name: `${name}-reader`,
        input_topic: topic,
        output_topic: `${name}.read`,
        wasm_module: 'builtin:logging',
        ...start,
      }),
    );
    await sidecar.reaches('RUNNING', `${name}-reader`);
    const metrics = await sidecar.settles(`${name}-reader`, 3);
    assert.ok(
      sidecar.logOf(`${name}-reader`).some(({ msg }) => msg.startsWith('record ')),
      'it does log',
    );
    assert.equal(metrics.sum('streamline_log_topic_lines_total', { outcome: 'dropped' }), 0);
    await sidecar.stop();
    const records = await readAll(bootstrap, topic, { until: 'end' });
    assert.deepEqual(new Set(records.map(({ key }) => String(key))), new Set([name]));
    const lines = records.map(lineOf);
    const guest = lines.filter((line) => attribute(line, 'source') === 'guest');
    assert.deepEqual(
      guest.map(({ severityNumber, severityText, body }) => [
        severityNumber,
        severityText,
        /key="(\w+)"/.exec(body.stringValue)?.[1],
      ]),
      [
        [9, 'INFO', 'one'],
        [9, 'INFO', 'two'],
      ],
    );
    for (const line of lines) {
      assert.match(line.timeUnixNano, /^\d{19}$/);
      assert.equal(attribute(line, 'transform_name'), name);
    }
    assert.ok(lines.some(({ body }) => body.stringValue === 'transform running'));
    assert.deepEqual(
      lines.map(({ body }) => body.stringValue),
      sidecar.logOf(name).map(({ msg }) => msg),
      'the same lines as on standard output, in their order',
    );
  },
);

clusterTest('logging.topic that is not there costs lines and no record', async ({ bootstrap }, t) => {
  const name = uniqueName('unlogged');
  for (const topic of [name, `${name}.out`, `${name}.dlq`]) await createTopic(bootstrap, topic, 1);
  await produceAll(bootstrap, name, [{ key: 'one', value: 'v' }]);
  const home = sidecarHome(t, bootstrap, { logging: { topic: `${name}.logs` }, topics: { create: false } });
  home.writeSpec(
    'a.yaml',
    specText({
      name,
      input_topic: name,
      output_topic: `${name}.out`,
      wasm_module: 'builtin:logging',
      input: { start: 'earliest' },
    }),
  );
  const sidecar = await Sidecar.start(home);
  await sidecar.settles(name, 1);
  const { level, err } = await sidecar.logs(({ msg }) => msg.startsWith('log lines do not reach their topic'));
  assert.equal(level, 'warn');
  assert.match(String(err), /does not exist/);
  await sidecar.stop();
});

/** Each is planted somewhere and must not come out anywhere. */
const SECRETS = {
  PLANTED_KAFKA: 'planted-kafka-Pa55 "w"/ö',
  PLANTED_REGISTRY: 'planted-registry-Pa55',
  PLANTED_ADMIN: 'planted-admin-token-0123456789',
  PLANTED_READER: 'planted-reader-token-0123456789',
  PLANTED_COLLECTOR: 'planted-collector-key',
  PLANTED_WRONG: 'planted-wrong-token-0123456789',
  PLANTED_CONFIG: 'planted-guest-config',
} as const;
const PAYLOAD = 'planted-payload';

/** Records that go wrong in each way there is, with the mark in key, value and a header. */
function badRecords(): RecordToProduce[] {
  const values = [
    `{"device_id":"${PAYLOAD}","poison":"trap"}`,
    `{"device_id":"${PAYLOAD}","poison":"spin"}`,
    `not json ${PAYLOAD}`,
    `{"${PAYLOAD}":"${PAYLOAD}","device_id":{"n":[`,
    `${PAYLOAD}\u0000\u001b[31m\u202e`,
    `{"device_id":"${PAYLOAD}${'x'.repeat(3000)}"}`,
  ];
  return values.map((value) => ({ key: PAYLOAD, value, headers: [[PAYLOAD, PAYLOAD]] }));
}

clusterTest('no secret and no payload comes out, whatever goes wrong', async ({ bootstrap }, t) => {
  const name = uniqueName('planted');
  for (const topic of [name, `${name}-json`, `${name}-stop`]) {
    await createTopic(bootstrap, topic, 1);
    await produceAll(bootstrap, topic, badRecords());
  }
  await createTopic(bootstrap, `${name}.small`, 1, { 'max.message.bytes': '1500' });
  // One that is logged on purpose, so that there is something to take out.
  await createTopic(bootstrap, `${name}-keys`, 1);
  await produceAll(bootstrap, `${name}-keys`, [{ key: SECRETS.PLANTED_REGISTRY, value: 'v' }]);
  const home = sidecarHome(t, bootstrap, {
    kafka: {
      'sasl.username': 'planted',
      'sasl.password': '${env:PLANTED_KAFKA}',
      'ssl.key.password': '${env:PLANTED_KAFKA}',
    },
    http: { auth: { admin_token: '${env:PLANTED_ADMIN}', read_only_token: '${env:PLANTED_READER}' } },
    schema_registry: {
      url: 'http://127.0.0.1:9',
      auth: { username: 'planted', password: '${env:PLANTED_REGISTRY}' },
      ...{ retries: 0, timeout_ms: 500 },
    },
    log_level: 'trace',
    logging: { topic: `${name}.logs` },
  });
  const base = {
    input: { start: 'earliest' },
    config: { uppercase_field: 'device_id' },
    wasm_module: 'transforms/fragile.wasm',
  };
  const spec = (suffix: string, more: object): void => {
    const own = { name: `${name}${suffix}`, input_topic: name, output_topic: `${name}.out` };
    home.writeSpec(`${name}${suffix}.yaml`, specText({ ...base, ...own, ...more }));
  };
  spec('', { errors: { max_retries: 1, retry_backoff_ms: 10 } });
  spec('-small', { output_topic: `${name}.small` });
  spec('-routed', {
    output_topic: '',
    wasm_module: 'transforms/region_router.wasm',
    config: { route_field: 'missing', topic_prefix: '' },
  });
  spec('-json', {
    input_topic: `${name}-json`,
    input: { format: 'json', start: 'earliest' },
    output: { format: 'json' },
  });
  spec('-avro', { input: { format: 'avro', start: 'earliest' }, output: { format: 'avro', subject: 's' } });
  spec('-keys', { input_topic: `${name}-keys`, wasm_module: 'builtin:logging', config: {} });
  spec('-stop', { input_topic: `${name}-stop`, errors: { on_failure: 'stop' } });
  spec('-odd', { config: { uppercase_field: 7, password: SECRETS.PLANTED_CONFIG } });
  home.writeSpec('wrong.yaml', `name: [\n  password: ${SECRETS.PLANTED_CONFIG}`);
  const sidecar = await Sidecar.start(home, {
    ...SECRETS,
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://user:${SECRETS.PLANTED_COLLECTOR}@127.0.0.1:9`,
    OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer ${SECRETS.PLANTED_COLLECTOR}`,
    OTEL_BSP_SCHEDULE_DELAY: '50',
  });
  const address = sidecar.log.find(({ msg }) => msg === 'sidecar listening')?.['address'] as string;
  const admin = new Api(address, { authorization: `Bearer ${SECRETS.PLANTED_ADMIN}` });
  await eventually(async () => {
    const { status, text } = await admin.send('GET', '/metrics');
    assert.equal(status, 200);
    for (const [transform, outcome] of [
      [name, 'dead_lettered'],
      [`${name}-json`, 'dead_lettered'],
      [`${name}-routed`, 'dead_lettered'],
    ] as const) {
      const sample = `streamline_transform_records_total\\{transform="${transform}",outcome="${outcome}"\\} ([1-9])`;
      assert.match(text, new RegExp(sample), transform);
    }
  }, 60_000);
  await sidecar.logs(({ msg, transform }) => msg === 'transform failed' && transform === `${name}-stop`);
  await sidecar.logs(({ msg, transform }) => msg === 'transform failed' && transform === `${name}-odd`);

  // The API: wrong tokens, specs and modules with the mark, paths with it.
  const wrong = new Api(address, { authorization: `Bearer ${SECRETS.PLANTED_WRONG}` });
  await wrong.send('GET', '/transforms');
  for (const body of [
    `name: ${PAYLOAD}`,
    `{"name":"x","config":{"password":"${SECRETS.PLANTED_CONFIG}"`,
    `name: x\npassword: ${SECRETS.PLANTED_CONFIG}`,
  ]) {
    await admin.send('POST', '/transforms', body);
  }
  await admin.send('POST', `/modules?name=${SECRETS.PLANTED_CONFIG}`, new Uint8Array(Buffer.from(PAYLOAD)));
  await malformed(
    address,
    `GET /transforms/${'a'.repeat(10)} HTTP/1.1\r\nauthorization: Bearer ${SECRETS.PLANTED_WRONG}\r\nbad header\r\n\r\n`,
  );
  await sidecar.logs(({ msg }) => msg.startsWith('OpenTelemetry has trouble'));
  const tails = await Promise.all(
    ['', '-json', '-stop', '-odd', '-avro'].map((suffix) => admin.send('GET', `/transforms/${name}${suffix}/logs`)),
  );
  await sidecar.stop();

  const topic = await readAll(bootstrap, `${name}.logs`, { until: 'end' });
  assert.ok(topic.length > 10);
  const outputs = {
    log: JSON.stringify(sidecar.log),
    noise: sidecar.noise.join('\n'),
    stderr: sidecar.stderr,
    tails: tails.map(({ text }) => text).join('\n'),
    topic: topic.map(({ value }) => String(value)).join('\n'),
  };
  assert.ok(sidecar.log.length > 50, 'much has been said');
  assert.ok(sidecar.logOf(`${name}-keys`).some(({ msg }) => msg.includes('key="***"')));
  for (const [output, text] of Object.entries(outputs)) {
    for (const line of text.split(/\n|(?<=\}),(?=\{)/)) {
      assert.ok(!line.includes(PAYLOAD), `payload in ${output}: ${line}`);
      const secret = Object.values(SECRETS).find(
        (own) => line.includes(own) || line.includes(JSON.stringify(own).slice(1, -1)),
      );
      assert.equal(secret, undefined, `${output}: ${line}`);
    }
  }
});

clusterTest('no secret comes out of a cluster that does not take it', async ({ bootstrap }, t) => {
  const name = uniqueName('refused');
  const home = sidecarHome(t, bootstrap, {
    kafka: {
      ...{ 'security.protocol': 'sasl_plaintext', 'sasl.mechanism': 'PLAIN', 'sasl.username': 'planted' },
      ...{ 'sasl.password': SECRETS.PLANTED_KAFKA, debug: 'security,broker' },
    },
    log_level: 'trace',
  });
  home.writeSpec(
    'a.yaml',
    specText({ name, input_topic: name, output_topic: `${name}.out`, wasm_module: 'builtin:pass-through' }),
  );
  const sidecar = await Sidecar.start(home);
  await sidecar.logs(({ msg }) => msg === 'transform will be restarted');
  await sidecar.stop();
  const text = JSON.stringify(sidecar.log) + sidecar.noise.join('') + sidecar.stderr;
  for (const form of [
    SECRETS.PLANTED_KAFKA,
    'planted-kafka',
    Buffer.from(`\0planted\0${SECRETS.PLANTED_KAFKA}`).toString('base64'),
  ]) {
    assert.ok(!text.includes(form), form);
  }
});

/** What no client would send. */
function malformed(address: string, text: string): Promise<void> {
  return new Promise((resolve) => {
    const { hostname, port } = new URL(address);
    const socket = request({ hostname, port }).on('socket', (own) => own.on('connect', () => own.end(text)));
    socket.on('error', () => resolve()).on('close', () => resolve());
  });
}
