import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import type { StreamlineError } from '../base/error.ts';
import { parseSidecarConfig, redactedKafka } from './sidecar-config.ts';
import type { SidecarConfig, SidecarOptions } from './sidecar-config.ts';

const environment: Readonly<Record<string, string>> = { PASSWORD: 'hunter2', USER: 'ann', RETRIES: '0' };
const options: SidecarOptions = {
  resolveSecret: (reference) =>
    reference.from === 'env' ? environment[reference.name] : reference.path === '/run/key' ? 'k3y' : undefined,
};

function configOf(text: string, more: Partial<SidecarOptions> = {}, source = 'etc/sidecar.yaml'): SidecarConfig {
  const outcome = parseSidecarConfig(text, source, { ...options, ...more });
  assert.ok('config' in outcome, 'errors' in outcome ? outcome.errors.map((error) => error.describe()).join('\n') : '');
  return outcome.config;
}

function errorsOf(text: string, more: Partial<SidecarOptions> = {}): readonly StreamlineError[] {
  const outcome = parseSidecarConfig(text, 's.yaml', { ...options, ...more });
  assert.ok('errors' in outcome, text);
  return outcome.errors;
}

test('an empty file, comments alone and {} give the defaults', () => {
  for (const text of ['', '# nothing\n', '{}', '---\n']) {
    const { kafka, ...config } = configOf(text);
    assert.deepEqual(kafka.reveal(), { 'bootstrap.servers': 'localhost:9092' });
    assert.deepEqual(config, {
      transport: 'auto',
      topics: { create: false, partitions: undefined, replicationFactor: -1 },
      paths: { specs: 'etc/specs', modules: 'etc/modules', cache: 'etc/modules/.cache', state: 'etc/modules/.state' },
      http: { address: '127.0.0.1', port: 8084, adminToken: undefined, readOnlyToken: undefined, tls: undefined },
      schemaRegistry: undefined,
      limits: {
        pollRecords: 2000,
        inFlightBytes: 16_777_216,
        inFlightBatches: 64,
        commitIntervalMs: 100,
        transactionIntervalMs: 100,
        transactionTimeoutMs: 10_000,
        drainTimeoutMs: 10_000,
        recordBytes: 1_000_000,
        recordOutputs: 1000,
        outputBytes: 1_048_576,
        initTimeoutMs: 5000,
        moduleBytes: 67_108_864,
        routedTopics: 256,
        stuckThreads: 3,
        idleInstanceMs: 30_000,
        logLinesPerSecond: 100,
        logLineBytes: 2048,
        restartBackoffMs: 1000,
        restartBackoffMaxMs: 30_000,
        stallTimeoutMs: 60_000,
        bodyBytes: 262_144,
        requestsPerMinute: 1200,
        moduleVersions: 5,
        logTailLines: 1000,
        avroItems: 250_000,
      },
      features: { wasmTransforms: true },
      compilation: 'aot',
      logLevel: 'info',
      logging: { topic: undefined },
    });
  }
});

test('paths: flags win over the file, the file counts from its own folder, the cache follows the modules', () => {
  const text = 'paths: { specs: ../specs, modules: /opt/modules }';
  assert.deepEqual(configOf(text).paths, {
    specs: 'specs',
    modules: '/opt/modules',
    cache: '/opt/modules/.cache',
    state: '/opt/modules/.state',
  });
  assert.deepEqual(configOf(text, { paths: { specs: 's', modules: 'm' } }).paths, {
    specs: 's',
    modules: 'm',
    cache: 'm/.cache',
    state: 'm/.state',
  });
  assert.deepEqual(configOf('paths: {cache: c}', { paths: { modules: 'm' } }).paths, {
    specs: 'etc/specs',
    modules: 'm',
    cache: 'etc/c',
    state: 'm/.state',
  });
  assert.deepEqual(configOf('', { paths: { state: 'y' } }).paths.state, 'y');
  assert.deepEqual(configOf('', { paths: { cache: 'x' } }).paths.cache, 'x');
});

