import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamlineError } from '../base/error.ts';
import type { Distribution } from './distribution.ts';
import { BATCH_RECORDS } from './measures.ts';
import { HandWorld, record } from './sim/hand-world.ts';
import { unaccounted } from './transformation-stats.ts';

function never(): Promise<void> {
  return new Promise(() => undefined);
}

/** No commit by the clock: what is committed, a drain has committed. */
const onlyDrainCommits = { limits: { commitIntervalMs: 3_600_000 } };

/** Nothing is held, nothing is unaccounted for, nobody is still in the group. */
function assertLeftNothing(world: HandWorld): void {
  assert.deepEqual(world.buffers.violations, []);
  assert.equal(world.buffers.out, 0, 'buffers never released');
  assert.equal(world.pipeline.inFlightBytes, 0);
  assert.equal(unaccounted(world.pipeline.stats), 0);
  assert.equal(world.pipeline.stats.inFlight, 0);
  assert.ok(world.source.closed && world.sink.closed && world.executor.closed);
}

void test('records come out in order, and their offsets are committed with gaps passed over (I1, I3, I6)', async () => {
  const world = await HandWorld.running([0, 1]);
  world.executor.fates.set('0@5', 'filter');
  world.source.give(record(0, 3), record(1, 7), record(0, 5), record(0, 9));
  await world.clock.advance(200);
  assert.deepEqual(world.sink.produced, ['0@3', '0@9', '1@7']);
  assert.equal(world.source.committed(0), 10);
  assert.equal(world.source.committed(1), 8);
  const { received, output, filtered, inFlight } = world.pipeline.stats;
  assert.deepEqual({ received, output, filtered, inFlight }, { received: 4, output: 3, filtered: 1, inFlight: 0 });
  await world.until(world.pipeline.stop());
  assertLeftNothing(world);
});

void test('results that come out of order leave in order (I3)', async () => {
  const world = await HandWorld.running([0]);
  const slow = Promise.withResolvers<void>();
  world.executor.gate = slow.promise;
  world.source.give(record(0, 1));
  await world.rest();
  world.executor.gate = Promise.resolve();
  world.source.give(record(0, 2));
  await world.clock.advance(200);
  assert.deepEqual(world.sink.produced, []);
  slow.resolve();
  await world.clock.advance(200);
  assert.deepEqual(world.sink.produced, ['0@1', '0@2']);
  await world.until(world.pipeline.stop());
  assertLeftNothing(world);
});

void test('a failed record goes to the dead-letter topic, and the offset waits for its acknowledgement (I1)', async () => {
  const world = await HandWorld.running([0]);
  const acknowledged = Promise.withResolvers<void>();
  world.executor.fates.set('0@2', 'guest.trap');
  world.source.give(record(0, 1));
  await world.clock.advance(100);
  world.sink.acknowledge = acknowledged.promise;
  world.source.give(record(0, 2));
  await world.clock.advance(200);
  assert.equal(world.sink.deadLetters.length, 1);
  assert.equal(world.source.committed(0), 2);
  acknowledged.resolve();
  await world.clock.advance(200);
  assert.equal(world.source.committed(0), 3);
  assert.equal(world.pipeline.stats.deadLettered, 1);
  assert.equal(world.pipeline.stats.errors.get('guest.trap'), 1);
  await world.until(world.pipeline.stop());
  assertLeftNothing(world);
});

void test('skip: a failed record is counted and passed, and written nowhere', async () => {
  const world = await HandWorld.running([0], { errors: { onFailure: 'skip' } });
  world.executor.fates.set('0@1', 'guest.failed');
  world.source.give(record(0, 1), record(0, 2));
  await world.clock.advance(200);
  assert.deepEqual(world.sink.produced, ['0@2']);
  assert.equal(world.sink.deadLetters.length, 0);
  assert.equal(world.pipeline.stats.skipped, 1);
  assert.equal(world.source.committed(0), 3);
  await world.until(world.pipeline.stop());
});

