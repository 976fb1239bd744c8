import avro from 'avsc';

/*
 * What we use of avsc beside its published types: how a type reads and writes (5.x, the underscored methods), so that types of our own can
 * stand in for some of its. integration/avro compares all of it with Apache Avro's Java.
 */

/** Where a type reads or writes. Reading and writing past the end fails silently: `pos` tells. */
export interface Tap {
  readonly buf: Buffer;
  pos: number;
  readLong(): number;
  writeLong(n: number): void;
  skipLong(): void;
  readString(): string | undefined;
  skipString(): void;
}

export interface Resolver {
  readonly _readerType?: unknown;
  _read: ((tap: Tap) => unknown) | null;
}

/** The inside of a type. */
export interface TypeInside {
  readonly typeName: string;
  readonly name?: string | undefined;
  readonly aliases?: readonly string[] | undefined;
  _read(tap: Tap): unknown;
  _skip(tap: Tap): void;
  _write(tap: Tap, value: unknown): void;
  _check(
    value: unknown,
    flags: unknown,
    hook: ((value: unknown, type: unknown) => void) | undefined,
    path?: string[],
  ): boolean;
  _copy(value: unknown, options: unknown): unknown;
  _update(resolver: Resolver, writer: unknown, options: unknown): void;
  createResolver(type: unknown, options: unknown): Resolver;
}

export type Schema = string | readonly Schema[] | { readonly [attribute: string]: unknown };

export interface CompileOptions {
  readonly registry: Record<string, avro.Type>;
  readonly typeHook: (schema: Schema, options: CompileOptions) => avro.Type | undefined;
  readonly wrapUnions: true;
  readonly noAnonymousTypes: true;
  readonly omitRecordMethods: true;
  namespace?: string;
}

const { Type, types } = avro;
export { types };
export type AvroType = avro.Type;

export function insideOf(type: unknown): TypeInside {
  return type as TypeInside;
}

export function typeOf(schema: Schema, options: CompileOptions): AvroType {
  return Type.forSchema(
    schema as Parameters<typeof Type.forSchema>[0],
    options as unknown as Parameters<typeof Type.forSchema>[1],
  );
}
