import { ERROR_CODES, type ErrorCode } from '../base/error-code.ts';
import type { Rng } from '../base/rng.ts';
import type { ErrorPolicy, OnFailure } from '../spec/transformation-config.ts';

/** A record's failure: a value, not an exception. */
export interface RecordFailure {
  readonly code: ErrorCode;
  readonly message: string;
  /** Units spent on the last attempt. */
  readonly fuelUsed: number;
  /** Of a chain, from 0. */
  readonly stage?: number;
}

export type Verdict = 'retry' | OnFailure;

/** What becomes of a record that failed for the `attempt`th time (1 = first). */
export function decide(failure: RecordFailure, attempt: number, policy: ErrorPolicy): Verdict {
  const retriable = ERROR_CODES[failure.code].retriable;
  return retriable && attempt <= policy.maxRetries ? 'retry' : policy.onFailure;
}

/** Exponential with full jitter on its upper half, so that partitions that failed together do not retry together. */
export function backoffMs(attempt: number, policy: ErrorPolicy, rng: Rng): number {
  const ceiling = Math.min(policy.retryBackoffMaxMs, policy.retryBackoffMs * 2 ** Math.min(attempt - 1, 30));
  return ceiling / 2 + (ceiling / 2) * rng();
}

/** Nothing is wrong with the record, and the cluster may take it later: it is never given up for that, whatever the policy says. */
export function isClustersTrouble(code: ErrorCode): boolean {
  return ERROR_CODES[code].origin === 'broker' && ERROR_CODES[code].retriable;
}

/** A record the cluster will never take, whoever asks; anything else it says of a produce is about itself. */
export function isRecordsFault(code: ErrorCode): boolean {
  return ERROR_CODES[code].origin === 'record';
}
