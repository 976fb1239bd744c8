import { isUtf8 } from 'node:buffer';
import { Misfit } from '../misfit.ts';
import { insideOf, types, type Resolver, type Tap } from './avsc.ts';
import { INT_BYTES_MAX } from './varint.ts';

/* Primitive types in place of avsc's, which reads on where a value is no such value. */

/** What is not UTF-8 would be replaced without a word. */
export function readText(tap: Tap): string {
  const text = tap.readString();
  if (text === undefined) throw new Misfit('record.malformed', 'it ends in the midst of a string');
  if (text.includes('\ufffd')) {
    const end = tap.pos;
    // The text's bytes are the last ones read: each U+FFFD that was not there takes the place of one byte or more.
    const start = Math.max(0, end - Buffer.byteLength(text));
    if (!isUtf8(tap.buf.subarray(start, end)) || tap.buf.toString('utf8', start, end) !== text) {
      throw new Misfit('record.malformed', 'a string is not UTF-8');
    }
  }
  return text;
}

/** avsc takes bytes from a pool, which a length that is not a number would break for all that come after. */
export class StrictBytes extends types.BytesType {
  /** A view: good until the record's bytes are others. */
  _read(tap: Tap): Buffer {
    const length = tap.readLong();
    const start = tap.pos;
    if (!(length >= 0 && start + length <= tap.buf.length))
      throw new Misfit('record.malformed', 'it ends in the midst of bytes');
    tap.pos = start + length;
    return tap.buf.subarray(start, tap.pos);
  }
}

export class StrictBoolean extends types.BooleanType {
  _read(tap: Tap): boolean {
    const byte = tap.buf[tap.pos];
    tap.pos += 1;
    if (byte !== undefined && byte > 1) throw new Misfit('record.malformed', 'a boolean is neither 0 nor 1');
    return byte === 1;
  }
}

export class StrictInt extends types.IntType {
  // Without `this`: what reads ints as something larger takes it as it is.
  _read(tap: Tap): number {
    const at = tap.pos;
    const value = tap.readLong();
    if (value !== (value | 0) || tap.pos - at > INT_BYTES_MAX)
      throw new Misfit('record.malformed', 'an int has more than 32 bits');
    return value;
  }
}

/** What was written as a long is read with all its digits, and then rounded once. */
function promoted(resolver: Resolver, writer: unknown): boolean {
  const long = insideOf(writer);
  if (long.typeName !== 'long') return false;
  resolver._read = (tap) => Number(long._read(tap));
  return true;
}

/** Defaults with many digits come as bigints: schema-check.ts */
function asNumber(value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value;
}

export class PromotedFloat extends types.FloatType {
  _copy(value: unknown, options: unknown): unknown {
    return insideOf(types.FloatType.prototype)._copy.call(this, asNumber(value), options);
  }

  _update(resolver: Resolver, writer: unknown, options: unknown): void {
    if (!promoted(resolver, writer)) insideOf(types.FloatType.prototype)._update.call(this, resolver, writer, options);
  }
}

export class PromotedDouble extends types.DoubleType {
  _copy(value: unknown, options: unknown): unknown {
    return insideOf(types.DoubleType.prototype)._copy.call(this, asNumber(value), options);
  }

  _update(resolver: Resolver, writer: unknown, options: unknown): void {
    if (!promoted(resolver, writer)) insideOf(types.DoubleType.prototype)._update.call(this, resolver, writer, options);
  }
}

export class StrictString extends types.StringType {
  _read(tap: Tap): string {
    return readText(tap);
  }
}
