import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import type { StreamlineError } from '../base/error.ts';
import type { RegistryConfig } from './registry-config.ts';
import { parseSidecarConfig } from './sidecar-config.ts';
import type { SidecarConfig, SidecarOptions } from './sidecar-config.ts';

const SECRETS: Readonly<Record<string, string>> = {
  USER: 'ann',
  PASSWORD: 'hunter2: ä',
  LINES: 'hunter2\nhunter2',
  LONG: 'hunter2'.repeat(1000),
};
const options: SidecarOptions = {
  resolveSecret: (reference) =>
    reference.from === 'env' ? SECRETS[reference.name] : reference.path === '/run/token' ? 'hunter2.token' : undefined,
};

function parsed(text: string): SidecarConfig {
  const outcome = parseSidecarConfig(text, 'etc/sidecar.yaml', options);
  assert.ok(
    'config' in outcome,
    `${text}\n${'errors' in outcome ? outcome.errors.map((error) => error.describe()).join('\n') : ''}`,
  );
  return outcome.config;
}

function registryOf(text: string): RegistryConfig {
  const { schemaRegistry } = parsed(text);
  assert.ok(schemaRegistry !== undefined);
  return schemaRegistry;
}

function errorsOf(text: string): readonly StreamlineError[] {
  const outcome = parseSidecarConfig(text, 's.yaml', options);
  assert.ok('errors' in outcome, text);
  return outcome.errors;
}

const section = (fields: string): string => `schema_registry: { url: "https://r:8081", ${fields} }`;

test('without the section there is no registry, with a url alone everything else has its default', () => {
  assert.equal(parsed('').schemaRegistry, undefined);
  assert.deepEqual(registryOf('schema_registry: { url: "http://localhost:8081" }'), {
    url: 'http://localhost:8081',
    auth: undefined,
    tls: { ca: undefined, cert: undefined, key: undefined },
    timeoutMs: 5000,
    retries: 3,
    retryBackoffMs: 100,
    retryBackoffMaxMs: 5000,
    cachedSchemas: 2000,
    cachedSchemaBytesMax: 67_108_864,
    subjectTtlMs: 300_000,
    unknownTtlMs: 1000,
    schemaBytesMax: 1_048_576,
  });
});

/** Field, what it becomes, least and most. */
const NUMBERS: readonly (readonly [string, keyof RegistryConfig, number, number])[] = [
  ['timeout_ms', 'timeoutMs', 100, 60_000],
  ['retries', 'retries', 0, 20],
  ['retry_backoff_ms', 'retryBackoffMs', 1, 60_000],
  ['retry_backoff_max_ms', 'retryBackoffMaxMs', 1, 60_000],
  ['cached_schemas', 'cachedSchemas', 16, 100_000],
  ['cached_schema_bytes', 'cachedSchemaBytesMax', 1_048_576, 4_294_967_296],
  ['subject_ttl_ms', 'subjectTtlMs', 1000, 86_400_000],
  ['unknown_ttl_ms', 'unknownTtlMs', 100, 3_600_000],
  ['schema_bytes', 'schemaBytesMax', 1024, 67_108_864],
];

test('every number is taken at its edges and refused beyond them', () => {
  const partner: Readonly<Record<string, string>> = {
    retry_backoff_ms: ', retry_backoff_max_ms: 60000',
    retry_backoff_max_ms: ', retry_backoff_ms: 1',
  };
  for (const [field, name, least, most] of NUMBERS) {
    const text = (value: number): string => section(`${field}: ${value}${partner[field] ?? ''}`);
    for (const value of [least, most]) assert.equal(registryOf(text(value))[name], value, `${field}: ${value}`);
    for (const value of [least - 1, most + 1, least + 0.5]) {
      const [error, ...others] = errorsOf(text(value));
      assert.deepEqual(
        [error!.code, error!.configPath, others.length],
        ['config.invalid', `/schema_registry/${field}`, 0],
        `${field}: ${value}`,
      );
      assert.match(error!.message, new RegExp(`from ${least} to ${most}, not `));
    }
  }
});

test('a url has one spelling, its base path and no slash at the end', () => {
  const urls: readonly (readonly [string, string])[] = [
    ['http://r:8081', 'http://r:8081'],
    ['http://r:8081/', 'http://r:8081'],
    ['https://r/apis/ccompat/v7', 'https://r/apis/ccompat/v7'],
    ['https://r/apis/ccompat/v7///', 'https://r/apis/ccompat/v7'],
    ['HTTPS://Registry.Example:443/A', 'https://registry.example/A'],
    ['http://127.0.0.1:1', 'http://127.0.0.1:1'],
    ['http://[::1]:8081/x', 'http://[::1]:8081/x'],
    ['http://r/a@b', 'http://r/a@b'],
  ];
  for (const [written, url] of urls) {
    assert.equal(registryOf(`schema_registry: { url: ${JSON.stringify(written)} }`).url, url, written);
  }
});

