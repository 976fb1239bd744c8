import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Tally } from './tally.ts';
import { emptyStats, unaccounted } from './transformation-stats.ts';

void test('at least once an outcome counts when it settles', () => {
  const stats = emptyStats();
  const tally = new Tally(stats, false);
  tally.received(5);
  tally.settled(3, { output: 2, filtered: 1 });
  assert.deepEqual([stats.output, stats.filtered, stats.inFlight, tally.held], [2, 1, 2, 0]);
  tally.returned(2);
  assert.deepEqual([stats.returned, stats.inFlight, unaccounted(stats)], [2, 0, 0]);
});

void test('exactly once it counts when its transaction is committed, and not at all when that is not (I2)', () => {
  const stats = emptyStats();
  const tally = new Tally(stats, true);
  tally.received(10);
  tally.settled(3, { output: 2, deadLettered: 1 });
  assert.deepEqual([stats.output, stats.deadLettered, stats.inFlight, tally.held], [0, 0, 10, 3]);
  assert.equal(unaccounted(stats), 0);
  tally.committed();
  assert.deepEqual([stats.output, stats.deadLettered, stats.inFlight, tally.held], [2, 1, 7, 0]);
  tally.settled(4, { skipped: 4 });
  tally.returned(3);
  assert.deepEqual([stats.skipped, stats.returned, stats.inFlight], [0, 7, 0]);
  tally.committed();
  assert.deepEqual([stats.skipped, unaccounted(stats)], [0, 0]);
});
