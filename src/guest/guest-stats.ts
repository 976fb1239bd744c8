import type { GuestMetricTotals } from './host-functions/guest-metrics.ts';
import { LATENCY_BUCKETS } from '../pipeline/transformation-stats.ts';

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
