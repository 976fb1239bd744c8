import { test } from 'node:test';
import assert from 'node:assert/strict';
import { steadyRate, type Sample } from './steady.ts';

/** Nothing for a second, then 100 records a ms and 1 CPU s a second, looked at every 100 ms, with a slow end. */
function samples(): Sample[] {
  const all: Sample[] = [{ atMs: 0, records: 0, cpuS: 5 }];
  for (let i = 0; i <= 95; i += 1) all.push({ atMs: 1000 + i * 100, records: i * 10_000, cpuS: 6 + i * 0.1 });
  all.push({ atMs: 20_000, records: 1_000_000, cpuS: 20 });
  return all;
}

test('start and end do not count', () => {
  const { perSecond, cpuSecondsPerMillion } = steadyRate(samples(), 1_000_000);
  assert.ok(Math.abs(perSecond - 100_000) < 1, String(perSecond));
  assert.ok(Math.abs(cpuSecondsPerMillion - 10) < 0.001, String(cpuSecondsPerMillion));
});

test('a share that falls between two looks is found on the line between them', () => {
  const two = [
    { atMs: 0, records: 0, cpuS: 0 },
    { atMs: 1000, records: 1000, cpuS: 1 },
  ];
  assert.equal(Math.round(steadyRate(two, 1000).perSecond), 1000);
});

test('a topic that never had enough is an error, not a figure', () => {
  assert.throws(() => steadyRate(samples(), 2_000_000), /never had that many/);
});
