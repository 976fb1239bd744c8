import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LostThreads } from './lost-threads.ts';

const MINUTE_MS = 60_000;

void test('more than the limit within ten minutes is too many', () => {
  const lost = new LostThreads<string>(2);
  const add = (name: string, minute: number): boolean => {
    const tooMany = lost.add(name, minute * MINUTE_MS);
    lost.ended(name);
    return tooMany;
  };
  assert.deepEqual(
    [add('a', 0), add('b', 5), add('c', 11), add('d', 14), add('e', 16)],
    [false, false, false, true, true],
  );
  assert.equal(lost.notEnded, 0);
});

void test('a thread that has not ended counts for ever', () => {
  const lost = new LostThreads<string>(1);
  assert.equal(lost.add('a', 0), false);
  assert.equal(lost.add('b', 1000 * MINUTE_MS), true);
  assert.equal(lost.notEnded, 2);
});
