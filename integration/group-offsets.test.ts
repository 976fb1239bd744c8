import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import kafka from '@confluentinc/kafka-javascript';
import type { StreamlineError } from '../src/base/error.ts';
import { KafkaAdmin } from '../src/kafka/kafka-admin.ts';
import { silentLogger } from '../src/kafka/log.ts';
import type { OffsetTarget } from '../src/kafka/offset-target.ts';
import type { StartOffset, TopicName } from '../src/spec/transformation-config.ts';
import { clusterTest } from '../testcontainers.config.ts';
import { committedOffsets, createTopic, disconnected, eventually, produceAll, settled } from './cluster/client.ts';
import { uniqueName } from './harness/spec.ts';

/* A consumer group from outside: its offsets read, moved and deleted, its members told. */

const PARTITIONS = [0, 1];
const RECORDS = 40;
const TIME_MS = 1_700_000_000_000;
const EARLIEST: StartOffset = { at: 'earliest' };
const LATEST: StartOffset = { at: 'latest' };
const REQUEST_MS_MAX = 20_000;

/** A topic with RECORDS in each partition, a second apart, and a group with nothing committed. */
class Fixture {
  readonly bootstrap: string;
  readonly admin: KafkaAdmin;
  readonly topic = uniqueName('offsets') as TopicName;
  readonly group = uniqueName('group');

  private constructor(bootstrap: string) {
    this.bootstrap = bootstrap;
    this.admin = new KafkaAdmin({
      kafka: { 'bootstrap.servers': bootstrap },
      clientId: 'group-offsets-test',
      logger: silentLogger,
    });
  }

  static async create(t: TestContext, bootstrap: string): Promise<Fixture> {
    const fixture = new Fixture(bootstrap);
    t.after(() => fixture.admin.close());
    await fixture.admin.start();
    await fixture.fill(fixture.topic);
    return fixture;
  }

  async fill(topic: string): Promise<void> {
    await createTopic(this.bootstrap, topic, PARTITIONS.length);
    const records = Array.from({ length: RECORDS * PARTITIONS.length }, (_, i) => {
      const second = Math.floor(i / PARTITIONS.length);
      return { value: `${i}`, partition: i % PARTITIONS.length, timestamp: TIME_MS + second * 1000 };
    });
    await produceAll(this.bootstrap, topic, records);
  }

  /** What another client says is committed, after a move that says the same. */
  async move(target: OffsetTarget, start = EARLIEST): Promise<(number | undefined)[]> {
    const rows = await this.admin.moveOffsets(this.group, this.topic, PARTITIONS, target, start);
    const said = rows.map(({ committed }) => committed);
    assert.deepEqual(await this.committed(), said, JSON.stringify(target));
    return said;
  }

  async committed(topic: string = this.topic): Promise<(number | undefined)[]> {
    const committed = await committedOffsets(this.bootstrap, this.group, topic);
    return PARTITIONS.map((partition) => committed.get(partition));
  }
}

