import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { KafkaAdmin } from '../src/kafka/kafka-admin.ts';
import { confluentTransport } from '../src/kafka/confluent-transport.ts';
import { silentLogger } from '../src/kafka/log.ts';
import {
  keepPolling,
  numbered,
  passThrough,
  readRecords,
  transportContract,
  watch,
} from '../src/kafka/transport.contract.ts';
import type { TopicName } from '../src/spec/transformation-config.ts';
import { clusterTest, startCluster } from '../testcontainers.config.ts';
import { ClusterUnavailable, type Cluster } from './cluster/cluster.ts';
import { createTopic } from './cluster/client.ts';

const cluster = await startCluster().catch((error: unknown) => {
  if (error instanceof ClusterUnavailable && process.env['CI'] !== 'true') return error;
  throw error;
});

if (cluster instanceof Error) {
  test('the Kafka adapters on a real broker', { skip: cluster.message }, () => {});
} else {
  after(() => cluster.stop());
  transportContract('confluent on a real broker', () => confluentTransport(cluster.bootstrap));
  brokerCases(cluster);
}

function brokerCases({ bootstrap }: Cluster): void {
  const identity = { kafka: { 'bootstrap.servers': bootstrap }, clientId: 'test', logger: silentLogger };
  let transport: Awaited<ReturnType<typeof confluentTransport>>;
  before(async () => {
    transport = await confluentTransport(bootstrap);
  });
  after(() => transport.stop());

  test('a record too large for the topic fails by itself: its batch goes through', { timeout: 60_000 }, async () => {
    const topic = `narrow-${Date.now()}` as TopicName;
    await createTopic(bootstrap, topic, 1, { 'max.message.bytes': '20000' });
    const sink = transport.createSink({});
    await sink.start(() => {});
    const records = numbered(300, 0).map((record, i) =>
      i === 100 || i === 250
        ? { ...record, value: Buffer.alloc(30_000, i) }
        : { ...record, value: Buffer.alloc(500, i) },
    );
    const failures = await sink.produce(passThrough(records, topic));
    assert.deepEqual(
      failures.map(({ recordIndex, code }) => [recordIndex, code]),
      [
        [100, 'record.too_large'],
        [250, 'record.too_large'],
      ],
    );
    const source = transport.createSource({ topic, groupId: `narrow-${Date.now()}` });
    await source.start(watch().handlers);
    const keys = (await readRecords(source, 298)).map((record) => Buffer.from(record.key ?? []).toString());
    assert.equal(new Set(keys).size, 298);
    await Promise.all([source.close(), sink.close(1_000)]);
  });

  test('a record the broker refuses fails by itself: no key on a compacted topic', { timeout: 60_000 }, async () => {
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

  test('topics: counted, created, missing; no broker is told in time', { timeout: 60_000 }, async () => {
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

  test('partitions of a member that did not poll in time are lost, not drained', { timeout: 60_000 }, async () => {
    const brief = await confluentTransport(bootstrap, {
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
    const transport = await confluentTransport(own.bootstrap);
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
    const source = transport.createSource({ topic, groupId: 'after' });
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
  },
  { own: true, timeoutMs: 120_000 },
);