test('STREAMLINE_WASM_TRANSFORMS=off wins', () => {
  assert.equal(configOf('features: {wasm_transforms: true}', { wasmTransforms: 'off' }).features.wasmTransforms, false);
  assert.equal(configOf('features: {wasm_transforms: false}', { wasmTransforms: 'on' }).features.wasmTransforms, false);
  assert.equal(configOf('', { wasmTransforms: '' }).features.wasmTransforms, true);
  assert.match(errorsOf('', { wasmTransforms: 'false' })[0]!.message, /STREAMLINE_WASM_TRANSFORMS is "false"/);
});

const SECRETS = `kafka:
  bootstrap.servers: b:9093
  linger.ms: 5
  log.connection.close: false
  sasl.username: \${env:USER}
  sasl.password: \${env:PASSWORD}
  ssl.key.password: plain-hunter2
  ssl.keystore.location: /etc/keystore
  ssl.key.pem: "\${file:/run/key}"
  sasl.oauthbearer.client.secret: pre-\${env:PASSWORD}
  sasl.oauthbearer.token.endpoint.url: https://idp/token
`;

test('secrets reach the client and nothing else', () => {
  const config = configOf(SECRETS);
  assert.equal(config.kafka.reveal()['sasl.password'], 'hunter2');
  assert.equal(config.kafka.reveal()['ssl.key.pem'], 'k3y');
  assert.equal(config.kafka.reveal()['sasl.oauthbearer.client.secret'], 'pre-hunter2');
  assert.deepEqual(redactedKafka(config), {
    'bootstrap.servers': 'b:9093',
    'linger.ms': 5,
    'log.connection.close': false,
    'sasl.username': '${env:USER}',
    'sasl.password': '${env:PASSWORD}',
    'ssl.key.password': '[redacted]',
    'ssl.keystore.location': '/etc/keystore',
    'ssl.key.pem': '${file:/run/key}',
    'sasl.oauthbearer.client.secret': '[redacted]',
    'sasl.oauthbearer.token.endpoint.url': 'https://idp/token',
  });
  for (const printed of [
    JSON.stringify(config),
    inspect(config, { depth: 9, showHidden: true }),
    inspect(config, { customInspect: false, depth: 9 }),
  ]) {
    assert.doesNotMatch(printed, /hunter2|k3y|\bann\b/);
  }
});

test('no message shows a value under kafka, whatever is wrong with the file', () => {
  const texts = [
    'kafka:\n  sasl.password: "hunter2" x',
    'kafka:\n  sasl.password: @hunter2',
    'kafka:\n  sasl.password: [hunter2]',
    'kafka:\n  sasl.password: "${hunter2}"',
    'kafka:\n  sasl.password: hunter2\n sasl.username: hunter2',
    'kafka: hunter2',
    'kafka:\n  enable.idempotence: hunter2',
    'kafka:\n  sasl.password: *hunter2',
    'kafka:\n  sasl.password: !hunter2',
    'kafka:\n  sasl.password: !hunter2 x',
    'kafka:\n  sasl.password: &hunter2',
  ];
  for (const text of texts) {
    for (const error of errorsOf(text)) assert.doesNotMatch(JSON.stringify(error), /hunter2/, text);
  }
});

