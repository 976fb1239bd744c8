import type { AvroValue } from './avro-value.ts';

export type Primitive = 'null' | 'boolean' | 'int' | 'long' | 'float' | 'double' | 'bytes' | 'string';

/** The attributes beside `type`: logicalType, precision, scale. */
export type Logical = Readonly<Record<string, string | number>>;

export interface PrimitiveSchema {
  readonly type: Primitive;
  readonly logical?: Logical;
}

export interface EnumSchema {
  readonly type: 'enum';
  /** Full name, as of all named types here. */
  readonly name: string;
  readonly aliases: readonly string[];
  readonly symbols: readonly string[];
  readonly default?: string;
}

export interface FixedSchema {
  readonly type: 'fixed';
  readonly name: string;
  readonly aliases: readonly string[];
  readonly size: number;
  readonly logical?: Logical;
}

export interface RecordField {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly schema: AvroSchema;
  /** Boxed, for null is a value. */
  readonly default?: { readonly value: AvroValue };
}

export interface RecordSchema {
  readonly type: 'record';
  readonly name: string;
  readonly aliases: readonly string[];
  /** Filled while it is made: a schema may lead back to itself. */
  readonly fields: RecordField[];
}

export interface ArraySchema {
  readonly type: 'array';
  readonly items: AvroSchema;
}

export interface MapSchema {
  readonly type: 'map';
  readonly values: AvroSchema;
}

export interface UnionSchema {
  readonly type: 'union';
  readonly branches: readonly AvroSchema[];
}

export type NamedSchema = EnumSchema | FixedSchema | RecordSchema;
export type AvroSchema = PrimitiveSchema | NamedSchema | ArraySchema | MapSchema | UnionSchema;

/** What a union's branch is called in Avro-JSON. */
export function branchName(schema: AvroSchema): string {
  return 'name' in schema ? schema.name : schema.type;
}

export function namespaceOf(fullName: string): string {
  return fullName.slice(0, Math.max(0, fullName.lastIndexOf('.')));
}

export function simpleName(fullName: string): string {
  return fullName.slice(fullName.lastIndexOf('.') + 1);
}

/** The schemas right below one. */
export function childrenOf(schema: AvroSchema): readonly AvroSchema[] {
  switch (schema.type) {
    case 'array':
      return [schema.items];
    case 'map':
      return [schema.values];
    case 'union':
      return schema.branches;
    case 'record':
      return schema.fields.map((field) => field.schema);
    default:
      return [];
  }
}

/** All schemas that a value of this one may contain, itself among them. */
export function reachableFrom(schema: AvroSchema): Set<AvroSchema> {
  const seen = new Set<AvroSchema>();
  const open = [schema];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    open.push(...childrenOf(next));
  }
  return seen;
}
