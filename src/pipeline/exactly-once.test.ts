import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamlineError } from '../base/error.ts';
import type { ErrorPolicy } from '../spec/transformation-config.ts';
import { HandWorld, record, type HandTransactions } from './sim/hand-world.ts';
import { unaccounted } from './transformation-stats.ts';

async function running(
  partitions: readonly number[],
  errors: Partial<ErrorPolicy> = {},
): Promise<{ world: HandWorld; transactions: HandTransactions }> {
  const world = await HandWorld.running(partitions, { delivery: 'exactly_once', errors });
  const { transactions } = world.sink;
  assert.ok(transactions !== undefined);
  return { world, transactions };
}

function assertLeftNothing(world: HandWorld): void {
  assert.deepEqual(world.buffers.violations, []);
  assert.equal(world.buffers.out, 0, 'buffers never released');
  assert.equal(world.pipeline.inFlightBytes, 0);
  assert.equal(unaccounted(world.pipeline.stats), 0);
  assert.equal(world.pipeline.stats.inFlight, 0);
}

void test('outputs, dead letters and offsets go in one transaction; none is committed otherwise (I4)', async () => {
  const { world, transactions } = await running([0, 1]);
  world.executor.fates.set('0@2', 'guest.trap');
  world.source.give(record(0, 1), record(0, 2), record(0, 3), record(1, 7));
  await world.rest();
  assert.equal(world.pipeline.stats.output, 0, 'counted when it is committed');
  assert.equal(world.pipeline.stats.inFlight, 4);
  await world.clock.advance(60);
  assert.deepEqual(transactions.commits, [
    {
      offsets: [
        { partition: 0, offset: 4 },
        { partition: 1, offset: 8 },
      ],
      places: ['0@1', '0@3', '1@7'],
    },
  ]);
  const { output, deadLettered, inFlight } = world.pipeline.stats;
  assert.deepEqual({ output, deadLettered, inFlight }, { output: 3, deadLettered: 1, inFlight: 0 });
  assert.deepEqual(world.source.commits, []);
  await world.until(world.pipeline.stop());
  assertLeftNothing(world);
});

void test('guests go on while a transaction is committed; what they made waits for the next', async () => {
  const { world, transactions } = await running([0]);
  const answer = Promise.withResolvers<void>();
  world.source.give(record(0, 1));
  await world.rest();
  transactions.commitGate = answer.promise;
  await world.clock.advance(60);
  world.source.give(record(0, 2));
  await world.rest();
  assert.equal(world.executor.attempts.get('0@2'), 1);
  assert.deepEqual(world.sink.produced, ['0@1']);
  answer.resolve();
  await world.clock.advance(60);
  assert.deepEqual(
    transactions.commits.map(({ places }) => places),
    [['0@1'], ['0@2']],
  );
  await world.until(world.pipeline.stop());
  assertLeftNothing(world);
});

void test('a record that waits to be retried holds up no transaction', async () => {
  const { world, transactions } = await running([0, 1], { maxRetries: 1, retryBackoffMs: 1000 });
  world.executor.fates.set('0@2', (attempt) => (attempt === 1 ? 'guest.trap' : undefined));
  world.source.give(record(0, 1), record(0, 2), record(0, 3), record(1, 1));
  await world.clock.advance(100);
  assert.deepEqual(transactions.commits[0]?.offsets, [
    { partition: 0, offset: 2 },
    { partition: 1, offset: 2 },
  ]);
  await world.clock.advance(1500);
  assert.deepEqual(transactions.commits.at(-1)?.offsets, [{ partition: 0, offset: 4 }]);
  assert.deepEqual(transactions.commits.at(-1)?.places, ['0@2', '0@3']);
  await world.until(world.pipeline.stop());
  assertLeftNothing(world);
});

void test('a commit that fails is aborted, and everything since the last is read again and counted once (I2, I4)', async () => {
  const { world, transactions } = await running([0, 1]);
  world.source.give(record(0, 1));
  await world.clock.advance(60);
  transactions.commitErrors.push(new StreamlineError('broker.transaction_aborted', 'by hand'));
  world.source.give(record(0, 2), record(1, 5));
  await world.clock.advance(1000);
  assert.deepEqual(transactions.aborts, [['0@2', '1@5']]);
  // From where it was committed, and where nothing was yet, from the first record.
  assert.deepEqual(world.source.seeks, [
    { partition: 0, offset: 2 },
    { partition: 1, offset: 5 },
  ]);
  assert.equal(world.pipeline.stats.returned, 2);
  world.source.give(record(0, 2), record(1, 5));
  await world.clock.advance(60);
  assert.deepEqual(transactions.commits.at(-1)?.places, ['0@2', '1@5']);
  assert.equal(world.pipeline.stats.output, 3);
  await world.until(world.pipeline.stop());
  assertLeftNothing(world);
});

