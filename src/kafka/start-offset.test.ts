import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StartOffset, TopicName } from '../spec/transformation-config.ts';
import { SimClock } from '../pipeline/sim/sim-clock.ts';
import { RD } from './client.ts';
import { silentLogger } from './log.ts';
import { commitOffsets, pinStartOffsets, startOffset, type OffsetClient } from './start-offset.ts';

const topic = 'in' as TopicName;

test('where a partition without a commit begins', () => {
  const marks = { earliest: 100, latest: 200, atTime: 150 };
  const cases: [StartOffset, number][] = [
    [{ at: 'earliest' }, 100],
    [{ at: 'latest' }, 200],
    [{ at: 'timestamp', timestampMs: 1 }, 150],
    [{ at: 'relative', records: 0 }, 100],
    [{ at: 'relative', records: 30 }, 130],
    [{ at: 'relative', records: 5_000 }, 200],
    [{ at: 'relative', records: -30 }, 170],
    [{ at: 'relative', records: -5_000 }, 100],
  ];
  for (const [start, offset] of cases) assert.equal(startOffset(start, marks), offset, JSON.stringify(start));
  assert.equal(startOffset({ at: 'timestamp', timestampMs: 1 }, { ...marks, atTime: -1 }), 200);
});

/** A coordinator and partitions as far as pinning sees them. */
class FakeGroup implements OffsetClient {
  readonly offsets = new Map<number, number>();
  hasMembers = false;

  committed: OffsetClient['committed'] = (partitions, _timeoutMs, done) =>
    done(
      null,
      partitions.map((p) => ({
        ...p,
        ...(this.offsets.has(p.partition) ? { offset: this.offsets.get(p.partition) } : {}),
      })) as never,
    );
  offsetsForTimes: OffsetClient['offsetsForTimes'] = (partitions, _timeoutMs, done) =>
    done(
      null,
      partitions.map((p) => ({ ...p, offset: p.offset === -2 ? 10 : p.offset === -1 ? 90 : 42 })),
    );
  commit: OffsetClient['commit'] = (offsets) => {
    if (this.hasMembers) return;
    for (const { partition, offset } of offsets) this.offsets.set(partition, offset);
  };
}

test('pins what has no commit, once', async () => {
  const group = new FakeGroup();
  group.offsets.set(1, 77);
  const pin = (start: StartOffset) => pinStartOffsets(group, topic, [0, 1, 2], start, 100, silentLogger);
  assert.deepEqual(await pin({ at: 'timestamp', timestampMs: 5 }), [
    { partition: 0, offset: 42 },
    { partition: 2, offset: 42 },
  ]);
  assert.deepEqual(await pin({ at: 'earliest' }), []);
  assert.deepEqual(group.offsets, new Map([[0, 42], [1, 77], [2, 42]])); // prettier-ignore
});

test('a group with members is left alone', async () => {
  const group = new FakeGroup();
  group.hasMembers = true;
  group.offsets.set(0, 7);
  assert.deepEqual(await pinStartOffsets(group, topic, [0, 1], { at: 'latest' }, 100, silentLogger), []);
  assert.deepEqual(group.offsets, new Map([[0, 7]]));
});

test('a start whose commit was lost does not join: it would begin at the beginning', async () => {
  const group = new FakeGroup();
  group.hasMembers = true;
  await assert.rejects(pinStartOffsets(group, topic, [0, 1], { at: 'latest' }, 100, silentLogger), {
    code: 'broker.commit_failed',
    retriable: true,
  });
});

test("a coordinator that moves is waited for, as long as a request may take: a cluster's first group finds one", async () => {
  const group = new FakeGroup();
  const answer = group.committed;
  let refusals = 3;
  group.committed = (partitions, timeoutMs, done) => {
    if (refusals-- > 0) done({ message: 'Broker: Not coordinator', code: RD.NOT_COORDINATOR }, []);
    else answer(partitions, timeoutMs, done);
  };
  const clock = new SimClock();
  const pin = pinStartOffsets(group, topic, [0], { at: 'latest' }, 1_000, silentLogger, clock);
  await clock.advance(1_000);
  assert.deepEqual(await pin, [{ partition: 0, offset: 90 }]);

  refusals = Infinity;
  const hopeless = assert.rejects(pinStartOffsets(group, topic, [0], { at: 'latest' }, 1_000, silentLogger, clock), {
    code: 'broker.client',
    message: 'cannot read the committed offsets of in: Broker: Not coordinator',
  });
  await clock.advance(2_000);
  await hopeless;
});

test('a commit that the coordinator drops is not believed', async () => {
  const group = new FakeGroup();
  group.hasMembers = true;
  group.offsets.set(0, 5);
  assert.deepEqual(await commitOffsets(group, [{ topic, partition: 0, offset: 6 }], 100), [0]);
  assert.deepEqual(await commitOffsets(group, [{ topic, partition: 0, offset: 5 }], 100), []);
});
