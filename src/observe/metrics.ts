import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ErrorCode } from '../base/error-code.ts';
import { latencyBucketUpperNs, unaccounted, type TransformationStats } from '../pipeline/transformation-stats.ts';
import { METRICS, type MetricDefinition } from './metric-names.ts';

/** What the metrics show of one transform; counts never go back while the process lives. */
export interface TransformReading {
  readonly name: string;
  readonly state: string;
  readonly totals: {
    readonly stats: TransformationStats;
    readonly latencies: ArrayLike<number>;
    readonly fuelUsed: number;
    readonly instanceRestarts: number;
    readonly logLinesDropped: number;
    readonly guestMetrics: {
      readonly counters: ReadonlyMap<string, number>;
      readonly gauges: ReadonlyMap<string, number>;
    };
    /** Of a chain. */
    readonly stages: readonly {
      readonly records: number;
      readonly filtered: number;
      readonly failed: number;
      readonly fuelUsed: number;
    }[];
  };
  readonly lag: readonly { readonly partition: number; readonly lag: number }[];
  readonly instances: { readonly busy: number; readonly idle: number };
  readonly stuckThreads: number;
  readonly inFlightBytes: number;
  readonly lastCommitMs: number | undefined;
  readonly restarts: number;
  readonly candidate: { readonly stage: string } | undefined;
  /** Records wait for the schema registry. */
  readonly waiting: object | undefined;
}

export interface MetricSource {
  readonly transforms: () => readonly TransformReading[];
  readonly specErrors: () => number;
  /** undefined: they go to no topic. */
  readonly logTopic?: () => { readonly sent: number; readonly dropped: number } | undefined;
}

/** Upper bounds shown, seconds: 1 µs to 10 s. The counts behind them are finer (transformation-stats.ts). */
const LATENCY_BOUNDS_S = [
  1e-6, 5e-6, 1e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 1, 10,
];

/** A registry that reads everything at the moment it is scraped: counting costs the data path nothing. */
export function createMetrics(source: MetricSource): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const add = (definition: MetricDefinition, read: (set: Set) => void): void => {
    const configuration = {
      name: definition.name,
      help: definition.help,
      labelNames: definition.labels,
      registers: [registry],
    };
    if (definition.type === 'counter') {
      new Counter({
        ...configuration,
        collect() {
          this.reset();
          read((labels, value) => this.inc(labels, value));
        },
      });
      return;
    }
    new Gauge({
      ...configuration,
      collect() {
        this.reset();
        read((labels, value) => this.set(labels, value));
      },
    });
  };
  const each = (definition: MetricDefinition, read: (transform: TransformReading, set: Set) => void): void => {
    add(definition, (set) => {
      for (const transform of source.transforms()) {
        read(transform, (labels, value) => set({ transform: transform.name, ...labels }, value));
      }
    });
  };
  addRecordMetrics(each);
  addRuntimeMetrics(each);
  registry.registerMetric(new LatencyHistogram(source));
  add(METRICS.specErrors, (set) => set({}, source.specErrors()));
  add(METRICS.logTopicLines, (set) => {
    const { sent, dropped } = source.logTopic?.() ?? { sent: 0, dropped: 0 };
    set({ outcome: 'sent' }, sent);
    set({ outcome: 'dropped' }, dropped);
  });
  return registry;
}

type Set = (labels: Record<string, string>, value: number) => void;
type Each = (definition: MetricDefinition, read: (transform: TransformReading, set: Set) => void) => void;

function addRecordMetrics(each: Each): void {
  each(METRICS.received, ({ totals }, set) => set({}, totals.stats.received));
  each(METRICS.settled, ({ totals: { stats } }, set) => {
    set({ outcome: 'output' }, stats.output);
    set({ outcome: 'dead_lettered' }, stats.deadLettered);
    set({ outcome: 'filtered' }, stats.filtered);
    set({ outcome: 'skipped' }, stats.skipped);
    set({ outcome: 'returned' }, stats.returned);
  });
  each(METRICS.inFlight, ({ totals }, set) => set({}, totals.stats.inFlight));
  // I2, for everyone to see.
  each(METRICS.unaccounted, ({ totals }, set) => set({}, unaccounted(totals.stats)));
  each(METRICS.inFlightBytes, (transform, set) => set({}, transform.inFlightBytes));
  each(METRICS.errors, ({ totals }, set) => {
    totals.stats.errors.forEach((count: number, code: ErrorCode) => set({ code }, count));
  });
  each(METRICS.retries, ({ totals }, set) => set({}, totals.stats.retries));
  each(METRICS.lag, (transform, set) => {
    for (const { partition, lag } of transform.lag) set({ partition: String(partition) }, lag);
  });
  each(METRICS.lastCommit, (transform, set) => {
    if (transform.lastCommitMs !== undefined) set({}, transform.lastCommitMs / 1000);
  });
}

