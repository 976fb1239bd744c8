import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { PlainRecord } from '../pipeline/packed-batch.ts';
import type { StartOffset, TopicName } from '../spec/transformation-config.ts';
import { RdKafka, promised } from './client.ts';
import { startMockCluster } from './mock-cluster.ts';
import { peekTopic } from './topic-peek.ts';

const cluster = await startMockCluster();
const kafka = { 'bootstrap.servers': cluster.bootstrap };
after(() => cluster.stop());

/** `count` records to each of two partitions. */
async function write(topic: string, count: number): Promise<void> {
  const producer = new RdKafka.Producer(kafka as never);
  await promised((done) => producer.connect({}, done as never));
  for (let i = 0; i < count; i++) {
    for (const partition of [0, 1]) {
      const headers = [{ h: Buffer.from(String(i)) }];
      producer.produce(topic, partition, Buffer.from(`v${i}`), `k${i}`, 1000 + i, null, headers as never);
    }
  }
  await promised((done) => producer.flush(10_000, done as never));
  await promised((done) => producer.disconnect(done as never));
}

async function peek(topic: string, start: StartOffset, recordsMax: number): Promise<PlainRecord[]> {
  const options = { kafka, clientId: 'peek', topic: topic as TopicName, start, recordsMax };
  const records: PlainRecord[] = [];
  for await (const record of peekTopic(options)) records.push(record);
  return records;
}

const shown = (records: readonly PlainRecord[]): string[] =>
  records
    .map(({ partition, offset, key, value }) => `${partition}:${offset} ${String(key)} ${String(value)}`)
    .toSorted();

test('reads what is there, from where it is told, and ends', async () => {
  await write('some', 5);
  const all = await peek('some', { at: 'earliest' }, 100);
  const expected = [0, 1].flatMap((p) => [0, 1, 2, 3, 4].map((i) => `${p}:${i} k${i} v${i}`));
  assert.deepEqual(
    shown(all.map((record) => ({ ...record, key: utf8(record.key), value: utf8(record.value) }))),
    expected,
  );
  assert.deepEqual(
    all[0]?.headers.map(({ name, value }) => [name, value === null ? null : Buffer.from(value).toString()]),
    [['h', '0']],
  );
  assert.equal(all[0]?.timestampMs, 1000);
  const offsets = async (start: StartOffset, recordsMax: number): Promise<string[]> =>
    (await peek('some', start, recordsMax)).map(({ partition, offset }) => `${partition}:${offset}`).toSorted();
  assert.deepEqual(await offsets({ at: 'relative', records: -2 }, 100), ['0:3', '0:4', '1:3', '1:4']);
  assert.deepEqual(await offsets({ at: 'relative', records: 4 }, 100), ['0:4', '1:4']);
  assert.deepEqual(await offsets({ at: 'latest' }, 100), []);
  assert.equal((await offsets({ at: 'earliest' }, 3)).length, 3);
});

function utf8(bytes: Uint8Array | null): Uint8Array {
  return Buffer.from(bytes ?? []);
}

test('whoever stops listening leaves nothing behind', async () => {
  await write('stopped', 5);
  for await (const record of peekTopic({
    kafka,
    clientId: 'peek',
    topic: 'stopped' as TopicName,
    start: { at: 'earliest' },
    recordsMax: 100,
  })) {
    assert.equal(record.offset, 0);
    break;
  }
});

test('no cluster is an error within its bound', async () => {
  const nobody = peekTopic({
    kafka: { 'bootstrap.servers': '127.0.0.1:1' },
    clientId: 'peek',
    topic: 'some' as TopicName,
    start: { at: 'earliest' },
    recordsMax: 1,
    connectTimeoutMs: 1000,
  });
  await assert.rejects(nobody.next(), { code: 'broker.unreachable' });
});