void test('stop: what came before the failed record is committed, the record itself stays unsettled (I1)', async () => {
  const world = await HandWorld.running([0], {
    ...onlyDrainCommits,
    errors: { onFailure: 'stop' },
  });
  world.executor.fates.set('0@3', 'guest.failed');
  world.source.give(record(0, 1), record(0, 2), record(0, 3), record(0, 4), record(0, 5));
  await world.rest();
  assert.equal(world.failures[0]?.code, 'guest.failed');
  assert.equal(world.failures[0]?.place, 'in/0@3');
  await world.until(world.pipeline.stop());
  assert.deepEqual(world.sink.produced, ['0@1', '0@2']);
  assert.equal(world.source.committed(0), 3);
  assert.equal(world.pipeline.stats.returned, 3);
  assert.equal(world.failures.length, 1);
  assertLeftNothing(world);
});

void test('stop: records before one that is too large to produce are committed though they were produced with it', async () => {
  const world = await HandWorld.running([0], { errors: { onFailure: 'stop' } });
  world.sink.refusals.set('0@3', 'record.too_large');
  world.source.give(record(0, 1), record(0, 2), record(0, 3), record(0, 4));
  await world.rest();
  assert.equal(world.failures[0]?.code, 'record.too_large');
  await world.until(world.pipeline.stop());
  assert.equal(world.source.committed(0), 3);
  assertLeftNothing(world);
});

void test('records too large to produce are dead-lettered one by one, the range around them settles', async () => {
  const world = await HandWorld.running([0]);
  world.executor.fates.set('0@2', 'filter');
  world.sink.refusals.set('0@3', 'record.too_large').set('0@5', 'record.too_large');
  world.source.give(...[1, 2, 3, 4, 5].map((offset) => record(0, offset)));
  await world.clock.advance(200);
  const { output, filtered, deadLettered } = world.pipeline.stats;
  assert.deepEqual({ output, filtered, deadLettered }, { output: 2, filtered: 1, deadLettered: 2 });
  assert.equal(world.source.committed(0), 6);
  await world.until(world.pipeline.stop());
  assertLeftNothing(world);
});

void test('the breaker stops the transform at the failure that is one too many, and leaves that record unsettled', async () => {
  const world = await HandWorld.running([0], { errors: { stopAfter: { failures: 3, window: 10 } } });
  for (const offset of [2, 3, 5]) world.executor.fates.set(`0@${offset}`, 'guest.trap');
  world.source.give(...[1, 2, 3, 4, 5, 6].map((offset) => record(0, offset)));
  await world.rest();
  assert.equal(world.failures[0]?.code, 'breaker.open');
  await world.until(world.pipeline.stop());
  assert.equal(world.sink.deadLetters.length, 2);
  assert.deepEqual(world.sink.produced, ['0@1', '0@4']);
  assert.equal(world.source.committed(0), 5);
  assertLeftNothing(world);
});

void test('a retrying record holds up its own partition only: the others flow and are committed', async () => {
  const world = await HandWorld.running([0, 1], {
    errors: { maxRetries: 5, retryBackoffMs: 60_000, retryBackoffMaxMs: 60_000 },
  });
  world.executor.fates.set('0@1', (attempt) => (attempt === 1 ? 'guest.failed' : undefined));
  world.source.give(record(0, 1), record(0, 2), record(1, 1));
  await world.clock.advance(100);
  assert.ok(world.source.paused.has(0), 'its partition is not read meanwhile');
  for (let offset = 2; offset <= 20; offset += 1) world.source.give(record(1, offset));
  await world.clock.advance(5000);
  assert.equal(world.source.committed(1), 21);
  assert.equal(world.source.committed(0), undefined);
  assert.ok(!world.sink.produced.some((place) => place.startsWith('0@')));
  await world.clock.advance(60_000);
  assert.ok(!world.source.paused.has(0));
  assert.deepEqual(
    world.sink.produced.filter((place) => place.startsWith('0@')),
    ['0@1', '0@2'],
  );
  assert.equal(world.source.committed(0), 3);
  assert.equal(world.pipeline.stats.retries, 1);
  await world.until(world.pipeline.stop());
  assertLeftNothing(world);
});

