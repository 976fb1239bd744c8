import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StartOffset, TopicName } from '../spec/transformation-config.ts';
import { targetFault, targetOffset, type OffsetTarget, type TargetMarks } from './offset-target.ts';

const topic = 'in' as TopicName;
const earliest: StartOffset = { at: 'earliest' };
const marks: TargetMarks = { partition: 1, committed: 150, earliest: 100, latest: 200, atTime: 130 };
const shift = (records: number): OffsetTarget => ({ to: 'shift', records });

test('where each target puts a partition', () => {
  const cases: [OffsetTarget, number | undefined][] = [
    [{ to: 'earliest' }, 100],
    [{ to: 'latest' }, 200],
    [{ to: 'timestamp', timestampMs: 5 }, 130],
    [shift(0), 150],
    [shift(49), 199],
    [shift(50), 200],
    [shift(51), 200],
    [shift(Number.MAX_SAFE_INTEGER), 200],
    [shift(-49), 101],
    [shift(-50), 100],
    [shift(-51), 100],
    [shift(-Number.MAX_SAFE_INTEGER), 100],
    [{ to: 'exact', offsets: [{ partition: 1, offset: 170 }] }, 170],
    [{ to: 'exact', offsets: [{ partition: 0, offset: 170 }] }, undefined],
    [{ to: 'exact', offsets: [] }, undefined],
  ];
  for (const [target, offset] of cases)
    assert.equal(targetOffset(target, marks, earliest), offset, JSON.stringify(target));
});

test('a time past the last record is the end, one before the first is the first', () => {
  const at: OffsetTarget = { to: 'timestamp', timestampMs: 5 };
  assert.equal(targetOffset(at, { ...marks, atTime: -1 }, earliest), 200);
  assert.equal(targetOffset(at, { ...marks, atTime: 40 }, earliest), 100);
});

test('shift counts from the start where nothing is committed', () => {
  const none = { ...marks, committed: undefined };
  const cases: [StartOffset, number, number][] = [
    [earliest, 10, 110],
    [earliest, -10, 100],
    [{ at: 'latest' }, -10, 190],
    [{ at: 'latest' }, 10, 200],
    [{ at: 'timestamp', timestampMs: 5 }, 10, 140],
    [{ at: 'relative', records: 20 }, 10, 130],
    [{ at: 'relative', records: -20 }, 10, 190],
  ];
  for (const [start, records, offset] of cases) {
    assert.equal(targetOffset(shift(records), none, start), offset, JSON.stringify([start, records]));
  }
});

test('what was committed may be gone from the topic, or past its end: shift stays within', () => {
  assert.equal(targetOffset(shift(10), { ...marks, committed: 5 }, earliest), 100);
  assert.equal(targetOffset(shift(98), { ...marks, committed: 5 }, earliest), 103);
  assert.equal(targetOffset(shift(-10), { ...marks, committed: 500 }, earliest), 200);
  assert.equal(targetOffset(shift(-1), { ...marks, committed: 0, earliest: 0, latest: 0 }, earliest), 0);
});

test('exact is within the topic, its end included, or says what the topic has', () => {
  const rows = [{ ...marks, partition: 0 }, marks];
  const fault = (...offsets: [partition: number, offset: number][]): string | undefined =>
    targetFault({ to: 'exact', offsets: offsets.map(([partition, offset]) => ({ partition, offset })) }, topic, rows)
      ?.message;
  assert.equal(fault([0, 100], [1, 200]), undefined);
  assert.match(fault([0, 100], [1, 201]) ?? '', /offset 201 of partition 1 .* from 100 to its end at 200/);
  assert.match(fault([0, 99]) ?? '', /offset 99 of partition 0/);
  assert.match(fault([0, 150.5]) ?? '', /offset 150.5/);
  assert.match(fault([0, Number.NaN]) ?? '', /offset NaN/);
  assert.match(fault([2, 150]) ?? '', /no partition 2; it has 2: 0 to 1/);
  assert.match(fault([-1, 150]) ?? '', /no partition -1/);
  assert.match(fault([0, 150], [0, 160]) ?? '', /partition 0 .* twice/);
  assert.equal(
    targetFault({ to: 'exact', offsets: [{ partition: 7, offset: 0 }] }, topic, rows)?.code,
    'offsets.invalid',
  );
  assert.equal(targetFault(shift(1.5), topic, rows)?.code, 'offsets.invalid');
  assert.equal(targetFault(shift(-2), topic, rows), undefined);
});
