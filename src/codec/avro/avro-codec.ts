import { StreamlineError } from '../../base/error.ts';
import type { ReferencedSchema } from '../schema.ts';
import { parseJson } from '../json-text.ts';
import { Misfit } from '../misfit.ts';
import { typeOf, types, type AvroType, type CompileOptions, type Resolver, type Schema } from './avsc.ts';
import { ExactEnum } from './exact-enum.ts';
import { ExactRecord } from './exact-record.ts';
import { GuardedArray, GuardedMap, itemBudget } from './collections.ts';
import { ExactLong } from './exact-long.ts';
import { ExactUnion } from './exact-union.ts';
import {
  PromotedDouble,
  PromotedFloat,
  StrictBoolean,
  StrictBytes,
  StrictInt,
  StrictString,
} from './strict-primitives.ts';
import { JsonForms } from './json-form.ts';
import type { JsonEncoding, JsonForm } from './json-leaf.ts';
import type { LogicalAttributes } from './logical-form.ts';
import { resolverOf } from './resolver.ts';
import { readSchema } from './schema-check.ts';
import { checkValueCount } from './value-count.ts';

export interface AvroOptions {
  readonly json: JsonEncoding;
  /** JSON fields that a record does not have: refused, or left out. */
  readonly unknownFields: 'fail' | 'drop';
  /** limits.avro_items */
  readonly itemsMax: number;
}

export interface AvroSchemaText {
  readonly text: string;
  readonly references: readonly ReferencedSchema[];
}

/** Where bytes are written. `grow` keeps what is there. */
export interface ByteTarget {
  readonly bytes: Buffer;
  grow(bytesMin: number): void;
}

/** One Avro schema, compiled: its binary to JSON text and back. Made once a guest thread, used for each record. */
export class AvroCodec {
  /** Full name of a record, enum or fixed; else what type it is. */
  readonly name: string;
  readonly #type: AvroType;
  readonly #form: JsonForm;
  readonly #itemsMax: number;

  private constructor(type: AvroType, form: JsonForm, itemsMax: number) {
    this.name = type.name ?? type.typeName.replace(/:.*/, '');
    this.#type = type;
    this.#form = form;
    this.#itemsMax = itemsMax;
  }

  /** Throws StreamlineError schema.invalid or schema.unsupported. */
  static compile({ text, references }: AvroSchemaText, options: AvroOptions): AvroCodec {
    const logical = new WeakMap<AvroType, LogicalAttributes>();
    const compile = compileOptions(logical);
    try {
      for (const reference of references) typeOf(readSchema(reference.text), compile);
      const type = typeOf(readSchema(text), compile);
      checkValueCount(type);
      const forms = new JsonForms({ ...options, logical: (of) => logical.get(of) });
      return new AvroCodec(type, forms.of(type), options.itemsMax);
    } catch (thrown) {
      if (thrown instanceof StreamlineError) throw thrown;
      const why = thrown instanceof Error ? thrown.message.slice(0, 500) : String(thrown);
      throw new StreamlineError('schema.invalid', `the Avro schema cannot be used: ${why}`, { cause: thrown });
    }
  }

  /** JSON text of one value. Throws Misfit record.malformed. */
  toJson(bytes: Buffer): string {
    return this.#toJson(bytes, undefined);
  }

  /** Writes what a JSON text says at `at` of the target. @returns where it ends. Throws Misfit record.not_json or record.schema_mismatch. */
  encode(json: string, target: ByteTarget, at: number): number {
    try {
      const value = this.#form.fromJson(parseJson(json));
      const end = this.#type.encode(value, target.bytes, at);
      if (end >= 0) return end;
      // So many bytes were missing.
      target.grow(target.bytes.length - end);
      return this.#type.encode(value, target.bytes, at);
    } catch (thrown) {
      throw misfitOf(thrown, 'record.schema_mismatch', 'it cannot be encoded');
    }
  }

