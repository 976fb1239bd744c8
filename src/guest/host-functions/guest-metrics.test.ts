import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GuestMetrics, GuestMetricTotals, tooManyMetrics } from './guest-metrics.ts';

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

void test('a transform has 64 names, counters and gauges together, whichever thread was first; one line says so', () => {
  const refused: string[] = [];
  const totals = new GuestMetricTotals((name) => refused.push(name));
  const [one, other] = [new GuestMetrics(), new GuestMetrics()];
  for (let i = 0; i < 40; i += 1) {
    assert.ok(one.add(`counter_${i}`, 1));
    assert.ok(one.set(`counter_${i}`, i), 'a gauge is another metric than the counter of its name');
  }
  totals.absorb(one.take());
  assert.deepEqual([totals.counters.size, totals.gauges.size, refused], [40, 24, ['counter_24']]);
  // A thread that came late has only names that are one too many; those that are in are counted here too.
  for (let i = 0; i < 64; i += 1) assert.ok(other.add(`late_${i}`, 1));
  assert.ok(other.add('counter_39', 1));
  assert.ok(other.set('counter_0', 7));
  totals.absorb(other.take());
  assert.deepEqual([totals.counters.size, totals.gauges.size, refused], [40, 24, ['counter_24']]);
  assert.deepEqual([totals.counters.get('counter_39'), totals.gauges.get('counter_0')], [2, 7]);
});

void test('at the edge: the 64th is counted, the 65th is not and no record fails over it', () => {
  const refused: string[] = [];
  const totals = new GuestMetricTotals((name) => refused.push(name));
  const metrics = new GuestMetrics();
  for (let i = 0; i < 64; i += 1) metrics.add(`n_${i}`, 1);
  totals.absorb(metrics.take());
  assert.deepEqual([totals.counters.size, refused], [64, []]);
  assert.ok(metrics.set('n_64', 1));
  totals.absorb(metrics.take());
  assert.deepEqual([totals.counters.size, totals.gauges.size, refused], [64, 0, ['n_64']]);
});

void test('I7: what one thread holds of a batch has an end too, and begins anew with the next', () => {
  const metrics = new GuestMetrics();
  for (let i = 0; i < 1000; i += 1) assert.ok(metrics.add(`n_${i}`, 1));
  assert.equal([...(metrics.take()?.counters ?? [])].length, 256);
  metrics.add('n_999', 1);
  assert.deepEqual([...(metrics.take()?.counters ?? [])], [['n_999', 1]]);
});

void test('what is said of it keeps to the limits of log lines', () => {
  const of = (logLinesPerSecond: number, logLineBytesMax: number): unknown =>
    tooManyMetrics('n', { logLinesPerSecond, logLineBytesMax });
  const text = 'metric n is not counted: a transform names at most 64';
  assert.deepEqual(of(1, 100), { lines: [{ level: 'warn', text }], dropped: 0 });
  assert.deepEqual(of(1, 16), { lines: [{ level: 'warn', text: `${text.slice(0, 16).trim()}…` }], dropped: 0 });
  assert.deepEqual(of(0, 100), { lines: [], dropped: 1 });
});