void test('what is aborted after a long wait is read again at once, though nothing else came meanwhile', async () => {
  const { world, transactions } = await running([0]);
  const answer = Promise.withResolvers<void>();
  transactions.commitGate = answer.promise;
  world.source.give(record(0, 1));
  await world.clock.advance(10_000);
  assert.deepEqual(world.source.seeks, []);
  answer.reject(new StreamlineError('broker.transaction_aborted', 'by hand'));
  transactions.commitGate = Promise.resolve();
  await world.clock.advance(110);
  assert.deepEqual(world.source.seeks, [{ partition: 0, offset: 1 }]);
  await world.until(world.pipeline.stop());
  assertLeftNothing(world);
});

void test('a partition lost before the end aborts the transaction; the others are read again (I4)', async () => {
  const { world, transactions } = await running([0, 1]);
  world.source.give(record(0, 1), record(1, 1));
  await world.rest();
  world.source.handlers?.lost([1]);
  await world.clock.advance(1000);
  assert.deepEqual(transactions.aborts, [['0@1', '1@1']]);
  assert.deepEqual(world.source.seeks, [{ partition: 0, offset: 1 }]);
  assert.deepEqual(world.pipeline.partitions, [0]);
  await world.until(world.pipeline.stop());
  assertLeftNothing(world);
});

void test('a partition lost with nothing in the transaction leaves it alone', async () => {
  const { world, transactions } = await running([0, 1]);
  world.source.give(record(0, 1));
  await world.rest();
  world.source.handlers?.lost([1]);
  await world.clock.advance(100);
  assert.deepEqual(transactions.aborts, []);
  assert.equal(transactions.commits.length, 1);
  await world.until(world.pipeline.stop());
});

void test('a revoke gives up partitions when their transaction is committed', async () => {
  const { world, transactions } = await running([0]);
  const answer = Promise.withResolvers<void>();
  world.source.give(record(0, 1));
  await world.rest();
  transactions.commitGate = answer.promise;
  let given = false;
  void world.source.handlers?.revoked([0]).then(() => (given = true));
  await world.rest();
  assert.equal(given, false);
  answer.resolve();
  await world.rest();
  assert.equal(given, true);
  assert.deepEqual(transactions.commits[0]?.offsets, [{ partition: 0, offset: 2 }]);
  await world.until(world.pipeline.stop());
  assertLeftNothing(world);
});

void test('a stop commits what is done; a cluster that acknowledges nothing costs the drain, and nothing is committed', async () => {
  const { world, transactions } = await running([0]);
  world.source.give(record(0, 1));
  await world.rest();
  await world.until(world.pipeline.stop());
  assert.equal(transactions.commits.length, 1);
  assertLeftNothing(world);

  const { world: stuck, transactions: none } = await running([0]);
  stuck.sink.acknowledge = new Promise(() => undefined);
  stuck.source.give(record(0, 1));
  await stuck.rest();
  const sinceMs = stuck.clock.nowMs();
  await stuck.until(stuck.pipeline.stop());
  assert.ok(stuck.clock.nowMs() - sinceMs <= 1500);
  assert.deepEqual(none.commits, []);
  await stuck.rest();
  assertLeftNothing(stuck);
});

void test('what is produced and refused by no fault of its own is read again, not the end of the transform', async () => {
  const { world, transactions } = await running([0]);
  world.sink.refusals.set('0@2', 'broker.produce_failed');
  world.source.give(record(0, 1), record(0, 2));
  await world.clock.advance(1000);
  assert.equal(transactions.aborts.length, 1);
  assert.deepEqual([transactions.commits, world.failures], [[], []]);
  world.sink.refusals.clear();
  world.source.give(record(0, 1), record(0, 2));
  await world.clock.advance(60);
  assert.deepEqual(transactions.commits[0]?.places, ['0@1', '0@2']);
  await world.until(world.pipeline.stop());
  assertLeftNothing(world);
});

void test('a record the cluster refuses is found by producing each suspect by itself, and dead-lettered; the others go through', async () => {
  const { world, transactions } = await running([0]);
  const all = [1, 2, 3, 4].map((offset) => record(0, offset));
  world.sink.refusedByCluster.add('0@3');
  world.source.give(...all);
  await world.clock.advance(200);
  assert.equal(transactions.aborts.length, 1, 'all four are suspects');
  world.source.give(...all);
  await world.clock.advance(200);
  assert.deepEqual(transactions.aborts[1], ['0@1', '0@2', '0@3'], 'refused by itself, before the fourth');
  world.source.give(...all);
  await world.clock.advance(200);
  assert.deepEqual(
    transactions.commits.flatMap(({ places }) => places),
    ['0@1', '0@2', '0@4'],
  );
  assert.equal(transactions.commits.at(-1)?.offsets[0]?.offset, 5);
  assert.equal(world.pipeline.stats.deadLettered, 1);
  assert.equal(world.failures.length, 0);
  await world.until(world.pipeline.stop());
  assertLeftNothing(world);
});