clusterTest('offsets go back and on: to the ends, a time, by so many, and to the record', async ({ bootstrap }, t) => {
  const fixture = await Fixture.create(t, bootstrap);
  const { admin, group, topic } = fixture;
  const untouched = { committed: undefined, earliest: 0, latest: RECORDS };
  assert.deepEqual(
    await admin.groupOffsets(group, topic, PARTITIONS),
    PARTITIONS.map((partition) => ({ partition, ...untouched })),
  );
  assert.deepEqual(await fixture.move({ to: 'shift', records: -5 }, LATEST), [35, 35]);
  assert.deepEqual(await fixture.move({ to: 'earliest' }), [0, 0]);
  assert.deepEqual(await fixture.move({ to: 'latest' }), [RECORDS, RECORDS]);
  assert.deepEqual(await fixture.move({ to: 'timestamp', timestampMs: TIME_MS + 24_500 }), [25, 25]);
  assert.deepEqual(await fixture.move({ to: 'timestamp', timestampMs: TIME_MS + 25_000 }), [25, 25]);
  assert.deepEqual(await fixture.move({ to: 'timestamp', timestampMs: 0 }), [0, 0]);
  assert.deepEqual(await fixture.move({ to: 'timestamp', timestampMs: TIME_MS + 1_000_000 }), [RECORDS, RECORDS]);
  assert.deepEqual(await fixture.move({ to: 'shift', records: -10 }), [30, 30]);
  assert.deepEqual(await fixture.move({ to: 'shift', records: 4 }), [34, 34]);
  const exact = (partition: number, offset: number): OffsetTarget => ({
    to: 'exact',
    offsets: [{ partition, offset }],
  });
  assert.deepEqual(await fixture.move(exact(1, 7)), [34, 7]);
  assert.deepEqual(await fixture.move({ to: 'shift', records: 10 }), [RECORDS, 17]);
  assert.deepEqual(await fixture.move({ to: 'shift', records: -30 }), [10, 0]);
  assert.deepEqual(await fixture.move(exact(0, RECORDS)), [RECORDS, 0]);
  for (const [target, said] of [
    [exact(0, RECORDS + 1), /offset 41 of partition 0 .* from 0 to its end at 40/],
    [exact(2, 0), /no partition 2/],
  ] as const) {
    const moving = admin.moveOffsets(group, topic, PARTITIONS, target, EARLIEST);
    await assert.rejects(moving, { code: 'offsets.invalid', message: said });
  }
  assert.deepEqual(await fixture.committed(), [RECORDS, 0]);
  const missing = admin.groupOffsets(group, uniqueName('missing') as TopicName, [0]);
  await assert.rejects(missing, { code: 'broker.topic_missing' });
});

clusterTest(
  'a group with a live member is told and left alone, and moved once it has left',
  async ({ bootstrap }, t) => {
    const fixture = await Fixture.create(t, bootstrap);
    const { admin, group, topic } = fixture;
    assert.deepEqual(await admin.describeGroup(group, topic), { state: 'Dead', members: [] });
    await fixture.move({ to: 'exact', offsets: [{ partition: 0, offset: 9 }] });
    assert.deepEqual(await admin.describeGroup(group, topic), { state: 'Empty', members: [] });

    const identity = { 'bootstrap.servers': bootstrap, 'group.id': group, 'enable.auto.commit': false };
    const member = new kafka.RdKafka.KafkaConsumer({ ...identity, 'client.id': 'streamline.member' }, {});
    await settled<kafka.Metadata>((done) => member.connect({ timeout: REQUEST_MS_MAX }, done));
    let isMember = true;
    const leave = async (): Promise<void> => {
      if (isMember) await disconnected(member);
      isMember = false;
    };
    t.after(leave);
    member.subscribe([topic]);
    member.consume();
    const described = await eventually(async () => {
      const found = await admin.describeGroup(group, topic);
      assert.equal(found.state, 'Stable');
      return found;
    });
    const [self, ...others] = described.members;
    assert.deepEqual(others, []);
    assert.deepEqual([self?.clientId, self?.partitions], ['streamline.member', PARTITIONS]);
    assert.match(self?.host ?? '', /^[\d.:a-f]+$/);
    assert.ok(self !== undefined && self.memberId !== '' && !('groupInstanceId' in self));
    // Of another topic it has none.
    assert.deepEqual((await admin.describeGroup(group, 'another' as TopicName)).members[0]?.partitions, []);

    const refused = (error: StreamlineError): boolean => {
      assert.equal(error.code, 'transform.not_stopped');
      assert.match(error.message, /streamline\.member on [\d.:a-f]+ with partition 0, 1$/);
      return true;
    };
    await assert.rejects(admin.moveOffsets(group, topic, PARTITIONS, { to: 'latest' }, EARLIEST), refused);
    await assert.rejects(admin.deleteOffsets(group, topic, PARTITIONS, EARLIEST), refused);
    assert.deepEqual(await fixture.committed(), [9, undefined]);
    await leave();
    assert.deepEqual(await fixture.move({ to: 'latest' }), [RECORDS, RECORDS]);
  },
);

