import type { GuestMetricChanges, GuestMetricTotals } from './host-functions/guest-metrics.ts';
import { Distribution, type DistributionView } from '../pipeline/distribution.ts';
import { LATENCY_BUCKETS } from '../pipeline/transformation-stats.ts';
import type { ControlBlock } from './thread/control-block.ts';

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
  /** Of records, over all threads there have been: nanoseconds inside the thread. */
  readonly latency: DistributionView;
  /** The same, units. */
  readonly fuel: DistributionView;
  /** Keys, values and headers of the records shown. */
  readonly inputBytes: number;
  /** The same of the outputs. */
  readonly outputBytes: number;
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

/** What a control block said at the last look. */
export class CountsSeen {
  readonly latencies = new Uint32Array(LATENCY_BUCKETS);
  readonly fuels = new Uint32Array(LATENCY_BUCKETS);
  elapsedMs = 0;
  fuelUsed = 0;
  inputBytes = 0;
  outputBytes = 0;
}

type Counts = Pick<ControlBlock, keyof CountsSeen>;

/** What records have taken over all threads there have been: adds what each has counted since the last look. */
export class RecordTotals {
  readonly latency = new Distribution();
  readonly fuel = new Distribution();
  inputBytes = 0;
  outputBytes = 0;

  absorb(now: Counts, seen: CountsSeen): void {
    gain(this.latency, now.latencies, seen.latencies);
    gain(this.fuel, now.fuels, seen.fuels);
    const { elapsedMs, fuelUsed, inputBytes, outputBytes } = now;
    this.latency.sum += (elapsedMs - seen.elapsedMs) * 1e6;
    this.fuel.sum += fuelUsed - seen.fuelUsed;
    this.inputBytes += inputBytes - seen.inputBytes;
    this.outputBytes += outputBytes - seen.outputBytes;
    Object.assign(seen, { elapsedMs, fuelUsed, inputBytes, outputBytes });
  }

  /** As they are now: what comes later is not in it. */
  view(): Pick<GuestStats, 'latency' | 'fuel' | 'inputBytes' | 'outputBytes'> {
    const { inputBytes, outputBytes } = this;
    return { latency: Distribution.of(this.latency), fuel: Distribution.of(this.fuel), inputBytes, outputBytes };
  }
}

/** A thread's 32-bit counts wrap. */
function gain({ counts }: Distribution, current: Uint32Array, seen: Uint32Array): void {
  for (let i = 0; i < LATENCY_BUCKETS; i += 1) {
    const now = current[i] ?? 0;
    const gained = (now - (seen[i] ?? 0)) >>> 0;
    if (gained === 0) continue;
    counts[i] = (counts[i] ?? 0) + gained;
    seen[i] = now;
  }
}
