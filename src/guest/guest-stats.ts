import type { GuestMetricChanges, GuestMetricTotals } from './host-functions/guest-metrics.ts';
import { LATENCY_BUCKETS } from '../pipeline/transformation-stats.ts';

/** What a stage of a chain has done. Records it was shown, which are more than were read where a stage before it makes several of one. */
export interface StageTally {
  records: number;
  filtered: number;
  failed: number;
  fuelUsed: number;
}

export function emptyTally(): StageTally {
  return { records: 0, filtered: 0, failed: 0, fuelUsed: 0 };
}

/** What a thread has counted since it last said so. */
export interface GuestCounts {
  readonly metrics: GuestMetricChanges | undefined;
  readonly stages: readonly StageTally[] | undefined;
}

/** The sum of two lists of stages, of which either may be longer: versions have as many as they have. */
export function addTallies(a: readonly StageTally[], b: readonly StageTally[]): StageTally[] {
  const longer = a.length < b.length ? b : a;
  return longer.map((_, i) => {
    const [x, y] = [a[i] ?? emptyTally(), b[i] ?? emptyTally()];
    return {
      records: x.records + y.records,
      filtered: x.filtered + y.filtered,
      failed: x.failed + y.failed,
      fuelUsed: x.fuelUsed + y.fuelUsed,
    };
  });
}

/** What the guests of one transform have done and are, at one moment. */
export interface GuestStats {
  /** Records by latencyBucket, over all threads there have been. Per-record time inside the thread. */
  readonly latencyCounts: Float64Array;
  /** Units used by all records there have been. */
  readonly fuelUsed: number;
  /** Log lines not written because of the rate limit. */
  readonly logLinesDropped: number;
  /** What the guests themselves have counted and set. */
  readonly guestMetrics: GuestMetricTotals;
  /** Of a chain, in order; none of a single guest. */
  readonly stages: readonly StageTally[];
  readonly instances: { readonly starting: number; readonly idle: number; readonly busy: number };
  /** Instances replaced after a trap or an ABI violation. */
  readonly instanceRestarts: number;
  /** Threads replaced because they stood still or died. */
  readonly threadRestarts: number;
  /** Threads told to end that have not. */
  readonly stuckThreads: number;
}

/** Adds what a thread's wrapping 32-bit counters have gained since the last look to 64-bit totals. */
export class LatencyTotals {
  readonly counts = new Float64Array(LATENCY_BUCKETS);

  absorb(current: Uint32Array, seen: Uint32Array): void {
    for (let i = 0; i < LATENCY_BUCKETS; i += 1) {
      const now = current[i] ?? 0;
      const gained = (now - (seen[i] ?? 0)) >>> 0;
      if (gained === 0) continue;
      this.counts[i] = (this.counts[i] ?? 0) + gained;
      seen[i] = now;
    }
  }
}