clusterTest(
  'deleted offsets are gone; with those of another topic in the group, they are at the start',
  async ({ bootstrap }, t) => {
    const fixture = await Fixture.create(t, bootstrap);
    const { admin, group, topic } = fixture;
    const remove = (start: StartOffset): Promise<string> => admin.deleteOffsets(group, topic, PARTITIONS, start);
    assert.equal(await remove(EARLIEST), 'deleted');
    await fixture.move({ to: 'shift', records: 12 });
    assert.equal(await remove(EARLIEST), 'deleted');
    assert.deepEqual(await fixture.committed(), [undefined, undefined]);
    assert.deepEqual(await admin.describeGroup(group, topic), { state: 'Dead', members: [] });

    const other = uniqueName('other') as TopicName;
    await fixture.fill(other);
    await admin.moveOffsets(group, other, PARTITIONS, { to: 'shift', records: 3 }, EARLIEST);
    assert.equal(await remove(EARLIEST), 'deleted');
    await fixture.move({ to: 'shift', records: 12 });
    assert.equal(await remove({ at: 'relative', records: -1 }), 'at_start');
    assert.deepEqual(await fixture.committed(), [RECORDS - 1, RECORDS - 1]);
    assert.deepEqual(await fixture.committed(other), [3, 3]);
  },
);

clusterTest('a topic whose beginning is gone: nothing is put before it', async ({ bootstrap }, t) => {
  const fixture = await Fixture.create(t, bootstrap);
  const { admin, group, topic } = fixture;
  await fixture.move({ to: 'exact', offsets: [{ partition: 0, offset: 5 }] });
  const deleter = kafka.RdKafka.AdminClient.create({ 'bootstrap.servers': bootstrap });
  try {
    await settled<unknown>((done) =>
      deleter.deleteRecords([{ topic, partition: 0, offset: 20 }], { timeout: REQUEST_MS_MAX }, done),
    );
  } finally {
    deleter.disconnect();
  }
  assert.deepEqual(await admin.groupOffsets(group, topic, PARTITIONS), [
    { partition: 0, committed: 5, earliest: 20, latest: RECORDS },
    { partition: 1, committed: undefined, earliest: 0, latest: RECORDS },
  ]);
  assert.deepEqual(await fixture.move({ to: 'shift', records: 3 }), [20, 3]);
  assert.deepEqual(await fixture.move({ to: 'timestamp', timestampMs: TIME_MS }), [20, 0]);
  assert.deepEqual(await fixture.move({ to: 'earliest' }), [20, 0]);
  const before = admin.moveOffsets(
    group,
    topic,
    PARTITIONS,
    { to: 'exact', offsets: [{ partition: 0, offset: 19 }] },
    EARLIEST,
  );
  await assert.rejects(before, { code: 'offsets.invalid', message: /from 20 to its end at 40/ });
});

clusterTest(
  'a transaction left open holds no move up, and takes nothing back when it ends',
  async ({ bootstrap }, t) => {
    const fixture = await Fixture.create(t, bootstrap);
    const { group, topic } = fixture;
    await fixture.move({ to: 'exact', offsets: [{ partition: 0, offset: 5 }] });
    const producer = new kafka.RdKafka.Producer({ 'bootstrap.servers': bootstrap, 'transactional.id': group }, {});
    const consumer = new kafka.RdKafka.KafkaConsumer({ 'bootstrap.servers': bootstrap, 'group.id': group }, {});
    t.after(() => Promise.all([disconnected(producer), disconnected(consumer)]));
    await settled<kafka.Metadata>((done) => producer.connect({ timeout: REQUEST_MS_MAX }, done));
    await settled<kafka.Metadata>((done) => consumer.connect({ timeout: REQUEST_MS_MAX }, done));
    await settled((done) => producer.initTransactions(REQUEST_MS_MAX, done));
    await settled((done) => producer.beginTransaction(done));
    await settled((done) =>
      producer.sendOffsetsToTransaction([{ topic, partition: 0, offset: 30 }], consumer, REQUEST_MS_MAX, done),
    );
    const [row] = await fixture.admin.moveOffsets(group, topic, PARTITIONS, { to: 'shift', records: -2 }, EARLIEST);
    assert.equal(row?.committed, 3);
    await settled((done) => producer.commitTransaction(REQUEST_MS_MAX, done));
    assert.equal((await fixture.committed())[0], 3);
  },
);
