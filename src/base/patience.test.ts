import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from './clock.ts';
import { Patience } from './patience.ts';

void test('patience ends after its time in looks, however long the machine stood still between two of them', () => {
  let nowMs = 0;
  const patience = new Patience(20_000, { ...systemClock, nowMs: () => nowMs });
  const after = (ms: number): boolean => {
    nowMs += ms;
    return patience.isOver();
  };
  assert.deepEqual(
    [0, 1_000, 5_000, 600_000, 5_000, 4_000, 1].map((ms) => after(ms)),
    [false, false, false, false, false, false, true],
  );
  assert.equal(after(0), true);
});
