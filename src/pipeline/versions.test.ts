import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamlineError } from '../base/error.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';
import { HandExecutor, HandWorld, record } from './sim/hand-world.ts';
import { simConfig } from './sim/sim-config.ts';
import { unaccounted } from './transformation-stats.ts';
import { isTrap } from './versions.ts';

interface Adopted {
  readonly executor: HandExecutor;
  readonly events: string[];
}

const topics = { known: () => 'ok' as const, check: () => Promise.resolve(undefined) };

/** A new version of the world's transform, called `cd` with its number. */
function adopt(world: HandWorld, number: number, canary = 0, config: Partial<TransformationConfig> = {}): Adopted {
  const executor = new HandExecutor(world.buffers);
  const events: string[] = [];
  const base = simConfig();
  world.pipeline.adopt(
    { config: { ...base, ...config, rollout: { canary } }, executor, topics, moduleSha256: `sha${number}` },
    number,
    {
      tookOver: (version) => events.push(`took over ${version.number}`),
      takenBack: (error) => events.push(`taken back ${[error.code, error.place].join(' ').trim()}`),
    },
  );
  return { executor, events };
}

async function end(world: HandWorld): Promise<void> {
  await world.until(world.pipeline.stop());
  assert.deepEqual(world.buffers.violations, []);
  assert.equal(world.buffers.out, 0, 'buffers never released');
  assert.equal(unaccounted(world.pipeline.stats), 0);
  assert.deepEqual(world.failures, []);
}

const attempts = (executor: HandExecutor): string[] => [...executor.attempts.keys()];

void test('the next batch is the new version’s; what is under way is finished by the one before, in order (I3, I10)', async () => {
  const world = await HandWorld.running([0]);
  const slow = Promise.withResolvers<void>();
  world.executor.gate = slow.promise;
  world.source.give(record(0, 1), record(0, 2));
  await world.rest();
  const next = adopt(world, 2);
  assert.deepEqual(next.events, ['took over 2']);
  world.source.give(record(0, 3));
  await world.clock.advance(200);
  assert.deepEqual([attempts(next.executor), world.sink.produced], [['0@3'], []]);
  assert.equal(world.executor.closed, false, 'it has a batch');
  slow.resolve();
  await world.clock.advance(200);
  assert.deepEqual(world.sink.produced, ['0@1', '0@2', '0@3']);
  assert.deepEqual(attempts(world.executor), ['0@1', '0@2']);
  assert.equal(world.executor.closed, true, 'its last batch is done');
  assert.deepEqual(world.pipeline.switchOf(0), { offset: 3, version: 2, moduleSha256: 'sha2', configSha256: 'cd34' });
  await end(world);
});

void test('a record that waits for a retry is tried again by the version that had it, under its policy', async () => {
  const world = await HandWorld.running([0], { errors: { maxRetries: 1, retryBackoffMs: 300 } });
  world.executor.fates.set('0@1', 'guest.failed');
  world.source.give(record(0, 1), record(0, 2));
  await world.clock.advance(50);
  const next = adopt(world, 2, 0, simConfig({ onFailure: 'skip' }));
  world.source.give(record(0, 3));
  await world.clock.advance(2000);
  assert.equal(world.executor.attempts.get('0@1'), 2);
  assert.deepEqual([world.sink.deadLetters.length, world.sink.produced], [1, ['0@2', '0@3']]);
  assert.equal(world.executor.closed, true);
  next.executor.fates.set('0@4', 'guest.failed');
  world.source.give(record(0, 4));
  await world.clock.advance(200);
  assert.deepEqual([world.sink.deadLetters.length, world.pipeline.stats.skipped], [1, 1]);
  await end(world);
});

void test('outputs carry the digest of the module that made them when the spec asks for it', async () => {
  const world = await HandWorld.running([0]);
  world.source.give(record(0, 1));
  await world.clock.advance(100);
  const { output } = simConfig();
  adopt(world, 2, 0, { output: { ...output, moduleHeader: true } });
  world.source.give(record(0, 2));
  await world.clock.advance(100);
  assert.deepEqual(world.sink.stamps, [undefined, 'sha2']);
  await end(world);
});

void test('canary: exactly the first n records are tried, a batch at a time; then it has taken over', async () => {
  const world = await HandWorld.running([0]);
  await world.rest();
  const next = adopt(world, 2, 3);
  const slow = Promise.withResolvers<void>();
  next.executor.gate = slow.promise;
  world.source.give(record(0, 1), record(0, 2));
  await world.clock.advance(150);
  world.source.give(record(0, 3));
  await world.clock.advance(150);
  assert.equal(world.source.waiting, 1, 'no second batch while the first is tried');
  assert.deepEqual(world.pipeline.trial?.done, 0);
  assert.equal(world.pipeline.serving.number, 1);
  slow.resolve();
  await world.clock.advance(150);
  assert.deepEqual([next.events, world.sink.produced], [['took over 2'], ['0@1', '0@2', '0@3']]);
  assert.ok(world.source.pollsMax.includes(1), 'no poll asks for more than is left to try');
  assert.equal(world.executor.closed, true);
  await end(world);
});

