import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { BridgeAddon, BridgeClient } from '../../src/kafka/bridge-addon.ts';
import { RESULT_ENTRY_BYTES } from '../../src/pipeline/packed-results.ts';
import { addonTest } from './addon.ts';
import { consume, consumerOn, jobOf, produce, producerOn, records } from './clients.ts';

const TOPIC = 'gone';
/** Beyond the 8 s that a consumer takes to leave its group, and 2 s to give up its handle. */
const CLOSE_MS_MAX = 12_000;
/** How a broker goes: with its connections, or with its connections open. */
const WAYS = ['SIGKILL', 'SIGSTOP'] as const;
type Way = (typeof WAYS)[number];
/** A producer that gives up soon, else a test would wait for two minutes. */
const SOON = { 'message.timeout.ms': '3000', 'transaction.timeout.ms': '3000' };
const IMPATIENT = { 'enable.idempotence': 'false', 'message.timeout.ms': '3000' };

interface Broker {
  readonly bootstrap: string;
  goes(way: Way): void;
}

async function startBroker(t: TestContext): Promise<Broker> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'mock-broker.ts'), TOPIC, '5000'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
  return { bootstrap: line.trim(), goes: (way) => void child.kill(way) };
}

async function closesInTime(client: BridgeClient): Promise<void> {
  const start = performance.now();
  await client.close();
  const ms = performance.now() - start;
  assert.ok(ms < CLOSE_MS_MAX, `close took ${Math.round(ms)} ms`);
}

type Body = (addon: BridgeAddon, broker: Broker, way: Way) => Promise<void>;

function whenGone(when: string, body: Body): void {
  for (const way of WAYS)
    addonTest(`broker gone ${when} (${way})`, 60_000, async (addon, t) => body(addon, await startBroker(t), way));
}

whenGone('at open', async (addon, broker, way) => {
  broker.goes(way);
  for (const client of [consumerOn(addon, broker.bootstrap, TOPIC, 'g'), producerOn(addon, broker.bootstrap)]) {
    const start = performance.now();
    const code = await client.connect(TOPIC, 2000);
    const ms = performance.now() - start;
    assert.notEqual(code, 0);
    assert.ok(ms < 4000, `connect took ${Math.round(ms)} ms of its 2000`);
    await closesInTime(client);
  }
});

whenGone('at poll', async (addon, broker, way) => {
  const consumer = consumerOn(addon, broker.bootstrap, TOPIC, 'g');
  await consumer.subscribe();
  await consume(consumer, 100);
  broker.goes(way);
  const buffer = new Uint8Array(new SharedArrayBuffer(1_000_000));
  // What was fetched before still comes, then nothing, each within its time.
  for (let bytes = 1; bytes > 0;) {
    const start = performance.now();
    bytes = await consumer.poll(buffer, 1000, 500);
    assert.ok(performance.now() - start < 3000);
  }
  const offsets = [Int32Array.of(0), Float64Array.of(100)] as const;
  const asked = consumer.lookUp(Int32Array.of(0), undefined, 2000);
  assert.notEqual((await asked)[0], 0);
  const commit = consumer.commit(...offsets);
  await closesInTime(consumer);
  assert.notEqual((await commit)[0], 0);
});

whenGone('at produce', async (addon, broker, way) => {
  const producer = producerOn(addon, broker.bootstrap, IMPATIENT);
  assert.equal(await produce(producer, TOPIC, jobOf(records(100))), undefined);
  broker.goes(way);
  const answer = (await produce(producer, TOPIC, jobOf(records(100))))!;
  // [0, entry, code, reported, …]: every output, once, as timed out.
  assert.equal(answer.length, 1 + 3 * 100);
  assert.deepEqual(
    new Set(answer.slice(1).filter((_, i) => i % 3 === 0)),
    new Set(Array.from({ length: 100 }, (_, i) => i * RESULT_ENTRY_BYTES)),
  );
  const waiting = produce(producer, TOPIC, jobOf(records(100)));
  const purged = produce(producer, TOPIC, jobOf(records(100)));
  assert.equal(await producer.purge(), 0);
  assert.ok(Array.isArray(await waiting) && Array.isArray(await purged));
  const dropped = produce(producer, TOPIC, jobOf(records(100)));
  await closesInTime(producer);
  assert.ok(Array.isArray(await dropped));
});

whenGone('in a transaction', async (addon, broker, way) => {
  const producer = producerOn(addon, broker.bootstrap, { ...SOON, 'transactional.id': 'gone' });
  assert.equal((await producer.transaction('init', 20_000))[0], 0);
  assert.equal((await producer.transaction('begin', 1000))[0], 0);
  // A transaction that no partition has come into needs no broker to be committed, and the two calls below go by different threads.
  assert.equal(await produce(producer, TOPIC, jobOf(records(1))), undefined);
  broker.goes(way);
  const produced = produce(producer, TOPIC, jobOf(records(100)));
  const start = performance.now();
  const [code] = await producer.transaction('commit', 5000);
  assert.notEqual(code, 0);
  assert.ok(performance.now() - start < 8000);
  const aborting = producer.transaction('abort', 60_000);
  await closesInTime(producer);
  assert.notEqual((await aborting)[0], 0);
  assert.ok(Array.isArray(await produced));
});

whenGone('at close', async (addon, broker, way) => {
  const consumer = consumerOn(addon, broker.bootstrap, TOPIC, 'g');
  const producer = producerOn(addon, broker.bootstrap);
  await consumer.subscribe();
  await consume(consumer, 100);
  await produce(producer, TOPIC, jobOf(records(100)));
  broker.goes(way);
  await Promise.all([closesInTime(consumer), closesInTime(producer)]);
});
