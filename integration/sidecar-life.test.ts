// A sidecar and a cluster that is not there, not yet, or not what it was.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { test } from 'node:test';
import kafka from '@confluentinc/kafka-javascript';
import { clusterTest } from '../testcontainers.config.ts';
import { createTopic, eventually, produceAll } from './cluster/client.ts';
import { freePorts } from './cluster/free-port.ts';
import type { Scope } from './harness/scope.ts';
import { Sidecar, sidecarHome, startSidecar } from './harness/sidecar.ts';
import { specText, uniqueName } from './harness/spec.ts';

function passThrough(name: string): string {
  return specText({
    ...{ name, input_topic: name, output_topic: `${name}.out` },
    ...{ wasm_module: 'builtin:pass-through', input: { start: 'earliest' } },
  });
}

/** A server that ends with its connections: one left open would keep the test's process until the broker gives it up. */
async function listener(scope: Scope, serve: (client: Socket) => void, port = 0): Promise<number> {
  const clients = new Set<Socket>();
  const server = createServer((client) => {
    clients.add(client.on('error', () => {}));
    serve(client);
  }).listen(port, '127.0.0.1');
  scope.after(() => {
    server.close();
    for (const client of clients) client.destroy();
  });
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

test('I8: SIGTERM while no broker answers, or one that never does, ends the sidecar at once and with 0', async (t) => {
  const [closed = 0] = await freePorts(1);
  const silent = await listener(t, () => {});
  for (const port of [closed, silent]) {
    const home = sidecarHome(t, `127.0.0.1:${port}`);
    home.writeSpec('away.yaml', passThrough('away'));
    const sidecar = Sidecar.launch(home);
    await sidecar.listening();
    assert.equal((await sidecar.get('/readyz')).status, 503);
    assert.ok((await sidecar.stop()) < 6_000, 'it waited for the whole time of a connect');
  }
});

test('no secret is in any line, at trace level and with all that the client can tell', async (t) => {
  const [port = 0] = await freePorts(1);
  const secrets = { 'sasl.password': 82736451, 'ssl.key.password': 'key-pass-987' };
  const home = sidecarHome(t, `127.0.0.1:${port}`, {
    kafka: {
      ...{ ...secrets, 'security.protocol': 'SASL_SSL', 'sasl.mechanism': 'PLAIN', 'sasl.username': 'u' },
      debug: 'all',
    },
  });
  const config = JSON.parse(readFileSync(home.configFile, 'utf8')) as object;
  writeFileSync(home.configFile, JSON.stringify({ ...config, log_level: 'trace' }));
  home.writeSpec('away.yaml', passThrough('away'));
  const sidecar = Sidecar.launch(home);
  await sidecar.logs((line) => line['fac'] === 'CONF' || line['fac'] === 'FAIL');
  await sidecar.stop();
  const said = JSON.stringify(sidecar.log) + sidecar.noise.join('') + sidecar.stderr;
  assert.ok(sidecar.log.some(({ level }) => level === 'debug'));
  for (const secret of Object.values(secrets)) assert.ok(!said.includes(String(secret)));
});

clusterTest(
  'a cluster that appears later is found: RESTARTING with the reason, then RUNNING by itself',
  async (cluster, t) => {
    const [host = '', port] = cluster.bootstrap.split(':');
    const [later = 0] = await freePorts(1);
    const name = uniqueName('later');
    await createTopic(cluster.bootstrap, name);
    await produceAll(cluster.bootstrap, name, [{ value: 'waits' }]);
    const home = sidecarHome(t, `127.0.0.1:${later}`, { limits: { restart_backoff_max_ms: 1000 } });
    home.writeSpec('later.yaml', passThrough(name));
    const sidecar = await Sidecar.start(home);
    assert.equal((await sidecar.metrics()).state(name), 'RESTARTING');
    const why = await sidecar.logs((line) => line.transform === name && line.level === 'warn');
    assert.equal(why.code, 'broker.unreachable');
    const through = (client: Socket): void => {
      const broker = connect(Number(port), host);
      pipeline(client, broker, client).catch(() => {});
    };
    await listener(t, through, later);
    await sidecar.settles(name, 1);
    await sidecar.reaches('RUNNING', name);
    await sidecar.stop();
  },
);

clusterTest(
  'an input topic that is deleted and made anew is read from its beginning, and nobody calls it a bug',
  async (cluster, t) => {
    const name = uniqueName('anew');
    const records = (count: number) => Array.from({ length: count }, (_, i) => ({ value: `v${i}` }));
    await createTopic(cluster.bootstrap, name);
    await produceAll(cluster.bootstrap, name, records(100));
    const sidecar = await startSidecar(t, cluster.bootstrap, { specs: { 'anew.yaml': passThrough(name) } });
    await sidecar.settles(name, 100);
    const admin = kafka.RdKafka.AdminClient.create({ 'bootstrap.servers': cluster.bootstrap });
    await new Promise<void>((resolve) => {
      admin.deleteTopic(name, 10_000, () => resolve());
    });
    admin.disconnect();
    await eventually(() => createTopic(cluster.bootstrap, name));
    await produceAll(cluster.bootstrap, name, records(10));
    await sidecar.settles(name, 110);
    assert.deepEqual(
      sidecar.log.filter(({ code }) => code?.startsWith('bug.') === true),
      [],
    );
    await sidecar.stop();
  },
);
