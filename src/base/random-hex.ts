import { randomFillSync } from 'node:crypto';

/** A call for random bytes costs as much for one id as for many: 4 KiB at a time. */
const bytes = Buffer.alloc(4096);
let next = bytes.length;

/** `count` random bytes, hexadecimal, for ids. No secrets: those that come next lie in memory already. @param count up to 4096 */
export function randomHex(count: number): string {
  if (next + count > bytes.length) {
    randomFillSync(bytes);
    next = 0;
  }
  next += count;
  return bytes.toString('hex', next - count, next);
}
