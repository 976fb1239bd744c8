import { assert } from '../base/assert.ts';
import type { Assignment } from '../pipeline/assignment.ts';
import type { StreamlineError } from '../base/error.ts';
import { BatchReader, RECORD, readHeaders, type RecordHeader } from '../pipeline/packed-batch.ts';
import {
  DEFAULT_TOPIC,
  HEADERS_FROM_INPUT,
  KEY_FROM_INPUT,
  KIND_OUTPUT,
  RESULT,
  RESULT_ENTRY_BYTES,
  ResultReader,
  VALUE_FROM_INPUT,
} from '../pipeline/packed-results.ts';
import type { OutputRange, ProduceFailure, ProduceRecord } from '../pipeline/ports.ts';

/** One output as the client takes it: views on the packed buffers. One object is filled again and again. */
export interface Output {
  /** false: the entry is none (filtered, failed) and is passed over. */
  present: boolean;
  recordIndex: number;
  /** undefined: neither the record nor the spec names one. */
  topic: string | undefined;
  /** -1 = by key. */
  partition: number;
  key: Uint8Array | null;
  value: Uint8Array | null;
  /** undefined = now. */
  timestampMs: number | undefined;
  headers: object[] | undefined;
}

export function emptyOutput(): Output {
  return {
    present: false,
    recordIndex: 0,
    topic: undefined,
    partition: -1,
    key: null,
    value: null,
    timestampMs: undefined,
    headers: undefined,
  };
}

/** Something to produce in order: read from `at` on, acknowledged up to `acknowledgedTo`. */
export interface OutputJob {
  at: number;
  acknowledgedTo: number;
  /** Entries librdkafka took. */
  produced: number;
  readonly end: number;
  readonly assignment: Assignment;
  /** By where the output's entry begins: a record may have several. */
  readonly failures: Map<number, ProduceFailure>;
  /** Reads the entry at `at` and returns where the next one is. */
  load(at: number, output: Output): number;
  resolve(): void;
  reject(error: StreamlineError): void;
}

// A buffer without memory becomes a header without value, a string an empty one (src/producer.cc, rd_kafka_header_add).
const NULL_VALUE = Buffer.alloc(0);
const EMPTY_VALUE = '';

/** The client's form: one object a header. Computed names stay plain properties, `__proto__` included. */
function clientHeaders(headers: readonly RecordHeader[]): object[] | undefined {
  if (headers.length === 0) return undefined;
  return headers.map(({ name, value }) => ({
    [name]: value === null ? NULL_VALUE : value.length === 0 ? EMPTY_VALUE : value,
  }));
}

/** 0 is "now" to librdkafka and negative means none: only a positive timestamp can be carried over. */
function clientTimestamp(timestampMs: number): number | undefined {
  return timestampMs > 0 ? timestampMs : undefined;
}

/** The outputs of a range, read in place: no byte of a record is copied on its way to librdkafka. */
export class RangeJob implements OutputJob {
  at: number;
  acknowledgedTo: number;
  produced = 0;
  readonly end: number;
  readonly assignment: Assignment;
  readonly failures = new Map<number, ProduceFailure>();
  readonly resolve: () => void;
  readonly reject: (error: StreamlineError) => void;
  readonly #defaultTopic: string | undefined;
  readonly #topics: readonly string[];
  readonly #inputTimestamp: boolean;
  readonly #stamp: object | undefined;
  readonly #batch: BatchReader;
  readonly #batchBuffer: SharedArrayBuffer;
  readonly #result: ResultReader;
  readonly #resultBuffer: SharedArrayBuffer;

  constructor(
    range: OutputRange,
    resolve: (failures: readonly ProduceFailure[]) => void,
    reject: (error: StreamlineError) => void,
  ) {
    const { batch, result, startByte, endByte } = range;
    assert(startByte >= 0 && startByte <= endByte, 'output range: start past the end');
    assert(endByte <= result.buffer.byteLength, 'output range: past the buffer');
    this.at = startByte;
    this.acknowledgedTo = startByte;
    this.end = endByte;
    this.assignment = range.assignment;
    this.resolve = () => resolve(inOrder(this.failures));
    this.reject = reject;
    this.#defaultTopic = range.defaultTopic;
    this.#topics = result.topics;
    this.#inputTimestamp = range.timestamp === 'input';
    this.#stamp = range.stamp === undefined ? undefined : { [range.stamp.name]: range.stamp.value };
    this.#batch = new BatchReader(batch.buffer);
    this.#batchBuffer = batch.buffer;
    this.#result = new ResultReader(result.buffer);
    this.#resultBuffer = result.buffer;
  }

