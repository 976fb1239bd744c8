// Who may talk to a real sidecar: tokens, certificates, addresses; and that no token is ever shown.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request, type RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { clusterTest } from '../testcontainers.config.ts';
import { createTopic, eventually } from './cluster/client.ts';
import { addressOf, Api, type ApiAnswer } from './harness/api.ts';
import { CertificateMaker } from './harness/certificates.ts';
import type { Scope } from './harness/scope.ts';
import { runSidecar, Sidecar, sidecarHome } from './harness/sidecar.ts';
import type { SidecarHome } from './harness/sidecar-home.ts';
import { specText, uniqueName } from './harness/spec.ts';

const token = (): string => randomBytes(24).toString('hex');
const bearer = (text: string): Record<string, string> => ({ authorization: `Bearer ${text}` });
const NOBODY = '127.0.0.1:1';

function passThrough(name: string): string {
  return specText({ name, input_topic: name, output_topic: `${name}.out`, wasm_module: 'builtin:pass-through' });
}

/** As `echo` writes it, with the end of the line. */
function tokenFile(scope: Scope, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'streamline-token-'));
  scope.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'token');
  writeFileSync(file, `${text}\n`, { mode: 0o600 });
  return file;
}

/** The most that is ever said. */
function logEverything(home: SidecarHome): void {
  const config = JSON.parse(readFileSync(home.configFile, 'utf8')) as object;
  writeFileSync(home.configFile, JSON.stringify({ ...config, log_level: 'trace' }, undefined, 2));
}

/** Everything a sidecar has printed. */
function saidBy(sidecar: Sidecar): string {
  return [JSON.stringify(sidecar.log), ...sidecar.noise, sidecar.stderr].join('\n');
}

function assertSecret(text: string, secrets: readonly string[]): void {
  for (const secret of secrets) {
    const at = text.indexOf(secret);
    assert.ok(at < 0, `a token is shown: …${text.slice(Math.max(0, at - 200), at)}`);
    assert.ok(!text.includes(Buffer.from(secret).toString('base64')), 'a token is shown in base64');
  }
}

/** What changes something, whatever becomes of it. */
const changes = (
  name: string,
): readonly (readonly [method: string, path: string, body?: string | object | Uint8Array<ArrayBuffer>])[] => [
  ['POST', '/transforms', passThrough(uniqueName('never'))],
  ['PUT', `/transforms/${name}/config`, passThrough(name).replace('pass-through', 'logging')],
  ['PATCH', `/transforms/${name}/config`, { timeout_ms: 20 }],
  ['PUT', `/transforms/${name}/pause`],
  ['PUT', `/transforms/${name}/resume`],
  ['PUT', `/transforms/${name}/stop`],
  ['POST', `/transforms/${name}/restart`],
  ['PATCH', `/transforms/${name}/offsets`, { to: 'earliest' }],
  ['DELETE', `/transforms/${name}/offsets`],
  ['POST', '/modules?name=never', new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0])],
  ['DELETE', `/modules/${'0'.repeat(64)}`],
  ['PUT', '/admin/loggers/root', { level: 'TRACE' }],
  ['DELETE', `/transforms/${name}`],
];

