import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamlineError } from '../base/error.ts';
import { SimClock } from '../pipeline/sim/sim-clock.ts';
import { StallWatch, type Progress } from './stall-watch.ts';

interface World {
  progress: Progress;
  ends: Map<number, number>;
  failure: StreamlineError | undefined;
}

function watching(timeoutMs = 1000) {
  const clock = new SimClock();
  const world: World = {
    progress: { received: 5, inFlight: 0, partitions: [0, 1] },
    ends: new Map(),
    failure: undefined,
  };
  const stalled: StreamlineError[] = [];
  const unsure: StreamlineError[] = [];
  let asked = 0;
  const watch = new StallWatch({
    clock,
    timeoutMs,
    progress: () => world.progress,
    endOffsets: () => {
      asked += 1;
      return world.failure === undefined ? Promise.resolve(new Map(world.ends)) : Promise.reject(world.failure);
    },
    stalled: (error) => stalled.push(error),
    unsure: (error) => unsure.push(error),
  });
  watch.start();
  return { clock, world, stalled, unsure, watch, asked: () => asked };
}

test('partitions that grow while nothing comes are a stall, told with their numbers', async () => {
  const { clock, world, stalled } = watching();
  world.ends.set(0, 5).set(1, 7);
  await clock.advance(300);
  world.ends.set(1, 8);
  await clock.advance(900);
  assert.equal(stalled.length, 0, 'the whole timeout has to pass');
  await clock.advance(300);
  assert.deepEqual(
    stalled.map(({ code, message }) => [code, message]),
    [['broker.stalled', 'nothing came from partitions 1 for 1 s although they grew']],
  );
});

test('records beyond the position that do not grow are no stall: they may be markers of transactions', async () => {
  const { clock, world, stalled } = watching();
  world.ends.set(0, 1_000_000).set(1, 7);
  await clock.advance(10_000);
  assert.deepEqual(stalled, []);
});

test('what moves, is under way or changes hands begins the time anew', async () => {
  const { clock, world, stalled } = watching();
  for (let end = 0; end < 20; end += 1) {
    world.ends.set(0, end);
    if (end % 3 === 0) world.progress = { ...world.progress, received: world.progress.received + 1 };
    else if (end % 3 === 1) world.progress = { ...world.progress, inFlight: 1 };
    else world.progress = { received: world.progress.received, inFlight: 0, partitions: [0, end] };
    await clock.advance(500);
  }
  assert.deepEqual(stalled, []);
});

test('a cluster that does not answer is no stall', async () => {
  const { clock, world, stalled, unsure } = watching();
  world.ends.set(0, 1);
  await clock.advance(300);
  world.failure = new StreamlineError('broker.unreachable', 'away');
  await clock.advance(1200);
  world.failure = undefined;
  world.ends.set(0, 2);
  await clock.advance(500);
  assert.ok(unsure.length > 0);
  assert.deepEqual(stalled, []);
});

test('0 switches it off, and a stop ends it', async () => {
  const off = watching(0);
  await off.clock.advance(10_000);
  assert.equal(off.asked(), 0);
  const stopped = watching();
  await stopped.clock.advance(300);
  stopped.watch.stop();
  await stopped.clock.advance(10_000);
  assert.equal(stopped.asked(), 1);
});
