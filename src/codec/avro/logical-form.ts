import { Misfit } from '../misfit.ts';
import { digitsOf, kindOf } from '../json-text.ts';
import { isLong } from './exact-long.ts';

/* How logical types look in plain JSON: readable, and without loss. What a text cannot say (a year beyond 9999) stays the number it is. */

/** One value to its JSON and back. */
export interface LeafForm {
  /** The value as avsc has it → what JSON.stringify is given. */
  readonly toJson: (value: unknown) => unknown;
  /** What JSON.parse gave → the value. Throws Misfit. */
  readonly fromJson: (json: unknown) => unknown;
}

/** What a schema says of a logical type, beside its name. */
export interface LogicalAttributes {
  readonly logicalType: string;
  readonly precision: unknown;
  readonly scale: unknown;
  /** Of a fixed. */
  readonly size: number | undefined;
}

/** More than any database has; 10^1000 is still quick. */
const PRECISION_MAX = 1000;
/** Ten times what that many digits need, as some pad: to write a megabyte as digits takes a second. */
const DECIMAL_BYTES_MAX = 4096;

/**
 * The form of a logical type on `base` (int, long, bytes, fixed, string); undefined where the specification says to take no notice: a name that
 * is not known, or attributes that make no sense.
 * @param plain the form of the base type: numbers are taken in place of texts
 */
export function logicalForm(attributes: LogicalAttributes, base: string, plain: LeafForm): LeafForm | undefined {
  const { logicalType } = attributes;
  switch (`${logicalType} ${base}`) {
    case 'decimal bytes':
    case 'decimal fixed':
      return decimalForm(attributes);
    case 'uuid string':
      return uuidText;
    case 'uuid fixed':
      return attributes.size === 16 ? uuidFixed : undefined;
    case 'date int':
      return dateForm(plain);
    case 'time-millis int':
      return timeForm(plain, 3);
    case 'time-micros long':
      return timeForm(plain, 6);
    default: {
      const stamp = base === 'long' ? /^(local-)?timestamp-(millis|micros|nanos)$/.exec(logicalType) : null;
      if (stamp === null) return undefined;
      return timestampForm(plain, FRACTION_DIGITS[stamp[2] ?? ''] ?? 3, stamp[1] !== undefined);
    }
  }
}

const FRACTION_DIGITS: Readonly<Record<string, number>> = { millis: 3, micros: 6, nanos: 9 };

function mismatch(expected: string, json: unknown): Misfit {
  return new Misfit('record.schema_mismatch', `expected ${expected}, found ${kindOf(json)}`);
}

// ---- decimal -----------------------------------------------------------------------------------------------------

const DECIMAL = /^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([-+]?[0-9]{1,4}))?$/;

function decimalForm({ precision, scale = 0, size }: LogicalAttributes): LeafForm | undefined {
  if (!isCount(precision) || precision < 1 || precision > PRECISION_MAX) return undefined;
  if (!isCount(scale) || scale > precision) return undefined;
  if (size !== undefined && precision > Math.floor(Math.log10(2) * (8 * size - 1))) return undefined;
  const what = `a decimal of ${precision} digits, ${scale} of them after the point`;
  return {
    toJson: (value) => decimalText(integerOf(value as Buffer), scale),
    fromJson: (json) => {
      const text = typeof json === 'number' ? String(json) : (digitsOf(json) ?? json);
      if (typeof text !== 'string') throw mismatch(what, json);
      const unscaled = unscaledOf(text, precision, scale);
      if (unscaled === undefined) throw new Misfit('record.schema_mismatch', `expected ${what}`);
      return bytesOf(unscaled, size);
    },
  };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0;
}

