import { randomFillSync } from 'node:crypto';

const ID_BYTES = 8;
/** A call for random bytes costs as much for one id as for many. */
const IDS = 256;

const bytes = Buffer.alloc(ID_BYTES * IDS);
let next = bytes.length;

/** An id for a span, hexadecimal. */
export function newSpanId(): string {
  if (next === bytes.length) {
    randomFillSync(bytes);
    next = 0;
  }
  next += ID_BYTES;
  return bytes.toString('hex', next - ID_BYTES, next);
}
