import assert from 'node:assert/strict';
import { connect, createServer as createTcpServer } from 'node:net';
import { test } from 'node:test';
import { createServer, listen, type SidecarView } from './server.ts';

const view = (ready: boolean, metricsText = async (): Promise<string> => 'm 1\n'): SidecarView => ({
  version: '1.2.3',
  ready: () => ready,
  metricsText,
  metricsContentType: 'text/plain; version=0.0.4',
});

test('alive from the start, ready when all have come up or failed', async () => {
  for (const ready of [false, true]) {
    const server = createServer(view(ready));
    assert.equal((await server.inject('/livez')).statusCode, 200);
    assert.equal((await server.inject('/readyz')).statusCode, ready ? 200 : 503);
    assert.equal((await server.inject('/')).json().version, '1.2.3');
    assert.equal((await server.inject('/metrics')).body, 'm 1\n');
  }
});

test('an unknown path and a failure inside answer with a message and no stack', async () => {
  const server = createServer(view(true, () => Promise.reject(new TypeError('boom'))));
  const missing = await server.inject('/nope');
  assert.deepEqual([missing.statusCode, missing.json().message], [404, 'no such path: GET /nope']);
  const failed = await server.inject('/metrics');
  assert.deepEqual([failed.statusCode, failed.json().code], [500, 'bug.unexpected']);
  assert.ok(!failed.body.includes('at '), failed.body);
});

test('a port in use is said in one line with what to do', async () => {
  const taken = createTcpServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address() as { port: number };
  const server = createServer(view(true));
  await assert.rejects(listen(server, { address: '127.0.0.1', port }), {
    code: 'config.invalid',
    configPath: '/http/port',
  });
  taken.close();
});

test('I8: a client that holds its connection open, its request half sent, does not hold up the close', async () => {
  const server = createServer(view(true));
  const { port } = new URL(await listen(server, { address: '127.0.0.1', port: 0 }));
  const client = connect(Number(port), '127.0.0.1');
  const gone = new Promise<void>((resolve) => client.on('close', () => resolve()).on('error', () => resolve()));
  await new Promise<void>((resolve) => void client.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n', () => resolve()));
  await new Promise((resolve) => void client.once('data', resolve));
  await new Promise<void>((resolve) => void client.write('GET /livez HT', () => resolve()));
  const startMs = performance.now();
  await server.close();
  await gone;
  assert.ok(performance.now() - startMs < 5_000, 'the close waited for the request timeout');
});