/** A decimal number in units of its last digit, that is 10^-scale; undefined for what is none, or has more digits. */
export function unscaledOf(text: string, precision: number, scale: number): bigint | undefined {
  const match = DECIMAL.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  const digits = (whole + fraction).replace(/^0+/, '');
  // So many zeros are missing at the end, or are too many.
  const shift = scale - fraction.length + Number(exponent);
  if (digits === '') return 0n;
  if (digits.length + shift > precision) return undefined;
  if (shift < 0 && !/^0*$/.test(digits.slice(shift))) return undefined;
  const unscaled = BigInt(shift < 0 ? digits.slice(0, shift) || '0' : digits + '0'.repeat(shift));
  return sign === '-' ? -unscaled : unscaled;
}

function decimalText(unscaled: bigint, scale: number): string {
  const negative = unscaled < 0n;
  const digits = String(negative ? -unscaled : unscaled).padStart(scale + 1, '0');
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  return negative ? `-${text}` : text;
}

/** Big-endian two's complement, of any length. */
function integerOf(bytes: Buffer): bigint {
  if (bytes.length > DECIMAL_BYTES_MAX)
    throw new Misfit('record.malformed', `a decimal has more than ${DECIMAL_BYTES_MAX} bytes`);
  if (bytes.length === 0) return 0n;
  return BigInt.asIntN(8 * bytes.length, BigInt(`0x${bytes.toString('hex')}`));
}

/** As short as can be, or of `size` bytes. */
function bytesOf(unscaled: bigint, size: number | undefined): Buffer {
  let length = size ?? 1;
  if (size === undefined) while (BigInt.asIntN(8 * length, unscaled) !== unscaled) length += 1;
  const hex = BigInt.asUintN(8 * length, unscaled).toString(16);
  return Buffer.from(hex.padStart(2 * length, '0'), 'hex');
}

// ---- uuid --------------------------------------------------------------------------------------------------------

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

const uuidText: LeafForm = {
  toJson: (value) => value,
  fromJson: (json) => {
    if (typeof json !== 'string' || !UUID.test(json)) throw mismatch('a UUID', json);
    return json;
  },
};

const uuidFixed: LeafForm = {
  toJson: (value) => {
    const hex = (value as Buffer).toString('hex');
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
  },
  fromJson: (json) => {
    if (typeof json !== 'string' || !UUID.test(json)) throw mismatch('a UUID', json);
    return Buffer.from(json.replaceAll('-', ''), 'hex');
  },
};

// ---- time --------------------------------------------------------------------------------------------------------

const DAY_MS = 86_400_000;
/** 0001-01-01 and the end of 9999: what four digits of a year can say. */
const FIRST_MS = Date.parse('0001-01-01T00:00:00Z');
const LAST_MS = Date.parse('9999-12-31T23:59:59.999Z');

function dateForm(plain: LeafForm): LeafForm {
  return {
    toJson: (value) => {
      const ms = (value as number) * DAY_MS;
      return ms < FIRST_MS || ms > LAST_MS ? value : new Date(ms).toISOString().slice(0, 10);
    },
    fromJson: (json) => {
      if (typeof json !== 'string' || digitsOf(json) !== undefined) return plain.fromJson(json);
      const ms = dayMs(json);
      if (ms === undefined)
        throw new Misfit('record.schema_mismatch', 'expected a date as 2026-11-26, or days since 1970');
      return ms / DAY_MS;
    },
  };
}

/** Midnight of `YYYY-MM-DD`, ms since 1970; undefined for what is no day. */
function dayMs(text: string): number | undefined {
  if (!/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(text)) return undefined;
  const ms = Date.parse(`${text}T00:00:00Z`);
  // 2026-02-30 is read as March.
  return Number.isNaN(ms) || ms < FIRST_MS || new Date(ms).toISOString().slice(0, 10) !== text ? undefined : ms;
}

const TIME = /^([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,12}))?)?$/;

