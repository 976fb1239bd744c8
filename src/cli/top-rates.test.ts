import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Metrics, Status } from '../api/rest-shapes.ts';
import { ratesBetween, type Sample } from './top-rates.ts';

function sample(atMs: number, received: Readonly<Record<string, number>>): Sample {
  const transforms = Object.entries(received).map(([name, n]) => {
    const records = { received: n, output: n / 2, filtered: n / 4, dead_lettered: n / 4 };
    const metrics = { records, fuel_units: n * 100, latency_us: { mean: 1, p50: 2, p99: 3 }, lag: { total: 7 } };
    const status = { connector: { state: 'RUNNING' } };
    return [name, { status: status as Status, metrics: metrics as Metrics }] as const;
  });
  return { atMs, transforms: new Map(transforms) };
}

void test('rates are differences by the second, busiest first', () => {
  const rates = ratesBetween(sample(1000, { a: 0, b: 400 }), sample(3000, { a: 100, b: 1400 }));
  assert.deepEqual(rates[0], {
    name: 'b',
    state: 'RUNNING',
    in_per_s: 500,
    out_per_s: 250,
    filtered_per_s: 125,
    dead_lettered_per_s: 125,
    fuel_per_s: 50_000,
    p50_us: 2,
    p99_us: 3,
    lag: 7,
  });
  assert.deepEqual([rates[1]?.name, rates[1]?.in_per_s], ['a', 50]);
});

void test('one that is new has no rate yet, one whose counts began anew has that of what is counted, one that is gone is gone', () => {
  const rates = ratesBetween(sample(0, { restarted: 1000, gone: 5 }), sample(1000, { restarted: 40, added: 90 }));
  assert.deepEqual(
    rates.map(({ name, in_per_s: rate }) => [name, rate]),
    [
      ['restarted', 40],
      ['added', 0],
    ],
  );
});

void test('two looks at the same moment are no division by zero', () => {
  assert.equal(ratesBetween(sample(5, { a: 1 }), sample(5, { a: 2 }))[0]?.in_per_s, 0);
});
