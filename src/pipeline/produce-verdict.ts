import { ERROR_CODES } from '../base/error-code.ts';
import { isRecordsFault } from './failure-policy.ts';
import type { ProduceFailure } from './ports.ts';

/** What the failures of a range come to. */
export interface ProduceVerdict {
  /**
   * The cluster's trouble. Nothing is wrong with the record it came with, nor with that record when another of its outputs is refused for
   * good: so none of the range has an outcome, and all of it is produced again.
   */
  readonly trouble: ProduceFailure | undefined;
  /** By record why it can never be produced. */
  readonly faults: ReadonlyMap<number, ProduceFailure>;
}

/** The sink tells of outputs; what happens next happens to records, and to the range they are in. */
export function judge(failures: readonly ProduceFailure[]): ProduceVerdict {
  const faults = new Map<number, ProduceFailure>();
  let trouble: ProduceFailure | undefined;
  for (const failure of failures) {
    if (isRecordsFault(failure.code)) {
      const before = faults.get(failure.recordIndex);
      // Of several outputs, the one that the transaction does not survive.
      if (before === undefined || (before.endsTransaction !== true && failure.endsTransaction === true))
        faults.set(failure.recordIndex, failure);
    } else if (trouble === undefined || (mayPass(trouble) && !mayPass(failure))) {
      // What somebody has to mend is told rather than what comes of it or passes by itself.
      trouble = failure;
    }
  }
  return { trouble, faults };
}

/** The same producer may take the same output the next time: a transaction is aborted for it and read again. */
export function mayPass({ code }: ProduceFailure): boolean {
  return ERROR_CODES[code].retriable && code !== 'broker.fatal' && code !== 'broker.fenced';
}
