import { z } from 'zod';
import { nearestName } from './nearest-name.ts';
import type { FieldPath } from './problem-list.ts';

/** The part of JSON Schema that our schemas use. */
export interface FieldSchema {
  readonly type?: string | readonly string[];
  /** A secret: never shown. */
  readonly writeOnly?: boolean;
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, FieldSchema>>;
  readonly required?: readonly string[];
  readonly items?: FieldSchema;
}

const KIND_NAMES: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  object: 'a map',
  array: 'a list',
};

/** What may be written where: the published JSON Schema, asked by path. Messages and editors so say the same. */
export class FieldGuide {
  readonly #root: FieldSchema;

  constructor(schema: z.ZodType) {
    this.#root = z.toJSONSchema(schema, { io: 'input', target: 'draft-7' }) as FieldSchema;
  }

  at(path: FieldPath): FieldSchema | undefined {
    let schema: FieldSchema | undefined = this.#root;
    for (const part of path) {
      if (typeof part === 'number') schema = schema?.items;
      else
        schema =
          schema?.properties !== undefined && Object.hasOwn(schema.properties, part)
            ? schema.properties[part]
            : undefined;
    }
    return schema;
  }

  /** `a whole number from 1 to 64`, `one of forward, transform, drop`. */
  expected(path: FieldPath): string {
    const schema = this.at(path);
    if (schema?.enum !== undefined) return `one of ${schema.enum.join(', ')}`;
    const types = typeof schema?.type === 'string' ? [schema.type] : (schema?.type ?? []);
    const names = types.map((type) => KIND_NAMES[type] ?? type).join(' or ');
    return names === '' ? 'another value' : names + boundsOf(schema, types);
  }

  /** A line that would be right: ``Write for example `instances: 1`.`` */
  example(path: FieldPath): string {
    const field = path.at(-1);
    const schema = this.at(path);
    const example = schema?.examples?.[0] ?? schema?.default;
    if (typeof field !== 'string' || example === undefined) return `Write ${this.expected(path)}.`;
    return `Write for example \`${field}: ${flow(example)}\`.`;
  }

  /** The example, and what the field is for. */
  help(path: FieldPath): string {
    const description = this.at(path)?.description;
    return description === undefined ? this.example(path) : `${this.example(path)} ${description}`;
  }

  isRequired(path: FieldPath): boolean {
    const field = path.at(-1);
    return typeof field === 'string' && this.at(path.slice(0, -1))?.required?.includes(field) === true;
  }

  /** Whether what stands here may be a secret, by mistake one level too high: `auth: hunter2`. */
  mayBeSecret(path: FieldPath): boolean {
    return hasSecret(this.at(path));
  }

  /** The field beside it that a field that does not exist was probably meant to be. */
  meant(parent: FieldPath, written: string): string | undefined {
    return nearestName(written, this.#fieldsOf(parent));
  }

  /** What to write instead of a field that does not exist. */
  insteadOf(parent: FieldPath, written: string): string {
    const known = this.#fieldsOf(parent);
    const near = this.meant(parent, written);
    if (near !== undefined) return `Did you mean \`${near}\`?`;
    const elsewhere = this.#homeOf(written, parent);
    if (elsewhere !== undefined) return `The field \`${elsewhere.name}\` belongs ${elsewhere.home}.`;
    return known.length === 0 ? 'Remove it.' : `Known fields here: ${known.join(', ')}.`;
  }

  #fieldsOf(path: FieldPath): string[] {
    return Object.keys(this.at(path)?.properties ?? {});
  }

  #homeOf(written: string, parent: FieldPath): { name: string; home: string } | undefined {
    const homes = Object.entries(this.#root.properties ?? {}).flatMap(([field, schema]) =>
      Object.keys(schema.properties ?? {}).map((name) => ({ name, home: `under \`${field}:\`` })),
    );
    if (parent.length > 0)
      homes.push(
        ...Object.keys(this.#root.properties ?? {}).map((name) => ({
          name,
          home: 'at the top level, without indentation',
        })),
      );
    const near = nearestName(
      written,
      homes.map(({ name }) => name),
    );
    return homes.find(({ name }) => name === near);
  }
}

function hasSecret(schema: FieldSchema | undefined): boolean {
  return schema?.writeOnly === true || Object.values(schema?.properties ?? {}).some(hasSecret);
}

function boundsOf(schema: FieldSchema | undefined, types: readonly string[]): string {
  if (types.includes('array') && schema?.maxItems !== undefined)
    return ` of ${schema.minItems ?? 0} to ${schema.maxItems} entries`;
  if (types.includes('string') && schema?.maxLength !== undefined) return ` of at most ${schema.maxLength} characters`;
  if (types.includes('string') && schema?.minLength !== undefined) return ` of at least ${schema.minLength} character`;
  return schema?.minimum !== undefined && schema.maximum !== undefined && types[0] === 'integer'
    ? ` from ${schema.minimum} to ${schema.maximum}`
    : '';
}

/** A value as it stands in YAML. */
function flow(value: unknown): string {
  if (typeof value === 'string' && /^[a-z][\w./-]*$/i.test(value) && !/^(?:true|false|null)$/i.test(value))
    return value;
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).map(([key, field]) => `${key}: ${flow(field)}`);
    return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`;
  }
  return JSON.stringify(value);
}
