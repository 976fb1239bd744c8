import { isUtf8 } from 'node:buffer';
import { Misfit } from '../misfit.ts';
import { insideOf, types, type AvroType, type Resolver, type Tap, type TypeInside } from './avsc.ts';
import { attemptResolver, resolverOf, type ResolverOptions } from './resolver.ts';

import { INT_BYTES_MAX, LONG_BYTES_MAX, readCount, readIndex } from './varint.ts';

/*
 * Types that stand in for avsc's: it trusts what it reads, and we read what anybody may have produced. A count that lies must not make a
 * thread loop or fill its memory, 64-bit integers keep every digit, and a key named __proto__ is a key.
 */

/** Items of arrays and maps that the value under way may still have: bounds what a few bytes can blow up to. */
export const itemBudget = { left: 0 };

function takeItem(tap: Tap): void {
  if (tap.pos > tap.buf.length) throw new Misfit('record.malformed', 'it ends in the midst of an array or a map');
  itemBudget.left -= 1;
  if (itemBudget.left < 0) {
    throw new Misfit('record.malformed', 'it has more items in arrays and maps than limits.avro_items allows');
  }
}

/** Items of the next block; 0 = no more. */
function blockCount(tap: Tap): number {
  const count = readCount(tap);
  if (count >= 0) return count;
  readCount(tap);
  return -count;
}

/** Passes over an array or a map, block by block where they tell their size. */
function skipBlocks(tap: Tap, skipItem: () => void): void {
  for (let count = readCount(tap); count !== 0; count = readCount(tap)) {
    if (count < 0) {
      const bytes = readCount(tap);
      if (bytes < 0 || tap.pos + bytes > tap.buf.length)
        throw new Misfit('record.malformed', 'a block has no such size');
      tap.pos += bytes;
      continue;
    }
    for (; count > 0; count -= 1) {
      takeItem(tap);
      skipItem();
    }
  }
}

function readArray(items: unknown, tap: Tap): unknown[] {
  const inside = insideOf(items);
  const value: unknown[] = [];
  for (let count = blockCount(tap); count !== 0; count = blockCount(tap)) {
    for (; count > 0; count -= 1) {
      takeItem(tap);
      value.push(inside._read(tap));
    }
  }
  return value;
}

export class GuardedArray extends types.ArrayType {
  _read(tap: Tap): unknown[] {
    return readArray(this.itemsType, tap);
  }

  _update(resolver: Resolver, writer: unknown, options: ResolverOptions): void {
    if (!(writer instanceof types.ArrayType)) return;
    const items = resolverOf(this.itemsType, writer.itemsType, options);
    resolver._read = (tap) => readArray(items, tap);
  }

  _skip(tap: Tap): void {
    const items = insideOf(this.itemsType);
    skipBlocks(tap, () => items._skip(tap));
  }
}

function readMap(values: unknown, tap: Tap): Record<string, unknown> {
  const inside = insideOf(values);
  const value = Object.create(null) as Record<string, unknown>;
  for (let count = blockCount(tap); count !== 0; count = blockCount(tap)) {
    for (; count > 0; count -= 1) {
      takeItem(tap);
      const key = readText(tap);
      value[key] = inside._read(tap);
    }
  }
  return value;
}

export class GuardedMap extends types.MapType {
  _read(tap: Tap): Record<string, unknown> {
    return readMap(this.valuesType, tap);
  }

  /** A default: `__proto__` is a key there too. */
  _copy(value: unknown, options: unknown): Record<string, unknown> {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('a map is an object');
    const values = insideOf(this.valuesType);
    const copy = Object.create(null) as Record<string, unknown>;
    for (const [key, inner] of Object.entries(value)) copy[key] = values._copy(inner, options);
    return copy;
  }

  _update(resolver: Resolver, writer: unknown, options: ResolverOptions): void {
    if (!(writer instanceof types.MapType)) return;
    const values = resolverOf(this.valuesType as AvroType, writer.valuesType as AvroType, options);
    resolver._read = (tap) => readMap(values, tap);
  }

  _skip(tap: Tap): void {
    const values = insideOf(this.valuesType);
    skipBlocks(tap, () => {
      tap.skipString();
      values._skip(tap);
    });
  }
}

/** What is not UTF-8 would be replaced without a word. */
function readText(tap: Tap): string {
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

/** A value of a union with the branch it is of; null stands for itself. */
export class Chosen {
  readonly index: number;
  value: unknown;

  constructor(index: number, value: unknown) {
    this.index = index;
    this.value = value;
  }
}

/** Unions whose values name their branch by number, and which prefer the branch that is what was written to one it can be promoted to. */
export class ExactUnion extends types.WrappedUnionType {
  _read(tap: Tap): Chosen | null {
    const index = readIndex(tap);
    const type = this.types[index];
    if (type === undefined)
      throw new Misfit('record.malformed', `there is no branch ${index} in a union of ${this.types.length}`);
    return type.typeName === 'null' ? null : new Chosen(index, insideOf(type)._read(tap));
  }

  _skip(tap: Tap): void {
    const type = this.types[readIndex(tap)];
    if (type === undefined) throw new Misfit('record.malformed', 'there is no such branch in a union');
    insideOf(type)._skip(tap);
  }

  _write(tap: Tap, value: Chosen | null): void {
    const index = value === null ? this.types.findIndex(({ typeName }) => typeName === 'null') : value.index;
    const type = this.types[index];
    if (type === undefined) throw new Misfit('record.schema_mismatch', 'there is no such branch in a union');
    tap.writeLong(index);
    if (value !== null) insideOf(type)._write(tap, value.value);
  }

  _check(value: unknown, flags: unknown, hook: Parameters<TypeInside['_check']>[2], path?: string[]): boolean {
    const type = value instanceof Chosen ? this.types[value.index] : undefined;
    const fits =
      value === null
        ? this.types.some(({ typeName }) => typeName === 'null')
        : value instanceof Chosen && type !== undefined && insideOf(type)._check(value.value, flags, hook, path);
    if (!fits) hook?.(value, this);
    return fits;
  }

  /** A default, or a copy of one. Of the first branch that it fits, which is no more the first of all since Avro 1.12. */
  _copy(value: unknown, options: unknown): unknown {
    for (const [index, type] of this.types.entries()) {
      if (value instanceof Chosen ? value.index !== index : (type.typeName === 'null') !== (value === null)) continue;
      if (value === null) return null;
      try {
        return new Chosen(index, insideOf(type)._copy(value instanceof Chosen ? value.value : value, options));
      } catch {
        continue;
      }
    }
    throw new Error('a default of a union is of one of its branches');
  }

  _update(resolver: Resolver, writer: unknown, options: ResolverOptions): void {
    const { typeName, name } = insideOf(writer);
    const isSame = (type: TypeInside): boolean =>
      type.typeName === typeName && (name === undefined || type.name === name || (type.aliases ?? []).includes(name));
    const branches = this.types.map((type, index) => ({ inside: insideOf(type), index }));
    const [same, others] = [
      branches.filter(({ inside }) => isSame(inside)),
      branches.filter(({ inside }) => !isSame(inside)),
    ];
    for (const { inside, index } of [...same, ...others]) {
      const type = this.types[index];
      const branch = type === undefined ? undefined : attemptResolver(type, writer as AvroType, options);
      if (branch === undefined) continue;
      // Of one that is still being made, as in a recursive type, the reader comes later.
      resolver._read = (tap) => (inside.typeName === 'null' ? null : new Chosen(index, branch._read?.(tap)));
      return;
    }
  }
}
