import { test } from 'node:test';
import assert from 'node:assert/strict';
import { median, quantile, shown } from './rows.ts';

test('median: the middle one, or half way between the middle two', () => {
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([4, 1, 3, 100]), 3.5);
});

test('quantile: the value that so many do not exceed', () => {
  const values = Array.from({ length: 100 }, (_, i) => 100 - i);
  assert.equal(quantile(values, 0.5), 50);
  assert.equal(quantile(values, 0.99), 99);
  assert.equal(quantile([7], 0.999), 7);
});

test('figures are shown with three digits, large ones whole', () => {
  assert.equal(shown(0.123456), '0.123');
  assert.equal(shown(104_321.7), '104,322');
});