clusterTest(
  'tokens from a file and from the environment: who has none sees health alone, the read-only one changes nothing, no token is shown',
  async ({ bootstrap }, t) => {
    const [admin, readOnly, wrong] = [token(), token(), token()];
    const name = uniqueName('guarded');
    await createTopic(bootstrap, name);
    const home = sidecarHome(t, bootstrap, {
      http: { auth: { admin_token: '${file:' + tokenFile(t, admin) + '}', read_only_token: '${env:READ_ONLY}' } },
    });
    logEverything(home);
    home.writeSpec('spec.yaml', passThrough(name));
    const sidecar = await Sidecar.start(home, { READ_ONLY: readOnly });
    const answers: ApiAnswer[] = [];
    const send = async (api: Api, ...[method, path, body]: Parameters<Api['send']>): Promise<ApiAnswer> => {
      const answer = await api.send(method, path, body);
      answers.push(answer);
      return answer;
    };
    const codeOf = ({ text }: ApiAnswer): string => (JSON.parse(text) as { readonly code: string }).code;

    // Nobody, and who does not know it.
    const strangers = [
      {},
      bearer(wrong),
      bearer(admin.slice(0, -1)),
      bearer(`${admin}0`),
      bearer(admin.toUpperCase()),
      bearer(`${admin},${readOnly}`),
      { authorization: `Basic ${Buffer.from(`admin:${admin}`).toString('base64')}` },
      { authorization: admin },
      { 'x-api-key': admin },
      { cookie: `token=${admin}` },
    ];
    for (const headers of strangers) {
      const api = Api.of(sidecar, headers);
      for (const path of ['/livez', '/readyz', '/health'])
        assert.equal((await send(api, 'GET', path)).status, 200, path);
      const closed = [
        '/',
        '/metrics',
        '/openapi.json',
        '/transforms',
        `/transforms/${name}/status`,
        '/modules',
        '/nowhere',
      ];
      for (const path of closed) {
        const answer = await send(api, 'GET', path);
        assert.deepEqual(
          [answer.status, codeOf(answer)],
          [401, 'request.unauthorized'],
          `${path} ${Object.keys(headers).join()}`,
        );
        assert.match(answer.headers.get('www-authenticate') ?? '', /^Bearer realm="streamline"/);
        assert.ok(!answer.text.includes(name), 'it tells what there is');
      }
    }
    for (const [method, path, body] of changes(name)) {
      assert.equal((await send(Api.of(sidecar, bearer(wrong)), method, path, body)).status, 401, `${method} ${path}`);
    }

    // Who may look.
    const looker = Api.of(sidecar, bearer(readOnly));
    for (const path of [
      '/',
      '/metrics',
      '/transforms',
      `/transforms/${name}/status`,
      `/transforms/${name}/offsets`,
      '/modules',
    ]) {
      assert.equal((await send(looker, 'GET', path)).status, 200, path);
      assert.equal((await send(looker, 'HEAD', path)).status, 200, path);
    }
    for (const path of ['/transforms/validate', '/transforms/plan']) {
      assert.equal((await send(looker, 'PUT', path, passThrough(name))).status, 200, path);
    }
    for (const [method, path, body] of changes(name)) {
      const answer = await send(looker, method, path, body);
      assert.deepEqual([answer.status, codeOf(answer)], [403, 'request.forbidden'], `${method} ${path}`);
    }
    assert.equal(readFileSync(join(home.specs, 'spec.yaml'), 'utf8'), passThrough(name));

    // Who may do everything.
    const operator = Api.of(sidecar, bearer(admin));
    await eventually(async () => assert.equal((await operator.status(name)).connector.state, 'RUNNING'));
    assert.equal((await send(operator, 'PUT', `/transforms/${name}/stop`)).status, 204);
    for (const [method, path, body] of changes(name)) {
      const { status } = await send(operator, method, path, body);
      assert.ok(status !== 401 && status !== 403, `${method} ${path}: ${status}`);
    }
    answers.push(await operator.send('GET', '/admin/loggers'));

    await sidecar.stop();
    const secrets = [admin, readOnly, wrong];
    const said = saidBy(sidecar);
    assert.throws(() => assertSecret(`${said}${admin}`, secrets), /a token is shown/);
    assertSecret(said, secrets);
    for (const { text, headers } of answers) assertSecret(`${text}\n${JSON.stringify([...headers])}`, secrets);
  },
  { timeoutMs: 120_000 },
);

test('what is wrong with a token is said without it, with its place, and exit code 2', async (t) => {
  const [good, short] = [token(), 'short-73519'];
  const spaced = `${token()} ${token()}`;
  const cases: readonly (readonly [auth: Record<string, string>, pattern: RegExp])[] = [
    [{ admin_token: '${file:' + tokenFile(t, short) + '}' }, /at least 16 printable characters/],
    [{ admin_token: '${file:' + tokenFile(t, spaced) + '}' }, /no space/],
    [{ admin_token: '${file:/nowhere/at/all}' }, /not there or empty/],
    [{ admin_token: '${env:NOT_SET_ANYWHERE}' }, /NOT_SET_ANYWHERE/],
    [{ admin_token: '${vault:x}' }, /neither \$\{env:NAME\} nor \$\{file:\/path\}/],
    [{ admin_token: short }, /at least 16 printable characters/],
    [{ admin_token: good, read_only_token: good }, /is the admin token/],
    [{ read_only_token: good }, /nobody could change anything/],
  ];
  for (const [i, [auth, pattern]] of cases.entries()) {
    const home = sidecarHome(t, NOBODY, { http: { auth } });
    const { code, stdout, stderr } = await runSidecar(home, 'run');
    assert.equal(code, 2, stderr);
    assert.match(stderr, pattern);
    assert.match(stderr, /sidecar\.yaml:\d+:\d+/, 'where it stands');
    assertSecret(stdout + stderr, [good, short, spaced]);
    if (i === 0) assert.deepEqual(await runSidecar(home, 'check'), { code, stdout, stderr }, 'a check says the same');
    await home.remove();
  }
});

