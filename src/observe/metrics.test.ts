import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'node:test';
import { Distribution } from '../pipeline/distribution.ts';
import { PipelineMeasures, STEPS } from '../pipeline/measures.ts';
import { simConfig } from '../pipeline/sim/sim-config.ts';
import { emptyStats } from '../pipeline/transformation-stats.ts';
import { METRICS, PROCESS_METRICS } from './metric-names.ts';
import { Metrics, type MetricSource } from './metrics.ts';
import type { TransformReading } from './transform-reading.ts';

/** Each value differs from those beside it, and none is what it would be if nothing had been read. */
function reading(name = 'mask-pii'): TransformReading {
  const latency = new Distribution();
  latency.add(3_000, 90);
  latency.add(2_000_000, 10);
  const fuel = new Distribution();
  fuel.add(1_234, 99);
  fuel.add(3_000_000);
  const measures = new PipelineMeasures();
  measures.polled(60);
  measures.polled(40);
  for (const [i, step] of STEPS.entries()) measures.took(step, i + 1, 10);
  measures.endToEnd.add(30e6, 80);
  Object.assign(measures.rebalances, { assigned: 3, revoked: 2, lost: 1 });
  Object.assign(measures.commits, { ok: 21, failed: 4 });
  const stats = { ...emptyStats(), received: 100, output: 78, deadLettered: 5, filtered: 10, skipped: 2, inFlight: 4 };
  Object.assign(stats, { retries: 6 });
  stats.errors.set('guest.trap', 9);
  stats.deadLetters.set('guest.trap', 5);
  stats.skips.set('guest.timeout', 2);
  return {
    name,
    state: 'RUNNING',
    totals: {
      stats,
      measures,
      latency,
      fuel,
      inputBytes: 3_000,
      outputBytes: 2_500,
      instanceRestarts: 5,
      logLinesDropped: 7,
      guestMetrics: { counters: new Map([['hits', 12]]), gauges: new Map([['cache_entries', 3.5]]) },
      stages: [
        { records: 10, filtered: 3, failed: 1, fuelUsed: 500 },
        { records: 6, filtered: 0, failed: 0, fuelUsed: 60 },
      ],
    },
    lag: [{ partition: 3, lag: 42 }],
    partitions: [3, 5],
    instances: { busy: 1, idle: 2, starting: 3 },
    stuckThreads: 8,
    inFlightBytes: 10,
    queued: { guest: 1, order: 0, produce: 3, commit: 0 },
    fuelBudget: 50_000_000,
    lastCommitMs: 1_700_000_000_000,
    restarts: 13,
    reloads: { served: 2, refused: 1 },
    version: { number: 4, moduleSha256: 'ab12', config: simConfig() },
    candidate: { stage: 'REFUSED' },
    waiting: { sinceMs: 1 },
  };
}

function source(transforms: readonly TransformReading[] = [], change: Partial<MetricSource> = {}): MetricSource {
  const schemaRegistry = { results: { ok: 3, refused: 1 }, latency: Distribution.of() };
  schemaRegistry.latency.add(4e6, 4);
  return {
    transforms: () => transforms,
    specErrors: () => 2,
    schemaRegistry: () => schemaRegistry,
    logTopic: () => ({ sent: 6, dropped: 7 }),
    version: '1.2.3',
    transport: 'bridge',
    ...change,
  };
}

const scrape = (transforms: readonly TransformReading[]): Promise<string> => new Metrics(source(transforms)).text();

/** Of a page: each sample's name and labels. */
function samplesOf(text: string): { readonly name: string; readonly labels: readonly string[] }[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name = '', labels = ''] = /^([a-z_:0-9]+)(?:\{(.*)\})? \S+$/i.exec(line) ?? [];
      assert.notEqual(name, '', line);
      return {
        name,
        labels: [...labels.matchAll(/([a-z_0-9]+)="(?:[^"\\]|\\.)*"(?:,|$)/g)].map(([, label = '']) => label),
      };
    });
}

