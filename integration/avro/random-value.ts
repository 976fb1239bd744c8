import { childrenOf, reachableFrom, type AvroSchema, type Logical } from './avro-schema.ts';
import { Branch, type AvroValue } from './avro-value.ts';
import type { Dice } from './dice.ts';

export interface ValueOptions {
  /** For a schema's `default`: unions take their first branch, numbers are finite. */
  readonly isDefault?: boolean;
}

const NODES_MAX = 60;
const DEFAULT_NODES_MAX = 8;
const ITEMS_MAX = 6;
const INT_EDGES = [0n, 1n, -1n, 63n, 64n, -64n, -65n, 8191n, 8192n, (1n << 31n) - 1n, -(1n << 31n)];
/** Where a double, or two halves of 32 bits, or zigzag in 53 bits go wrong. */
const LONG_EDGES = [
  ...INT_EDGES,
  ...[31n, 32n, 35n, 42n, 49n, 52n, 53n, 56n, 62n].flatMap((bits) =>
    [-1n, 0n, 1n].flatMap((d) => [(1n << bits) + d, -(1n << bits) + d]),
  ),
  ...[(1n << 63n) - 1n, -(1n << 63n), -(1n << 63n) + 1n],
];
const FLOAT_EDGES = [
  0,
  -0,
  1,
  -1,
  0.5,
  2 ** -149,
  -(2 ** -126),
  3.4028234663852886e38,
  -3.4028234663852886e38,
  16777217,
  1e10,
];
const DOUBLE_EDGES = [
  ...FLOAT_EDGES,
  0.1,
  5e-324,
  Number.MAX_VALUE,
  -Number.MAX_VALUE,
  2 ** 53 + 2,
  1e20,
  1e21,
  1e22,
  1e-7,
];
const NON_FINITE = [NaN, Infinity, -Infinity];
const STRINGS = [
  ...[
    '',
    'a',
    'null',
    'NaN',
    '1',
    '\0',
    'a\0b',
    '"\\/\b\f\n\r\t',
    '\u007f\u0080\u00ff',
    '\u07ff\u0800',
    '\ufffd',
    '\uffff',
  ],
  ...['\ufeffbyte order', '😀', 'x\u{10ffff}y', '\u2028\u2029', 'e\u0301', '__proto__', ' ', 'ünï'],
];
const KEYS = [
  '__proto__',
  'constructor',
  '1',
  '',
  '10',
  '2',
  'a',
  'toString',
  'hasOwnProperty',
  '😀',
  '\0',
  '-1',
  'é',
  'b',
  '01',
];
const DAY_MILLIS = 86_400_000n;
/** 0000-01-01 and 10000-01-01, from 1970 on. */
const FIRST_DAY = -719_528n;
const END_DAY = 2_932_897n;

/** How deep the smallest value is, Infinity where there is none. A default's union takes its first branch. */
export function leastDepths(root: AvroSchema, isDefault = false): Map<AvroSchema, number> {
  const all = reachableFrom(root);
  const depths = new Map<AvroSchema, number>([...all].map((schema) => [schema, Infinity]));
  for (let isChanged = true; isChanged;) {
    isChanged = false;
    for (const schema of all) {
      const depth = leastDepth(schema, depths, isDefault);
      if (depth < (depths.get(schema) ?? Infinity)) isChanged = true;
      depths.set(schema, depth);
    }
  }
  return depths;
}

function leastDepth(schema: AvroSchema, depths: ReadonlyMap<AvroSchema, number>, isDefault: boolean): number {
  const below = childrenOf(schema).map((child) => depths.get(child) ?? Infinity);
  switch (schema.type) {
    case 'union':
      return isDefault ? (below[0] ?? Infinity) : Math.min(...below);
    case 'record':
      return 1 + Math.max(0, ...below);
    default:
      return 0;
  }
}

/** A value of the schema, awkward on purpose. */
export function randomValue(schema: AvroSchema, dice: Dice, options: ValueOptions = {}): AvroValue {
  return new ValueMaker(schema, dice, options).make(schema);
}

class ValueMaker {
  readonly #dice: Dice;
  readonly #options: ValueOptions;
  readonly #depths: ReadonlyMap<AvroSchema, number>;
  #nodesLeft: number;

  constructor(root: AvroSchema, dice: Dice, options: ValueOptions) {
    this.#dice = dice;
    this.#options = options;
    this.#depths = leastDepths(root);
    this.#nodesLeft = options.isDefault === true ? DEFAULT_NODES_MAX : NODES_MAX;
  }