test('an address beyond this machine is refused unless something tells who may, with place and suggestion', async (t) => {
  for (const [address, auth] of [
    ['0.0.0.0', {}],
    ['::', {}],
    ['192.0.2.1', {}],
    ['example.org', {}],
    ['0.0.0.0', { read_only_token: token() }],
  ] as const) {
    const home = sidecarHome(t, NOBODY, { http: { address, auth } });
    const { code, stdout, stderr } = await runSidecar(home, 'run');
    assert.equal(code, 2, stderr);
    assert.match(stderr, /can be reached from other machines, and nothing tells who may use the API/);
    assert.match(stderr, /sidecar\.yaml:\d+:\d+/);
    assert.match(stderr, /\/http\/address/);
    assert.match(stderr, /Write http\.auth\.admin_token \(or http\.tls\.client_ca\), or `address: 127\.0\.0\.1`/);
    assert.equal(stdout, '', 'it was about to run');
    await home.remove();
  }
  const admin = token();
  const home = sidecarHome(t, NOBODY, { http: { address: '0.0.0.0', auth: { admin_token: admin } } });
  const sidecar = Sidecar.launch(home);
  await sidecar.listening();
  await Api.of(sidecar).refused(401, 'request.unauthorized', 'GET', '/transforms');
  await Api.of(sidecar, bearer(admin)).ok(200, 'GET', '/transforms');
  await sidecar.stop();
  assertSecret(saidBy(sidecar), [admin]);
});

test('without tokens no web page and no foreign name of this machine gets in', async (t) => {
  const sidecar = Sidecar.launch(sidecarHome(t, NOBODY));
  await sidecar.listening();
  await Api.of(sidecar).ok(200, 'GET', '/transforms');
  for (const headers of [{ origin: 'http://evil.example' }, { 'sec-fetch-site': 'cross-site' }]) {
    const api = Api.of(sidecar, headers);
    await api.refused(403, 'request.forbidden', 'GET', '/transforms');
    await api.refused(403, 'request.forbidden', 'POST', '/transforms', passThrough('never'));
  }
  await sidecar.stop();
});

type TlsOptions = Pick<RequestOptions, 'ca' | 'cert' | 'key'> & { readonly headers?: Readonly<Record<string, string>> };

interface TlsAnswer {
  readonly status: number;
  readonly text: string;
}

/** Rejects where the handshake or the connection fails. */
function ask(url: string, method: string, options: TlsOptions, body?: string): Promise<TlsAnswer> {
  const headers = { ...options.headers, ...(body === undefined ? {} : { 'content-type': 'application/yaml' }) };
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { timeout: 10_000, agent: false, ...options, method, headers }, (incoming) => {
      let text = '';
      incoming.setEncoding('utf8').on('data', (part: string) => (text += part));
      incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, text })).on('error', reject);
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer'))).on('error', reject);
    outgoing.end(body);
  });
}

