import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamlineError } from '../base/error.ts';
import type { PartitionOffset } from './ports.ts';
import { RefusedRecords } from './refused-records.ts';
import { settled, SimClock } from './sim/sim-clock.ts';
import { TransactionCommitter, type TransactionLane } from './transaction-committer.ts';
import { UnitGate } from './unit-gate.ts';

class FakeLane implements TransactionLane {
  readonly partition: number;
  ended = false;
  replayFrom: number | undefined;
  readonly ledger: { committable: number | undefined; settledAhead: number } = {
    committable: undefined,
    settledAhead: 0,
  };
  constructor(partition: number) {
    this.partition = partition;
  }
  committed(offset: number): void {
    this.replayFrom = offset;
  }
}

function setUp() {
  const clock = new SimClock();
  const gate = new UnitGate();
  const refused = new RefusedRecords();
  const lanes = [new FakeLane(0), new FakeLane(1)] as const;
  const events: string[] = [];
  const answers = {
    commit: (): Promise<void> => Promise.resolve(),
    abort: (): Promise<void> => Promise.resolve(),
    replay: (): Promise<void> => Promise.resolve(),
  };
  const committer = new TransactionCommitter({
    clock,
    intervalMs: 100,
    gate,
    refused,
    transactions: {
      commit: (offsets: readonly PartitionOffset[]) => {
        events.push(`commit ${offsets.map((o) => `${o.partition}:${o.offset}`).join()}`);
        return answers.commit();
      },
      abort: () => {
        events.push('abort');
        return answers.abort();
      },
    },
    counts: { ok: 0, failed: 0 },
    member: () => Promise.resolve({ adapter: 'fake' }),
    lanes: () => lanes,
    hurry: () => events.push('hurry'),
    endAll: () => {
      events.push('end all');
      for (const lane of lanes) lane.ended = true;
    },
    replay: async () => {
      await answers.replay();
      events.push('replay');
      for (const lane of lanes) lane.ended = false;
    },
    aborted: () => undefined,
    fail: (error) => events.push(`fail ${error.code}`),
  });
  /** One range of a lane: handed over, not yet settled. Settling moves the lane to the offset. */
  const unit = async (lane: FakeLane) => {
    const entered = await gate.enter(false);
    entered.handed();
    return (offset: number): void => {
      lane.ledger.committable = offset;
      entered.leave(true);
    };
  };
  return { clock, gate, refused, lanes, events, answers, committer, unit };
}

const aborted = () => new StreamlineError('broker.transaction_aborted', 'by hand');

void test('each interval what was handed over is waited for, and committed with the offsets behind it (I4)', async () => {
  const { committer, clock, events, lanes, unit } = setUp();
  const [first, second] = lanes;
  committer.start();
  const settleFirst = await unit(first);
  const settleSecond = await unit(second);
  settleFirst(5);
  await clock.advance(100);
  assert.deepEqual(events, ['hurry'], 'one is still under way');
  settleSecond(9);
  await settled();
  assert.deepEqual(events, ['hurry', 'commit 0:5,1:9']);
  assert.deepEqual([first.replayFrom, second.replayFrom], [5, 9]);
  assert.ok((committer.lastCommitMs ?? 0) > 0);
});

void test('nothing new, nothing committed; offsets alone are', async () => {
  const { committer, clock, events, lanes } = setUp();
  committer.start();
  await clock.advance(300);
  assert.ok(!events.some((event) => event.startsWith('commit')));
  lanes[0].ledger.committable = 3;
  await clock.advance(300);
  assert.deepEqual(
    events.filter((event) => event.startsWith('commit')),
    ['commit 0:3'],
  );
});

void test('while a commit is under way nobody goes in, and afterwards in their order', async () => {
  const { committer, gate, lanes, unit, answers } = setUp();
  const answer = Promise.withResolvers<void>();
  answers.commit = () => answer.promise;
  (await unit(lanes[0]))(1);
  const committing = committer.commitNow();
  await settled();
  let entered = false;
  void gate.enter(false).then(() => (entered = true));
  await settled();
  assert.equal(entered, false);
  answer.resolve();
  await committing;
  await settled();
  assert.equal(entered, true);
});

void test('a commit that is refused is aborted and read again', async () => {
  const { committer, clock, events, lanes, unit, answers } = setUp();
  answers.commit = () => Promise.reject(aborted());
  (await unit(lanes[0]))(4);
  await committer.commitNow();
  await clock.advance(1000);
  assert.deepEqual(events, ['hurry', 'commit 0:4', 'end all', 'abort', 'replay']);
  assert.equal(lanes[0].replayFrom, undefined, 'nothing was committed');
  answers.commit = () => Promise.resolve();
  (await unit(lanes[0]))(4);
  await committer.commitNow();
  assert.equal(lanes[0].replayFrom, 4);
});