test('every metric of the table is exported with its help, type and labels, and no other', async () => {
  const text = await scrape([reading()]);
  const samples = samplesOf(text);
  const families = new Map<string, readonly string[]>();
  for (const { name, type, help, labels } of Object.values(METRICS)) {
    assert.ok(text.includes(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name}`), name);
    const own: readonly string[] = type === 'histogram' ? [...labels, 'le'] : labels;
    if (type === 'histogram') {
      families.set(`${name}_bucket`, own).set(`${name}_sum`, labels).set(`${name}_count`, labels);
    } else families.set(name, own);
  }
  for (const [family, labels] of families) {
    const found = samples.filter(({ name }) => name === family);
    assert.ok(found.length > 0, `${family} has no sample`);
    for (const sample of found) assert.deepEqual(sample.labels.toSorted(), labels.toSorted(), family);
  }
  const ours = samples.filter(({ name }) => name.startsWith('streamline_') && !families.has(name));
  assert.deepEqual(ours, []);
  const types = [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name = '']) => name);
  const known: readonly string[] = [...Object.values(METRICS).map(({ name }) => name), ...PROCESS_METRICS];
  assert.deepEqual(
    types.filter((name) => !known.includes(name)),
    [],
  );
  assert.equal(new Set(types).size, types.length, 'a metric is told once');
});

test('I2 shows: a record that is nowhere is counted as unaccounted', async () => {
  const text = await scrape([reading()]);
  assert.match(text, /streamline_transform_records_unaccounted\{transform="mask-pii"\} 1\n/);
  assert.match(text, /streamline_transform_records_total\{transform="mask-pii",outcome="dead_lettered"\} 5\n/);
  assert.match(text, /streamline_transform_errors_total\{transform="mask-pii",code="guest.trap"\} 9\n/);
  assert.match(text, /streamline_transform_dead_letters_total\{transform="mask-pii",code="guest.trap"\} 5\n/);
  assert.match(text, /streamline_transform_skipped_records_total\{transform="mask-pii",code="guest.timeout"\} 2\n/);
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
  const counts = [...text.matchAll(/execution_latency_seconds_bucket\{le="([^"]+)",[^}]*\} (\d+)/g)].map((m) => [
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
  assert.ok(Math.abs(sum - 0.02027) < 1e-9, `sum ${sum}`);
});

test('the delay of the event loop is exported', async () => {
  const metrics = new Metrics(source());
  await delay(50);
  const until = performance.now() + 120;
  while (performance.now() < until);
  await delay(50);
  const p99S = Number(/^nodejs_eventloop_lag_p99_seconds (\S+)$/m.exec(await metrics.text())?.[1]);
  assert.ok(p99S > 0.1, `${p99S} s`);
});

test('two scrapes of the same counts are the same', async () => {
  const metrics = new Metrics(source([reading()]));
  const ours = (text: string): string[] => text.split('\n').filter((line) => line.startsWith('streamline_'));
  assert.deepEqual(ours(await metrics.text()), ours(await metrics.text()));
});

test('each step, its queue, batches, fuel, bytes, commits and versions have their own figures', async () => {
  const text = await scrape([reading()]);
  const lines = [
    'step_latency_seconds_sum{transform="mask-pii",step="queue"} 0.01',
    'step_latency_seconds_sum{transform="mask-pii",step="produce"} 0.04',
    'step_latency_seconds_bucket{le="0.0025",transform="mask-pii",step="guest"} 10',
    'end_to_end_latency_seconds_count{transform="mask-pii"} 80',
    'queued_records{transform="mask-pii",step="produce"} 3',
    'batch_records_bucket{le="25",transform="mask-pii"} 0',
    'batch_records_bucket{le="50",transform="mask-pii"} 1',
    'batch_records_bucket{le="100",transform="mask-pii"} 2',
    'batch_records_sum{transform="mask-pii"} 100',
    'fuel_units_bucket{le="10000",transform="mask-pii"} 99',
    `fuel_units_sum{transform="mask-pii"} ${99 * 1234 + 3_000_000}`,
    'fuel_budget_units{transform="mask-pii"} 50000000',
    'input_bytes_total{transform="mask-pii"} 3000',
    'output_bytes_total{transform="mask-pii"} 2500',
    'instances{transform="mask-pii",state="starting"} 3',
    'partitions{transform="mask-pii"} 2',
    'rebalances_total{transform="mask-pii",event="revoked"} 2',
    'commits_total{transform="mask-pii",result="failed"} 4',
    'reloads_total{transform="mask-pii",result="refused"} 1',
  ];
  for (const line of lines) assert.ok(text.includes(`streamline_transform_${line}\n`), line);
  assert.match(
    text,
    /streamline_transform_info\{transform="mask-pii",module=".+",module_sha256="ab12",.*version="4"\} 1\n/,
  );
  assert.ok(text.includes('streamline_sidecar_info{version="1.2.3",transport="bridge"} 1\n'));
  assert.ok(text.includes('streamline_schema_registry_requests_total{result="ok"} 3\n'));
});

test('without transforms and without a registry the page is whole', async () => {
  const text = await new Metrics(source([], { schemaRegistry: () => undefined })).text();
  assert.ok(text.includes(`# TYPE ${METRICS.registryLatency.name} histogram\n`));
  samplesOf(text);
});

test('whoever asks while the page is written gets the same one, and the next one is of another moment', async () => {
  let looks = 0;
  const metrics = new Metrics(
    source([], {
      transforms: () => {
        looks += 1;
        return [reading()];
      },
    }),
  );
  const [one, other] = await Promise.all([metrics.text(), metrics.text()]);
  assert.equal(one, other);
  assert.equal(looks, 1);
  await metrics.text();
  assert.equal(looks, 2);
});

test('I7: a long page gives others their turn', async () => {
  const metrics = new Metrics(source(Array.from({ length: 100 }, (_, i) => reading(`t-${i}`))));
  let turns = 0;
  let writing = true;
  const count = (): void => {
    turns += 1;
    if (writing) setImmediate(count);
  };
  setImmediate(count);
  await metrics.text();
  writing = false;
  assert.ok(turns > 2, `${turns} turns`);
});
