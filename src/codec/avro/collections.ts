import { Misfit } from '../misfit.ts';
import { insideOf, types, type AvroType, type Resolver, type Tap } from './avsc.ts';
import { resolverOf, type ResolverOptions } from './resolver.ts';
import { readText } from './strict-primitives.ts';
import { readCount } from './varint.ts';

/*
 * Arrays and maps in place of avsc's, which trusts what it reads: a count that lies must not make a thread loop or fill its memory, and a
 * key named __proto__ is a key.
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
