import { branchName, type AvroSchema } from './avro-schema.ts';
import { Branch, type AvroValue } from './avro-value.ts';

/** `bare` is what Apache's reader can be made to read, `quoted` is what Apache's writer writes. */
export type NonFinite = 'bare' | 'quoted';

/** The JSON encoding of the Avro specification. */
export function avroJson(schema: AvroSchema, value: AvroValue, nonFinite: NonFinite): string {
  return new JsonWriter(true, nonFinite).write(schema, value);
}

/** As a schema's `default` is written: branches of unions have no tag. */
export function untaggedJson(schema: AvroSchema, value: AvroValue): string {
  return new JsonWriter(false, 'quoted').write(schema, value);
}

class JsonWriter {
  readonly #isTagged: boolean;
  readonly #nonFinite: NonFinite;

  constructor(isTagged: boolean, nonFinite: NonFinite) {
    this.#isTagged = isTagged;
    this.#nonFinite = nonFinite;
  }

  write(schema: AvroSchema, value: AvroValue): string {
    if (value instanceof Branch) return this.#branch(schema, value);
    if (value === null || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
    if (typeof value === 'number') return this.#number(value);
    if (typeof value === 'string') return JSON.stringify(value);
    if (Buffer.isBuffer(value)) return JSON.stringify(value.toString('latin1'));
    if (schema.type === 'array' && isList(value)) {
      return `[${value.map((item) => this.write(schema.items, item)).join(',')}]`;
    }
    if (isList(value)) throw new Error(`a list for ${schema.type}`);
    const entries = [...value].map(
      ([key, item]) => `${JSON.stringify(key)}:${this.write(entrySchema(schema, key), item)}`,
    );
    return `{${entries.join(',')}}`;
  }

  #branch(schema: AvroSchema, { index, value }: Branch): string {
    const chosen = schema.type === 'union' ? schema.branches[index] : undefined;
    if (chosen === undefined) throw new Error(`no branch ${index} in ${schema.type}`);
    const text = this.write(chosen, value);
    return chosen.type === 'null' || !this.#isTagged ? text : `{${JSON.stringify(branchName(chosen))}:${text}}`;
  }

  #number(value: number): string {
    // Jackson takes "-0" for an integer, which has no sign.
    if (Object.is(value, -0)) return '-0.0';
    return Number.isFinite(value) || this.#nonFinite === 'bare' ? String(value) : `"${value}"`;
  }
}

function entrySchema(schema: AvroSchema, key: string): AvroSchema {
  if (schema.type === 'map') return schema.values;
  const field = schema.type === 'record' ? schema.fields.find(({ name }) => name === key) : undefined;
  if (field === undefined) throw new Error(`no ${key} in ${schema.type}`);
  return field.schema;
}

/** Array.isArray does not tell a readonly array from the rest of a union. */
function isList(value: AvroValue): value is readonly AvroValue[] {
  return Array.isArray(value);
}
