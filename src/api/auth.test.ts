import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { createApi, listen } from './server.ts';
import { ADMIN_TOKEN, fixture, READ_ONLY_TOKEN } from './testing/api-fixture.ts';
import {
  AUTHORITY,
  CLIENT_CERTIFICATE,
  CLIENT_KEY,
  SERVER_CERTIFICATE,
  SERVER_KEY,
  STRANGER_CERTIFICATE,
  STRANGER_KEY,
} from './testing/certificates.ts';

test('on loopback without tokens: whoever names this machine may, another name may not (DNS rebinding)', async () => {
  const { api } = fixture();
  const status = async (host: string) => (await api.inject({ url: '/transforms', headers: { host } })).statusCode;
  for (const host of [
    'localhost',
    'localhost:8084',
    'LOCALHOST:80',
    '127.0.0.1:8084',
    '127.8.9.1',
    '[::1]:8084',
    '[::1]',
  ]) {
    assert.equal(await status(host), 200, host);
  }
  for (const host of [
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '10.0.0.1',
    '[::2]',
    '127.0.0.1:80:80',
    'evil@localhost',
    'localhost:x',
    '0.0.0.0',
  ]) {
    assert.equal(await status(host), 403, host);
  }
});

test('on loopback without tokens: no web page may, not even one of this machine', async () => {
  const { api, control } = fixture();
  const pause = (headers: Record<string, string>) =>
    api.inject({ method: 'PUT', url: '/transforms/mask-pii/pause', headers: { host: 'localhost:8084', ...headers } });
  for (const headers of [
    { origin: 'https://evil.example' },
    { origin: 'http://localhost:3000' },
    { origin: 'http://localhost' },
    { origin: 'null' },
    { origin: 'file://' },
    { origin: '' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'http://localhost:8084', 'sec-fetch-site': 'cross-site' },
  ]) {
    const refused = await pause(headers);
    assert.deepEqual([refused.statusCode, refused.json().code], [403, 'request.forbidden'], JSON.stringify(headers));
  }
  assert.deepEqual(control.calls, []);
  for (const headers of [
    {},
    { origin: 'http://localhost:8084', 'sec-fetch-site': 'same-origin' },
    { 'sec-fetch-site': 'none' },
  ]) {
    assert.equal((await pause(headers)).statusCode, 202, JSON.stringify(headers));
  }
});

test('a preflight is answered with no permission', async () => {
  const { api } = fixture();
  const response = await api.inject({
    method: 'OPTIONS',
    url: '/transforms',
    headers: { origin: 'http://evil.example', 'access-control-request-method': 'POST' },
  });
  assert.equal(response.statusCode, 403);
  assert.ok(Object.keys(response.headers).every((header) => !header.startsWith('access-control')));
});

test('with tokens any Host will do: it is reached by names we do not know, and no page has the token', async () => {
  const { api } = fixture({ http: { adminToken: ADMIN_TOKEN } });
  const headers = {
    host: 'sidecar.example',
    authorization: `Bearer ${ADMIN_TOKEN}`,
    origin: 'https://console.example',
  };
  assert.equal((await api.inject({ url: '/transforms', headers })).statusCode, 200);
});