void test('what was handed over and cannot settle is never committed', async () => {
  const { committer, clock, events, gate, lanes } = setUp();
  const unit = await gate.enter(false);
  unit.handed();
  unit.leave(false);
  lanes[0].ledger.committable = 3;
  await committer.commitNow();
  await clock.advance(1000);
  assert.deepEqual(events, ['hurry', 'end all', 'abort', 'replay']);
});

void test('a partition lost with records in the transaction aborts it, also while a commit waits for them (I4)', async () => {
  const { committer, clock, events, lanes, unit } = setUp();
  await unit(lanes[0]);
  const committing = committer.commitNow();
  await settled();
  committer.lost(0);
  await committing;
  await clock.advance(1000);
  assert.deepEqual(events, ['hurry', 'end all', 'abort', 'replay']);
});

void test('a partition lost while the broker decides: its answer holds', async () => {
  const { committer, clock, events, lanes, unit, answers } = setUp();
  const answer = Promise.withResolvers<void>();
  answers.commit = () => answer.promise;
  (await unit(lanes[0]))(4);
  const committing = committer.commitNow();
  await settled();
  committer.lost(0);
  answer.resolve();
  await committing;
  await clock.advance(1000);
  assert.deepEqual(events, ['hurry', 'commit 0:4']);
});

void test('a revoke does not wait for a replay', async () => {
  const { committer, clock, lanes, unit, answers } = setUp();
  answers.replay = () => new Promise(() => undefined);
  await unit(lanes[0]);
  committer.lost(0);
  await clock.advance(1000);
  await committer.commitNow();
});

void test('a fenced producer fails the transform, at a commit and at an abort; nothing is committed after it', async () => {
  for (const at of ['commit', 'abort'] as const) {
    const { committer, clock, events, lanes, unit, answers } = setUp();
    answers[at] = () => Promise.reject(new StreamlineError('broker.fenced', 'by hand'));
    const settle = await unit(lanes[0]);
    if (at === 'abort') committer.lost(0);
    else settle(4);
    await committer.commitNow();
    await clock.advance(1000);
    assert.equal(events.at(-1), 'fail broker.fenced');
    const told = events.length;
    lanes[0].ledger.committable = 9;
    await committer.commitNow();
    assert.equal(events.length, told);
  }
});

void test('aborts in a row wait longer each time, and then fail the transform; a commit between them starts anew', async () => {
  const { committer, clock, events, lanes, unit, answers } = setUp();
  const abortOnce = async (): Promise<number> => {
    const sinceMs = clock.nowMs();
    const settle = await unit(lanes[0]);
    settle((lanes[0].replayFrom ?? 0) + 1);
    await committer.commitNow();
    const replays = events.filter((event) => event === 'replay').length;
    while (events.filter((event) => event === 'replay').length === replays && !events.at(-1)?.startsWith('fail')) {
      if (!(await clock.step())) break;
      await settled();
    }
    return clock.nowMs() - sinceMs;
  };
  answers.commit = () => Promise.reject(aborted());
  assert.deepEqual([await abortOnce(), await abortOnce(), await abortOnce()], [50, 100, 200]);
  answers.commit = () => Promise.resolve();
  await abortOnce();
  answers.commit = () => Promise.reject(aborted());
  const pauses: number[] = [];
  for (let i = 1; i <= 6; i += 1) pauses.push(await abortOnce());
  assert.deepEqual(pauses, [50, 100, 200, 400, 800, 1600]);
  await abortOnce();
  assert.equal(events.at(-1), 'fail broker.transaction_aborted');
});

void test('an abort that taught something is no abort in a row', async () => {
  const { committer, clock, events } = setUp();
  for (let i = 0; i < 20; i += 1) {
    committer.abort(aborted(), i % 2 === 0 ? 'insight' : 'stumble');
    await clock.advance(100);
  }
  assert.equal(events.filter((event) => event === 'replay').length, 20);
});

void test('stopped: a commit that waits and a pause end at once, and who waits at the gate is let in', async () => {
  const { committer, clock, events, gate, lanes, unit } = setUp();
  await unit(lanes[0]);
  const committing = committer.commitNow();
  await settled();
  let entered = false;
  void gate.enter(false).then(() => (entered = true));
  committer.stop();
  await committing;
  await settled();
  assert.equal(entered, true);
  committer.lost(0);
  await clock.advance(1000);
  assert.deepEqual(events, ['hurry']);
});

void test('what settles behind an unsettled record is a bug, not a transaction', async () => {
  const { committer, events, lanes, unit } = setUp();
  lanes[0].ledger.settledAhead = 1;
  (await unit(lanes[0]))(4);
  await committer.commitNow();
  assert.deepEqual(events, ['hurry', 'fail bug.assertion']);
});
