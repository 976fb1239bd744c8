import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { KafkaAdmin } from '../src/kafka/kafka-admin.ts';
import { loadBridge } from '../src/kafka/bridge-addon.ts';
import { contractTransport } from '../src/kafka/contract-transport.ts';
import { silentLogger } from '../src/kafka/log.ts';
import {
  fanOut,
  keepPolling,
  numbered,
  passThrough,
  readRecords,
  skippedContract,
  transportContract,
  watch,
} from '../src/kafka/transport.contract.ts';
import type { PlainRecord } from '../src/pipeline/packed-batch.ts';
import type { RecordSink } from '../src/pipeline/ports.ts';
import type { TransportName } from '../src/kafka/transport.ts';
import type { TopicName } from '../src/spec/transformation-config.ts';
import { clusterTest, startCluster } from '../testcontainers.config.ts';
import { ClusterUnavailable, type Cluster } from './cluster/cluster.ts';
import { createTopic } from './cluster/client.ts';

/** Number of a record behind all others. */
const END = 1_000_000;

const ADAPTERS = ['confluent', 'bridge'] as const;

const cluster = await startCluster().catch((error: unknown) => {
  if (error instanceof ClusterUnavailable && process.env['CI'] !== 'true') return error;
  throw error;
});

if (cluster instanceof Error) {
  test('the Kafka adapters on a real broker', { skip: cluster.message }, () => {});
} else {
  after(() => cluster.stop());
  for (const adapter of ADAPTERS) {
    const bridge = loadBridge();
    if (adapter === 'bridge' && bridge.addon === undefined) {
      skippedContract('bridge on a real broker', bridge.reason);
      continue;
    }
    transportContract(`${adapter} on a real broker`, () => contractTransport(adapter, cluster.bootstrap));
    describe(adapter, () => brokerCases(adapter, cluster));
  }
}

