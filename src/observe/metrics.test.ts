import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'node:test';
import { emptyStats, LATENCY_BUCKETS, latencyBucket } from '../pipeline/transformation-stats.ts';
import { METRICS } from './metric-names.ts';
import { createMetrics, type TransformReading } from './metrics.ts';

function reading(): TransformReading {
  const latencies = new Float64Array(LATENCY_BUCKETS);
  latencies[latencyBucket(3_000)] = 90;
  latencies[latencyBucket(2_000_000)] = 10;
  const stats = { ...emptyStats(), received: 100, output: 80, deadLettered: 5, filtered: 10, inFlight: 4 };
  stats.errors.set('guest.trap', 5);
  return {
    name: 'mask-pii',
    state: 'RUNNING',
    totals: {
      stats,
      latencies,
      fuelUsed: 1234,
      instanceRestarts: 5,
      logLinesDropped: 0,
      guestMetrics: { counters: new Map([['hits', 12]]), gauges: new Map([['cache_entries', 3.5]]) },
      stages: [
        { records: 10, filtered: 3, failed: 1, fuelUsed: 500 },
        { records: 6, filtered: 0, failed: 0, fuelUsed: 60 },
      ],
    },
    lag: [{ partition: 3, lag: 42 }],
    instances: { busy: 1, idle: 0 },
    stuckThreads: 0,
    inFlightBytes: 10,
    lastCommitMs: 1_700_000_000_000,
    restarts: 0,
    candidate: { stage: 'REFUSED' },
    waiting: { sinceMs: 1 },
  };
}

const scrape = (transforms: readonly TransformReading[]): Promise<string> =>
  createMetrics({ transforms: () => transforms, specErrors: () => 2 }).metrics();

test('every metric of the table is exported with its help and type', async () => {
  const text = await scrape([reading()]);
  for (const { name, type, help } of Object.values(METRICS)) {
    assert.ok(text.includes(`# HELP ${name} ${help}`), name);
    assert.ok(text.includes(`# TYPE ${name} ${type}`), name);
  }
});

test('I2 shows: a record that is nowhere is counted as unaccounted', async () => {
  const text = await scrape([reading()]);
  assert.match(text, /streamline_transform_records_unaccounted\{transform="mask-pii"\} 1\n/);
  assert.match(text, /streamline_transform_records_total\{transform="mask-pii",outcome="dead_lettered"\} 5\n/);
  assert.match(text, /streamline_transform_errors_total\{transform="mask-pii",code="guest.trap"\} 5\n/);
  assert.match(text, /streamline_transform_version_refused\{transform="mask-pii"\} 1\n/);
  assert.match(text, /streamline_transform_waiting\{transform="mask-pii",for="schema_registry"\} 1\n/);
  assert.match(text, /streamline_transform_lag_records\{transform="mask-pii",partition="3"\} 42\n/);
});

test("a guest's own metrics carry their names as a label", async () => {
  const text = await scrape([reading()]);
  assert.match(text, /streamline_transform_guest_counter_total\{transform="mask-pii",name="hits"\} 12\n/);
  assert.match(text, /streamline_transform_guest_gauge\{transform="mask-pii",name="cache_entries"\} 3.5\n/);
});

test('a chain tells what each stage made of its records', async () => {
  const text = await scrape([reading()]);
  const line = (stage: number, outcome: string, count: number): string =>
    `streamline_transform_stage_records_total{transform="mask-pii",stage="${stage}",outcome="${outcome}"} ${count}\n`;
  for (const expected of [line(1, 'passed', 6), line(1, 'filtered', 3), line(1, 'failed', 1), line(2, 'passed', 6)])
    assert.ok(text.includes(expected), expected);
  assert.match(text, /streamline_transform_stage_fuel_units_total\{transform="mask-pii",stage="2"\} 60\n/);
});

test('the latency histogram is cumulative and complete', async () => {
  const text = await scrape([reading()]);
  const counts = [...text.matchAll(/execution_latency_seconds_bucket\{[^}]*le="([^"]+)"\} (\d+)/g)].map((m) => [
    m[1],
    Number(m[2]),
  ]);
  assert.deepEqual(
    counts.find(([le]) => le === '0.000005'),
    ['0.000005', 90],
  );
  assert.deepEqual(
    counts.find(([le]) => le === '0.001'),
    ['0.001', 90],
  );
  assert.deepEqual(counts.at(-1), ['+Inf', 100]);
  assert.match(text, /execution_latency_seconds_count\{transform="mask-pii"\} 100\n/);
  const sum = Number(/execution_latency_seconds_sum\{transform="mask-pii"\} ([\d.e-]+)/.exec(text)?.[1]);
  assert.ok(sum > 0.018 && sum < 0.024, `sum ${sum}`);
});

test('the delay of the event loop is exported', async () => {
  const metrics = createMetrics({ transforms: () => [], specErrors: () => 0 });
  await delay(50);
  const until = performance.now() + 120;
  while (performance.now() < until);
  await delay(50);
  const p99S = Number(/^nodejs_eventloop_lag_p99_seconds (\S+)$/m.exec(await metrics.metrics())?.[1]);
  assert.ok(p99S > 0.1, `${p99S} s`);
});

test('two scrapes of the same counts are the same', async () => {
  const metrics = createMetrics({ transforms: () => [reading()], specErrors: () => 0 });
  const ours = (text: string): string[] => text.split('\n').filter((line) => line.startsWith('streamline_'));
  assert.deepEqual(ours(await metrics.metrics()), ours(await metrics.metrics()));
});