void test('several outputs: one the cluster refuses is found though trouble follows it, and the record is dead-lettered whole', async () => {
  for (const codes of [
    ['record.rejected', 'broker.produce_failed'],
    ['broker.produce_failed', 'record.rejected'],
  ] as const) {
    const { world, transactions } = await running([0]);
    world.sink.refusalsEndTransaction = true;
    // More of them than transactions may be aborted in a row.
    const bad = [1, 2, 3, 4, 5, 6, 7].map((offset) => `0@${offset}`);
    for (const place of bad) {
      world.executor.outputs.set(place, 2);
      world.sink.refusals.set(place, codes);
    }
    const all = [1, 2, 3, 4, 5, 6, 7, 8].map((offset) => record(0, offset));
    for (let aborts = 0; world.failures.length === 0 && transactions.commits.length === 0; aborts += 1) {
      assert.ok(aborts < 10, 'each replay must find out more');
      world.source.give(...all);
      await world.clock.advance(1000);
    }
    assert.deepEqual(world.failures, []);
    assert.deepEqual(
      transactions.commits.flatMap(({ places }) => places),
      ['0@8'],
    );
    assert.equal(world.pipeline.stats.deadLettered, 7);
    await world.until(world.pipeline.stop());
    assertLeftNothing(world);
  }
});

void test('several outputs: one the client refuses costs one abort, and its record is dead-lettered whole', async () => {
  const { world, transactions } = await running([0]);
  world.executor.outputs.set('0@2', 2);
  world.sink.refusals.set('0@2', [undefined, 'record.too_large']);
  const all = [record(0, 1), record(0, 2), record(0, 3)];
  for (let i = 0; i < 2; i += 1) {
    world.source.give(...all);
    await world.clock.advance(200);
  }
  assert.equal(transactions.aborts.length, 1);
  assert.deepEqual(
    transactions.commits.flatMap(({ places }) => places),
    ['0@1', '0@3'],
  );
  assert.equal(world.pipeline.stats.deadLettered, 1);
  await world.until(world.pipeline.stop());
  assertLeftNothing(world);
});

void test("several outputs: the cluster's trouble that somebody has to mend fails the transform, whatever else was refused", async () => {
  const { world, transactions } = await running([0]);
  world.executor.outputs.set('0@1', 2);
  world.sink.refusals.set('0@1', ['record.too_large', 'broker.topic_missing']);
  world.source.give(record(0, 1));
  await world.rest();
  assert.deepEqual(
    world.failures.map(({ code }) => code),
    ['broker.topic_missing'],
  );
  await world.until(world.pipeline.stop());
  assert.deepEqual([transactions.commits, world.sink.deadLetters], [[], []]);
  assertLeftNothing(world);
});

void test('a dead letter the cluster refuses is cut down in the next transaction', async () => {
  const { world, transactions } = await running([0]);
  world.executor.fates.set('0@1', 'guest.failed');
  const { sink } = world;
  const produceOne = sink.produceOne.bind(sink);
  sink.produceOne = async (given) => {
    if (given.headers.some(({ name }) => name === 'streamline.truncated')) return produceOne(given);
    const cause = new StreamlineError('record.too_large', 'by hand');
    throw new StreamlineError('broker.transaction_aborted', 'by hand', { cause });
  };
  for (let i = 0; i < 3; i += 1) {
    world.source.give(record(0, 1));
    await world.clock.advance(200);
  }
  assert.equal(transactions.aborts.length, 2, 'once as a suspect, once by itself');
  assert.equal(sink.deadLetters.length, 1);
  assert.deepEqual(transactions.commits[0]?.offsets, [{ partition: 0, offset: 2 }]);
  await world.until(world.pipeline.stop());
  assertLeftNothing(world);
});

void test('stop policy: nothing of a range with a record that cannot settle is committed', async () => {
  const { world, transactions } = await running([0], { onFailure: 'stop' });
  world.sink.refusals.set('0@2', 'record.too_large');
  world.source.give(record(0, 1), record(0, 2), record(0, 3));
  await world.rest();
  assert.deepEqual(
    world.failures.map(({ code }) => code),
    ['record.too_large'],
  );
  await world.until(world.pipeline.stop());
  assert.deepEqual(transactions.commits, []);
  assertLeftNothing(world);
});

void test('a partition that comes while a transaction is aborted is read, and produced when the next has begun', async () => {
  const { world, transactions } = await running([0]);
  transactions.commitErrors.push(new StreamlineError('broker.transaction_aborted', 'by hand'));
  world.source.give(record(0, 1));
  await world.clock.advance(55);
  world.source.handlers?.assigned([1]);
  await world.clock.advance(1000);
  world.source.give(record(0, 1), record(1, 3));
  await world.clock.advance(60);
  assert.deepEqual(transactions.commits[0]?.places, ['0@1', '1@3']);
  await world.until(world.pipeline.stop());
  assertLeftNothing(world);
});