void test('ordering key: a retrying record holds up its own key only (I3)', async () => {
  const world = await HandWorld.running([0], { ordering: 'key', errors: { maxRetries: 1 } });
  world.executor.fates.set('0@1', (attempt) => (attempt === 1 ? 'guest.failed' : undefined));
  world.source.give(record(0, 1, 'a'), record(0, 2, 'b'), record(0, 3, 'a'), record(0, 4, 'c'));
  await world.clock.advance(10);
  assert.deepEqual(world.sink.produced, ['0@2', '0@4']);
  assert.equal(world.source.committed(0), undefined);
  await world.clock.advance(500);
  assert.deepEqual(world.sink.produced, ['0@2', '0@4', '0@1', '0@3']);
  assert.equal(world.source.committed(0), 5);
  await world.until(world.pipeline.stop());
  assertLeftNothing(world);
});

void test('ordering key: a key that is held up for long does not fill the memory of the other partitions', async () => {
  const errors = { maxRetries: 1, retryBackoffMs: 60_000, retryBackoffMaxMs: 60_000 };
  const world = await HandWorld.running([0, 1], { ordering: 'key', errors, limits: { inFlightBytesMax: 4000 } });
  world.executor.fates.set('0@1', (attempt) => (attempt === 1 ? 'guest.failed' : undefined));
  for (let offset = 1; offset <= 100; offset += 1) {
    world.source.give(record(0, offset, 'hot'));
    world.source.give(record(1, offset, 'cold'));
  }
  await world.clock.advance(20_000);
  assert.equal(world.source.committed(1), 101);
  await world.clock.advance(60_000);
  assert.equal(world.source.committed(0), 101);
  await world.until(world.pipeline.stop());
  assertLeftNothing(world);
});

void test('back-pressure: a sink that never acknowledges bounds the bytes in flight, and polling goes on for the group', async () => {
  const world = await HandWorld.running([0, 1], { limits: { inFlightBatchesMax: 100, inFlightBytesMax: 2000 } });
  world.sink.acknowledge = never();
  for (let offset = 1; offset <= 200; offset += 1) world.source.give(record(offset % 2, offset));
  await world.clock.advance(60_000);
  assert.ok(world.pipeline.inFlightBytes < 3000, `${world.pipeline.inFlightBytes} bytes`);
  assert.ok(world.source.waiting > 150);
  const late = world.source.pollsAtMs.filter((atMs) => atMs > 10_000);
  assert.ok(late.length >= 45 && late.length <= 55, `polled ${late.length} times in 50 s`);
  assert.deepEqual(
    [...world.source.paused].toSorted((a, b) => a - b),
    [0, 1],
  );
  await world.until(world.pipeline.stop());
  assertLeftNothing(world);
});

void test('back-pressure: what guests write counts as well as what they read', async () => {
  const world = await HandWorld.running([0], { limits: { inFlightBatchesMax: 100, inFlightBytesMax: 50_000 } });
  world.executor.padding = 10_000;
  world.sink.acknowledge = never();
  for (let offset = 1; offset <= 100; offset += 1) world.source.give(record(0, offset));
  await world.clock.advance(5000);
  assert.ok(
    world.pipeline.stats.received <= 5 + world.executor.parallelism,
    `${world.pipeline.stats.received} records`,
  );
  await world.until(world.pipeline.stop());
  assertLeftNothing(world);
});

void test('back-pressure: a full house asks the producer to hurry, since room comes with acknowledgements', async () => {
  const world = await HandWorld.running([0], { limits: { inFlightBatchesMax: 2 } });
  const acknowledged = Promise.withResolvers<void>();
  world.sink.acknowledge = acknowledged.promise;
  world.source.give(record(0, 1));
  await world.clock.advance(50);
  assert.equal(world.sink.hurriedWith, 0, 'nothing hurries while there is room');
  for (let offset = 2; offset <= 5; offset += 1) world.source.give(record(0, offset));
  await world.clock.advance(2000);
  assert.equal(world.sink.hurriedWith, world.sink.produced.length);
  acknowledged.resolve();
  await world.until(world.pipeline.stop());
});