void test('canary: a version that traps is taken back: nothing it made leaves, the one before does the batch (I10)', async () => {
  const world = await HandWorld.running([0]);
  const next = adopt(world, 2, 10);
  next.executor.fates.set('0@2', 'guest.trap');
  world.source.give(record(0, 1), record(0, 2));
  world.source.give(record(0, 3));
  await world.clock.advance(300);
  assert.deepEqual(next.events, ['taken back guest.trap in/0@2']);
  assert.deepEqual([world.sink.produced, world.sink.deadLetters], [['0@1', '0@2', '0@3'], []]);
  assert.deepEqual(attempts(world.executor), ['0@1', '0@2', '0@3']);
  assert.deepEqual([next.executor.closed, world.executor.closed], [true, false]);
  assert.equal(world.pipeline.switchOf(0)?.version, 1);
  await end(world);
});

void test('canary: a verdict on a record is none on the version; guests that are lost are', async () => {
  assert.deepEqual(
    [isTrap('guest.failed'), isTrap('record.too_large'), isTrap('guest.out_of_fuel')],
    [false, false, true],
  );
  const world = await HandWorld.running([0]);
  const next = adopt(world, 2, 10);
  next.executor.fates.set('0@1', 'guest.failed');
  world.source.give(record(0, 1));
  await world.clock.advance(200);
  assert.deepEqual([next.events, world.sink.deadLetters.length, world.pipeline.trial?.done], [[], 1, 1]);
  next.executor.lost = new StreamlineError('guest.stuck', 'no guest left');
  world.source.give(record(0, 2));
  await world.clock.advance(200);
  assert.deepEqual([next.events, world.sink.produced], [['taken back guest.stuck'], ['0@2']]);
  await end(world);
});

void test('canary: one that is not wanted any more, or makes way for another, takes nothing over', async () => {
  const world = await HandWorld.running([0]);
  const second = adopt(world, 2, 10);
  world.pipeline.withdraw();
  await world.rest();
  assert.deepEqual([second.executor.closed, world.pipeline.trial], [true, undefined]);
  const third = adopt(world, 3, 10);
  const slow = Promise.withResolvers<void>();
  third.executor.gate = slow.promise;
  third.executor.fates.set('0@1', 'guest.trap');
  world.source.give(record(0, 1));
  await world.clock.advance(100);
  // The third still has the batch. It traps, and the batch is the fourth's.
  const fourth = adopt(world, 4);
  slow.resolve();
  await world.clock.advance(200);
  assert.deepEqual([second.events, third.events, fourth.events], [[], [], ['took over 4']]);
  assert.deepEqual([attempts(fourth.executor), world.sink.produced, world.sink.deadLetters], [['0@1'], ['0@1'], []]);
  assert.deepEqual([third.executor.closed, world.executor.closed], [true, true]);
  await end(world);
});

void test('a version that needs another group is not adopted by this pipeline', async () => {
  const world = await HandWorld.running([0]);
  const { input } = simConfig();
  assert.throws(() => adopt(world, 2, 0, { input: { ...input, groupId: 'other' } }), /another group/);
  await end(world);
});

void test('paused: nothing is read and the member stays; what is under way is finished; resumed, it goes on', async () => {
  const world = await HandWorld.running([0]);
  world.source.give(record(0, 1));
  await world.rest();
  world.pipeline.pause();
  await world.clock.advance(2500);
  const polls = world.source.pollsAtMs.length;
  world.source.give(record(0, 2));
  await world.clock.advance(2500);
  assert.deepEqual([world.sink.produced, world.source.committed(0)], [['0@1'], 2]);
  assert.ok(world.source.pollsAtMs.length > polls, 'it polls now and then: the group keeps it');
  assert.ok(world.source.paused.has(0));
  // What comes to it meanwhile is not read either.
  world.source.handlers?.assigned([1]);
  world.source.give(record(1, 1));
  await world.clock.advance(2500);
  assert.deepEqual(world.sink.produced, ['0@1']);
  world.pipeline.resume();
  await world.clock.advance(300);
  assert.deepEqual(world.sink.produced.toSorted(), ['0@1', '0@2', '1@1']);
  assert.equal(world.source.paused.size, 0);
  await end(world);
});