  /** Reads what was written with `writer` as this schema has it. Throws StreamlineError schema.incompatible. */
  readerOf(writer: AvroCodec): AvroReader {
    let resolver: Resolver;
    try {
      resolver = resolverOf(this.#type, writer.#type, { ignoreNamespaces: true, registry: {} });
    } catch (cause) {
      const why = cause instanceof Error ? cause.message.slice(0, 500) : String(cause);
      const message = `what was written as ${writer.name} cannot be read as ${this.name}: ${why}`;
      throw new StreamlineError('schema.incompatible', message, { cause });
    }
    return { toJson: (bytes) => this.#toJson(bytes, resolver) };
  }

  #toJson(bytes: Buffer, resolver: Resolver | undefined): string {
    itemBudget.left = this.#itemsMax;
    try {
      const value: unknown = this.#type.fromBuffer(bytes, resolver);
      const { toJson } = this.#form;
      return JSON.stringify(toJson === undefined ? value : toJson(value));
    } catch (thrown) {
      throw misfitOf(thrown, 'record.malformed', `it is no ${this.name}`);
    }
  }
}

/** Reads one writer's values as another schema. */
export interface AvroReader {
  /** Throws Misfit record.malformed. */
  toJson(bytes: Buffer): string;
}

/** Whatever a record can make avsc throw is the record's fault. */
function misfitOf(thrown: unknown, code: 'record.malformed' | 'record.schema_mismatch', what: string): Misfit {
  if (thrown instanceof Misfit) return thrown;
  if (thrown instanceof RangeError) return new Misfit(code, `${what}: it is nested too deep, or too large`);
  const why = thrown instanceof Error ? thrown.message.slice(0, 200) : String(thrown);
  return new Misfit(code, `${what}: ${why}`);
}

/** avsc with our own types in place of some of its. */
function compileOptions(logical: WeakMap<AvroType, LogicalAttributes>): CompileOptions {
  const make = (schema: Schema, options: CompileOptions): AvroType | undefined => {
    if (typeof schema === 'string') return schema in PRIMITIVES ? primitive(schema) : withoutNamespace(schema, options);
    if (Array.isArray(schema)) return new ExactUnion(schema as never, options);
    const attributes = schema as Readonly<Record<string, unknown>>;
    const kind = attributes['type'];
    if (typeof kind !== 'string') {
      // A type in brackets of its own.
      return kind === undefined ? undefined : typeOf(kind as Schema, options);
    }
    if (kind in PRIMITIVES) return primitive(kind);
    if (kind === 'array') return new GuardedArray(schema as never, options);
    if (kind === 'record' || kind === 'error') return new ExactRecord(schema as never, options);
    if (kind === 'enum') return new ExactEnum(schema as never, options);
    if (kind === 'map') return new GuardedMap(schema as never, options);
    if (kind === 'fixed') return new types.FixedType(schema as never, options);
    // A name that was declared before.
    return typeOf(kind, options);
  };
  return {
    // Without a prototype: every name is one that was declared.
    registry: Object.create(null) as Record<string, AvroType>,
    wrapUnions: true,
    noAnonymousTypes: true,
    omitRecordMethods: true,
    typeHook: (schema, options) => {
      const type = make(schema, options);
      if (type !== undefined && typeof schema === 'object' && !Array.isArray(schema)) {
        const { type: kind, logicalType, precision, scale } = schema as Readonly<Record<string, unknown>>;
        // A reference is to a type as it was declared: it makes nothing else of it.
        if (kind !== 'fixed' && !(typeof kind === 'string' && kind in PRIMITIVES)) return type;
        const size = type instanceof types.FixedType ? type.size : undefined;
        if (typeof logicalType === 'string') logical.set(type, { logicalType, precision, scale, size });
      }
      return type;
    },
  };
}

/** What is not in the namespace where it is named, may be in none: so Apache Avro finds it. undefined: it is where avsc looks. */
function withoutNamespace(name: string, { registry, namespace }: CompileOptions): AvroType | undefined {
  const isElsewhere = namespace !== undefined && registry[`${namespace}.${name}`] === undefined && !name.includes('.');
  return isElsewhere ? registry[name] : undefined;
}

const PRIMITIVES: Readonly<Record<string, new () => AvroType>> = Object.assign(Object.create(null), {
  null: types.NullType,
  boolean: StrictBoolean,
  int: StrictInt,
  long: ExactLong,
  float: PromotedFloat,
  double: PromotedDouble,
  string: StrictString,
  bytes: StrictBytes,
});

/** A new one each time: what is logical is known by the type itself. */
function primitive(name: string): AvroType {
  const Primitive = PRIMITIVES[name];
  if (Primitive === undefined) throw new Error(`no primitive type ${name}`);
  return new Primitive();
}