  make(schema: AvroSchema): AvroValue {
    this.#nodesLeft -= 1;
    switch (schema.type) {
      case 'null':
        return null;
      case 'boolean':
        return this.#dice.chance(0.5);
      case 'int':
      case 'long':
        return this.#integer(schema.type, schema.logical);
      case 'float':
        return Math.fround(this.#real(FLOAT_EDGES, () => this.#dice.bytes(4).readFloatLE()));
      case 'double':
        return this.#real(DOUBLE_EDGES, () => this.#dice.bytes(8).readDoubleLE());
      case 'string':
        return schema.logical === undefined ? this.#string() : this.#uuid();
      case 'bytes':
        return schema.logical === undefined ? this.#bytes() : this.#decimal(schema.logical, undefined);
      case 'fixed':
        if (schema.logical?.['logicalType'] === 'decimal') return this.#decimal(schema.logical, schema.size);
        return this.#dice.bytes(schema.size);
      case 'enum':
        return this.#dice.pick(schema.symbols);
      case 'array':
        return Array.from({ length: this.#count() }, () => this.make(schema.items));
      case 'map':
        return new Map(
          inObjectOrder(this.#dice.some(KEYS, this.#count())).map((key) => [key, this.make(schema.values)]),
        );
      case 'record':
        return new Map(schema.fields.map((field) => [field.name, this.make(field.schema)]));
      case 'union': {
        const index = this.#branch(schema.branches);
        return new Branch(index, this.make(schema.branches[index] ?? schema));
      }
    }
  }

  #branch(branches: readonly AvroSchema[]): number {
    if (this.#options.isDefault === true) return 0;
    if (this.#nodesLeft > 0) return this.#dice.below(branches.length);
    const depths = branches.map((branch) => this.#depths.get(branch) ?? Infinity);
    return depths.indexOf(Math.min(...depths));
  }

  #count(): number {
    return this.#nodesLeft <= 0 || this.#dice.chance(0.2)
      ? 0
      : Math.min(this.#nodesLeft, 1 + this.#dice.below(ITEMS_MAX));
  }

  #integer(type: 'int' | 'long', logical: Logical | undefined): bigint {
    const name = logical?.['logicalType'];
    if (typeof name === 'string' && this.#dice.chance(0.7)) return this.#moment(name);
    if (this.#dice.chance(0.4)) return this.#dice.pick(type === 'int' ? INT_EDGES : LONG_EDGES);
    const bits = 1 + this.#dice.below(type === 'int' ? 31 : 63);
    const size = this.#dice.big(bits);
    return this.#dice.chance(0.5) ? size : -size;
  }

  #moment(logicalType: string): bigint {
    const unit = logicalType.endsWith('micros') ? 1000n : 1n;
    const ofDay = this.#dice.big(64) % (DAY_MILLIS * unit);
    if (logicalType.startsWith('time-')) return ofDay;
    const edge = this.#dice.below(10);
    const random = FIRST_DAY + (this.#dice.big(32) % (END_DAY - FIRST_DAY));
    const day = [FIRST_DAY, END_DAY - 1n, 0n, -1n][edge] ?? random;
    if (logicalType === 'date') return day;
    const inDay = this.#dice.chance(0.3) ? this.#dice.pick([0n, 1n, DAY_MILLIS * unit - 1n]) : ofDay;
    return day * DAY_MILLIS * unit + inDay;
  }

  #real(edges: readonly number[], random: () => number): number {
    const isFinite = this.#options.isDefault === true;
    if (!isFinite && this.#dice.chance(0.15)) return this.#dice.pick(NON_FINITE);
    if (this.#dice.chance(0.4)) return this.#dice.pick(edges);
    const value = random();
    return isFinite && !Number.isFinite(value) ? 0 : value;
  }

  #string(): string {
    const text = this.#dice.some(STRINGS, 1 + this.#dice.below(3)).join('');
    return this.#options.isDefault !== true && this.#dice.chance(0.02) ? text.repeat(5_000) : text;
  }

  #uuid(): string {
    return this.#dice
      .bytes(16)
      .toString('hex')
      .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  }

  #bytes(): Buffer {
    return this.#dice.chance(0.1)
      ? Buffer.from(Array.from({ length: 256 }, (_, i) => i))
      : this.#dice.bytes(this.#dice.below(12));
  }

  /** As Java writes it: two's complement, as few bytes as do, or the whole of a fixed. */
  #decimal(logical: Logical, size: number | undefined): Buffer {
    const digits = 1 + this.#dice.below(Number(logical['precision']));
    const end = 10n ** BigInt(digits);
    const magnitude = this.#dice.chance(0.2) ? this.#dice.pick([0n, 1n, end - 1n]) : this.#dice.big(160) % end;
    return twosComplement(this.#dice.chance(0.5) ? magnitude : -magnitude, size);
  }
}

/** As every JavaScript object has its keys, so that bytes can be compared: what reads as an index comes first, by its size. */
function inObjectOrder(keys: readonly string[]): string[] {
  const isIndex = (key: string): boolean => String(Number(key)) === key && Number(key) >= 0;
  const indexes = keys.filter(isIndex).toSorted((a, b) => Number(a) - Number(b));
  return [...indexes, ...keys.filter((key) => !isIndex(key))];
}

function twosComplement(value: bigint, size: number | undefined): Buffer {
  let length = 1;
  while (BigInt.asIntN(8 * length, value) !== value) length += 1;
  const bytes = size ?? length;
  return Buffer.from(
    BigInt.asUintN(8 * bytes, value)
      .toString(16)
      .padStart(2 * bytes, '0'),
    'hex',
  );
}
