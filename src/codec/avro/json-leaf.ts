import { digitsOf, kindOf } from '../json-text.ts';
import { Misfit } from '../misfit.ts';
import { isLong } from './exact-long.ts';
import { unscaledOf } from './logical-form.ts';

/* How values that are made of no others look as JSON, and back. */

export type JsonEncoding = 'plain' | 'avro_json';

/** A type's way to JSON and back. Values are changed in place where that saves a copy: they are nobody else's. */
export interface JsonForm {
  /** undefined: the value is its JSON already. */
  readonly toJson: ((value: unknown) => unknown) | undefined;
  /** Throws Misfit. */
  readonly fromJson: (json: unknown) => unknown;
  readonly isFloat?: boolean;
  /** Kinds of JSON that it may take: how a plain union tells its branches apart. */
  readonly kinds: ReadonlySet<JsonKind>;
}

export type JsonKind = 'null' | 'boolean' | 'number' | 'string' | 'array' | 'object';

const INT_MIN = -(2 ** 31);
const INT_MAX = 2 ** 31 - 1;
const FLOAT_MAX = 3.4028235677973366e38;
const LONG_DIGITS_MAX = 19;

export function kinds(...names: readonly JsonKind[]): ReadonlySet<JsonKind> {
  return new Set(names);
}

export function mismatch(expected: string, json: unknown): Misfit {
  return new Misfit('record.schema_mismatch', `expected ${expected}, found ${kindOf(json)}`);
}

export function jsonKind(json: unknown): JsonKind {
  if (json === null) return 'null';
  if (Array.isArray(json)) return 'array';
  switch (typeof json) {
    case 'boolean':
      return 'boolean';
    case 'number':
      return 'number';
    case 'string':
      return digitsOf(json) === undefined ? 'string' : 'number';
    default:
      return 'object';
  }
}

const nullForm: JsonForm = {
  toJson: undefined,
  fromJson: (json) => {
    if (json !== null) throw mismatch('null', json);
    return null;
  },
  kinds: kinds('null'),
};

const booleanForm: JsonForm = {
  toJson: undefined,
  fromJson: (json) => {
    if (typeof json !== 'boolean') throw mismatch('a boolean', json);
    return json;
  },
  kinds: kinds('boolean'),
};

const intForm: JsonForm = {
  toJson: undefined,
  fromJson: (json) => {
    const digits = digitsOf(json);
    const number = digits === undefined ? json : Number(unscaledOf(digits, LONG_DIGITS_MAX, 0));
    if (typeof number !== 'number' || !Number.isInteger(number) || number < INT_MIN || number > INT_MAX) {
      throw mismatch('an int (32 bits)', json);
    }
    // -0 is no int.
    return number === 0 ? 0 : number;
  },
  kinds: kinds('number'),
};

/** Digits as they are, where a double would round them. */
function exactNumber(text: string): unknown {
  return JSON.rawJSON(text);
}

const longForm: JsonForm = {
  toJson: (value) => (typeof value === 'bigint' ? exactNumber(String(value)) : value),
  fromJson: (json) => {
    if (typeof json === 'number' && Number.isSafeInteger(json)) return json === 0 ? 0 : json;
    // A number that is not marked has 15 digits at most, and is large by its exponent: a double tells them again.
    const digits = typeof json === 'number' ? String(json) : digitsOf(json);
    const value = digits === undefined ? undefined : unscaledOf(digits, LONG_DIGITS_MAX, 0);
    if (value === undefined || !isLong(value)) throw mismatch('a long (64 bits)', json);
    const rounded = Number(value);
    return Number.isSafeInteger(rounded) ? rounded : value;
  },
  kinds: kinds('number'),
};

/** What JSON has no number for. */
const NOT_FINITE: ReadonlyMap<unknown, number> = new Map([
  ['NaN', Number.NaN],
  ['Infinity', Number.POSITIVE_INFINITY],
  ['-Infinity', Number.NEGATIVE_INFINITY],
]);

function doubleJson(value: unknown): unknown {
  // A long that a reader wants as a double may come with all its digits.
  const number = Number(value);
  if (!Number.isFinite(number)) return String(number);
  return Object.is(number, -0) ? exactNumber('-0.0') : number;
}