function brokerCases(adapter: TransportName, { bootstrap }: Cluster): void {
  const identity = { kafka: { 'bootstrap.servers': bootstrap }, clientId: 'test', logger: silentLogger };
  let transport: Awaited<ReturnType<typeof contractTransport>>;
  before(async () => {
    transport = await contractTransport(adapter, bootstrap);
  });
  after(() => transport.stop());

  /** What a topic of one partition has. A neighbour of a refused one may be there twice: where it lies is where it came last (I3). */
  async function settledLog(sink: RecordSink, topic: TopicName): Promise<readonly PlainRecord[]> {
    // What is produced from now on lies behind all of it.
    assert.deepEqual(await sink.produce(passThrough(numbered(1, 0, END), topic)), []);
    const source = transport.createSource({ topic, groupId: topic });
    await source.start(watch().handlers);
    const last = new Map<string, PlainRecord>();
    while (!last.has(`v${END}`)) {
      for (const record of await readRecords(source, 1)) {
        const content = Buffer.from(record.value ?? []).toString();
        last.delete(content);
        last.set(content, record);
      }
    }
    await source.close();
    return [...last.values()].slice(0, -1);
  }

  test('a record too large for the topic fails by itself: its batch goes through', { timeout: 180_000 }, async () => {
    const topic = `narrow-${Date.now()}` as TopicName;
    await createTopic(bootstrap, topic, 1, { 'max.message.bytes': '20000' });
    const sink = transport.createSink({ recordBytesMax: 60_000 });
    await sink.start(() => {});
    // The one between is too large for the client: it is told once, though its neighbours are tried again.
    const bytes = new Map([
      [100, 30_000],
      [200, 80_000],
      [250, 30_000],
    ]);
    const records = numbered(300, 0).map((record, i) => ({
      ...record,
      value: Buffer.alloc(bytes.get(i) ?? 500, `${i} `),
    }));
    const failures = await sink.produce(passThrough(records, topic));
    assert.deepEqual(
      failures.map(({ recordIndex, code }) => [recordIndex, code]),
      [
        [100, 'record.too_large'],
        [200, 'record.too_large'],
        [250, 'record.too_large'],
      ],
    );
    const keys = (await settledLog(sink, topic)).map((record) => Buffer.from(record.key ?? []).toString());
    assert.deepEqual(keys, records.filter((_, i) => !bytes.has(i)).map((record) => Buffer.from(record.key ?? []).toString())); // prettier-ignore
    await sink.close(1_000);
  });

  test(
    'of several outputs the one too large for the topic fails by itself: its batch goes through, in order',
    { timeout: 180_000 },
    async () => {
      const topic = `narrow-outputs-${Date.now()}` as TopicName;
      await createTopic(bootstrap, topic, 1, { 'max.message.bytes': '20000' });
      const sink = transport.createSink({});
      await sink.start(() => {});
      const [range, kept] = fanOut(topic, 30_000);
      const failures = await sink.produce(range);
      assert.deepEqual(
        failures.map(({ recordIndex, code }) => [recordIndex, code]),
        [
          [1, 'record.too_large'],
          [3, 'record.too_large'],
        ],
      );
      const values = (await settledLog(sink, topic)).map(({ value }) => Buffer.from(value ?? []).toString());
      assert.deepEqual(values, kept);
      await sink.close(1_000);
    },
  );

  test('a record the broker refuses fails by itself: no key on a compacted topic', { timeout: 180_000 }, async () => {
    const topic = `compacted-${Date.now()}` as TopicName;
    await createTopic(bootstrap, topic, 1, { 'cleanup.policy': 'compact' });
    const sink = transport.createSink({});
    await sink.start(() => {});
    const records = numbered(20, 0).map((record, i) => (i === 7 ? { ...record, key: null } : record));
    const failures = await sink.produce(passThrough(records, topic));
    assert.deepEqual(
      failures.map(({ recordIndex, code }) => [recordIndex, code]),
      [[7, 'record.rejected']],
    );
    await sink.close(1_000);
  });

  test('topics: counted, created, missing; no broker is told in time', { timeout: 180_000 }, async () => {
    const admin = new KafkaAdmin(identity);
    await admin.start();
    const topic = `made-${Date.now()}`;
    assert.equal(await admin.partitionCount(topic), undefined);
    await admin.createTopic(topic, 3);
    await admin.createTopic(topic, 5);
    assert.equal(await admin.partitionCount(topic), 3);
    assert.ok((await admin.topics()).some(({ name, partitions }) => name === topic && partitions === 3));
    await admin.close();
    await admin.close();

    const nowhere = { ...identity, kafka: { 'bootstrap.servers': '127.0.0.1:1', 'sasl.password': 'hunter2' } };
    const lost = new KafkaAdmin({ ...nowhere, connectTimeoutMs: 1_000 });
    await assert.rejects(lost.start(), (error: { code: string; message: string }) => {
      assert.equal(error.code, 'broker.unreachable');
      assert.match(error.message, /127\.0\.0\.1:1/);
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    });
    await lost.close();
  });

  test('a cooperative group moves only what has to move, and the rest is read on', { timeout: 180_000 }, async () => {
    const cooperative = await contractTransport(adapter, bootstrap, {
      kafka: { 'partition.assignment.strategy': 'cooperative-sticky' },
    });
    const topic = await cooperative.createTopic(4);
    const sink = cooperative.createSink({});
    await sink.start(() => {});
    const all = Array.from({ length: 4 }, (_, partition) => numbered(10, partition)).flat();
    await sink.produce(passThrough(all, topic));
    const groupId = `cooperative-${adapter}-${Date.now()}`;
    const seen = watch((partitions) => first.commit(partitions.map((partition) => ({ partition, offset: 10 }))));
    const first = cooperative.createSource({ topic, groupId });
    await first.start(seen.handlers);
    await readRecords(first, 40);
    await first.commit([0, 1, 2, 3].map((partition) => ({ partition, offset: 10 })));
    const pollFirst = keepPolling(first);
    const other = watch();
    const second = cooperative.createSource({ topic, groupId });
    await second.start(other.handlers);
    const pollSecond = keepPolling(second);
    await other.until((events) => events.some((event) => /^assigned \d,\d$/.test(event)));
    const moved = seen.events.filter((event) => event.startsWith('revoked'));
    assert.equal(moved.length, 1, seen.events.join('; '));
    assert.match(moved[0] ?? '', /^revoked \d,\d$/, 'two of four');
    await sink.produce(passThrough(Array.from({ length: 4 }, (_, p) => numbered(5, p, 100)).flat(), topic));
    while (pollFirst.count() + pollSecond.count() < 20) await Promise.race([pollFirst.more(), pollSecond.more()]);
    assert.deepEqual([pollFirst.count(), pollSecond.count()], [10, 10], 'nothing is read twice');
    await Promise.all([pollFirst.stop(), pollSecond.stop()]);
    await cooperative.stop();
  });

  test('a static member that comes back within its session moves nothing', { timeout: 180_000 }, async () => {
    const memberOf = (instance: string) =>
      contractTransport(adapter, bootstrap, {
        kafka: { 'group.instance.id': `${adapter}-${instance}`, 'session.timeout.ms': 20_000 },
      });
    const [a, b] = await Promise.all([memberOf('a'), memberOf('b')]);
    const topic = await a.createTopic(2);
    const groupId = `static-${adapter}-${Date.now()}`;
    const [seenA, seenB] = [watch(), watch()];
    const first = a.createSource({ topic, groupId });
    await first.start(seenA.handlers);
    const pollA = keepPolling(first);
    await seenA.until((events) => events.includes('assigned 0,1'));
    const other = b.createSource({ topic, groupId });
    await other.start(seenB.handlers);
    const pollB = keepPolling(other);
    await seenB.until((events) => events.some((event) => /^assigned \d$/.test(event)));
    await seenA.until((events) => /^assigned \d$/.test(events.at(-1) ?? ''));
    const [hadA, before] = [seenA.events.at(-1), seenB.events.length];
    await pollA.stop();
    await first.close();
    const again = watch();
    const back = a.createSource({ topic, groupId });
    await back.start(again.handlers);
    const pollBack = keepPolling(back);
    await again.until((events) => events.length > 0);
    assert.deepEqual(again.events, [hadA]);
    assert.equal(seenB.events.length, before, 'the other one was told nothing');
    await Promise.all([pollBack.stop(), pollB.stop()]);
    await Promise.all([a.stop(), b.stop()]);
  });

  test('partitions of a member that did not poll in time are lost, not drained', { timeout: 180_000 }, async () => {
    const brief = await contractTransport(adapter, bootstrap, {
      kafka: { 'session.timeout.ms': 2_000, 'max.poll.interval.ms': 2_000, 'heartbeat.interval.ms': 500 },
    });
    const topic = await brief.createTopic(1);
    const seen = watch();
    const source = brief.createSource({ topic, groupId: `late-${Date.now()}` });
    await source.start(seen.handlers);
    const first = keepPolling(source);
    await seen.until((events) => events.length > 0);
    await first.stop();
    // Waits on the member's own deadline: nobody polls until the group has given it up.
    const other = watch();
    const next = brief.createSource({ topic, groupId: `other-${Date.now()}` });
    await next.start(other.handlers);
    const polling = keepPolling(next);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    const again = keepPolling(source);
    await seen.until((events) => events.includes('lost 0') && events.at(-1) === 'assigned 0');
    assert.ok(!seen.events.some((event) => event.startsWith('revoked')));
    await Promise.all([again.stop(), polling.stop()]);
    await brief.stop();
  });
}

