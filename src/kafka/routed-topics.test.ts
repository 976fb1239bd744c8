import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { RoutedTopics, topicNameFault } from './routed-topics.ts';
import { checkTopics, type TopicNeeds } from './topic-check.ts';

class FakeAdmin {
  readonly topics = new Map<string, number>();
  asked = 0;
  partitionCount(topic: string): Promise<number | undefined> {
    this.asked += 1;
    return Promise.resolve(this.topics.get(topic));
  }
  createTopic(topic: string, partitions: number): Promise<void> {
    this.topics.set(topic, partitions);
    return Promise.resolve();
  }
}

const options = { inputTopic: 'in', create: false, partitions: 4, partitionsMin: 1, topicsMax: 3 };

test('names Kafka would refuse, and the cluster own topics', () => {
  for (const name of ['', '.', '..', 'a b', 'ä', 'x'.repeat(250), '__consumer_offsets', 'a/b', 'a\0']) {
    assert.notEqual(topicNameFault(name), undefined, JSON.stringify(name));
  }
  for (const name of ['a', 'A.b_c-1', 'x'.repeat(249), '_mine']) assert.equal(topicNameFault(name), undefined);
});

test('route may name what exists, and is told why not otherwise', async () => {
  const admin = new FakeAdmin();
  admin.topics.set('eu', 4);
  const directory = new RoutedTopics(admin, options);
  assert.equal(directory.known('eu'), 'unknown');
  assert.equal(await directory.check('eu'), undefined);
  assert.equal(directory.known('eu'), 'ok');
  assert.equal((await directory.check('in'))?.code, 'route.cycle');
  assert.equal((await directory.check('b c'))?.code, 'route.invalid_topic');
  assert.equal((await directory.check('nowhere'))?.code, 'route.unknown_topic');
  assert.equal(admin.topics.has('nowhere'), false);
});

test('a missing topic is asked for again after its time, not each time', async () => {
  const admin = new FakeAdmin();
  let nowMs = 0;
  const directory = new RoutedTopics(admin, { ...options, clock: { ...systemClock, nowMs: () => nowMs } });
  await directory.check('late');
  await Promise.all([directory.check('late'), directory.check('late')]);
  assert.equal(admin.asked, 1);
  admin.topics.set('late', 1);
  nowMs = 10_001;
  assert.equal(await directory.check('late'), undefined);
});

test('a guest that invents topics gets no more than its share, asked one by one or at once', async () => {
  const admin = new FakeAdmin();
  const directory = new RoutedTopics(admin, { ...options, create: true });
  const names = Array.from({ length: 50 }, (_, i) => `t${i}`);
  const verdicts = await Promise.all(names.map((name) => directory.check(name)));
  assert.equal(verdicts.filter((verdict) => verdict === undefined).length, 3);
  assert.equal(verdicts.filter((verdict) => verdict?.code === 'route.too_many_topics').length, 47);
  assert.equal((await directory.check('one-more'))?.code, 'route.too_many_topics');
  assert.equal(admin.topics.size, 3);
});

test('a routed topic with too few partitions for output.partition: input', async () => {
  const admin = new FakeAdmin();
  admin.topics.set('narrow', 2);
  const directory = new RoutedTopics(admin, { ...options, partitionsMin: 4 });
  assert.equal((await directory.check('narrow'))?.code, 'broker.partition_mismatch');
});

const needs = {
  inputTopic: 'in',
  outputTopic: 'out',
  output: { format: 'bytes', subject: undefined, partition: 'input', timestamp: 'input' },
  errors: { onFailure: 'dead_letter', deadLetterTopic: 'out.dlq' },
  source: 'specs/x.yaml',
} as unknown as TopicNeeds;

test('topics are checked before anyone joins', async () => {
  const admin = new FakeAdmin();
  await assert.rejects(checkTopics(admin, needs, true), { code: 'broker.topic_missing', configPath: '/input_topic' });
  assert.equal(admin.topics.size, 0, 'an input topic is never created');
  admin.topics.set('in', 4);
  await assert.rejects(checkTopics(admin, needs, false), { code: 'broker.topic_missing', configPath: '/output_topic' });
  admin.topics.set('out', 3);
  await assert.rejects(checkTopics(admin, needs, false), { code: 'broker.partition_mismatch' });
  admin.topics.set('out', 5);
  await assert.rejects(checkTopics(admin, needs, false), { configPath: '/errors/dead_letter_topic' });
  assert.equal(await checkTopics(admin, needs, true), 4);
  assert.equal(admin.topics.get('out.dlq'), 4);
});

test('topics.partitions holds for every topic that is created, and changes none that is there', async () => {
  const admin = new FakeAdmin();
  admin.topics.set('in', 4);
  admin.topics.set('out', 5);
  assert.equal(await checkTopics(admin, needs, true, 7), 4);
  assert.deepEqual([admin.topics.get('out'), admin.topics.get('out.dlq')], [5, 7]);
});
