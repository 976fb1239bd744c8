import type { ErrorCode } from '../base/error-code.ts';
import { addTallies, type StageTally } from '../guest/guest-stats.ts';
import { GuestMetricTotals } from '../guest/host-functions/guest-metrics.ts';
import { Distribution, type DistributionView } from '../pipeline/distribution.ts';
import { PipelineMeasures } from '../pipeline/measures.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import { countCode, emptyStats, type TransformationStats } from '../pipeline/transformation-stats.ts';
import type { GuestMetricValues } from './transform-factory.ts';

/** Counts of a transform over all the pipelines and executors it has had: what metrics show must never go back. */
export interface TransformTotals {
  readonly stats: TransformationStats;
  readonly measures: PipelineMeasures;
  /** Of records in the guest, nanoseconds. */
  readonly latency: DistributionView;
  readonly fuel: DistributionView;
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly instanceRestarts: number;
  readonly logLinesDropped: number;
  readonly guestMetrics: GuestMetricValues;
  readonly stages: readonly StageTally[];
}

/** What is counted by guests. */
export type GuestTotals = Omit<TransformTotals, 'stats' | 'measures'>;

export function emptyTotals(): TransformTotals {
  return {
    stats: emptyStats(),
    measures: new PipelineMeasures(),
    latency: new Distribution(),
    fuel: new Distribution(),
    inputBytes: 0,
    outputBytes: 0,
    instanceRestarts: 0,
    logLinesDropped: 0,
    guestMetrics: { counters: new Map(), gauges: new Map() },
    stages: [],
  };
}

/** A new total: `base` plus one pipeline's counts. */
export function addPipeline(base: TransformTotals, pipeline: Pick<Pipeline, 'stats' | 'measures'>): TransformTotals {
  const measures = new PipelineMeasures();
  for (const one of [base.measures, pipeline.measures]) measures.absorb(one);
  return { ...base, stats: addStats(base.stats, pipeline.stats), measures };
}

/** A new total: `base` plus what guests report. */
export function addGuests(base: TransformTotals, guests: readonly GuestTotals[]): TransformTotals {
  const all: readonly GuestTotals[] = [base, ...guests];
  const sum = (of: (totals: GuestTotals) => number): number => all.reduce((total, one) => total + of(one), 0);
  return {
    ...base,
    latency: Distribution.of(...all.map(({ latency }) => latency)),
    fuel: Distribution.of(...all.map(({ fuel }) => fuel)),
    inputBytes: sum(({ inputBytes }) => inputBytes),
    outputBytes: sum(({ outputBytes }) => outputBytes),
    instanceRestarts: sum(({ instanceRestarts }) => instanceRestarts),
    logLinesDropped: sum(({ logLinesDropped }) => logLinesDropped),
    guestMetrics: all.map(({ guestMetrics }) => guestMetrics).reduce(addGuestMetrics),
    stages: all.map(({ stages }) => stages).reduce(addTallies),
  };
}

/** Of a gauge the newer one, `b`, counts. */
function addGuestMetrics(a: GuestMetricValues, b: GuestMetricValues): GuestMetricValues {
  const sum = new GuestMetricTotals();
  for (const values of [b, a]) sum.absorb(values);
  for (const [name, value] of b.gauges) sum.gauges.set(name, value);
  return sum;
}

function addStats(a: TransformationStats, b: TransformationStats): TransformationStats {
  return {
    received: a.received + b.received,
    output: a.output + b.output,
    deadLettered: a.deadLettered + b.deadLettered,
    filtered: a.filtered + b.filtered,
    skipped: a.skipped + b.skipped,
    returned: a.returned + b.returned,
    inFlight: a.inFlight + b.inFlight,
    retries: a.retries + b.retries,
    errors: addCodes(a.errors, b.errors),
    deadLetters: addCodes(a.deadLetters, b.deadLetters),
    skips: addCodes(a.skips, b.skips),
  };
}

function addCodes(a: ReadonlyMap<ErrorCode, number>, b: ReadonlyMap<ErrorCode, number>): Map<ErrorCode, number> {
  const sum = new Map(a);
  for (const [code, count] of b) countCode(sum, code, count);
  return sum;
}