void test('revoke: what leaves after the drain began is hurried too, dead letters included (I8)', async () => {
  const world = await HandWorld.running([0], onlyDrainCommits);
  const slow = Promise.withResolvers<void>();
  world.executor.gate = slow.promise;
  world.executor.fates.set('0@2', 'guest.failed');
  world.source.give(record(0, 1), record(0, 2));
  await world.rest();
  const revoke = world.source.handlers!.revoked([0]);
  await world.clock.advance(50);
  assert.equal(world.sink.hurriedWith, 0);
  slow.resolve();
  await world.until(revoke);
  assert.deepEqual([world.sink.produced, world.sink.deadLetters.length, world.sink.hurriedWith], [['0@1'], 1, 2]);
  await world.until(world.pipeline.stop());
});

void test('back-pressure: reading goes on at once when there is room again', async () => {
  const world = await HandWorld.running([0], { limits: { inFlightBatchesMax: 1 } });
  const acknowledged = Promise.withResolvers<void>();
  world.sink.acknowledge = acknowledged.promise;
  for (let offset = 1; offset <= 10; offset += 1) world.source.give(record(0, offset));
  await world.clock.advance(3000);
  assert.deepEqual(world.sink.produced, ['0@1']);
  assert.ok(world.source.paused.has(0));
  acknowledged.resolve();
  await world.clock.advance(100);
  assert.equal(world.sink.produced.length, 10);
  assert.ok(!world.source.paused.has(0));
  await world.until(world.pipeline.stop());
});

void test('a partition that retries is not read again because there is room again', async () => {
  const errors = { maxRetries: 1, retryBackoffMs: 60_000, retryBackoffMaxMs: 60_000 };
  const world = await HandWorld.running([0, 1], { errors, limits: { inFlightBatchesMax: 1 } });
  world.executor.fates.set('0@1', (attempt) => (attempt === 1 ? 'guest.failed' : undefined));
  world.source.give(record(0, 1));
  await world.clock.advance(100);
  const acknowledged = Promise.withResolvers<void>();
  world.sink.acknowledge = acknowledged.promise;
  world.source.give(record(1, 1));
  await world.clock.advance(3000);
  assert.deepEqual(
    [...world.source.paused].toSorted((a, b) => a - b),
    [0, 1],
  );
  acknowledged.resolve();
  await world.clock.advance(100);
  assert.deepEqual([...world.source.paused], [0]);
  await world.until(world.pipeline.stop());
  assertLeftNothing(world);
});

void test('revoke: what is under way is settled and committed before the partition is given up (I8)', async () => {
  const world = await HandWorld.running([0, 1], onlyDrainCommits);
  const acknowledged = Promise.withResolvers<void>();
  world.sink.acknowledge = acknowledged.promise;
  world.source.give(record(0, 1), record(0, 2), record(1, 1));
  await world.rest();
  let revoked = false;
  const revoke = world.source.handlers!.revoked([0]).then(() => (revoked = true));
  await world.clock.advance(100);
  assert.equal(revoked, false);
  acknowledged.resolve();
  await world.until(revoke);
  assert.equal(world.source.committed(0), 3);
  assert.deepEqual(world.pipeline.partitions, [1]);
  // What the client had fetched before is nobody's (I5).
  world.source.give(record(0, 3));
  await world.clock.advance(200);
  assert.deepEqual(world.sink.produced, ['0@1', '0@2', '1@1']);
  await world.until(world.pipeline.stop());
  assertLeftNothing(world);
});

void test('revoke: records polled while the partition drains are left to its next owner (I5)', async () => {
  const world = await HandWorld.running([0, 1]);
  const acknowledged = Promise.withResolvers<void>();
  world.sink.acknowledge = acknowledged.promise;
  world.source.give(record(0, 1));
  await world.rest();
  const revoke = world.source.handlers!.revoked([0]);
  world.source.give(record(0, 2), record(1, 1));
  await world.rest();
  assert.equal(world.pipeline.stats.received, 2);
  acknowledged.resolve();
  await world.until(revoke);
  assert.equal(world.source.committed(0), 2);
  assert.deepEqual(world.sink.produced, ['0@1', '1@1']);
  await world.until(world.pipeline.stop());
  assertLeftNothing(world);
});

