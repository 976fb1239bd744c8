import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GuestMetrics, GuestMetricTotals } from './guest-metrics.ts';

void test('a counter that has come to the end of numbers stays there', () => {
  const metrics = new GuestMetrics();
  const totals = new GuestMetricTotals();
  for (let i = 0; i < 3; i += 1) {
    assert.ok(metrics.add('much', 1e308));
    assert.ok(metrics.add('much', 1e308));
    totals.absorb(metrics.take());
  }
  assert.deepEqual([...totals.counters], [['much', Number.MAX_VALUE]]);
});

void test('what is no number is refused, and so is what no counter grows by', () => {
  const metrics = new GuestMetrics();
  assert.deepEqual(
    [NaN, Infinity, -Infinity, -1, -0, 0].map((by) => metrics.add('n', by)),
    [false, false, false, false, true, true],
  );
  assert.deepEqual(
    [NaN, Infinity, -Infinity, -1].map((value) => metrics.set('n', value)),
    [false, false, false, true],
  );
  for (const name of ['', 'A', '1a', 'a-b', 'a\n', 'é', 'a'.repeat(65)])
    assert.equal(metrics.add(name, 1), false, name);
});