clusterTest(
  'mTLS: a certificate of the authority may do everything, another or none gets health alone; beside tokens either suffices',
  async ({ bootstrap }, t) => {
    const why = CertificateMaker.whyNot();
    if (why !== undefined) return t.skip(why);
    const [admin, readOnly] = [token(), token()];
    const name = uniqueName('mtls');
    await createTopic(bootstrap, name);
    for (const auth of [{}, { admin_token: admin, read_only_token: readOnly }]) {
      const hasTokens = 'admin_token' in auth;
      // Beyond loopback, which certificates allow.
      const tls = { cert: 'tls/server.crt', key: 'tls/server.key', client_ca: 'tls/clients.crt' };
      const home = sidecarHome(t, bootstrap, { http: { address: '0.0.0.0', tls, auth } });
      logEverything(home);
      const maker = new CertificateMaker(join(home.folder, 'tls'));
      const { cert: ca } = maker.authority('servers');
      maker.issue('servers', 'server');
      maker.authority('clients');
      const { cert, key } = maker.issue('clients', 'operator');
      maker.authority('strangers');
      const stranger = maker.issue('strangers', 'stranger');
      // Of the authority that vouches for the server, not for clients.
      const mistaken = maker.issue('servers', 'mistaken');
      const sidecar = Sidecar.launch(home);
      await sidecar.listening();
      const url = addressOf(sidecar);
      assert.match(url, /^https:/);

      const known = { ca, cert, key };
      await eventually(async () => assert.equal((await ask(`${url}/readyz`, 'GET', { ca })).status, 200));
      assert.equal((await ask(`${url}/transforms`, 'GET', known)).status, 200);
      assert.equal((await ask(`${url}/transforms`, 'POST', known, passThrough(name))).status, 201);
      const unknown = [
        { ca },
        { ca, cert: stranger.cert, key: stranger.key },
        { ca, cert: mistaken.cert, key: mistaken.key },
      ];
      for (const options of unknown) {
        assert.equal((await ask(`${url}/livez`, 'GET', options)).status, 200);
        for (const [method, path] of [
          ['GET', '/transforms'],
          ['GET', '/metrics'],
          ['DELETE', `/transforms/${name}`],
        ] as const) {
          const { status, text } = await ask(url + path, method, options);
          const expected = hasTokens ? [401, 'request.unauthorized'] : [403, 'request.forbidden'];
          assert.deepEqual(
            [status, (JSON.parse(text) as { readonly code: string }).code],
            expected,
            `${method} ${path}`,
          );
        }
        // Where there are tokens, one stands for a certificate; where there are none, it is worth nothing.
        const withToken = { ...options, headers: bearer(admin) };
        assert.equal((await ask(`${url}/transforms`, 'GET', withToken)).status, hasTokens ? 200 : 403);
      }
      if (hasTokens) {
        const looker = { ca, headers: bearer(readOnly) };
        assert.equal((await ask(`${url}/transforms`, 'GET', looker)).status, 200);
        assert.equal((await ask(`${url}/transforms/${name}`, 'DELETE', looker)).status, 403);
        // A certificate is worth more than a token that is wrong beside it.
        assert.equal((await ask(`${url}/transforms`, 'GET', { ...known, headers: bearer(token()) })).status, 200);
      }
      // Neither in the clear, nor from a client that trusts another authority.
      await assert.rejects(fetch(url.replace('https:', 'http:')));
      await assert.rejects(ask(`${url}/livez`, 'GET', { ca: stranger.cert }), /self-signed|unable to|verify/i);
      assert.equal((await ask(`${url}/transforms/${name}`, 'DELETE', known)).status, 204);
      await sidecar.stop();
      const said = saidBy(sidecar);
      assertSecret(said, [admin, readOnly]);
      assert.ok(!said.includes('PRIVATE KEY'), 'a key is shown');
    }
  },
  { timeoutMs: 120_000 },
);

test('certificates that are not there are told with their field, and exit code 2', async (t) => {
  const tls = { cert: 'tls/none.crt', key: 'tls/none.key' };
  const missing = await runSidecar(sidecarHome(t, NOBODY, { http: { tls } }), 'run');
  assert.equal(missing.code, 2, missing.stderr);
  assert.match(missing.stderr, /\/http\/tls\/cert/);
  assert.match(missing.stderr, /none\.crt/);
  for (const [half, pattern] of [
    [{ cert: 'tls/server.crt' }, /needs both cert and key/],
    [{ client_ca: 'tls/ca.crt' }, /of no use without cert and key/],
  ] as const) {
    const { code, stderr } = await runSidecar(sidecarHome(t, NOBODY, { http: { tls: half } }), 'run');
    assert.equal(code, 2, stderr);
    assert.match(stderr, pattern);
    assert.match(stderr, /sidecar\.yaml:\d+:\d+/);
  }
});