test('every bad sidecar.yaml names its line, field and what to write instead', () => {
  const cases: readonly (readonly [string, string, string, string | undefined, RegExp])[] = [
    ['kafka: [', 'config.invalid', 's.yaml:1:9', undefined, /YAML/],
    ['x', 'config.invalid', 's.yaml:1:1', '', /must be a map/],
    ['kafkas: {}', 'config.invalid', 's.yaml:1:1', '/kafkas', /Did you mean `kafka`/],
    ['bootstrap.servers: x', 'config.invalid', 's.yaml:1:1', '/bootstrap.servers', /Known fields here/],
    ['kafka: x', 'config.invalid', 's.yaml:1:8', '/kafka', /map of properties/],
    ['kafka:\n  ssl:\n    ca: x', 'config.invalid', 's.yaml:2:3', '/kafka/ssl', /must be text/],
    ['kafka:\n  sasl.password:', 'config.invalid', 's.yaml:2:3', '/kafka/sasl.password', /must be text/],
    ['kafka: {"a b": 1}', 'config.invalid', 's.yaml:1:9', '/kafka/a b', /no property/],
    ['kafka: {group.id: g}', 'config.invalid', 's.yaml:1:9', '/kafka/group.id', /input\.group_id/],
    ['kafka: {enable.auto.commit: false}', 'config.invalid', 's.yaml:1:9', '/kafka/enable.auto.commit', /I1/],
    [
      'kafka: {auto.offset.reset: earliest}',
      'config.invalid',
      's.yaml:1:9',
      '/kafka/auto.offset.reset',
      /input\.start/,
    ],
    ['kafka: {enable.idempotence: false}', 'config.invalid', 's.yaml:1:9', '/kafka/enable.idempotence', /it is on/],
    ['kafka: {acks: 1}', 'config.invalid', 's.yaml:1:9', '/kafka/acks', /all replicas/],
    ['kafka: {retries: "${env:RETRIES}"}', 'config.invalid', 's.yaml:1:9', '/kafka/retries', /Remove it/],
    ['kafka: {max.in.flight: 6}', 'config.invalid', 's.yaml:1:9', '/kafka/max.in.flight', /1 to 5/],
    ['kafka: {bootstrap.servers: " "}', 'config.invalid', 's.yaml:1:9', '/kafka/bootstrap.servers', /names no broker/],
    ['kafka: {message.timeout.ms: 1000}', 'config.invalid', 's.yaml:1:9', '/kafka/message.timeout.ms', /I1/],
    ['kafka: {delivery.timeout.ms: 1000}', 'config.invalid', 's.yaml:1:9', '/kafka/delivery.timeout.ms', /I1/],
    [
      'kafka: {message.max.bytes: 5000000}',
      'config.invalid',
      's.yaml:1:9',
      '/kafka/message.max.bytes',
      /limits\.record_bytes/,
    ],
    [
      'kafka: {enable.gapless.guarantee: true}',
      'config.invalid',
      's.yaml:1:9',
      '/kafka/enable.gapless.guarantee',
      /end the producer/,
    ],
    ['kafka: {dr_cb: true}', 'config.invalid', 's.yaml:1:9', '/kafka/dr_cb', /function/],
    ['kafka: {rebalance_cb: x}', 'config.invalid', 's.yaml:1:9', '/kafka/rebalance_cb', /function/],
    [
      'kafka: {default_topic_conf: {acks: 1}}',
      'config.invalid',
      's.yaml:1:9',
      '/kafka/default_topic_conf',
      /directly under kafka/,
    ],
    ['kafka: {plugin.library.paths: x}', 'config.invalid', 's.yaml:1:9', '/kafka/plugin.library.paths', /native code/],
    [
      'kafka: {metadata.broker.list: a, bootstrap.servers: a}',
      'config.invalid',
      's.yaml:1:9',
      '/kafka/metadata.broker.list',
      /the same/,
    ],
    [
      'kafka: {sasl.password: "${env:GONE}"}',
      'config.secret_missing',
      's.yaml:1:24',
      '/kafka/sasl.password',
      /variable GONE is not set/,
    ],
    [
      'kafka: {sasl.password: "${file:/gone}"}',
      'config.secret_missing',
      's.yaml:1:24',
      '/kafka/sasl.password',
      /"\/gone" cannot be read/,
    ],
    ['kafka: {sasl.password: "${vault:x}"}', 'config.invalid', 's.yaml:1:9', '/kafka/sasl.password', /neither/],
    ['paths: {specs: "${env:USER}"}', 'config.invalid', 's.yaml:1:16', '/paths/specs', /under kafka: and auth: only/],
    ['paths: {specs: ""}', 'config.invalid', 's.yaml:1:16', '/paths/specs', /empty/],
    ['http: {address: 0.0.0.0}', 'config.invalid', 's.yaml:1:17', '/http/address', /nothing tells who may use the API/],
    [
      'http: {address: 127.0.0.256}',
      'config.invalid',
      's.yaml:1:17',
      '/http/address',
      /nothing tells who may use the API/,
    ],
    ['http: {address: "a b"}', 'config.invalid', 's.yaml:1:17', '/http/address', /no address to listen on/],
    ['http: {address: "::"}', 'config.invalid', 's.yaml:1:17', '/http/address', /nothing tells who may use the API/],
    ['http: {port: 65536}', 'config.invalid', 's.yaml:1:14', '/http/port', /from 0 to 65535/],
    ['topics: {create: yes}', 'config.invalid', 's.yaml:1:18', '/topics/create', /create: true/],
    ['topics: {replication_factor: -2}', 'config.invalid', 's.yaml:1:30', '/topics/replication_factor', /from -1/],
    ['limits: {poll_records: 10001}', 'config.invalid', 's.yaml:1:24', '/limits/poll_records', /1 to 10000/],
    ['limits: {avro_items: 0}', 'config.invalid', 's.yaml:1:22', '/limits/avro_items', /1 to 100000000/],
    ['limits: {avro_items: 100000001}', 'config.invalid', 's.yaml:1:22', '/limits/avro_items', /1 to 100000000/],
    ['limits: {pol_records: 1}', 'config.invalid', 's.yaml:1:10', '/limits/pol_records', /poll_records/],
    [
      'limits: {drain_timeout_ms: 45000}',
      'config.invalid',
      's.yaml:1:28',
      '/limits/drain_timeout_ms',
      /session\.timeout\.ms \(45000\)/,
    ],
    [
      'limits: {drain_timeout_ms: 6000}\nkafka: {session.timeout.ms: "6000"}',
      'config.invalid',
      's.yaml:1:28',
      '/limits/drain_timeout_ms',
      /below session/,
    ],
    [
      'kafka: {max.poll.interval.ms: 10000}',
      'config.invalid',
      's.yaml:1:1',
      '/limits/drain_timeout_ms',
      /below max\.poll/,
    ],
    [
      'limits: {restart_backoff_ms: 40000}',
      'config.invalid',
      's.yaml:1:30',
      '/limits/restart_backoff_ms',
      /restart_backoff_max_ms: 40000/,
    ],
    [
      'limits: {transaction_interval_ms: 5001}',
      'config.invalid',
      's.yaml:1:35',
      '/limits/transaction_interval_ms',
      /transaction_interval_ms: 5000/,
    ],
    [
      'limits: {transaction_timeout_ms: 999}',
      'config.invalid',
      's.yaml:1:34',
      '/limits/transaction_timeout_ms',
      /1000 to 900000/,
    ],
    ['compilation: lazy', 'config.invalid', 's.yaml:1:14', '/compilation', /aot, jit/],
    ['log_level: warning', 'config.invalid', 's.yaml:1:12', '/log_level', /trace, debug, info, warn/],
    [
      'features: {wasm_transform: false}',
      'config.invalid',
      's.yaml:1:12',
      '/features/wasm_transform',
      /wasm_transforms/,
    ],
  ];
  for (const [text, code, place, configPath, says] of cases) {
    const [error] = errorsOf(text);
    assert.deepEqual(
      [error!.code, error!.place, error!.configPath],
      [code, place, configPath],
      `${text}\n${error!.describe()}`,
    );
    assert.match(`${error!.message}\n${error!.suggestion}`, says, text);
    assert.ok(error!.suggestion, text);
  }
});

