import { SchemaTable } from '../codec/schema-table.ts';
import { Misfit } from '../codec/misfit.ts';
import { PartReader, PartWriter } from '../codec/part-codec.ts';
import { wishFor, type RecordFormats, type SubjectRule } from '../codec/record-formats.ts';
import { isRenewal, type SchemaAnswer, type SchemaWish } from '../codec/schema.ts';
import type { BatchReader } from '../pipeline/packed-batch.ts';
import { RECORD } from '../pipeline/packed-batch.ts';
import {
  CONTINUES,
  DEFAULT_TOPIC,
  HEADERS_FROM_INPUT,
  KEY_FROM_INPUT,
  KIND_FAILED,
  KIND_OUTPUT,
  RESULT,
  VALUE_FROM_INPUT,
} from '../pipeline/packed-results.ts';
import { BATCH_FULL, batchOutputBytesMax } from './batch-output.ts';
import type { BatchContext, Guest } from './guest.ts';
import type { HostContext } from './host-functions/host-context.ts';
import { INNER_RECORD_AT, InnerRecord } from './inner-record.ts';
import type { TopicTable } from './topic-table.ts';

/** Of the record's first entry; others follow it. */
const FIRST_AT = 0;
const RESULT_BYTES_INITIAL = 64 * 1024;

/** Grows as it is written to. */
class GrowingBytes {
  bytes = Buffer.allocUnsafeSlow(RESULT_BYTES_INITIAL);

  grow(bytesMin: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(bytesMin, this.bytes.length * 2));
    this.bytes.copy(larger);
    this.bytes = larger;
  }
}

/**
 * Runs records through a guest in other formats than those of the topics: what is on the input becomes what the guest sees, what the guest writes
 * becomes what the output's format says. Where a schema is not there yet, `run` throws SchemaNeeded and is called again when it is:
 * a guest is shown a record once.
 */
export class FormattedRecords {
  readonly #formats: RecordFormats;
  readonly #table: SchemaTable;
  readonly #inner: InnerRecord;
  /** Of each stage. */
  readonly #hosts: readonly HostContext[];
  readonly #outputBytesMax: number;
  readonly #keyReader: PartReader;
  readonly #valueReader: PartReader;
  readonly #keyWriter: PartWriter;
  readonly #valueWriter: PartWriter;
  readonly #parts = new GrowingBytes();
  /** The guest has had the record, and its answer waits for a schema. */
  #answered: { readonly alive: boolean } | undefined;
  /** Being written, for what is said of it. */
  #part: 'key' | 'value' = 'key';
  /** Subjects in use, looked at for newer versions. */
  readonly #followed = new Map<string, SchemaWish>();
  #hasBegun = false;