void test('revoke: ends within its bound when the cluster does not answer; nothing of it counts afterwards (I5)', async () => {
  const world = await HandWorld.running([0]);
  const acknowledged = Promise.withResolvers<void>();
  world.sink.acknowledge = acknowledged.promise;
  world.source.give(record(0, 1));
  await world.rest();
  const beganMs = world.clock.nowMs();
  await world.until(world.source.handlers!.revoked([0]));
  assert.ok(world.clock.nowMs() - beganMs <= 600);
  assert.equal(world.pipeline.stats.returned, 1);
  acknowledged.resolve();
  await world.clock.advance(1000);
  assert.equal(world.pipeline.stats.output, 0);
  assert.equal(world.source.committed(0), undefined);
  await world.until(world.pipeline.stop());
  assertLeftNothing(world);
});

void test('revoke: a retry is not waited for; the record stays unsettled and nothing overtakes it', async () => {
  const world = await HandWorld.running([0], {
    ...onlyDrainCommits,
    errors: { maxRetries: 5, retryBackoffMs: 60_000, retryBackoffMaxMs: 60_000 },
  });
  world.executor.fates.set('0@2', 'guest.failed');
  world.source.give(record(0, 1), record(0, 2), record(0, 3));
  await world.rest();
  const beganMs = world.clock.nowMs();
  await world.until(world.source.handlers!.revoked([0]));
  assert.ok(world.clock.nowMs() - beganMs < 100);
  assert.equal(world.source.committed(0), 2);
  assert.deepEqual(world.sink.produced, ['0@1']);
  await world.until(world.pipeline.stop());
  assertLeftNothing(world);
});

void test('lost: nothing is produced or committed any more (I5)', async () => {
  const world = await HandWorld.running([0]);
  const run = Promise.withResolvers<void>();
  world.source.give(record(0, 1));
  await world.rest();
  world.executor.gate = run.promise;
  world.source.give(record(0, 2));
  await world.rest();
  world.source.handlers?.lost([0]);
  run.resolve();
  await world.clock.advance(1000);
  assert.deepEqual(world.sink.produced, ['0@1']);
  assert.deepEqual(world.source.commits, []);
  assert.equal(world.pipeline.stats.returned, 1);
  await world.until(world.pipeline.stop());
  assertLeftNothing(world);
});

void test('a partition that comes back is a new assignment: old results go nowhere, new records are read (I5)', async () => {
  const world = await HandWorld.running([0]);
  const run = Promise.withResolvers<void>();
  world.executor.gate = run.promise;
  world.source.give(record(0, 1));
  await world.rest();
  world.source.handlers?.lost([0]);
  world.source.handlers?.assigned([0]);
  world.executor.gate = Promise.resolve();
  world.source.give(record(0, 1), record(0, 2));
  await world.clock.advance(100);
  run.resolve();
  await world.clock.advance(100);
  assert.deepEqual(world.sink.produced, ['0@1', '0@2']);
  assert.equal(world.source.committed(0), 3);
  await world.until(world.pipeline.stop());
  assertLeftNothing(world);
});

void test('stop: everything under way is settled and committed, then the group is left (I8)', async () => {
  const world = await HandWorld.running([0, 1], onlyDrainCommits);
  const acknowledged = Promise.withResolvers<void>();
  world.sink.acknowledge = acknowledged.promise;
  for (let offset = 1; offset <= 3; offset += 1) world.source.give(record(0, offset), record(1, offset));
  await world.rest();
  const stop = world.pipeline.stop();
  assert.equal(world.pipeline.stop(), stop, 'idempotent');
  await world.clock.advance(300);
  assert.deepEqual([world.source.closed, world.sink.closed, world.executor.closed], [false, false, false]);
  acknowledged.resolve();
  await world.until(stop);
  assert.equal(world.source.committed(0), 4);
  assert.equal(world.source.committed(1), 4);
  assert.equal(world.pipeline.stats.output, 6);
  assert.equal(world.failures.length, 0);
  assertLeftNothing(world);
});

void test('stop: ends within its bound when the cluster does not answer (I8)', async () => {
  const world = await HandWorld.running([0]);
  world.sink.acknowledge = never();
  world.source.give(record(0, 1));
  await world.rest();
  const beganMs = world.clock.nowMs();
  await world.until(world.pipeline.stop());
  assert.ok(world.clock.nowMs() - beganMs <= 700);
  assert.deepEqual(world.source.commits, []);
  await world.rest();
  assertLeftNothing(world);
});

