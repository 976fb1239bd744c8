import { createHash } from 'node:crypto';

/* What flows in, and what each version of the transform must make of it. A record is told from others by its id, so that few values do. */

export const PARTITIONS = 4;
export const FIELDS = ['email', 'phone', 'ssn'] as const;
export type Field = (typeof FIELDS)[number];

/** Different records; they come in turn, so that record n is the (n % RECORDS)th. A prime: each comes to each partition. */
export const RECORDS = 97;
/** At it fragile.wasm traps; misbehave.wasm does at each. */
const POISONED = 41;
const MASK = '***REDACTED***';

/** What a version makes of a record: which fields are masked, or that the device's name is in capitals. */
export type Look = string;

export function maskedLook(fields: readonly Field[]): Look {
  return `masks ${fields.toSorted().join('+')}`;
}

export const UPPER_LOOK: Look = 'upper-cases';
const PLAIN_LOOK: Look = 'passes on';

function recordOf(n: number): Record<string, string> {
  return {
    ...{
      device_id: `dev-${n}`,
      email: `user.${n}@example.com`,
      phone: `+1-555-${1000 + n}`,
      ssn: `900-55-${1000 + n}`,
    },
    do: 'trap',
    ...(n === POISONED ? { poison: 'trap' } : {}),
  };
}

/** The C program's input: a line each, key and value with a tab between. */
export function recordLines(): string {
  return Array.from({ length: RECORDS }, (_, n) => `key-${n}\t${JSON.stringify(recordOf(n))}\n`).join('');
}

export interface Seen {
  /** Which of the different records it is. */
  readonly record: number;
  readonly look: Look;
}

/** Every value that may come out → what it is. */
export function knownValues(): ReadonlyMap<string, Seen> {
  const values = new Map<string, Seen>();
  for (let record = 0; record < RECORDS; record += 1) {
    const plain = recordOf(record);
    values.set(JSON.stringify(plain), { record, look: PLAIN_LOOK });
    const upper = { ...plain, device_id: `DEV-${record}` };
    values.set(JSON.stringify(upper), { record, look: UPPER_LOOK });
    for (const fields of FIELD_SETS) {
      const masked = Object.fromEntries(fields.map((field) => [field, MASK]));
      values.set(JSON.stringify({ ...plain, ...masked }), { record, look: maskedLook(fields) });
    }
  }
  return values;
}

/** Each way to mask something. */
export const FIELD_SETS: readonly (readonly Field[])[] = Array.from({ length: 2 ** FIELDS.length - 1 }, (_, i) =>
  FIELDS.filter((_field, bit) => ((i + 1) >> bit) & 1),
);

export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Does what the module does and has other bytes: a custom section at its end, which nobody reads. */
export function variantOf(module: Uint8Array, n: number): Uint8Array {
  const name = Buffer.from(`variant-${String(n).padStart(5, '0')}`);
  return Buffer.concat([module, Uint8Array.of(0, name.length + 1, name.length), name]);
}