  load(at: number, output: Output): number {
    const result = this.#result;
    const next = result.next(at);
    assert(next <= this.end, 'packed results: entry past its range');
    output.present = result.kind(at) === KIND_OUTPUT;
    if (!output.present) return next;

    const batch = this.#batch;
    const recordIndex = result.recordIndex(at);
    const record = batch.recordAt(recordIndex);
    const flags = result.flags(at);
    const topic = result.topic(at);
    output.recordIndex = recordIndex;
    output.topic = topic === DEFAULT_TOPIC ? this.#defaultTopic : this.#topics[topic];
    output.partition = result.partition(at);
    output.timestampMs = this.#inputTimestamp ? clientTimestamp(batch.timestampMs(record)) : undefined;

    const keyLength = result.keyLength(at);
    const valueLength = result.valueLength(at);
    const headersLength = result.headersLength(at);
    const valueAt = at + RESULT.key + (keyLength > 0 ? keyLength : 0);
    const headersAt = valueAt + (valueLength > 0 ? valueLength : 0);
    assert(headersAt + headersLength <= next, 'packed results: body past its entry');
    output.key =
      (flags & KEY_FROM_INPUT) !== 0
        ? view(this.#batchBuffer, record + RECORD.key, batch.keyLength(record))
        : view(this.#resultBuffer, at + RESULT.key, keyLength);
    output.value =
      (flags & VALUE_FROM_INPUT) !== 0
        ? view(this.#batchBuffer, batch.valueStart(record), batch.valueLength(record))
        : view(this.#resultBuffer, valueAt, valueLength);
    if ((flags & HEADERS_FROM_INPUT) !== 0) {
      const length = batch.headersLength(record);
      output.headers =
        length === 0
          ? undefined
          : clientHeaders(readHeaders(batch.bytes, batch.view, batch.headersStart(record), length));
    } else {
      output.headers =
        headersLength === 0
          ? undefined
          : clientHeaders(readHeaders(result.bytes, result.view, headersAt, headersLength));
    }
    if (this.#stamp !== undefined) output.headers = [...(output.headers ?? []), this.#stamp];
    return next;
  }
}

function view(buffer: SharedArrayBuffer, at: number, length: number): Uint8Array | null {
  return length < 0 ? null : new Uint8Array(buffer, at, length);
}

/** One record built on the main thread. */
export class RecordJob implements OutputJob {
  at = 0;
  acknowledgedTo = 0;
  produced = 0;
  readonly end = RESULT_ENTRY_BYTES;
  readonly assignment: Assignment;
  readonly failures = new Map<number, ProduceFailure>();
  readonly resolve: () => void;
  readonly reject: (error: StreamlineError) => void;
  readonly #record: ProduceRecord;

  constructor(
    record: ProduceRecord,
    resolve: (failures: readonly ProduceFailure[]) => void,
    reject: (error: StreamlineError) => void,
  ) {
    this.#record = record;
    this.assignment = record.assignment;
    this.resolve = () => resolve(inOrder(this.failures));
    this.reject = reject;
  }

  load(_at: number, output: Output): number {
    const { topic, key, value, headers, timestampMs } = this.#record;
    output.present = true;
    output.recordIndex = 0;
    output.topic = topic;
    output.partition = -1;
    output.key = key;
    output.value = value;
    output.headers = clientHeaders(headers);
    output.timestampMs = clientTimestamp(timestampMs);
    return this.end;
  }
}

function inOrder(failures: ReadonlyMap<number, ProduceFailure>): ProduceFailure[] {
  return [...failures].toSorted(([a], [b]) => a - b).map(([, failure]) => failure);
}
