import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  AUTHORITY,
  CLIENT_CERTIFICATE,
  CLIENT_KEY,
  SERVER_CERTIFICATE,
  SERVER_KEY,
} from '../../api/testing/certificates.ts';
import { Secret } from '../../spec/secret.ts';
import { clientOf, failure, ScriptedRegistry, type Scripted } from './testing/scripted-registry.ts';

/* Through the client, as everything else uses it. */

const AVRO = { type: 'AVRO', text: '"long"' } as const;
const OK: Scripted = [200, { schema: '"long"' }];
const PASSWORD = 'pa55:wörd';

test('an answer beyond the bound is not read to its end', async (t) => {
  const registry = await ScriptedRegistry.start(t);
  registry.script = () => [200, { schema: 'x'.repeat(50_000_000) }];
  const error = await failure(clientOf(t, registry.url, { schemaBytesMax: 1000 }).schema(1));
  assert.equal(error.code, 'schema.invalid');
  assert.match(error.message, /answers with more than/);
  assert.match(error.suggestion ?? '', /schema_bytes/);
  assert.equal(registry.received.length, 1, 'not tried again');
});

test('a registry that is not there, that does not answer, that drips, that speaks no HTTP', async (t) => {
  const registry = await ScriptedRegistry.start(t);
  for (const scripted of ['hang', 'drip'] as const) {
    registry.script = () => scripted;
    registry.received.length = 0;
    const error = await failure(clientOf(t, registry.url, { timeoutMs: 100, retries: 1 }).schema(1));
    assert.equal(error.code, 'registry.unreachable');
    assert.match(error.message, /not answered within 100 ms/);
    assert.equal(registry.received.length, 2);
  }
  const url = registry.url;
  await registry.stop();
  const refused = await failure(clientOf(t, url).schema(1));
  assert.equal(refused.code, 'registry.unreachable');
  assert.match(refused.message, /cannot be reached: .*ECONNREFUSED/);

  // Takes the connection and says nothing; speaks another language.
  const greetings = ['', 'SSH-2.0-OpenSSH_9.2\r\n'];
  const codes: string[] = [];
  for (const greeting of greetings) {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.resume();
      socket.write(greeting);
    });
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const client = clientOf(t, `http://127.0.0.1:${port}`, { timeoutMs: 200, retries: 0 });
    codes.push((await failure(client.schema(1))).code);
    client.close();
    await new Promise((resolve) => void server.close(resolve));
  }
  assert.deepEqual(codes, ['registry.unreachable', 'registry.failed']);
});

test('closing ends what is under way, a pause too, and refuses what comes', async (t) => {
  const registry = await ScriptedRegistry.start(t);
  registry.script = () => 'hang';
  const client = clientOf(t, registry.url, { timeoutMs: 60_000 });
  const hanging = failure(client.schema(1));
  const pausing = clientOf(t, 'http://127.0.0.1:1', { retryBackoffMs: 60_000, retryBackoffMaxMs: 60_000 });
  const paused = failure(pausing.schema(1));
  while (registry.received.length === 0) await new Promise((resolve) => void setImmediate(resolve));
  client.close();
  assert.equal((await hanging).code, 'guest.closed');
  assert.equal((await failure(client.schema(2))).code, 'guest.closed');
  pausing.close();
  assert.equal((await paused).code, 'guest.closed');
});

test('credentials go where they should, and into no message', async (t) => {
  const registry = await ScriptedRegistry.start(t);
  const basic = { kind: 'basic', username: 'jürgen', password: new Secret(PASSWORD) } as const;
  const bearer = { kind: 'bearer', token: new Secret('t0k3n') } as const;
  const expected = [`Basic ${Buffer.from(`jürgen:${PASSWORD}`).toString('base64')}`, 'Bearer t0k3n'];
  for (const [i, auth] of [basic, bearer].entries()) {
    const client = clientOf(t, registry.url, { auth });
    registry.received.length = 0;
    registry.script = () => OK;
    await client.schema(1);
    await client.register('s', AVRO).catch(() => undefined);
    assert.deepEqual([...new Set(registry.received.map(({ headers }) => headers.authorization))], [expected[i]]);
    // A proxy that tells everybody what it was asked with.
    const echo = JSON.stringify(registry.received[0]?.headers);
    for (const status of [400, 401, 500]) {
      registry.script = () => [status, { error_code: status, message: `${echo} ${PASSWORD} t0k3n` }];
      const error = await failure(client.schema(1));
      const shown = JSON.stringify(error) + error.describe() + String(error.stack);
      for (const secret of i === 0 ? [PASSWORD, expected[0]?.slice(6) ?? ''] : ['t0k3n']) {
        assert.ok(!shown.includes(secret), shown);
      }
    }
    // A redirect is not followed: the credentials would go with it.
    const other = await ScriptedRegistry.start(t);
    registry.script = () => [302, '', { location: `${other.url}/schemas/ids/1` }];
    const redirected = await failure(client.schema(1));
    assert.match(redirected.suggestion ?? '', /not followed/);
    assert.equal(other.received.length, 0);
  }
  const odd = clientOf(t, registry.url, { auth: { kind: 'bearer', token: new Secret('a\nb') } });
  const error = await failure(odd.schema(1));
  assert.ok(!error.message.includes('a\nb'));
});

test('TLS: an authority of ones own, a client certificate, and a stranger', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'registry-client-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const ca = file('ca.pem', AUTHORITY);
  const cert = file('client.pem', CLIENT_CERTIFICATE);
  const key = file('client.key', CLIENT_KEY);
  const registry = await ScriptedRegistry.start(t, {
    cert: SERVER_CERTIFICATE,
    key: SERVER_KEY,
    ca: AUTHORITY,
    requestCert: true,
    rejectUnauthorized: true,
  });
  registry.script = () => OK;
  const client = clientOf(t, registry.url, { tls: { ca, cert, key } });
  assert.equal((await client.schema(1)).text, '"long"');
  assert.equal((await client.schema(2)).text, '"long"');
  assert.equal(registry.connections, 1, 'the connection is kept');
  const without = await failure(clientOf(t, registry.url, { tls: { ca, cert: undefined, key: undefined } }).schema(1));
  assert.equal(without.code, 'registry.unreachable');
  const stranger = await failure(clientOf(t, registry.url).schema(1));
  assert.equal(stranger.code, 'registry.unreachable');
  assert.match(stranger.message, /certificate/);
  assert.match(stranger.suggestion ?? '', /tls\.ca/);
  assert.equal(registry.received.length, 2);
  assert.throws(() => clientOf(t, registry.url, { tls: { ca: join(folder, 'none'), cert, key } }), {
    code: 'config.unreadable',
    configPath: '/schema_registry/tls/ca',
  });
});