void test('stop: ends within its bound when a poll never comes back (I8)', async () => {
  const world = await HandWorld.running([0]);
  world.source.pollGate = never();
  await world.clock.advance(200);
  const beganMs = world.clock.nowMs();
  await world.until(world.pipeline.stop());
  assert.ok(world.clock.nowMs() - beganMs <= 700);
});

void test('stop: a client that does not close is left behind, not waited for (I8)', async () => {
  const world = await HandWorld.running([0]);
  world.source.close = never;
  await world.until(world.pipeline.stop());
  assert.ok(world.executor.closed);
  assert.deepEqual(world.warnings, ['does not close, left behind']);
});

void test('stop: guests closed with a record in them are no failure of the transform', async () => {
  const world = await HandWorld.running([0]);
  world.executor.gate = never();
  world.source.give(record(0, 1));
  await world.rest();
  await world.until(world.pipeline.stop());
  await world.rest();
  assert.equal(world.failures.length, 0);
  assertLeftNothing(world);
});

void test('stop while start is under way: the group is not joined afterwards', async () => {
  const world = new HandWorld();
  const gate = Promise.withResolvers<void>();
  world.sink.startGate = gate.promise;
  const start = world.pipeline.start();
  const rejected = assert.rejects(start, { code: 'broker.client' });
  await world.until(world.pipeline.stop());
  gate.resolve();
  await rejected;
  assert.equal(world.source.handlers, undefined);
  assert.deepEqual(world.source.pollsAtMs, []);
});

void test('stop while the group is being joined: nothing is polled or committed afterwards', async () => {
  const world = new HandWorld();
  const gate = Promise.withResolvers<void>();
  world.source.startGate = gate.promise;
  const rejected = assert.rejects(world.pipeline.start(), { code: 'broker.client' });
  await world.rest();
  await world.until(world.pipeline.stop());
  gate.resolve();
  await rejected;
  assert.deepEqual(world.source.pollsAtMs, []);
  assert.equal(await world.clock.step(), false, 'a timer was left behind');
});

void test('stop after a rejected start closes everything', async () => {
  const world = new HandWorld();
  world.sink.startError = new StreamlineError('broker.unreachable', 'no broker');
  await assert.rejects(world.pipeline.start(), { code: 'broker.unreachable' });
  await world.until(world.pipeline.stop());
  assertLeftNothing(world);
});

void test('guests beyond repair fail the transform once; batches under way are released', async () => {
  const world = await HandWorld.running([0]);
  const run = Promise.withResolvers<void>();
  world.executor.gate = run.promise;
  world.source.give(record(0, 1));
  world.source.give(record(0, 2));
  await world.rest();
  world.executor.lost = new StreamlineError('guest.stuck', 'no guest left');
  run.resolve();
  await world.rest();
  assert.deepEqual(
    world.failures.map((e) => e.code),
    ['guest.stuck'],
  );
  await world.until(world.pipeline.stop());
  assert.deepEqual(world.source.commits, []);
  assertLeftNothing(world);
});

void test('a failed transform polls no more', async () => {
  const world = await HandWorld.running([0]);
  world.sink.failed(new StreamlineError('broker.fatal', 'fenced'));
  await world.clock.advance(200);
  const polls = world.source.pollsAtMs.length;
  world.source.give(record(0, 1));
  await world.clock.advance(5000);
  assert.equal(world.source.pollsAtMs.length, polls);
  await world.until(world.pipeline.stop());
});

void test('a produce the cluster refused settles nothing of its range and fails the transform (I1)', async () => {
  const world = await HandWorld.running([0]);
  world.sink.refusals.set('0@2', 'broker.produce_failed');
  world.source.give(record(0, 1), record(0, 2), record(0, 3));
  await world.rest();
  assert.equal(world.failures[0]?.code, 'broker.produce_failed');
  await world.until(world.pipeline.stop());
  assert.deepEqual(world.source.commits, []);
  assert.equal(world.pipeline.stats.returned, 3);
  assertLeftNothing(world);
});

