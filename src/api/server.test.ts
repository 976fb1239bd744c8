import assert from 'node:assert/strict';
import { connect, createServer as createTcpServer } from 'node:net';
import { test } from 'node:test';
import { listen } from './server.ts';
import { fixture } from './testing/api-fixture.ts';

test('alive from the start, ready when all have come up or failed', async () => {
  for (const ready of [false, true]) {
    const { api: server } = fixture({ ready: () => ready });
    assert.equal((await server.inject('/livez')).statusCode, 200);
    assert.equal((await server.inject('/readyz')).statusCode, ready ? 200 : 503);
    assert.equal((await server.inject('/')).json().version, '1.2.3');
    const health = await server.inject('/health');
    assert.deepEqual([health.statusCode, health.json().status], ready ? [200, 'healthy'] : [503, 'starting']);
    const metrics = await server.inject('/metrics');
    assert.deepEqual(
      [metrics.body, metrics.headers['content-type']],
      ['m 1\n', 'text/plain; version=0.0.4; charset=utf-8'],
    );
  }
});

test('an unknown path and a failure inside answer with a message and no stack', async () => {
  const { api: server, logged } = fixture({ metricsText: () => Promise.reject(new TypeError('boom')) });
  const missing = await server.inject('/nope');
  assert.deepEqual([missing.statusCode, missing.json().message], [404, 'no such path: GET "/nope"']);
  const failed = await server.inject('/metrics');
  assert.deepEqual([failed.statusCode, failed.json().code], [500, 'bug.unexpected']);
  assert.ok(!/\n +at /.test(failed.body), failed.body);
  assert.deepEqual(
    logged.map(({ fields, message }) => [fields['code'], message]),
    [['bug.unexpected', 'request failed']],
  );
});

test('a port in use is said in one line with what to do', async () => {
  const taken = createTcpServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address() as { port: number };
  const { api: server } = fixture();
  await assert.rejects(listen(server, { address: '127.0.0.1', port }), {
    code: 'config.invalid',
    configPath: '/http/port',
  });
  taken.close();
});

test('I8: a client that holds its connection open, its request half sent, does not hold up the close', async () => {
  const { api: server } = fixture();
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
