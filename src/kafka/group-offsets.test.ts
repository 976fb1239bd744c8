import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClientError } from './client.ts';
import { SimClock } from '../pipeline/sim/sim-clock.ts';
import type { StartOffset, TopicName } from '../spec/transformation-config.ts';
import { RD } from './client.ts';
import { GroupOffsets, type GroupRequests } from './group-offsets.ts';
import { KafkaAdmin } from './kafka-admin.ts';
import { silentLogger } from './log.ts';
import { startMockCluster } from './mock-cluster.ts';
import type { OffsetClient } from './start-offset.ts';

const topic = 'in' as TopicName;
const earliest: StartOffset = { at: 'earliest' };
const EMPTY = 5;

type Key = `${string}/${number}`;
type Asked = { readonly topic: string; readonly partition: number };

/** A cluster as far as moving offsets sees it: partitions from 10 to 90, record of time t at offset t. */
class FakeCluster {
  readonly offsets = new Map<Key, number>();
  readonly clock = new SimClock();
  members: { memberId: string; clientId: string; clientHost: string }[] = [];
  /** What a commit from outside meets. */
  onCommit: () => 'taken' | 'dropped' = () => (this.members.length === 0 ? 'taken' : 'dropped');
  commits = 0;
  groupsDeleted = 0;
  /** Answers before the coordinator has settled. */
  unsettled = 0;

  readonly groups = new GroupOffsets({
    ...{ timeoutMs: 1_000, clock: this.clock, logger: silentLogger },
    hasController: true,
    request: (_doing, work) => work(this.requests),
    withConsumer: (_group, _topic, work) => work(this.consumer),
  });

  /** What the coordinator would say instead of describing: the client would end the process. */
  refusal: ClientError | undefined;
  isListed = true;