  constructor(formats: RecordFormats, topics: TopicTable, hosts: readonly HostContext[], outputBytesMax: number) {
    const { input, output, itemsMax, schemasMax } = formats;
    this.#formats = formats;
    this.#inner = new InnerRecord(topics);
    this.#hosts = hosts;
    this.#outputBytesMax = batchOutputBytesMax(outputBytesMax);
    this.#table = new SchemaTable(
      {
        input: { json: input.json, unknownFields: 'fail', itemsMax },
        output: { json: output.json, unknownFields: output.unknownFields, itemsMax },
      },
      schemasMax,
    );
    this.#keyReader = new PartReader(input.key, this.#table, undefined);
    this.#valueReader = new PartReader(input.value, this.#table, input.reader);
    this.#keyWriter = new PartWriter(output.key, this.#table);
    this.#valueWriter = new PartWriter(output.value, this.#table);
  }

  /** Takes in the schemas known from the start, and compiles them. Throws Misfit schema.*: the transform cannot begin with them. */
  open(nowMs: number): void {
    this.#table.nowMs = nowMs;
    const { output, schemas } = this.#formats;
    for (const { part, wish, answer } of schemas) {
      this.#table.pin(wish, answer);
      this.#follow(wish);
      const schema = this.#table.find(wish);
      if (part === 'reader') schema.avro('input');
      else if ((part === 'key' ? output.key : output.value) === 'json') schema.json();
      else schema.avro('output');
    }
  }

  supply(wish: SchemaWish, answer: SchemaAnswer, nowMs: number): void {
    this.#table.triedMs = nowMs;
    this.#table.supply(wish, answer);
    this.#follow(wish);
  }

  #follow(wish: SchemaWish): void {
    if (wish.by === 'subject' && wish.version === 'latest' && !isRenewal(wish)) this.#followed.set(wish.subject, wish);
  }

  /**
   * Looks over a batch for schemas that its records name and nobody here knows: they are asked for together. With them, before the first
   * batch, what is latest by now: a thread may come long after the transform began.
   */
  wishesOf(reader: BatchReader, bytes: Buffer, nowMs: number): SchemaWish[] {
    this.#table.nowMs = nowMs;
    const latest = this.#hasBegun ? [] : [...this.#followed.values()];
    this.#hasBegun = true;
    const { input } = this.#formats;
    const wishes = new Map<number, SchemaWish>();
    if (input.key === 'bytes' && input.value === 'bytes') return latest;
    for (let i = 0; i < reader.recordCount; i += 1) {
      const at = reader.recordAt(i);
      const valueStart = reader.valueStart(at);
      if (input.key !== 'bytes') this.#keyReader.addWishes(bytes, at + RECORD.key, valueStart, wishes);
      if (input.value !== 'bytes') this.#valueReader.addWishes(bytes, valueStart, reader.headersStart(at), wishes);
    }
    return [...latest, ...wishes.values()];
  }

  /** Subjects whose latest version may be another by now: they serve on until the answer is there. */
  staleWishes(): SchemaWish[] {
    return [...this.#followed.values()].filter((wish) => this.#table.isStale(wish));
  }

  /**
   * As Guest.run. Throws SchemaNeeded.
   * @param nowMs of this try
   */
  run(guest: () => Guest, batch: BatchContext, at: number, recordIndex: number, nowMs: number): boolean {
    this.#table.triedMs = nowMs;
    if (this.#answered === undefined) {
      // Before the record is read: a new instance begins without one.
      const runner = guest();
      const misfit = this.#read(batch, at);
      if (misfit !== undefined) {
        batch.writer.failed(recordIndex, misfit.code, `input ${misfit.message}`, 0);
        return true;
      }
      this.#inner.reset();
      this.#answered = { alive: runner.run(this.#inner, INNER_RECORD_AT, recordIndex) };
    }
    this.#write(batch, at, recordIndex);
    const { alive } = this.#answered;
    this.#answered = undefined;
    return alive;
  }

  /** Throws SchemaNeeded: then nothing has happened yet. */
  #read(batch: BatchContext, at: number): { readonly code: Misfit['code']; readonly message: string } | undefined {
    const { reader, input } = batch;
    const { record } = this.#inner;
    const { bytes } = input;
    const keyStart = at + RECORD.key;
    const valueStart = reader.valueStart(at);
    const valueEnd = reader.headersStart(at);
    let part = 'key';
    try {
      record.begin(reader, at);
      const key = reader.keyLength(at) < 0 ? undefined : this.#keyReader.read(bytes, keyStart, valueStart);
      record.key(key, bytes, valueStart);
      part = 'value';
      const value = reader.valueLength(at) < 0 ? undefined : this.#valueReader.read(bytes, valueStart, valueEnd);
      record.value(value, bytes, valueEnd);
      record.headers(reader.headersStart(at), reader.headersLength(at), bytes);
      const keySchema = key === undefined ? undefined : this.#keyReader.schema;
      const valueSchema = value === undefined ? undefined : this.#valueReader.schema;
      for (const host of this.#hosts) host.schemas(keySchema, valueSchema);
      return undefined;
    } catch (thrown) {
      if (!(thrown instanceof Misfit)) throw thrown;
      return { code: thrown.code, message: `${part}: ${thrown.describe()}` };
    }
  }

  /** Throws SchemaNeeded: it is called again with the same answer. */
  #write(batch: BatchContext, at: number, recordIndex: number): void {
    const { results, writer: answer } = this.#inner;
    const kind = results.kind(FIRST_AT);
    const fuelUsed = results.fuelUsed(FIRST_AT);
    const { writer } = batch;
    if (kind === KIND_FAILED) {
      const { code, message, stage } = results.failure(FIRST_AT);
      writer.failed(recordIndex, code, message, fuelUsed, stage);
      return;
    }
    if (kind !== KIND_OUTPUT) {
      writer.plain(recordIndex, kind, 0, DEFAULT_TOPIC, results.partition(FIRST_AT), fuelUsed);
      return;
    }
    const begin = writer.byteLength;
    try {
      // Of several outputs all are written, or none.
      for (let entry = FIRST_AT; entry < answer.byteLength; entry = results.next(entry)) {
        if (this.#writeEntry(batch, at, recordIndex, entry)) continue;
        writer.rewind(begin);
        writer.failed(recordIndex, 'guest.output_too_large', BATCH_FULL, fuelUsed, this.#hosts.length - 1);
        return;
      }
    } catch (thrown) {
      writer.rewind(begin);
      if (!(thrown instanceof Misfit)) throw thrown;
      // The last stage has made it.
      const stage = this.#hosts.length - 1;
      writer.failed(recordIndex, thrown.code, `output ${this.#part}: ${thrown.describe()}`, fuelUsed, stage);
    }
  }

  #writeEntry(batch: BatchContext, at: number, recordIndex: number, entry: number): boolean {
    const topic = this.#inner.results.topic(entry);
    this.#part = 'key';
    const keyEnd = this.#writeKey(batch, at, topic, entry);
    this.#part = 'value';
    const valueEnd = this.#writeValue(batch, at, topic, Math.max(0, keyEnd), entry);
    return this.#entry(batch, recordIndex, keyEnd, valueEnd, entry);
  }

  /** @returns where the key ends in `#parts`; -1: null; -2: it is the input's */
  #writeKey({ reader }: BatchContext, at: number, topic: number, entry: number): number {
    const { results, record } = this.#inner;
    const { input, output } = this.#formats;
    const fromInput = (results.flags(entry) & KEY_FROM_INPUT) !== 0;
    const wish = this.#wish(output.keySubject, topic);
    if (fromInput && this.#isUnchanged(input.key, output.key, this.#keyReader, wish, reader.keyLength(at))) return -2;
    const length = fromInput ? record.keyLength : results.keyLength(entry);
    if (length < 0) return -1;
    const bytes = fromInput
      ? record.input.bytes.subarray(INNER_RECORD_AT + RECORD.key, INNER_RECORD_AT + RECORD.key + length)
      : this.#inner.output.bytes.subarray(entry + RESULT.key, entry + RESULT.key + length);
    return this.#keyWriter.write(bytes, wish, this.#parts, 0);
  }

  /** @returns where the value ends in `#parts`; -1: null; -2: it is the input's */
  #writeValue({ reader }: BatchContext, at: number, topic: number, start: number, entry: number): number {
    const { results, record } = this.#inner;
    const { input, output } = this.#formats;
    const fromInput = (results.flags(entry) & VALUE_FROM_INPUT) !== 0;
    const wish = this.#wish(output.valueSubject, topic);
    if (fromInput && this.#isUnchanged(input.value, output.value, this.#valueReader, wish, reader.valueLength(at))) {
      return -2;
    }
    const length = fromInput ? record.reader.valueLength(INNER_RECORD_AT) : results.valueLength(entry);
    if (length < 0) return -1;
    const from = fromInput
      ? record.reader.valueStart(INNER_RECORD_AT)
      : entry + RESULT.key + Math.max(0, results.keyLength(entry));
    const { bytes } = fromInput ? record.input : this.#inner.output;
    return this.#valueWriter.write(bytes.subarray(from, from + length), wish, this.#parts, start);
  }

  /** What the guest passed on as it was stays byte for byte what it was, where the formats of both sides are one. */
  #isUnchanged(
    input: string,
    output: string,
    partReader: PartReader,
    wish: SchemaWish | undefined,
    length: number,
  ): boolean {
    if (length < 0) return true;
    if (input !== output) return false;
    if (input === 'bytes') return true;
    const { schema } = partReader;
    if (wish === undefined) return schema === undefined;
    return schema !== undefined && this.#formats.input.reader === undefined && this.#table.find(wish).id === schema.id;
  }

  #wish(rule: SubjectRule | undefined, topic: number): SchemaWish | undefined {
    if (rule === undefined) return undefined;
    const name = topic === DEFAULT_TOPIC ? this.#formats.output.topic : this.#inner.topics.names[topic];
    return wishFor(rule, name ?? '');
  }

  /** False when the outputs of the batch come to too much. */
  #entry({ writer }: BatchContext, recordIndex: number, keyEnd: number, valueEnd: number, entry: number): boolean {
    const { results } = this.#inner;
    const keyBytes = Math.max(0, keyEnd);
    const bodyBytes = valueEnd < 0 ? keyBytes : valueEnd;
    const headersFromInput = (results.flags(entry) & HEADERS_FROM_INPUT) !== 0;
    const headersLength = headersFromInput ? 0 : results.headersLength(entry);
    const fuelUsed = results.fuelUsed(entry);
    if (writer.byteLength + bodyBytes + headersLength > this.#outputBytesMax) return false;
    const flags =
      (keyEnd === -2 ? KEY_FROM_INPUT : 0) |
      (valueEnd === -2 ? VALUE_FROM_INPUT : 0) |
      (headersFromInput ? HEADERS_FROM_INPUT : 0) |
      (results.flags(entry) & CONTINUES);
    const topic = results.topic(entry);
    const partition = results.partition(entry);
    const space = bodyBytes + headersLength;
    const bodyAt = writer.begin(recordIndex, KIND_OUTPUT, flags, topic, partition, fuelUsed, space);
    const { bytes } = writer;
    bytes.set(this.#parts.bytes.subarray(0, bodyBytes), bodyAt);
    if (headersLength > 0) {
      const from = entry + RESULT.key + Math.max(0, results.keyLength(entry)) + Math.max(0, results.valueLength(entry));
      bytes.set(this.#inner.output.bytes.subarray(from, from + headersLength), bodyAt + bodyBytes);
    }
    writer.end(
      keyEnd === -2 ? 0 : keyEnd,
      valueEnd === -2 ? 0 : valueEnd < 0 ? -1 : valueEnd - keyBytes,
      headersLength,
    );
    return true;
  }
}
