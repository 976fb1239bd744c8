import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecentMap } from './recent-map.ts';

const weighed = (weightMax: number): RecentMap<number> => new RecentMap<number>(100, weightMax, (value) => value);
const kept = (map: RecentMap<number>): string =>
  ['a', 'b', 'c', 'd'].filter((key) => map.get(key) !== undefined).join('');

test('as much as its bound is kept, and one more pushes out the one that was not asked for the longest', () => {
  const map = weighed(10);
  map.set('a', 4);
  map.set('b', 3);
  map.set('c', 3);
  assert.equal(kept(map), 'abc');
  map.get('a');
  map.set('d', 1);
  assert.equal(kept(map), 'acd');
});

test('the newest stays alone where it weighs more than all may', () => {
  const map = weighed(10);
  map.set('a', 1);
  map.set('b', 11);
  assert.equal(kept(map), 'b');
  map.set('c', 10);
  assert.equal(kept(map), 'c');
});

test('what is replaced or deleted weighs nothing any more', () => {
  const map = weighed(10);
  for (let i = 0; i < 100; i += 1) map.set('a', 6);
  map.set('b', 4);
  assert.equal(kept(map), 'ab');
  map.delete('a');
  map.delete('a');
  map.set('c', 6);
  assert.equal(kept(map), 'bc');
  map.set('b', 5);
  assert.equal(kept(map), 'b');
});

test('the count is a bound of its own', () => {
  const map = new RecentMap<number>(2);
  for (const key of ['a', 'b', 'c']) map.set(key, 1);
  assert.deepEqual([kept(map), map.size], ['bc', 2]);
});