  readonly requests: GroupRequests = {
    listGroups: (_options, done) => done(null, { groups: this.isListed ? [{ groupId: 'g' }] : [] }),
    describeGroups: (_groups, _options, done) => {
      assert.ok(this.refusal === undefined && this.isListed, 'a description that would be an error');
      if (this.unsettled-- > 0) done(null, { groups: [{ ...this.#moving(), state: 0, members: [] }] });
      else done(null, { groups: [{ state: this.members.length > 0 ? 3 : EMPTY, members: this.members }] });
    },
    listOffsets: (partitions, _options, done) =>
      done(
        null,
        partitions.map(({ offset, ...at }) => ({
          ...at,
          offset: this.#at((offset as { timestamp: number }).timestamp),
        })),
      ),
    listConsumerGroupOffsets: ([group], _options, done) => {
      if (this.refusal !== undefined) {
        done(null, [{ error: this.refusal, partitions: [] }]);
        return;
      }
      const all = [...this.offsets.keys()].map((key): Asked => {
        const [name = '', partition] = key.split('/');
        return { topic: name, partition: Number(partition) };
      });
      const asked = group?.partitions ?? all;
      done(null, [{ partitions: asked.map((at) => ({ ...at, offset: this.#committed(at) })) }]);
    },
    deleteGroups: ([groupId = ''], _options, done) => {
      this.groupsDeleted += 1;
      this.offsets.clear();
      done(null, [{ groupId }]);
    },
  };

  readonly consumer: OffsetClient = {
    committed: (partitions, _timeoutMs, done) =>
      done(
        null,
        partitions.map((at) => ({ ...at, offset: this.#committed(at) })),
      ),
    offsetsForTimes: (partitions, _timeoutMs, done) =>
      done(
        null,
        partitions.map((at) => ({ ...at, offset: this.#at(at.offset) })),
      ),
    commit: (offsets) => {
      this.commits += 1;
      if (this.onCommit() === 'dropped') return;
      for (const { topic: name, partition, offset } of offsets) this.offsets.set(`${name}/${partition}`, offset);
    },
  };

  #committed({ topic: name, partition }: Asked): number {
    return this.offsets.get(`${name}/${partition}`) ?? -1001;
  }
  #at(timeMs: number): number {
    if (timeMs < 0) return timeMs === -2 ? 10 : 90;
    return timeMs > 89 ? -1 : Math.max(10, timeMs);
  }
  #moving(): { error: { message: string; code: number } } {
    return { error: { message: 'Broker: Not coordinator', code: RD.NOT_COORDINATOR } };
  }
}

test('moves back as well as on, and leaves alone what exact does not name', async () => {
  const cluster = new FakeCluster();
  cluster.offsets.set('in/0', 50).set('in/1', 60);
  const committed = async (...args: Parameters<GroupOffsets['move']>) =>
    (await cluster.groups.move(...args)).map((row) => row.committed);
  const move = (target: Parameters<GroupOffsets['move']>[3]) => committed('g', topic, [0, 1, 2], target, earliest);
  assert.deepEqual(await move({ to: 'shift', records: -5 }), [45, 55, 10]);
  assert.deepEqual(await move({ to: 'exact', offsets: [{ partition: 1, offset: 90 }] }), [45, 90, 10]);
  assert.deepEqual(await move({ to: 'exact', offsets: [] }), [45, 90, 10]);
  assert.deepEqual(await move({ to: 'timestamp', timestampMs: 33 }), [33, 33, 33]);
  assert.deepEqual(await move({ to: 'timestamp', timestampMs: 99 }), [90, 90, 90]);
  assert.deepEqual(await move({ to: 'earliest' }), [10, 10, 10]);
  assert.deepEqual([...cluster.offsets.values()], [10, 10, 10]);
});

test('shift counts from a start at a time where nothing is committed', async () => {
  const cluster = new FakeCluster();
  const start: StartOffset = { at: 'timestamp', timestampMs: 40 };
  const [row] = await cluster.groups.move('g', topic, [0], { to: 'shift', records: 3 }, start);
  assert.deepEqual(row, { partition: 0, committed: 43, earliest: 10, latest: 90 });
});

test('a wrong target commits nothing, not even for the partitions that are right', async () => {
  const cluster = new FakeCluster();
  const offsets = [
    { partition: 0, offset: 50 },
    { partition: 1, offset: 91 },
  ];
  const moving = cluster.groups.move('g', topic, [0, 1], { to: 'exact', offsets }, earliest);
  await assert.rejects(moving, { code: 'offsets.invalid', message: /partition 1.* 10 .* 90/ });
  assert.equal(cluster.commits, 0);
});

test('a group with members is refused before anything is committed, and says who they are', async () => {
  const cluster = new FakeCluster();
  cluster.offsets.set('in/0', 50);
  cluster.members = [{ memberId: 'm', clientId: 'streamline.mask', clientHost: '/10.0.0.7' }];
  const refusal = {
    code: 'transform.not_stopped',
    message: /streamline\.mask on 10\.0\.0\.7/,
    suggestion: /every worker/,
  };
  await assert.rejects(cluster.groups.move('g', topic, [0], { to: 'latest' }, earliest), refusal);
  await assert.rejects(cluster.groups.delete('g', topic, [0], earliest), refusal);
  assert.deepEqual([cluster.commits, cluster.groupsDeleted, cluster.offsets.get('in/0')], [0, 0, 50]);
});

test('a member that joins between the question and the commit is found out by the commit', async () => {
  const cluster = new FakeCluster();
  cluster.onCommit = () => {
    cluster.members = [{ memberId: 'm', clientId: 'late', clientHost: 'h' }];
    return 'dropped';
  };
  await assert.rejects(cluster.groups.move('g', topic, [0], { to: 'latest' }, earliest), {
    code: 'transform.not_stopped',
    message: /late on h/,
  });
});

test('a commit that is not taken is given again, and then not believed', async () => {
  const cluster = new FakeCluster();
  cluster.offsets.set('in/0', 80);
  cluster.onCommit = () => (cluster.commits < 3 ? 'dropped' : 'taken');
  const moving = cluster.groups.move('g', topic, [0], { to: 'earliest' }, earliest);
  await cluster.clock.advance(1_000);
  assert.equal((await moving)[0]?.committed, 10);

  cluster.onCommit = () => 'dropped';
  // The committed offset is higher than asked: no success here.
  cluster.offsets.set('in/0', 80);
  const refused = assert.rejects(cluster.groups.move('g', topic, [0], { to: 'earliest' }, earliest), {
    code: 'broker.commit_failed',
    message: /in, partition 0/,
  });
  await cluster.clock.advance(1_000);
  await refused;
});

test('a coordinator on the move is asked again', async () => {
  const cluster = new FakeCluster();
  cluster.unsettled = 2;
  const described = cluster.groups.describe('g', topic);
  await cluster.clock.advance(1_000);
  assert.deepEqual(await described, { state: 'Empty', members: [] });
});

test('a group with offsets of other topics keeps them', async () => {
  const cluster = new FakeCluster();
  cluster.offsets.set('in/0', 50).set('other/0', 7);
  assert.equal(await cluster.groups.delete('g', topic, [0], { at: 'latest' }), 'at_start');
  assert.deepEqual([...cluster.offsets], [['in/0', 90], ['other/0', 7]]); // prettier-ignore
  cluster.offsets.delete('other/0');
  assert.equal(await cluster.groups.delete('g', topic, [0], { at: 'latest' }), 'deleted');
  assert.deepEqual([cluster.offsets.size, cluster.groupsDeleted], [0, 1]);
  assert.equal(await cluster.groups.delete('g', topic, [0], { at: 'latest' }), 'deleted');
  assert.equal(cluster.groupsDeleted, 1);
});

test('a cluster without a controller: offsets are read and moved, groups not described, and nothing waits', async () => {
  const cluster = await startMockCluster();
  const admin = new KafkaAdmin({
    kafka: { 'bootstrap.servers': cluster.bootstrap },
    clientId: 'group-offsets-test',
    logger: silentLogger,
  });
  await admin.start();
  try {
    await admin.createTopic('in', 4);
    assert.deepEqual(await admin.groupOffsets('g', topic, [0]), [
      { partition: 0, committed: undefined, earliest: 0, latest: 0 },
    ]);
    const moved = await admin.moveOffsets('g', topic, [0, 1], { to: 'latest' }, earliest);
    assert.deepEqual(moved.map(({ committed }) => committed), [0, 0]); // prettier-ignore
    assert.deepEqual(await admin.groupOffsets('g', topic, [0]), [
      { partition: 0, committed: 0, earliest: 0, latest: 0 },
    ]);
    await assert.rejects(admin.describeGroup('g', topic), { code: 'broker.client', message: /no questions/ });
    assert.equal(await admin.deleteOffsets('g', topic, [0], earliest), 'at_start');
  } finally {
    await admin.close();
    await cluster.stop();
  }
  await assert.rejects(admin.groupOffsets('g', topic, [0]), { code: 'broker.client' });
});
void test('a group is described only when its description is no error: the client would end the process', async () => {
  const cluster = new FakeCluster();
  cluster.refusal = { message: 'Broker: Group authorization failed', code: 30 };
  await assert.rejects(cluster.groups.describe('g', topic));
  cluster.refusal = { message: 'Broker: The group id does not exist', code: 69 };
  assert.deepEqual(await cluster.groups.describe('g', topic), { state: 'Dead', members: [] });
  cluster.refusal = undefined;
  cluster.isListed = false;
  assert.deepEqual(await cluster.groups.describe('g', topic), { state: 'Dead', members: [] });
});
