import type { ErrorCode } from '../base/error-code.ts';
import { addTallies, type StageTally } from '../guest/guest-stats.ts';
import { GuestMetricTotals } from '../guest/host-functions/guest-metrics.ts';
import { emptyStats, LATENCY_BUCKETS, type TransformationStats } from '../pipeline/transformation-stats.ts';
import type { GuestMetricValues, GuestReport } from './transform-factory.ts';

/** Counts of a transform over all the pipelines and executors it has had: what metrics show must never go back. */
export interface TransformTotals {
  readonly stats: TransformationStats;
  readonly latencies: Float64Array;
  fuelUsed: number;
  instanceRestarts: number;
  logLinesDropped: number;
  readonly guestMetrics: GuestMetricValues;
  readonly stages: readonly StageTally[];
}

export function emptyTotals(): TransformTotals {
  return {
    stats: emptyStats(),
    latencies: new Float64Array(LATENCY_BUCKETS),
    fuelUsed: 0,
    instanceRestarts: 0,
    logLinesDropped: 0,
    guestMetrics: { counters: new Map(), gauges: new Map() },
    stages: [],
  };
}

/** A new total: `base` plus one pipeline's counts and one executor's report. */
export function addTotals(
  base: TransformTotals,
  stats: TransformationStats | undefined,
  report:
    | Pick<GuestReport, 'latencies' | 'fuelUsed' | 'instanceRestarts' | 'logLinesDropped' | 'guestMetrics' | 'stages'>
    | undefined,
): TransformTotals {
  return {
    stats: stats === undefined ? base.stats : addStats(base.stats, stats),
    latencies: base.latencies.map((count, i) => count + (report?.latencies[i] ?? 0)),
    fuelUsed: base.fuelUsed + (report?.fuelUsed ?? 0),
    instanceRestarts: base.instanceRestarts + (report?.instanceRestarts ?? 0),
    logLinesDropped: base.logLinesDropped + (report?.logLinesDropped ?? 0),
    guestMetrics: addGuestMetrics(base.guestMetrics, report?.guestMetrics),
    stages: report === undefined ? base.stages : addTallies(base.stages, report.stages),
  };
}

/** Of a gauge the newer one, `b`, counts. */
function addGuestMetrics(a: GuestMetricValues, b: GuestMetricValues | undefined): GuestMetricValues {
  if (b === undefined) return a;
  const sum = new GuestMetricTotals();
  for (const values of [b, a]) sum.absorb(values);
  for (const [name, value] of b.gauges) sum.gauges.set(name, value);
  return sum;
}

function addStats(a: TransformationStats, b: TransformationStats): TransformationStats {
  const errors = new Map<ErrorCode, number>(a.errors);
  for (const [code, count] of b.errors) errors.set(code, (errors.get(code) ?? 0) + count);
  return {
    received: a.received + b.received,
    output: a.output + b.output,
    deadLettered: a.deadLettered + b.deadLettered,
    filtered: a.filtered + b.filtered,
    skipped: a.skipped + b.skipped,
    returned: a.returned + b.returned,
    inFlight: a.inFlight + b.inFlight,
    retries: a.retries + b.retries,
    errors,
  };
}
