import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  latencyBucket,
  latencyBucketOfHalf,
  latencyBucketUpperNs,
  LATENCY_BUCKETS,
} from '../pipeline/transformation-stats.ts';
import type { WorkResult } from '../pipeline/ports.ts';
import { BatchRunner, needsSchemas, type SchemasNeeded } from './batch-runner.ts';
import { CountsSeen, RecordTotals } from './guest-stats.ts';
import { batchOf, fixtureSource, gist, outcomes } from './testing/fixture.ts';
import { ControlBlock } from './thread/control-block.ts';

function done(step: WorkResult | SchemasNeeded): WorkResult {
  assert(!needsSchemas(step));
  return step;
}

void test('condemned records are answered without being shown to the guest', () => {
  const control = new ControlBlock();
  const runner = new BatchRunner(fixtureSource(), control);
  runner.open();
  const condemned = [{ recordIndex: 1, code: 'guest.timeout', message: 'stuck' } as const];
  const result = done(runner.run(7, batchOf(['c', 's', 'c']).buffer, condemned, new SharedArrayBuffer(0)));
  assert.deepEqual(gist(result), ['1', 'guest.timeout', '2']);
  assert.equal(outcomes(result)[1]?.message, 'stuck');
  assert.deepEqual([control.batch, control.progress, control.restarts], [7, 3, 0]);
});

void test('a batch whose bytes lie is a bug of ours, not of the guest', () => {
  const runner = new BatchRunner(fixtureSource(), new ControlBlock());
  runner.open();
  assert.throws(() => runner.run(1, new SharedArrayBuffer(64), [], new SharedArrayBuffer(0)), {
    code: 'bug.assertion',
  });
});

void test('latency buckets: each latency lies below its bound and not below the one before', () => {
  for (let ns = 64; ns < 2 ** 36; ns = Math.ceil(ns * 1.07)) {
    const bucket = latencyBucket(ns);
    assert.ok(ns < latencyBucketUpperNs(bucket), String(ns));
    assert.ok(bucket === 0 || ns >= latencyBucketUpperNs(bucket - 1), String(ns));
  }
  assert.deepEqual([latencyBucket(0), latencyBucket(-5), latencyBucket(1e15)], [0, 0, LATENCY_BUCKETS - 1]);
});

void test('a bucket is the same from a number and from the upper half of it as it lies in memory', () => {
  const view = new DataView(new ArrayBuffer(8));
  for (const number of [0, 1, 63.9, 64, 79, 80, 1234.5, 2 ** 31, 2 ** 31 + 1, 3e11, 1e15]) {
    view.setFloat64(0, number, true);
    assert.equal(latencyBucketOfHalf(view.getUint32(4, true)), latencyBucket(number), String(number));
  }
});

void test('totals go on when a 32-bit count wraps, and take what was counted since the last look', () => {
  const totals = new RecordTotals();
  const control = new ControlBlock();
  const seen = new CountsSeen();
  control.latencies[3] = 0xffffffff;
  control.count({ elapsedMs: 2, fuelUsed: 10, inputBytes: 7, outputBytes: 8 });
  totals.absorb(control, seen);
  control.latencies[3] = 9;
  control.count({ elapsedMs: 1, fuelUsed: 5, inputBytes: 1, outputBytes: 0 });
  totals.absorb(control, seen);
  totals.absorb(control, seen);
  const { latency, fuel, inputBytes, outputBytes } = totals.view();
  assert.equal(latency.counts[3], 2 ** 32 + 9);
  assert.deepEqual([latency.sum, fuel.sum, inputBytes, outputBytes], [3e6, 15, 8, 8]);
});