test('user and password, or a token, from references too; files of TLS from the folder of the file', () => {
  const basic = registryOf(section('auth: { username: "${env:USER}", password: "${env:PASSWORD}" }')).auth;
  assert.ok(basic?.kind === 'basic');
  assert.deepEqual([basic.username, basic.password.reveal()], ['ann', 'hunter2: ä']);
  const plain = registryOf(section('auth: { username: bob, password: 12345 }')).auth;
  assert.deepEqual(plain?.kind === 'basic' && [plain.username, plain.password.reveal()], ['bob', '12345']);
  const bearer = registryOf(section('auth: { bearer_token: "${file:/run/token}" }')).auth;
  assert.deepEqual(bearer?.kind === 'bearer' && bearer.token.reveal(), 'hunter2.token');
  assert.equal(registryOf(section('auth: {}')).auth, undefined);
  // In the clear, and told so in the README: development clusters do it.
  assert.equal(
    registryOf('schema_registry: { url: "http://r:8081", auth: { username: a, password: b } }').auth?.kind,
    'basic',
  );
  const { tls } = registryOf(section('tls: { ca: ca.pem, cert: tls/a.crt, key: /tls/a.key }'));
  assert.deepEqual(tls, { ca: 'etc/ca.pem', cert: 'etc/tls/a.crt', key: '/tls/a.key' });
  assert.deepEqual(registryOf(section('tls: { ca: ca.pem }')).tls, {
    ca: 'etc/ca.pem',
    cert: undefined,
    key: undefined,
  });
});

test('no secret shows in what is printed', () => {
  for (const auth of [
    'auth: { username: ann, password: "${env:PASSWORD}" }',
    'auth: { username: ann, password: hunter2 }',
    'auth: { bearer_token: "${file:/run/token}" }',
    'auth: { bearer_token: hunter2 }',
  ]) {
    const config = parsed(section(auth));
    const printed = [JSON.stringify(config), inspect(config, { depth: 9, showHidden: true })];
    for (const text of printed) assert.doesNotMatch(text, /hunter2/);
  }
});