test('what a user may set passes through as written', () => {
  const text =
    'kafka: {metadata.broker.list: "a:1", enable.idempotence: true, acks: all, client.id: x, partitioner: murmur2_random, session.timeout.ms: 60000}\nhttp: {address: "::1", port: 0}\nlimits: {drain_timeout_ms: 59999}';
  const config = configOf(text);
  assert.deepEqual(config.kafka.reveal(), {
    'metadata.broker.list': 'a:1',
    'enable.idempotence': true,
    acks: 'all',
    'client.id': 'x',
    partitioner: 'murmur2_random',
    'session.timeout.ms': 60_000,
  });
  assert.deepEqual([config.http.address, config.http.port], ['::1', 0]);
});

const TOKEN = '0123456789abcdef-token';
const AUTH = `http:
  address: 0.0.0.0
  auth: { admin_token: "\${env:TOKEN}", read_only_token: reader-0123456789abcdef }
  tls: { cert: tls/tls.crt, key: /tls/tls.key, client_ca: ca.crt }
`;
const withToken: Partial<SidecarOptions> = {
  resolveSecret: (reference) => (reference.from === 'env' && reference.name === 'TOKEN' ? TOKEN : undefined),
};

test('tokens reach the API and nothing else; files of TLS are taken from the folder of the file', () => {
  const config = configOf(AUTH, withToken);
  assert.equal(config.http.adminToken?.reveal(), TOKEN);
  assert.equal(config.http.readOnlyToken?.reveal(), 'reader-0123456789abcdef');
  assert.deepEqual(config.http.tls, { cert: 'etc/tls/tls.crt', key: '/tls/tls.key', clientCa: 'etc/ca.crt' });
  for (const printed of [
    JSON.stringify(config),
    inspect(config, { depth: 9, showHidden: true }),
    String(config.http.adminToken),
  ]) {
    assert.doesNotMatch(printed, /0123456789abcdef/);
  }
});