function addRuntimeMetrics(each: Each): void {
  each(METRICS.fuel, ({ totals }, set) => set({}, totals.fuelUsed));
  each(METRICS.state, (transform, set) => set({ state: transform.state }, 1));
  each(METRICS.instances, ({ instances }, set) => {
    set({ state: 'busy' }, instances.busy);
    set({ state: 'idle' }, instances.idle);
  });
  each(METRICS.instanceRestarts, ({ totals }, set) => set({}, totals.instanceRestarts));
  each(METRICS.stuckThreads, (transform, set) => set({}, transform.stuckThreads));
  each(METRICS.logLinesDropped, ({ totals }, set) => set({}, totals.logLinesDropped));
  each(METRICS.guestCounters, ({ totals }, set) => {
    totals.guestMetrics.counters.forEach((value, name) => set({ name }, value));
  });
  each(METRICS.guestGauges, ({ totals }, set) => {
    totals.guestMetrics.gauges.forEach((value, name) => set({ name }, value));
  });
  each(METRICS.stageRecords, ({ totals }, set) => {
    for (const [i, { records, filtered, failed }] of totals.stages.entries()) {
      const stage = String(i + 1);
      set({ stage, outcome: 'passed' }, records - filtered - failed);
      set({ stage, outcome: 'filtered' }, filtered);
      set({ stage, outcome: 'failed' }, failed);
    }
  });
  each(METRICS.stageFuel, ({ totals }, set) => {
    for (const [i, { fuelUsed }] of totals.stages.entries()) set({ stage: String(i + 1) }, fuelUsed);
  });
  each(METRICS.versionRefused, ({ candidate }, set) => set({}, candidate?.stage === 'REFUSED' ? 1 : 0));
  each(METRICS.waiting, ({ waiting }, set) => set({ for: 'schema_registry' }, waiting === undefined ? 0 : 1));
  each(METRICS.restarts, (transform, set) => set({}, transform.restarts));
}

/** Shows counts made elsewhere (in the guest threads) as a Prometheus histogram. */
class LatencyHistogram extends Histogram {
  readonly #source: MetricSource;
  readonly #empty: Histogram;

  constructor(source: MetricSource) {
    const configuration = {
      name: METRICS.latency.name,
      help: METRICS.latency.help,
      labelNames: METRICS.latency.labels,
      registers: [],
    };
    super(configuration);
    this.#source = source;
    this.#empty = new Histogram(configuration);
  }

  /** What prom-client writes its text from, and what its `get` returns; missing in its types. */
  async getForPromString(): ReturnType<Histogram['get']> {
    const values = this.#source.transforms().flatMap((transform) => latencyValues(transform));
    return { ...(await this.#empty.get()), values };
  }
}

interface LatencyValue {
  readonly metricName: string;
  readonly value: number;
  readonly labels: Record<string, string | number>;
}

function latencyValues(transform: TransformReading): LatencyValue[] {
  const { name } = METRICS.latency;
  const labels = { transform: transform.name };
  const counts = transform.totals.latencies;
  const values: LatencyValue[] = [];
  let sumSeconds = 0;
  let total = 0;
  let bucket = 0;
  const countBelow = (boundNs: number): void => {
    for (; bucket < counts.length && latencyBucketUpperNs(bucket) <= boundNs; bucket += 1) {
      const count = counts[bucket] ?? 0;
      total += count;
      // The middle of a bucket is within an eighth of every latency in it.
      sumSeconds += count * latencyBucketUpperNs(bucket) * 0.9e-9;
    }
  };
  for (const bound of LATENCY_BOUNDS_S) {
    countBelow(bound * 1e9);
    values.push({ metricName: `${name}_bucket`, labels: { ...labels, le: bound }, value: total });
  }
  countBelow(Infinity);
  values.push({ metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value: total });
  values.push({ metricName: `${name}_sum`, labels, value: sumSeconds });
  values.push({ metricName: `${name}_count`, labels, value: total });
  return values;
}