/** Text, JSON pointer, and what message or suggestion must say. */
const BAD: readonly (readonly [string, string, RegExp])[] = [
  // the section
  ['schema_registry: {}', '/schema_registry/url', /url is missing[^]*http:\/\/localhost:8081/],
  ['schema_registry:', '/schema_registry', /a map/],
  ['schema_registry: https://ann:hunter2@r', '/schema_registry', /must be a map/],
  ['schema_registry: [hunter2]', '/schema_registry', /must be a map/],
  [section('retires: 3'), '/schema_registry/retires', /Did you mean `retries`/],
  // url
  ...(
    [
      ['', /no http or https address/],
      ['localhost:8081', /no http or https address/],
      ['ftp://r', /no http or https address/],
      ['http://', /no http or https address/],
      ['http:///x', /no http or https address/],
      ['http:r', /no http or https address/],
      ['http://r s', /no http or https address/],
      ['http://r\\x', /no http or https address/],
      ['http://r:65536', /no http or https address/],
      ['http://r\n', /no http or https address/],
      [` http://r`, /no http or https address/],
      [`http://r/${'x'.repeat(2048)}`, /no http or https address/],
      ['mock://r', /inside the demo and exists nowhere else/],
      ['MOCK://r', /inside the demo/],
      ['http://ann:hunter2@r', /a user or a password[^]*under `auth/],
      ['http://hunter2@r', /a user or a password/],
      ['http://:@r', /a user or a password/],
      ['http://r/?hunter2=1', /query or a fragment/],
      ['http://r?', /query or a fragment/],
      ['http://r/?a@b', /query or a fragment/],
      ['http://r/#x', /query or a fragment/],
      ['http://${env:USER}:8081', /replaced under kafka: and auth: only/],
      ['http://r/${env:USER}', /replaced under kafka: and auth: only/],
    ] as const
  ).map(([url, says]) => [`schema_registry: { url: ${JSON.stringify(url)} }`, '/schema_registry/url', says] as const),
  ['schema_registry: { url: 5 }', '/schema_registry/url', /must be text/],
  ['schema_registry: { url: [http://ann:hunter2@r] }', '/schema_registry/url', /must be text/],
  // auth
  [section('auth: hunter2'), '/schema_registry/auth', /must be a map/],
  [section('auth: { pasword: hunter2 }'), '/schema_registry/auth/pasword', /`password`/],
  [section('auth: { password: hunter2 }'), '/schema_registry/auth/password', /no user/],
  [section('auth: { username: ann }'), '/schema_registry/auth/username', /no password/],
  [
    section('auth: { username: a, password: hunter2, bearer_token: hunter2 }'),
    '/schema_registry/auth/bearer_token',
    /both/,
  ],
  [section('auth: { username: a, bearer_token: hunter2 }'), '/schema_registry/auth/bearer_token', /both/],
  [section('auth: { password: hunter2, bearer_token: hunter2 }'), '/schema_registry/auth/bearer_token', /both/],
  [section('auth: { username: "a:hunter2", password: b }'), '/schema_registry/auth/username', /without colon/],
  [section('auth: { username: "", password: hunter2 }'), '/schema_registry/auth/username', /1 to 4096/],
  [section('auth: { username: a, password: "" }'), '/schema_registry/auth/password', /1 to 4096/],
  [section('auth: { username: a, password: "${env:LINES}" }'), '/schema_registry/auth/password', /more than one line/],
  [section('auth: { username: a, password: "${env:LONG}" }'), '/schema_registry/auth/password', /1 to 4096/],
  [section('auth: { username: a, password: [hunter2] }'), '/schema_registry/auth/password', /no text/],
  [section('auth: { username: a, password: { a: hunter2 } }'), '/schema_registry/auth/password', /no text/],
  [section('auth: { username: a, password: "hunter2${vault:x}" }'), '/schema_registry/auth/password', /neither/],
  [section('auth: { bearer_token: "Bearer hunter2" }'), '/schema_registry/auth/bearer_token', /without `Bearer`/],
  [section('auth: { bearer_token: "" }'), '/schema_registry/auth/bearer_token', /printable/],
  // tls
  [section('tls: { cert: a }'), '/schema_registry/tls', /both cert and key/],
  [section('tls: { key: a }'), '/schema_registry/tls', /both cert and key/],
  [section('tls: { ca: "" }'), '/schema_registry/tls/ca', /empty/],
  [section('tls: { ca: "${file:/ca}" }'), '/schema_registry/tls/ca', /no path/],
  ['schema_registry: { url: "http://r", tls: { ca: a } }', '/schema_registry/tls', /no effect: url is http/],
  ['schema_registry: { url: "HTTP://r", tls: { cert: a, key: b } }', '/schema_registry/tls', /no effect: url is http/],
  // waiting
  [section('retry_backoff_ms: 5001'), '/schema_registry/retry_backoff_ms', /retry_backoff_max_ms: 5001` or more/],
  [
    section('schema_bytes: 1048577, cached_schema_bytes: 1048576'),
    '/schema_registry/cached_schema_bytes',
    /cached_schema_bytes: 1048577` or more/,
  ],
  [section('retry_backoff_max_ms: 99'), '/schema_registry/retry_backoff_max_ms', /retry_backoff_max_ms: 100` or more/],
];

test('every bad section names its line, field and what to write instead, once, and shows no secret', () => {
  for (const [text, configPath, says] of BAD) {
    const errors = errorsOf(text);
    const told = errors.map((error) => error.describe()).join('\n');
    assert.deepEqual(
      errors.map((error) => [error.code, error.configPath, error.place?.startsWith('s.yaml:1:')]),
      [['config.invalid', configPath, true]],
      `${text}\n${told}`,
    );
    assert.match(`${errors[0]!.message}\n${errors[0]!.suggestion}`, says, text);
    assert.doesNotMatch(told, /hunter2/, text);
    assert.ok(errors[0]!.suggestion, text);
  }
});

test('a secret that is not there is named, also where the shape of the section is wrong', () => {
  const [missing] = errorsOf(section('auth: { username: a, password: "${env:GONE}" }'));
  assert.deepEqual([missing!.code, missing!.configPath], ['config.secret_missing', '/schema_registry/auth/password']);
  assert.match(missing!.message, /environment variable GONE/);
  const [file] = errorsOf(section('auth: { bearer_token: "${file:/gone}" }'));
  assert.deepEqual([file!.code, file!.configPath], ['config.secret_missing', '/schema_registry/auth/bearer_token']);
  const both = errorsOf('schema_registry: { auth: { bearer_token: "${env:GONE}" } }');
  assert.deepEqual(
    both.map(({ configPath }) => configPath),
    ['/schema_registry/url', '/schema_registry/auth/bearer_token'],
  );
});