test('who may use the API is said before anybody beyond this machine can reach it, and no message shows a token', () => {
  const cases: [string, string, RegExp][] = [
    ['http: {auth: {admin_token: short}}', '/http/auth/admin_token', /at least 16/],
    ['http: {auth: {admin_token: "with a space in it, long"}}', '/http/auth/admin_token', /no space/],
    ['http: {auth: {admin_token: "${env:NOPE}"}}', '/http/auth/admin_token', /environment variable NOPE/],
    ['http: {auth: {admin_token: "${file:/nope}"}}', '/http/auth/admin_token', /the file "\/nope"/],
    ['http: {auth: {admin_token: "${nope}"}}', '/http/auth/admin_token', /neither/],
    ['http: {auth: {admin_token: [x]}}', '/http/auth/admin_token', /no text/],
    ['http: {auth: {read_only_token: reader-0123456789abcdef}}', '/http/auth/read_only_token', /nobody could change/],
    [
      'http: {auth: {admin_token: same-0123456789abcdef, read_only_token: same-0123456789abcdef}}',
      '/http/auth/read_only_token',
      /is the admin token/,
    ],
    ['http: {tls: {cert: a}}', '/http/tls', /both/],
    ['http: {tls: {client_ca: a}}', '/http/tls/client_ca', /of no use/],
    ['http: {address: 0.0.0.0, tls: {cert: a, key: b}}', '/http/address', /nothing tells who/],
  ];
  for (const [text, path, message] of cases) {
    const [error] = errorsOf(text, withToken);
    assert.deepEqual(
      [error?.configPath, message.test(error?.message ?? '')],
      [path, true],
      `${text}: ${error?.describe()}`,
    );
    assert.doesNotMatch(error?.describe() ?? '', /0123456789abcdef|with a space/);
  }
  // One level too high, it is still none that a message may show.
  for (const text of ['http: {auth: hunter2-0123456789}', 'http: hunter2-0123456789', 'hunter2-0123456789']) {
    for (const error of errorsOf(text)) assert.doesNotMatch(error.describe(), /hunter2/);
  }
  // Exactly as long as is asked for.
  assert.equal(configOf('http: {auth: {admin_token: 0123456789abcdef}}').http.adminToken?.reveal(), '0123456789abcdef');
});
