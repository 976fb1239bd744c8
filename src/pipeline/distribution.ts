import { LATENCY_BUCKETS, latencyBucket } from './transformation-stats.ts';

/** Counts of values by latencyBucket, whatever they are in, and their sum, which is exact. */
export interface DistributionView {
  readonly counts: ArrayLike<number>;
  readonly sum: number;
}

/** How values are spread: nanoseconds, or units of fuel. What lies below 64 or above 2^37 is not told apart. */
export class Distribution implements DistributionView {
  readonly counts = new Float64Array(LATENCY_BUCKETS);
  sum = 0;

  /** @param times how many have the value */
  add(value: number, times = 1): void {
    const bucket = latencyBucket(value);
    this.counts[bucket] = (this.counts[bucket] ?? 0) + times;
    this.sum += value * times;
  }

  absorb({ counts, sum }: DistributionView): void {
    for (let i = 0; i < LATENCY_BUCKETS; i += 1) this.counts[i] = (this.counts[i] ?? 0) + (counts[i] ?? 0);
    this.sum += sum;
  }

  static of(...all: readonly DistributionView[]): Distribution {
    const sum = new Distribution();
    for (const one of all) sum.absorb(one);
    return sum;
  }
}
