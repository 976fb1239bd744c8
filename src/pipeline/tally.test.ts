import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Tally } from './tally.ts';
import { emptyStats, unaccounted } from './transformation-stats.ts';

void test('at least once an outcome counts when it settles', () => {
  const stats = emptyStats();
  const final: number[][] = [];
  const tally = new Tally(stats, false, (...told) => void final.push(told));
  tally.received(5);
  tally.settled(3, { output: 2, filtered: 1 }, { polledMs: 7 });
  assert.deepEqual([stats.output, stats.filtered, stats.inFlight, tally.held], [2, 1, 2, 0]);
  assert.deepEqual(final, [[7, 3]]);
  tally.settled(1, { skipped: 1 }, { polledMs: 8, code: 'guest.trap' });
  assert.deepEqual([...stats.skips, ...stats.deadLetters], [['guest.trap', 1]]);
  tally.returned(1);
  assert.deepEqual([stats.returned, stats.inFlight, unaccounted(stats)], [1, 0, 0]);
});

void test('exactly once it counts when its transaction is committed, and not at all when that is not (I2)', () => {
  const stats = emptyStats();
  const final: number[][] = [];
  const tally = new Tally(stats, true, (...told) => void final.push(told));
  tally.received(10);
  tally.settled(2, { output: 2 }, { polledMs: 1 });
  tally.settled(1, { deadLettered: 1 }, { polledMs: 2, code: 'guest.failed' });
  assert.deepEqual([stats.output, stats.deadLettered, stats.inFlight, tally.held], [0, 0, 10, 3]);
  assert.deepEqual([unaccounted(stats), final.length, stats.deadLetters.size], [0, 0, 0]);
  tally.committed();
  assert.deepEqual([stats.output, stats.deadLettered, stats.inFlight, tally.held], [2, 1, 7, 0]);
  assert.deepEqual(final, [
    [1, 2],
    [2, 1],
  ]);
  assert.deepEqual([...stats.deadLetters], [['guest.failed', 1]]);
  tally.settled(4, { skipped: 4 }, { polledMs: 3, code: 'guest.failed' });
  tally.returned(3);
  assert.deepEqual([stats.skipped, stats.returned, stats.inFlight], [0, 7, 0]);
  tally.committed();
  assert.deepEqual([stats.skipped, stats.skips.size, unaccounted(stats), final.length], [0, 0, 0, 2]);
});