clusterTest(
  'a broker that goes away is back-pressure: everything queued arrives once it is back, in order',
  async (own) => {
    for (const adapter of ADAPTERS) await brokerGoesAway(adapter, own);
  },
  { own: true, timeoutMs: 240_000 },
);

async function brokerGoesAway(adapter: TransportName, own: Cluster): Promise<void> {
  const transport = await contractTransport(adapter, own.bootstrap);
  const topic = await transport.createTopic(1);
  const sink = transport.createSink({ queueRecordsMax: 500 });
  await sink.start(() => {});
  assert.deepEqual(await sink.produce(passThrough(numbered(10, 0), topic)), []);
  await own.kill();
  const waiting = Array.from({ length: 20 }, (_, i) =>
    sink.produce(passThrough(numbered(100, 0, 10 + i * 100), topic)),
  );
  await own.restart();
  assert.deepEqual((await Promise.all(waiting)).flat(), []);
  const source = transport.createSource({ topic, groupId: `after-${adapter}` });
  await source.start(watch().handlers);
  const values = (await readRecords(source, 2_010)).map((record) => Buffer.from(record.value ?? []).toString());
  assert.deepEqual(
    values,
    Array.from({ length: 2_010 }, (_, i) => `v${i}`),
  );

  await own.kill();
  const lost = sink.produce(passThrough(numbered(1, 0), topic));
  const refused = assert.rejects(lost, { code: 'broker.client' });
  await Promise.all([sink.close(500), source.close(), refused]);
  await own.restart();
  await transport.stop();
}