function timeForm(plain: LeafForm, digits: number): LeafForm {
  const perSecond = 10 ** digits;
  const perDay = 86_400 * perSecond;
  return {
    toJson: (value) => {
      if (typeof value !== 'number' || value < 0 || value >= perDay) return plain.toJson(value);
      const seconds = Math.floor(value / perSecond);
      return `${clockText(seconds)}.${String(value % perSecond).padStart(digits, '0')}`;
    },
    fromJson: (json) => {
      if (typeof json !== 'string' || digitsOf(json) !== undefined) return plain.fromJson(json);
      const time = timeOf(json, digits);
      if (time === undefined) {
        throw new Misfit(
          'record.schema_mismatch',
          `expected a time as 12:34:56 with at most ${digits} digits after the point`,
        );
      }
      return time.seconds * perSecond + time.fraction;
    },
  };
}

function clockText(seconds: number): string {
  const two = (n: number): string => String(n).padStart(2, '0');
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

/** Seconds of the day, and the fraction in units of `digits` digits; undefined for what is no time or has more digits. */
function timeOf(text: string, digits: number): { readonly seconds: number; readonly fraction: number } | undefined {
  const match = TIME.exec(text);
  if (match === null) return undefined;
  const [, hours = '', minutes = '', seconds = '0', fraction = ''] = match;
  if (Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) return undefined;
  if (!/^0*$/.test(fraction.slice(digits))) return undefined;
  return {
    seconds: Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds),
    fraction: Number(fraction.slice(0, digits).padEnd(digits, '0')),
  };
}

const TIMESTAMP = /^([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9:.]+)(?:([Zz])|([-+])([0-9]{2}):?([0-9]{2}))?$/;

function timestampForm(plain: LeafForm, digits: number, local: boolean): LeafForm {
  const perSecond = 10 ** digits;
  const zone = local ? '' : 'Z';
  const expected = `a timestamp as 2026-11-26T12:34:56.789${zone} with at most ${digits} digits after the point, or a number`;
  return {
    toJson: (value) => {
      const seconds =
        typeof value === 'bigint'
          ? Number(floorDivide(value, BigInt(perSecond)))
          : Math.floor((value as number) / perSecond);
      if (seconds * 1000 < FIRST_MS || seconds * 1000 > LAST_MS) return plain.toJson(value);
      const fraction =
        typeof value === 'bigint'
          ? Number(value - BigInt(seconds) * BigInt(perSecond))
          : (value as number) - seconds * perSecond;
      const text = new Date(seconds * 1000).toISOString();
      return `${text.slice(0, -4)}${String(fraction).padStart(digits, '0')}${zone}`;
    },
    fromJson: (json) => {
      if (typeof json !== 'string' || digitsOf(json) !== undefined) return plain.fromJson(json);
      const stamp = stampOf(json, digits, local);
      if (stamp === undefined) throw new Misfit('record.schema_mismatch', `expected ${expected}`);
      const exact = BigInt(stamp.seconds) * BigInt(perSecond) + BigInt(stamp.fraction);
      if (!isLong(exact)) throw new Misfit('record.schema_mismatch', `expected ${expected}`);
      const rounded = Number(exact);
      return Number.isSafeInteger(rounded) ? rounded : exact;
    },
  };
}

function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value % by < 0n ? quotient - 1n : quotient;
}

function stampOf(
  text: string,
  digits: number,
  local: boolean,
): { readonly seconds: number; readonly fraction: number } | undefined {
  const match = TIMESTAMP.exec(text);
  if (match === null) return undefined;
  const [, day = '', clock = '', utc, sign, hours = '0', minutes = '0'] = match;
  const ms = dayMs(day);
  const time = timeOf(clock, digits);
  const hasZone = utc !== undefined || sign !== undefined;
  if (ms === undefined || time === undefined || hasZone === local) return undefined;
  const offset = Number(hours) * 3600 + Number(minutes) * 60;
  if (Number(hours) > 23 || Number(minutes) > 59) return undefined;
  return { seconds: ms / 1000 + time.seconds - (sign === '-' ? -offset : offset), fraction: time.fraction };
}