void test('several outputs: one that the cluster cannot take now keeps the record from being dead-lettered for another (I1, I2)', async () => {
  for (const codes of [
    ['record.too_large', 'broker.produce_failed', undefined],
    ['broker.produce_failed', 'record.too_large', undefined],
  ] as const) {
    const world = await HandWorld.running([0]);
    world.executor.outputs.set('0@2', 3);
    world.sink.refusals.set('0@2', codes);
    world.source.give(record(0, 1), record(0, 2), record(0, 3));
    await world.rest();
    assert.deepEqual(
      world.failures.map(({ code }) => code),
      ['broker.produce_failed'],
    );
    await world.until(world.pipeline.stop());
    assert.deepEqual(world.sink.deadLetters, []);
    assert.deepEqual(world.source.commits, []);
    assert.equal(world.pipeline.stats.returned, 3);
    assertLeftNothing(world);
  }
});

void test('a topic that the cluster cannot be asked about now is no reason to give a record up, whatever the policy (I2)', async () => {
  for (const onFailure of ['dead_letter', 'skip'] as const) {
    const world = await HandWorld.running([0], { errors: { onFailure, maxRetries: 1, retryBackoffMs: 10 } });
    world.executor.topic = 'named';
    world.topicFault = { code: 'broker.unreachable', message: 'by hand' };
    world.source.give(record(0, 1), record(0, 2));
    await world.clock.advance(100);
    assert.equal(world.executor.attempts.get('0@1'), 2, 'tried again first');
    assert.equal(world.failures[0]?.code, 'broker.unreachable');
    await world.until(world.pipeline.stop());
    assert.deepEqual([world.sink.deadLetters, world.source.commits], [[], []]);
    assert.equal(world.pipeline.stats.returned, 2);
    assertLeftNothing(world);
  }
});

void test('several outputs: refused for reasons of its own, a record is dead-lettered once (I2)', async () => {
  const world = await HandWorld.running([0]);
  world.executor.outputs.set('0@2', 3);
  world.sink.refusals.set('0@2', [undefined, 'record.too_large', 'record.rejected']);
  world.source.give(record(0, 1), record(0, 2), record(0, 3));
  await world.clock.advance(200);
  assert.equal(world.sink.deadLetters.length, 1);
  assert.deepEqual([...world.pipeline.stats.errors], [['record.too_large', 1]]);
  assert.equal(world.source.committed(0), 4);
  await world.until(world.pipeline.stop());
  assertLeftNothing(world);
});

void test('several outputs of a retry: one that the cluster cannot take now keeps the record from being dead-lettered', async () => {
  const world = await HandWorld.running([0], { errors: { maxRetries: 1, retryBackoffMs: 10 } });
  world.executor.fates.set('0@1', (attempt) => (attempt === 1 ? 'guest.failed' : undefined));
  world.executor.outputs.set('0@1', 2);
  world.sink.refusals.set('0@1', ['record.too_large', 'broker.produce_failed']);
  world.source.give(record(0, 1));
  await world.clock.advance(100);
  assert.equal(world.failures[0]?.code, 'broker.produce_failed');
  await world.until(world.pipeline.stop());
  assert.deepEqual([world.sink.deadLetters, world.source.commits], [[], []]);
  assertLeftNothing(world);
});

void test('results that do not cover their records fail the transform, and settle nothing (I2)', async () => {
  const world = await HandWorld.running([0]);
  const execute = world.executor.execute.bind(world.executor);
  world.executor.execute = async (batch) => {
    const work = await execute(batch);
    return { ...work, segments: work.segments.map((s) => ({ ...s, outputs: s.outputs - 1 })) };
  };
  world.source.give(record(0, 1), record(0, 2));
  await world.rest();
  assert.equal(world.failures[0]?.code, 'bug.assertion');
  await world.until(world.pipeline.stop());
  assert.deepEqual(world.source.commits, []);
  assertLeftNothing(world);
});

void test('a retry whose assignment ends meanwhile gives its results back and leaves nothing (I5)', async () => {
  const world = await HandWorld.running([0], { errors: { maxRetries: 1, retryBackoffMs: 10 } });
  world.executor.fates.set('0@1', (attempt) => (attempt === 1 ? 'guest.failed' : undefined));
  world.source.give(record(0, 1));
  await world.rest();
  const run = Promise.withResolvers<void>();
  world.executor.gate = run.promise;
  await world.clock.advance(20);
  world.source.handlers?.lost([0]);
  run.resolve();
  await world.rest();
  assert.deepEqual(world.sink.produced, []);
  await world.until(world.pipeline.stop());
  assertLeftNothing(world);
});

