import type { ErrorCode } from '../base/error-code.ts';
import { emptyStats, LATENCY_BUCKETS, type TransformationStats } from '../pipeline/transformation-stats.ts';
import type { GuestReport } from './transform-factory.ts';

/** Counts of a transform over all the pipelines and executors it has had: what metrics show must never go back. */
export interface TransformTotals {
  readonly stats: TransformationStats;
  readonly latencies: Float64Array;
  fuelUsed: number;
  instanceRestarts: number;
  logLinesDropped: number;
}

export function emptyTotals(): TransformTotals {
  return {
    stats: emptyStats(),
    latencies: new Float64Array(LATENCY_BUCKETS),
    fuelUsed: 0,
    instanceRestarts: 0,
    logLinesDropped: 0,
  };
}

/** A new total: `base` plus one pipeline's counts and one executor's report. */
export function addTotals(
  base: TransformTotals,
  stats: TransformationStats | undefined,
  report: Pick<GuestReport, 'latencies' | 'fuelUsed' | 'instanceRestarts' | 'logLinesDropped'> | undefined,
): TransformTotals {
  return {
    stats: stats === undefined ? base.stats : addStats(base.stats, stats),
    latencies: base.latencies.map((count, i) => count + (report?.latencies[i] ?? 0)),
    fuelUsed: base.fuelUsed + (report?.fuelUsed ?? 0),
    instanceRestarts: base.instanceRestarts + (report?.instanceRestarts ?? 0),
    logLinesDropped: base.logLinesDropped + (report?.logLinesDropped ?? 0),
  };
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
