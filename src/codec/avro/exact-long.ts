import { Misfit } from '../misfit.ts';
import { types, type Tap, type TypeInside } from './avsc.ts';
import { LONG_BYTES_MAX } from './varint.ts';

/** Beyond this avsc's arithmetic, which doubles the number first, is not exact. */
const DOUBLED_EXACT_MAX = 2 ** 52 - 1;
const LONG_MIN = -(2n ** 63n);
const LONG_MAX = 2n ** 63n - 1n;
const ZIGZAG_MAX = 2n ** 64n - 1n;

export function isLong(value: bigint): boolean {
  return value >= LONG_MIN && value <= LONG_MAX;
}

/** 64 bits: a number where a number holds it, else a bigint. */
export class ExactLong extends types.LongType {
  _read(tap: Tap): number | bigint {
    const at = tap.pos;
    const value = tap.readLong();
    if (value >= -DOUBLED_EXACT_MAX && value <= DOUBLED_EXACT_MAX && tap.pos - at < LONG_BYTES_MAX) return value;
    tap.pos = at;
    const exact = readVarint(tap);
    return exact >= Number.MIN_SAFE_INTEGER && exact <= Number.MAX_SAFE_INTEGER ? Number(exact) : exact;
  }

  _write(tap: Tap, value: number | bigint): void {
    if (typeof value === 'number' && value >= -DOUBLED_EXACT_MAX && value <= DOUBLED_EXACT_MAX) tap.writeLong(value);
    else writeVarint(tap, BigInt(value));
  }

  _check(value: unknown, _flags: unknown, hook: Parameters<TypeInside['_check']>[2]): boolean {
    const fits = Number.isSafeInteger(value) || (typeof value === 'bigint' && isLong(value));
    if (!fits) hook?.(value, this);
    return fits;
  }
}

function readVarint(tap: Tap): bigint {
  let zigzag = 0n;
  for (let i = 0; i < LONG_BYTES_MAX; i += 1) {
    const byte = tap.buf[tap.pos];
    if (byte === undefined) break;
    tap.pos += 1;
    zigzag |= BigInt(byte & 0x7f) << BigInt(7 * i);
    if ((byte & 0x80) === 0) {
      if (zigzag > ZIGZAG_MAX) break;
      return (zigzag >> 1n) ^ -(zigzag & 1n);
    }
  }
  throw new Misfit('record.malformed', 'a long has more than 64 bits, or ends in their midst');
}

function writeVarint(tap: Tap, value: bigint): void {
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  for (; rest > 0x7fn; rest >>= 7n) writeByte(tap, Number(rest & 0x7fn) | 0x80);
  writeByte(tap, Number(rest));
}

/** Past the end only the position moves, as in avsc: that is how it learns what it lacks. */
function writeByte(tap: Tap, byte: number): void {
  if (tap.pos < tap.buf.length) tap.buf[tap.pos] = byte;
  tap.pos += 1;
}