/** The shortest digits that are this float again. */
function floatJson(value: unknown): unknown {
  const float = Math.fround(Number(value));
  // Integers up to 2^24 are all floats, and their digits are the shortest.
  const isPlain = Number.isInteger(float) && Math.abs(float) < 2 ** 24;
  if (!Number.isFinite(float) || isPlain) return doubleJson(float);
  for (let digits = 6; digits < 9; digits += 1) {
    const shorter = Number(float.toPrecision(digits));
    if (Math.fround(shorter) === float) return shorter;
  }
  return Number(float.toPrecision(9));
}

function fractionOf(json: unknown, expected: string): number {
  if (typeof json === 'number') {
    if (Number.isFinite(json)) return json;
    throw new Misfit('record.schema_mismatch', `expected ${expected}, found a number beyond its range`);
  }
  const digits = digitsOf(json);
  const number = digits === undefined ? NOT_FINITE.get(json) : Number(digits);
  if (number === undefined) throw mismatch(expected, json);
  if (digits !== undefined && !Number.isFinite(number)) {
    throw new Misfit('record.schema_mismatch', `expected ${expected}, found a number beyond its range`);
  }
  return number;
}

export const doubleForm: JsonForm = {
  toJson: doubleJson,
  fromJson: (json) => fractionOf(json, 'a double'),
  kinds: kinds('number', 'string'),
};

export const floatForm: JsonForm = {
  isFloat: true,
  toJson: floatJson,
  fromJson: (json) => {
    const number = fractionOf(json, 'a float');
    if (Number.isFinite(number) && Math.abs(number) >= FLOAT_MAX) {
      throw new Misfit('record.schema_mismatch', 'expected a float, found a number beyond its range');
    }
    return number;
  },
  kinds: kinds('number', 'string'),
};

const stringForm: JsonForm = {
  toJson: undefined,
  fromJson: (json) => {
    if (typeof json !== 'string' || digitsOf(json) !== undefined) throw mismatch('a string', json);
    if (!json.isWellFormed()) throw new Misfit('record.schema_mismatch', 'half of a surrogate pair cannot be UTF-8');
    return json;
  },
  kinds: kinds('string'),
};

// eslint-disable-next-line no-control-regex -- that is the point
const BEYOND_BYTES = /[^\x00-\xff]/;

function bytesFrom(json: unknown, expected: string): Buffer {
  if (typeof json !== 'string' || digitsOf(json) !== undefined) throw mismatch(expected, json);
  if (BEYOND_BYTES.test(json)) {
    throw new Misfit('record.schema_mismatch', `expected ${expected}: one character from \\u0000 to \\u00ff a byte`);
  }
  return Buffer.from(json, 'latin1');
}

const bytesForm: JsonForm = {
  toJson: (value) => (value as Buffer).toString('latin1'),
  fromJson: (json) => bytesFrom(json, 'bytes'),
  kinds: kinds('string'),
};

export function fixedForm(size: number, name: string): JsonForm {
  const expected = `${size} bytes (${name})`;
  return {
    toJson: (value) => (value as Buffer).toString('latin1'),
    fromJson: (json) => {
      const bytes = bytesFrom(json, expected);
      if (bytes.length !== size)
        throw new Misfit('record.schema_mismatch', `expected ${expected}, found ${bytes.length}`);
      return bytes;
    },
    kinds: kinds('string'),
  };
}

export function enumForm(symbols: readonly string[], name: string): JsonForm {
  const known = new Set(symbols);
  return {
    toJson: undefined,
    fromJson: (json) => {
      if (typeof json !== 'string' || digitsOf(json) !== undefined) throw mismatch(`a symbol of ${name}`, json);
      if (!known.has(json))
        throw new Misfit('record.schema_mismatch', `expected a symbol of ${name}, found another text`);
      return json;
    },
    kinds: kinds('string'),
  };
}

export const PRIMITIVE_FORMS: Readonly<Record<string, JsonForm>> = {
  null: nullForm,
  boolean: booleanForm,
  int: intForm,
  long: longForm,
  float: floatForm,
  double: doubleForm,
  string: stringForm,
  bytes: bytesForm,
};
