import type { ErrorCode } from '../base/error-code.ts';
import type { DistributionView } from '../pipeline/distribution.ts';
import { STEPS, type PipelineMeasures } from '../pipeline/measures.ts';
import { unaccounted, type TransformationStats } from '../pipeline/transformation-stats.ts';
import { stageNames } from '../spec/stage-names.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';
import type { MetricDefinition, MetricLabel, TRANSFORM_METRICS } from './metric-names.ts';
import type { Labels, Samples } from './read-metric.ts';

/** What the metrics show of one transform; counts never go back while the process lives. */
export interface TransformReading {
  readonly name: string;
  readonly state: string;
  readonly totals: {
    readonly stats: TransformationStats;
    readonly measures: PipelineMeasures;
    readonly latency: DistributionView;
    readonly fuel: DistributionView;
    readonly inputBytes: number;
    readonly outputBytes: number;
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
  readonly partitions: readonly number[];
  readonly instances: { readonly busy: number; readonly idle: number; readonly starting: number };
  readonly stuckThreads: number;
  readonly inFlightBytes: number;
  readonly queued: {
    readonly guest: number;
    readonly order: number;
    readonly produce: number;
    readonly commit: number;
  };
  readonly fuelBudget: number;
  readonly lastCommitMs: number | undefined;
  readonly restarts: number;
  readonly reloads: { readonly served: number; readonly refused: number };
  /** What serves, or served last. */
  readonly version:
    { readonly number: number; readonly moduleSha256: string; readonly config: TransformationConfig } | undefined;
  readonly candidate: { readonly stage: string } | undefined;
  /** Records wait for the schema registry. */
  readonly waiting: object | undefined;
}

/** Adds the samples of one transform to those of a metric. */
type Read = (transform: TransformReading, show: Show) => void;

/** The samples of a metric, for one transform. */
export class Show {
  readonly #samples: Samples;
  readonly #definition: MetricDefinition;
  readonly #transform: string;

  constructor(samples: Samples, definition: MetricDefinition, transform: string) {
    this.#samples = samples;
    this.#definition = definition;
    this.#transform = transform;
  }

  value(value: number, labels: Labels = {}): void {
    this.#samples.add(value, this.#labels(labels));
  }

  /** One for each of the counts, under its key. */
  each(label: MetricLabel, counts: Iterable<readonly [string, number]>): void {
    for (const [key, count] of counts) this.value(count, { [label]: key });
  }

  seconds(nanoseconds: DistributionView, labels: Labels = {}): void {
    this.distribution(nanoseconds, 1e9, labels);
  }

  distribution(distribution: DistributionView, perUnit: number, labels: Labels = {}): void {
    const { bounds = [] } = this.#definition;
    this.#samples.distribution(bounds, distribution, perUnit, this.#labels(labels));
  }

  histogram(counts: ArrayLike<number>, sum: number): void {
    this.#samples.histogram(this.#definition.bounds ?? [], counts, sum, this.#labels({}));
  }

  #labels(labels: Labels): Labels {
    return { transform: this.#transform, ...labels };
  }
}

const ofCodes = (codes: ReadonlyMap<ErrorCode, number>, show: Show): void => show.each('code', codes);

/** Where each metric of a transform is read from. */
export const TRANSFORM_READS: Readonly<Record<keyof typeof TRANSFORM_METRICS, Read>> = {
  received: ({ totals }, show) => show.value(totals.stats.received),
  settled: ({ totals: { stats } }, show) => {
    show.each('outcome', [
      ['output', stats.output],
      ['dead_lettered', stats.deadLettered],
      ['filtered', stats.filtered],
      ['skipped', stats.skipped],
      ['returned', stats.returned],
    ]);
  },
  inFlight: ({ totals }, show) => show.value(totals.stats.inFlight),
  // I2, for everyone to see.
  unaccounted: ({ totals }, show) => show.value(unaccounted(totals.stats)),
  queued: ({ queued }, show) => show.each('step', Object.entries(queued)),
  inFlightBytes: ({ inFlightBytes }, show) => show.value(inFlightBytes),
  inputBytes: ({ totals }, show) => show.value(totals.inputBytes),
  outputBytes: ({ totals }, show) => show.value(totals.outputBytes),
  batchRecords: ({ totals: { measures } }, show) => show.histogram(measures.batches, measures.batchRecords),

  errors: ({ totals }, show) => ofCodes(totals.stats.errors, show),
  retries: ({ totals }, show) => show.value(totals.stats.retries),
  deadLetters: ({ totals }, show) => ofCodes(totals.stats.deadLetters, show),
  skips: ({ totals }, show) => ofCodes(totals.stats.skips, show),

  latency: ({ totals }, show) => show.seconds(totals.latency),
  stepLatency: ({ totals: { measures } }, show) => {
    for (const step of STEPS) show.seconds(measures.steps[step], { step });
  },
  endToEnd: ({ totals }, show) => show.seconds(totals.measures.endToEnd),

  fuel: ({ totals }, show) => show.distribution(totals.fuel, 1),
  fuelBudget: ({ fuelBudget }, show) => show.value(fuelBudget),
  instances: ({ instances: { busy, idle, starting } }, show) => {
    show.each('state', Object.entries({ busy, idle, starting }));
  },
  instanceRestarts: ({ totals }, show) => show.value(totals.instanceRestarts),
  stuckThreads: ({ stuckThreads }, show) => show.value(stuckThreads),
  logLinesDropped: ({ totals }, show) => show.value(totals.logLinesDropped),
  guestCounters: ({ totals }, show) => show.each('name', totals.guestMetrics.counters),
  guestGauges: ({ totals }, show) => show.each('name', totals.guestMetrics.gauges),
  stageRecords: ({ totals }, show) => {
    for (const [i, { records, filtered, failed }] of totals.stages.entries()) {
      const stage = String(i + 1);
      show.value(records - filtered - failed, { stage, outcome: 'passed' });
      show.value(filtered, { stage, outcome: 'filtered' });
      show.value(failed, { stage, outcome: 'failed' });
    }
  },
  stageFuel: ({ totals }, show) => {
    for (const [i, { fuelUsed }] of totals.stages.entries()) show.value(fuelUsed, { stage: String(i + 1) });
  },

  lag: ({ lag }, show) => {
    for (const { partition, lag: records } of lag) show.value(records, { partition: String(partition) });
  },
  partitions: ({ partitions }, show) => show.value(partitions.length),
  rebalances: ({ totals }, show) => show.each('event', Object.entries(totals.measures.rebalances)),
  commits: ({ totals }, show) => show.each('result', Object.entries(totals.measures.commits)),
  lastCommit: ({ lastCommitMs }, show) => {
    if (lastCommitMs !== undefined) show.value(lastCommitMs / 1000);
  },

  state: ({ state }, show) => show.value(1, { state }),
  info: ({ version }, show) => {
    if (version === undefined) return;
    const { number, moduleSha256, config } = version;
    const digests = { module_sha256: moduleSha256, config_sha256: config.sha256 };
    show.value(1, { module: stageNames(config), ...digests, version: String(number) });
  },
  reloads: ({ reloads: { served, refused } }, show) => show.each('result', Object.entries({ served, refused })),
  versionRefused: ({ candidate }, show) => show.value(candidate?.stage === 'REFUSED' ? 1 : 0),
  restarts: ({ restarts }, show) => show.value(restarts),
  waiting: ({ waiting }, show) => show.value(waiting === undefined ? 0 : 1, { for: 'schema_registry' }),
};
