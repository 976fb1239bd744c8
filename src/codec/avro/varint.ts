import { Misfit } from '../misfit.ts';
import type { Tap } from './avsc.ts';

/* Numbers that say how much follows, or which. avsc reads on for as long as a byte says that there are more. */

export const LONG_BYTES_MAX = 10;
export const INT_BYTES_MAX = 5;

/** Of how many. Throws Misfit record.malformed. */
export function readCount(tap: Tap): number {
  const at = tap.pos;
  const count = tap.readLong();
  if (tap.pos - at > LONG_BYTES_MAX) {
    throw new Misfit('record.malformed', 'a count has more bytes than a long can have');
  }
  return count;
}

/** Which branch or symbol, an int. Throws Misfit record.malformed. */
export function readIndex(tap: Tap): number {
  const at = tap.pos;
  const index = tap.readLong();
  if (tap.pos - at > INT_BYTES_MAX) throw new Misfit('record.malformed', 'a branch or symbol is no int');
  return index;
}