void test('a release that throws fails the transform, not the process', async () => {
  const world = await HandWorld.running([0]);
  world.source.release = () => {
    throw new StreamlineError('bug.assertion', 'released by hand');
  };
  world.source.give(record(0, 1));
  await world.rest();
  assert.deepEqual(
    world.failures.map((e) => e.message),
    ['released by hand'],
  );
  await world.until(world.pipeline.stop());
});

void test('a refused commit is tried again, a commit that can never succeed fails the transform', async () => {
  const world = await HandWorld.running([0]);
  world.source.commitError = new StreamlineError('broker.commit_failed', 'rebalancing');
  world.source.give(record(0, 1));
  await world.clock.advance(200);
  assert.equal(world.failures.length, 0);
  assert.ok(world.warnings.length >= 2);
  world.source.commitError = undefined;
  await world.clock.advance(200);
  assert.equal(world.source.committed(0), 2);
  world.source.commitError = new StreamlineError('broker.not_authorized', 'no');
  world.source.give(record(0, 2));
  await world.clock.advance(200);
  assert.deepEqual(
    world.failures.map((e) => e.code),
    ['broker.not_authorized'],
  );
  await world.until(world.pipeline.stop());
});

void test('where records are and how long each step takes, by the clock of the pipeline', async () => {
  const world = await HandWorld.running([0]);
  const { measures, stats } = world.pipeline;
  const guest = Promise.withResolvers<void>();
  const acknowledged = Promise.withResolvers<void>();
  world.executor.gate = guest.promise;
  world.sink.acknowledge = acknowledged.promise;
  world.executor.fates.set('0@3', 'guest.trap');
  world.source.give(record(0, 1), record(0, 2), record(0, 3));
  await world.clock.advance(30);
  assert.deepEqual(world.pipeline.queued, { guest: 3, order: 0, produce: 0, commit: 0 });
  guest.resolve();
  await world.clock.advance(200);
  // The failed one is on its way to the dead letters.
  assert.deepEqual(world.pipeline.queued, { guest: 0, order: 1, produce: 2, commit: 0 });
  acknowledged.resolve();
  await world.clock.advance(200);
  assert.deepEqual(world.pipeline.queued, { guest: 0, order: 0, produce: 0, commit: 0 });
  const records = ({ counts }: Distribution): number => counts.reduce((sum, count) => sum + count, 0);
  const { queue, order, produce } = measures.steps;
  assert.deepEqual([queue, order, produce, measures.endToEnd].map(records), [3, 2, 2, 3]);
  // Two records, 200 ms each, and nothing while they waited for nobody.
  assert.deepEqual([produce.sum, order.sum], [400e6, 0]);
  assert.ok(queue.sum >= 3 * 20e6 && queue.sum <= 3 * 30e6, String(queue.sum));
  assert.equal(measures.endToEnd.sum, queue.sum + 3 * 200e6);
  assert.deepEqual([...stats.deadLetters], [['guest.trap', 1]]);
  assert.deepEqual([measures.batchRecords, measures.batches[BATCH_RECORDS.indexOf(5)]], [3, 1]);
  assert.equal(measures.rebalances.assigned, 1);
  await world.until(world.pipeline.stop());
  assert.ok(measures.commits.ok > 0);
  assertLeftNothing(world);
});

void test('I8: to stop a transform that has had nothing to read for long takes no longer than to stop a busy one', async () => {
  const world = await HandWorld.running([0]);
  await world.clock.advance(10_000);
  const polls = world.source.pollsAtMs.length;
  await world.clock.advance(5_000);
  assert.ok(world.source.pollsAtMs.length - polls <= 3, 'it is looked at every two seconds');
  await world.clock.advance(250);
  const beganMs = world.clock.nowMs();
  await world.until(world.pipeline.stop());
  assert.ok(world.clock.nowMs() - beganMs < 100, `${world.clock.nowMs() - beganMs} ms`);
});
