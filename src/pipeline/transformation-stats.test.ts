import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  emptyStats,
  LATENCY_BUCKETS,
  latencyBucket,
  latencyBucketUpperNs,
  latencyQuantileNs,
  unaccounted,
} from './transformation-stats.ts';

void test('upper bounds ascend', () => {
  for (let bucket = 1; bucket < LATENCY_BUCKETS; bucket += 1) {
    assert.ok(latencyBucketUpperNs(bucket) > latencyBucketUpperNs(bucket - 1), `bucket ${bucket}`);
  }
});

void test('a latency lies in its bucket, and longer ones never in an earlier bucket', () => {
  let last = 0;
  const topNs = latencyBucketUpperNs(LATENCY_BUCKETS - 1);
  for (let ns = 0; ns < topNs; ns = ns < 5000 ? ns + 1 : Math.floor(ns * 1.003) + 1) {
    const bucket = latencyBucket(ns);
    assert.ok(bucket >= last && bucket < LATENCY_BUCKETS, `${ns} ns: bucket ${bucket} after ${last}`);
    assert.ok(ns < latencyBucketUpperNs(bucket), `${ns} ns is above bucket ${bucket}`);
    // 64 KiB steps above 2^31 ns blur the edge by less than 0.01 %.
    if (bucket > 0) assert.ok(ns * 1.0001 >= latencyBucketUpperNs(bucket - 1), `${ns} ns is below bucket ${bucket}`);
    last = bucket;
  }
});

void test('edges: nothing, the first power, the two halves of the number range, and beyond', () => {
  assert.equal(latencyBucket(0), 0);
  assert.equal(latencyBucket(63.9), 0);
  assert.equal(latencyBucket(64), 0);
  assert.equal(latencyBucket(80), 1);
  assert.equal(latencyBucket(127), 3);
  assert.equal(latencyBucket(128), 4);
  assert.equal(latencyBucket(2 ** 31), latencyBucket(2 ** 31 - 1) + 1);
  assert.equal(latencyBucket(2 ** 32), latencyBucket(2 ** 31) + 4);
  for (const ns of [2 ** 37, 2 ** 47, 2 ** 60, Infinity]) assert.equal(latencyBucket(ns), LATENCY_BUCKETS - 1, `${ns}`);
});

void test('quantiles come from the counts, within a quarter of a power of two', () => {
  const counts = new Uint32Array(LATENCY_BUCKETS);
  assert.equal(latencyQuantileNs(counts, 0.99), 0);
  for (let i = 1; i <= 1000; i += 1) counts[latencyBucket(i * 1000)]! += 1;
  for (const [quantile, exactNs] of [
    [0.5, 500_000],
    [0.99, 990_000],
    [1, 1_000_000],
  ] as const) {
    const ns = latencyQuantileNs(counts, quantile);
    assert.ok(ns >= exactNs && ns <= exactNs * 1.25, `p${quantile * 100}: ${ns}`);
  }
  assert.ok(latencyQuantileNs(counts, 0) < 2000, 'the lowest of what there is');
});

void test('what is received and nowhere is unaccounted for (I2)', () => {
  const stats = emptyStats();
  assert.equal(unaccounted(stats), 0);
  Object.assign(stats, { received: 21, output: 1, deadLettered: 2, filtered: 3, skipped: 4, returned: 5, inFlight: 6 });
  assert.equal(unaccounted(stats), 0);
  stats.output = 0;
  assert.equal(unaccounted(stats), 1);
});
