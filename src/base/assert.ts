import { StreamlineError } from './error.ts';

/** Stops on a broken assumption. Stays on in production: continuing would risk records. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new StreamlineError('bug.assertion', message);
}

/** The default of an exhaustive switch. */
export function unreachable(value: never): never {
  throw new StreamlineError('bug.assertion', `unexpected case ${JSON.stringify(value)}`);
}
