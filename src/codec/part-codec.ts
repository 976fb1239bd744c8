import type { ByteTarget } from './avro/avro-codec.ts';
import { parsePlainJson, textOf } from './json-text.ts';
import { Misfit } from './misfit.ts';
import type { PartFormat } from './record-formats.ts';
import type { KnownSchema, SchemaTable } from './schema-table.ts';
import type { SchemaWish } from './schema.ts';
import { FRAME_BYTES, framedId, SCHEMA_ID_MAX, writeFrame } from './wire-format.ts';

/** Reads keys, or values, of one transform's input: what is on the topic to what the guest sees. */
export class PartReader {
  readonly #format: PartFormat;
  readonly #table: SchemaTable;
  readonly #reader: SchemaWish | undefined;
  /** Of the record read last: most topics have one schema at a time. */
  #last: KnownSchema | undefined;
  /** What the part read last was written with. */
  schema: KnownSchema | undefined;

  constructor(format: PartFormat, table: SchemaTable, reader: SchemaWish | undefined) {
    this.#format = format;
    this.#table = table;
    this.#reader = reader;
  }

  /** Schemas that must be known before these bytes can be read. */
  addWishes(bytes: Buffer, start: number, end: number, wishes: Map<number, SchemaWish>): void {
    const id = framedId(bytes, start, end);
    if (id < 0 || id === this.#last?.id || id > SCHEMA_ID_MAX || wishes.has(id)) return;
    const wish: SchemaWish = { by: 'id', id };
    if (!this.#table.has(wish)) wishes.set(id, wish);
  }

  /**
   * What the guest sees: a text, or the bytes themselves from the position given on.
   * Throws Misfit, or SchemaNeeded.
   */
  read(bytes: Buffer, start: number, end: number): string | number {
    this.schema = undefined;
    if (this.#format === 'bytes') return start;
    const id = framedId(bytes, start, end);
    if (id < 0) return this.#unframed(bytes, start, end);
    const schema = (this.schema = this.#schema(id));
    const body = start + FRAME_BYTES;
    if (this.#format === 'json') {
      schema.json().check(parsePlainJson(textOf(bytes.subarray(body, end))), 'record.malformed');
      return body;
    }
    const codec = schema.avro('input');
    const reader = this.#reader;
    if (reader === undefined) return codec.toJson(bytes.subarray(body, end));
    const known = this.#table.find(reader);
    try {
      return schema.readAs(known.avro('input')).toJson(bytes.subarray(body, end));
    } catch (thrown) {
      throw this.#table.judged(reader, thrown);
    }
  }

  #unframed(bytes: Buffer, start: number, end: number): number {
    if (this.#format === 'avro') {
      const what =
        end === start ? 'it is empty' : end - start < FRAME_BYTES ? 'it is too short' : 'its first byte is not 0';
      throw new Misfit('record.not_framed', `it does not begin with the id of a schema: ${what}`);
    }
    parsePlainJson(textOf(bytes.subarray(start, end)));
    return start;
  }

  #schema(id: number): KnownSchema {
    if (this.#last?.id === id) return this.#last;
    if (id > SCHEMA_ID_MAX) throw new Misfit('schema.unknown_id', `there is no schema ${id}`);
    return (this.#last = this.#table.find({ by: 'id', id }));
  }
}

/** Writes keys, or values, of one transform's outputs: what the guest wrote to what goes to the topic. */
export class PartWriter {
  readonly #format: PartFormat;
  readonly #table: SchemaTable;

  constructor(format: PartFormat, table: SchemaTable) {
    this.#format = format;
    this.#table = table;
  }

  /**
   * Writes the part at `at` of the target.
   * @param wish whose schema it is written with; undefined: none, as for plain JSON
   * @returns where it ends. Throws Misfit, or SchemaNeeded.
   */
  write(bytes: Buffer, wish: SchemaWish | undefined, target: ByteTarget, at: number): number {
    if (wish === undefined) {
      if (this.#format === 'json') parsePlainJson(textOf(bytes));
      return copy(bytes, target, at);
    }
    const schema = this.#table.find(wish);
    try {
      return this.#writeAs(schema, bytes, target, at);
    } catch (thrown) {
      throw this.#table.judged(wish, thrown);
    }
  }

  #writeAs(schema: KnownSchema, bytes: Buffer, target: ByteTarget, at: number): number {
    if (this.#format === 'json') {
      const check = schema.json();
      check.check(parsePlainJson(textOf(bytes)), 'record.schema_mismatch');
      frame(schema.id, target, at);
      return copy(bytes, target, at + FRAME_BYTES);
    }
    const codec = schema.avro('output');
    frame(schema.id, target, at);
    return codec.encode(textOf(bytes), target, at + FRAME_BYTES);
  }
}

function copy(bytes: Buffer, target: ByteTarget, at: number): number {
  if (at + bytes.length > target.bytes.length) target.grow(at + bytes.length);
  return at + bytes.copy(target.bytes, at);
}

function frame(id: number, target: ByteTarget, at: number): void {
  if (at + FRAME_BYTES > target.bytes.length) target.grow(at + FRAME_BYTES);
  writeFrame(target.bytes, at, id);
}
