import type { ErrorCode } from '../base/error-code.ts';

/**
 * Log-linear latency histogram: four linear steps per power of two of nanoseconds, from 64 ns to ~68 s. Fits a shared
 * Uint32Array, so that guest threads count in place and the main thread reads without a message.
 */
export const LATENCY_BUCKETS = 124;
const FIRST_POWER = 6;
/** Of a double: how its exponent of 0 is written. */
const EXPONENT_BIAS = 1023;

const NUMBER = new Float64Array(1);
const HALVES = new Uint32Array(NUMBER.buffer);

export function latencyBucket(latencyNs: number): number {
  if (!(latencyNs >= 64)) return 0;
  NUMBER[0] = latencyNs;
  return latencyBucketOfHalf(HALVES[1] ?? 0);
}

/**
 * The bucket of a number that is not negative, from the upper half of it as a double: its exponent and the first two bits behind it are the
 * power of two and the step. A quarter of what arithmetic takes, and this is done twice a record.
 */
export function latencyBucketOfHalf(upperHalf: number): number {
  const bucket = (upperHalf >>> 18) - (EXPONENT_BIAS + FIRST_POWER) * 4;
  return bucket < 0 ? 0 : bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

/** Upper bound of a bucket, ns. */
export function latencyBucketUpperNs(bucket: number): number {
  const power = FIRST_POWER + Math.floor(bucket / 4);
  return 2 ** power * (1 + ((bucket % 4) + 1) / 4);
}

/** The latency below which `quantile` (0–1) of the counts lie, ns; 0 when there are none. */
export function latencyQuantileNs(counts: ArrayLike<number>, quantile: number): number {
  let total = 0;
  for (let i = 0; i < counts.length; i += 1) total += counts[i] ?? 0;
  if (total === 0) return 0;
  let seen = 0;
  for (let i = 0; i < counts.length; i += 1) {
    seen += counts[i] ?? 0;
    if (seen >= total * quantile) return latencyBucketUpperNs(i);
  }
  return latencyBucketUpperNs(LATENCY_BUCKETS - 1);
}

/**
 * What one transform has done since it started. I2, at any moment:
 * received = output + deadLettered + filtered + skipped + returned + inFlight.
 */
export interface TransformationStats {
  received: number;
  /** Records whose output was acknowledged. */
  output: number;
  deadLettered: number;
  filtered: number;
  skipped: number;
  /** Given back unsettled (revoked, stopped): read again from the committed offset by whoever is next. */
  returned: number;
  inFlight: number;
  retries: number;
  /** Failures by code, each attempt counted. */
  readonly errors: Map<ErrorCode, number>;
  /** Of `deadLettered` and `skipped`: records by the code of their last failure. */
  readonly deadLetters: Map<ErrorCode, number>;
  readonly skips: Map<ErrorCode, number>;
}

export function countCode(counts: Map<ErrorCode, number>, code: ErrorCode, times = 1): void {
  counts.set(code, (counts.get(code) ?? 0) + times);
}

export function emptyStats(): TransformationStats {
  return {
    received: 0,
    output: 0,
    deadLettered: 0,
    filtered: 0,
    skipped: 0,
    returned: 0,
    inFlight: 0,
    retries: 0,
    errors: new Map(),
    deadLetters: new Map(),
    skips: new Map(),
  };
}

/** 0 when every record received is accounted for (I2). */
export function unaccounted(stats: TransformationStats): number {
  return (
    stats.received -
    stats.output -
    stats.deadLettered -
    stats.filtered -
    stats.skipped -
    stats.returned -
    stats.inFlight
  );
}
