import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TraceBudget } from './trace-budget.ts';

void test('so many records a second are traced, and what was not used is kept for a while', () => {
  let nowMs = 0;
  const budget = new TraceBudget(() => nowMs);
  assert.equal(budget.left, 1000);
  budget.spend(1200);
  assert.equal(budget.left, 0, 'batches that were under way together');
  nowMs += 1000;
  assert.equal(budget.left, 300);
  nowMs += 60_000;
  assert.equal(budget.left, 1000);
});
