import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytes, counted, microseconds, ranges, short } from './quantity.ts';

void test('quantities at a glance', () => {
  const rates = [0, 0.25, 9.96, 42, 999, 999.7, 1000, 12_345, 999_600, 1_000_000, 98_765_432].map(short);
  assert.deepEqual(rates, ['0', '0.3', '10.0', '42', '999', '1.0 k', '1.0 k', '12.3 k', '1.0 M', '1.0 M', '98.8 M']);
  assert.deepEqual([999, 7452, 12_000_000].map(bytes), ['999 B', '7.5 kB', '12.0 MB']);
  assert.deepEqual([0, 1.25, 12.3, 999, 1500, 2_000_000].map(microseconds), [
    '0 µs',
    '1.3 µs',
    '12 µs',
    '999 µs',
    '1.5 ms',
    '2.0 s',
  ]);
  assert.deepEqual(
    [1, 2, 1234].map((n) => counted(n, 'record')),
    ['1 record', '2 records', '1,234 records'],
  );
});

void test('partitions as ranges', () => {
  assert.equal(ranges([]), '');
  assert.equal(ranges([5, 0, 1, 2, 7, 1]), '0-2,5,7');
});
