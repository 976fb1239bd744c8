import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { CertificateMaker } from '../../integration/harness/certificates.ts';

const SCRIPT = join(import.meta.dirname, 'health.mjs');

function healthOf(url: string): Promise<{ readonly code: number; readonly said: string }> {
  return new Promise((resolve) => {
    const env = { ...process.env, STREAMLINE_HEALTH_URL: url };
    const child = execFile(process.execPath, [SCRIPT], { env }, (_error, stdout) => {
      resolve({ code: child.exitCode ?? -1, said: stdout.trim() });
    });
  });
}

async function listening(t: TestContext, server: Server): Promise<number> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const statusIn: RequestListener = (request, response) => {
  response.writeHead(Number(request.url?.slice(1))).end();
};

test('healthy is 200 and nothing else', async (t) => {
  const port = await listening(t, createServer(statusIn));
  const url = `http://127.0.0.1:${port}`;
  assert.deepEqual(await healthOf(`${url}/200`), { code: 0, said: '' });
  assert.deepEqual(await healthOf(`${url}/503`), { code: 1, said: 'status 503' });
});

test('nobody there', async (t) => {
  const server = createServer();
  const port = await listening(t, server);
  await new Promise((resolve) => server.close(resolve));
  const { code, said } = await healthOf(`http://127.0.0.1:${port}/readyz`);
  assert.equal(code, 1);
  assert.match(said, /ECONNREFUSED/);
});

test('somebody who does not answer', async (t) => {
  const port = await listening(
    t,
    createServer(() => undefined),
  );
  assert.deepEqual(await healthOf(`http://127.0.0.1:${port}/readyz`), { code: 1, said: 'no answer within 4000 ms' });
});

test('over TLS, by a certificate that nobody vouches for', async (t) => {
  const why = CertificateMaker.whyNot();
  if (why !== undefined) return t.skip(why);
  const folder = mkdtempSync(join(tmpdir(), 'streamline-health-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const maker = new CertificateMaker(join(folder, 'certificates'));
  maker.authority('nobody-knows');
  const { cert, key } = maker.issue('nobody-knows', 'elsewhere');
  const port = await listening(t, createTlsServer({ cert, key }, statusIn));
  assert.deepEqual(await healthOf(`https://127.0.0.1:${port}/200`), { code: 0, said: '' });
  assert.equal((await healthOf(`https://127.0.0.1:${port}/503`)).code, 1);
});
