import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamlineError } from '../base/error.ts';
import { Committer } from './committer.ts';
import type { PartitionOffset } from './ports.ts';
import { settled, SimClock } from './sim/sim-clock.ts';

function setUp() {
  const clock = new SimClock();
  const world = {
    clock,
    offsets: new Map<number, number>(),
    commits: [] as PartitionOffset[][],
    refused: [] as string[],
    failures: [] as string[],
    idle: false,
    counts: { ok: 0, failed: 0 },
    answer: (): Promise<void> => Promise.resolve(),
  };
  const committer = new Committer({
    clock,
    intervalMs: 100,
    committable: () => [...world.offsets].map(([partition, offset]) => ({ partition, offset })),
    idle: () => world.idle,
    commit: (offsets) => {
      world.commits.push([...offsets]);
      return world.answer();
    },
    counts: world.counts,
    refused: (error) => void world.refused.push(error.code),
    fail: (error) => void world.failures.push(error.code),
  });
  return { ...world, world, committer };
}

void test('commits each interval what has moved since the last time, and nothing else', async () => {
  const { committer, clock, offsets, commits, counts } = setUp();
  offsets.set(0, 5).set(1, 9);
  committer.start();
  await clock.advance(100);
  offsets.set(1, 12);
  await clock.advance(1000);
  assert.deepEqual(commits, [
    [
      { partition: 0, offset: 5 },
      { partition: 1, offset: 9 },
    ],
    [{ partition: 1, offset: 12 }],
  ]);
  assert.ok((committer.lastCommitMs ?? 0) > 0);
  assert.deepEqual(counts, { ok: 2, failed: 0 });
});

void test('looks no more once nothing is under way and all is committed, until it is woken', async () => {
  const { committer, world, clock, offsets, commits } = setUp();
  let looks = 0;
  const entries = offsets[Symbol.iterator].bind(offsets);
  offsets[Symbol.iterator] = () => {
    looks += 1;
    return entries();
  };
  committer.start();
  offsets.set(0, 1);
  world.answer = () => Promise.reject(new StreamlineError('broker.commit_failed', 'rebalancing'));
  await clock.advance(100);
  world.idle = true;
  await clock.advance(300);
  assert.equal(commits.length, 4, 'refused, and tried again though nothing is under way');
  world.answer = () => Promise.resolve();
  await clock.advance(200);
  assert.equal(commits.length, 5);
  looks = 0;
  await clock.advance(10_000);
  assert.equal(looks, 0);
  world.idle = false;
  committer.wake();
  committer.wake();
  offsets.set(0, 2);
  await clock.advance(100);
  assert.equal(commits.length, 6);
  committer.stop();
  committer.wake();
  offsets.set(0, 3);
  await clock.advance(1_000);
  assert.equal(commits.length, 6);
});

void test('one commit at a time; the next takes what has settled by then', async () => {
  const { committer, world, offsets, commits } = setUp();
  const first = Promise.withResolvers<void>();
  world.answer = () => first.promise;
  offsets.set(0, 1);
  void committer.commitNow();
  await settled();
  const second = committer.commitNow();
  offsets.set(0, 2);
  await settled();
  assert.equal(commits.length, 1);
  offsets.set(0, 3);
  first.resolve();
  await second;
  assert.deepEqual(
    commits.flat().map((o) => o.offset),
    [1, 3],
  );
});

void test('a refused commit is said, and tried again with the next', async () => {
  const { committer, world, offsets, commits, refused, failures } = setUp();
  world.answer = () => Promise.reject(new StreamlineError('broker.commit_failed', 'rebalancing'));
  offsets.set(0, 1);
  await committer.commitNow();
  assert.deepEqual([refused, failures], [['broker.commit_failed'], []]);
  assert.equal(committer.lastCommitMs, undefined);
  world.answer = () => Promise.resolve();
  await committer.commitNow();
  assert.equal(commits.length, 2);
  await committer.commitNow();
  assert.equal(commits.length, 2);
});

void test('a commit that can never succeed ends the transform; nothing rejects', async () => {
  const { committer, world, offsets, failures } = setUp();
  world.answer = () => Promise.reject(new Error('no such thing'));
  offsets.set(0, 1);
  await committer.commitNow();
  assert.deepEqual(failures, ['bug.unexpected']);
});

void test('after stop the clock is left alone, also when a commit was under way', async () => {
  const { committer, world, clock, offsets, commits } = setUp();
  const answer = Promise.withResolvers<void>();
  world.answer = () => answer.promise;
  offsets.set(0, 1);
  committer.start();
  await clock.advance(100);
  committer.stop();
  answer.resolve();
  offsets.set(0, 2);
  await clock.advance(1000);
  assert.equal(commits.length, 1);
  assert.equal(await clock.step(), false);
});

void test('a new assignment commits again what the old one had', async () => {
  const { committer, offsets, commits } = setUp();
  offsets.set(0, 5);
  await committer.commitNow();
  committer.forget(0);
  await committer.commitNow();
  assert.equal(commits.length, 2);
});

void test('a commit of an old assignment that is answered late says nothing about the new one', async () => {
  const { committer, world, offsets, commits } = setUp();
  const answer = Promise.withResolvers<void>();
  world.answer = () => answer.promise;
  offsets.set(0, 5);
  const old = committer.commitNow();
  await settled();
  committer.forget(0);
  answer.resolve();
  await old;
  await committer.commitNow();
  assert.equal(commits.length, 2);
});