test('the read-only token looks, checks and plans, and changes nothing, known path or not', async () => {
  const { api, control } = fixture({ http: { adminToken: ADMIN_TOKEN, readOnlyToken: READ_ONLY_TOKEN } });
  const headers = { authorization: `Bearer ${READ_ONLY_TOKEN}`, 'content-type': 'application/yaml' };
  const status = async (method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE', url: string) =>
    (await api.inject({ method, url, headers, ...(method === 'PUT' ? { payload: 'name: a' } : {}) })).statusCode;
  assert.deepEqual(
    [await status('GET', '/transforms'), await status('HEAD', '/metrics'), await status('PUT', '/transforms/validate')],
    [200, 200, 200],
  );
  for (const [method, url] of [
    ['PUT', '/transforms/mask-pii/pause'],
    ['DELETE', '/transforms/mask-pii'],
    ['POST', '/nope'],
    ['PUT', '/transforms/plan/config'],
  ] as const) {
    assert.equal(await status(method, url), 403, url);
  }
  assert.deepEqual(
    control.calls.map(([method]) => method),
    ['validate'],
  );
});

test('health is open, what is there at all is not', async () => {
  const { api } = fixture({ http: { adminToken: ADMIN_TOKEN } });
  for (const url of ['/livez', '/readyz', '/health']) assert.equal((await api.inject(url)).statusCode, 200, url);
  for (const url of ['/', '/metrics', '/openapi.json', '/transforms', '/nope'])
    assert.equal((await api.inject(url)).statusCode, 401, url);
});

test('tokens are not guessed faster than requests are answered, on no path', async () => {
  for (const url of ['/transforms', '/metrics']) {
    const { api } = fixture({ http: { adminToken: ADMIN_TOKEN }, limits: { requestsPerMinute: 5 } });
    const guess = async (token: string) => api.inject({ url, headers: { authorization: `Bearer ${token}` } });
    const statuses: number[] = [];
    for (let i = 0; i < 8; i++) statuses.push((await guess(`guess-${i}`)).statusCode);
    assert.deepEqual(statuses, [401, 401, 401, 401, 401, 429, 429, 429], url);
    // Even the right one: else the answer would tell that it is.
    const right = await guess(ADMIN_TOKEN);
    assert.equal(right.statusCode, 429, url);
    assert.ok(Number(right.headers['retry-after']) >= 1);
  }
});

test('requests of a minute are counted for each address; health and metrics are not', async () => {
  const { api } = fixture({ limits: { requestsPerMinute: 3 } });
  const ask = async (url: string, remoteAddress: string) => (await api.inject({ url, remoteAddress })).statusCode;
  for (let i = 0; i < 10; i++)
    for (const url of ['/livez', '/readyz', '/metrics']) assert.equal(await ask(url, '10.0.0.1'), 200);
  assert.deepEqual(
    [await ask('/', '10.0.0.1'), await ask('/nope', '10.0.0.1'), await ask('/transforms', '10.0.0.1')],
    [200, 404, 200],
  );
  assert.deepEqual(
    [await ask('/', '10.0.0.1'), await ask('/nope', '10.0.0.1'), await ask('/metrics', '10.0.0.1')],
    [429, 429, 200],
  );
  assert.equal(await ask('/', '10.0.0.2'), 200);
  for (let i = 0; i < 3; i++) assert.equal(await ask('/', `2001:db8::${i}`), 200);
  assert.equal(await ask('/', '2001:db8::7'), 429, 'an address of the same network');
});

async function listening(t: TestContext, http: { clientCa: boolean; adminToken?: string }): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'streamline-tls-'));
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const tls = {
    cert: file('tls.crt', SERVER_CERTIFICATE),
    key: file('tls.key', SERVER_KEY),
    clientCa: http.clientCa ? file('ca.crt', AUTHORITY) : undefined,
  };
  const { api } = fixture({ http: { tls, adminToken: http.adminToken } });
  const address = await listen(api, { address: '127.0.0.1', port: 0 });
  assert.match(address, /^https:/);
  t.after(async () => {
    await api.close();
    rmSync(folder, { recursive: true });
  });
  return Number(new URL(address).port);
}

async function call(port: number, options: RequestOptions): Promise<{ status: number; code?: string }> {
  // Names are another test's matter: the client would take the one in Host.
  const servername = 'localhost';
  const request = httpsRequest({
    host: '127.0.0.1',
    port,
    servername,
    ca: AUTHORITY,
    agent: false,
    path: '/transforms',
    ...options,
  });
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const body = (await new Response(response as unknown as ReadableStream).json()) as { code?: string };
  return { status: response.statusCode ?? 0, ...(body.code === undefined ? {} : { code: body.code }) };
}

const operator = { cert: CLIENT_CERTIFICATE, key: CLIENT_KEY };
const stranger = { cert: STRANGER_CERTIFICATE, key: STRANGER_KEY };

test('client certificates: of the authority may everything, others nothing but health', async (t) => {
  const port = await listening(t, { clientCa: true });
  assert.deepEqual(await call(port, operator), { status: 200 });
  assert.deepEqual(await call(port, { ...operator, headers: { host: 'sidecar.example' } }), { status: 200 });
  assert.deepEqual(await call(port, {}), { status: 403, code: 'request.forbidden' });
  assert.deepEqual(await call(port, stranger), { status: 403, code: 'request.forbidden' });
  assert.deepEqual(await call(port, { ...stranger, path: '/livez' }), { status: 200 });
  // A browser shows its certificate whoever asks it to.
  assert.deepEqual(await call(port, { ...operator, headers: { origin: 'https://evil.example' } }), {
    status: 403,
    code: 'request.forbidden',
  });
});

test('client certificates and tokens together: either suffices', async (t) => {
  const port = await listening(t, { clientCa: true, adminToken: ADMIN_TOKEN });
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
  assert.deepEqual(await call(port, operator), { status: 200 });
  assert.deepEqual(await call(port, { headers }), { status: 200 });
  assert.deepEqual(await call(port, { ...stranger, headers }), { status: 200 });
  assert.deepEqual(await call(port, stranger), { status: 401, code: 'request.unauthorized' });
});

test('TLS alone opens nothing: the token is needed as before', async (t) => {
  const port = await listening(t, { clientCa: false, adminToken: ADMIN_TOKEN });
  assert.equal((await call(port, operator)).status, 401);
  assert.equal((await call(port, { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } })).status, 200);
});

test('TLS files that cannot be read are said by field', () => {
  const { control } = fixture();
  const health = {
    version: '1',
    ready: () => true,
    metricsText: () => Promise.resolve(''),
    metricsContentType: 'text/plain',
  };
  const limits = { bodyBytes: 1024, moduleBytes: 1024, requestsPerMinute: 1 };
  const tls = { cert: '/nowhere/tls.crt', key: '/nowhere/tls.key', clientCa: undefined };
  const log = { error: () => undefined };
  assert.throws(
    () => createApi({ control, health, limits, log, http: { adminToken: undefined, readOnlyToken: undefined, tls } }),
    {
      code: 'config.unreadable',
      configPath: '/http/tls/cert',
    },
  );
});
