import { printable } from '../../base/printable.ts';
import { isUtf8 } from 'node:buffer';
import {
  CONTINUES,
  DEFAULT_TOPIC,
  HEADERS_FROM_INPUT,
  KIND_FILTERED,
  KIND_OUTPUT,
} from '../../pipeline/packed-results.ts';
import { BATCH_FULL, batchOutputBytesMax } from '../batch-output.ts';
import { copyBytes } from '../byte-view.ts';
import type { GuestLimits } from '../guest-config.ts';
import { GuestFault } from '../guest-failure.ts';
import type { GuestMemory } from '../guest-memory.ts';
import type { BatchContext } from '../guest.ts';
import { TOPIC_BYTES_MAX } from '../topic-table.ts';
import { HEADER } from './record-lowering.ts';

/** Layout of wit/'s results in memory. */
export const RESULT_RECORD = { bytes: 16, ok: 4, message: 4, retry: 12 } as const;
const OUTPUT_RECORD = { bytes: 48, topic: 0, key: 12, value: 24, headers: 36 } as const;

const MESSAGE_BYTES_MAX = 4000;
const NONE = -1;

/** An optional list or string: where and how long; a length of -1 when there is none. */
interface Part {
  at: number;
  length: number;
}

/**
 * What a component has answered for one record, on its way into the batch's results. Nothing of it is believed: every pointer is
 * checked, and lengths are added up before anything is copied, as lists of a guest may name the same bytes many times over.
 */
export class ResultLifting {
  readonly #memory: GuestMemory;
  readonly #limits: GuestLimits;
  readonly #batchOutputBytesMax: number;
  readonly #topic: Part = { at: 0, length: 0 };
  readonly #key: Part = { at: 0, length: 0 };
  readonly #value: Part = { at: 0, length: 0 };
  readonly #headers: Part = { at: 0, length: 0 };

  constructor(memory: GuestMemory, limits: GuestLimits) {
    this.#memory = memory;
    this.#limits = limits;
    this.#batchOutputBytesMax = batchOutputBytesMax(limits.outputBytesMax);
  }

  /**
   * Writes the entries of the record at `recordAt`, whose result stands at `at`. Throws GuestFault: guest.failed and guest.rejected when that is
   * the answer, guest.abi_violation when the answer lies; entries written by then are to be taken back.
   */
  lift(batch: BatchContext, at: number, recordAt: number, recordIndex: number, partition: number): void {
    this.#check(at, RESULT_RECORD.bytes);
    const { bytes } = this.#memory.view;
    const tag = bytes[at];
    if (tag === 1) throw this.#failure(at);
    if (tag !== 0) throw lie(`a result of case ${String(tag)}`);
    const outputsAt = bytes.readUInt32LE(at + RESULT_RECORD.ok);
    const count = bytes.readUInt32LE(at + RESULT_RECORD.ok + 4);
    if (count === 0) {
      batch.writer.plain(recordIndex, KIND_FILTERED, 0, DEFAULT_TOPIC, partition, 0);
      return;
    }
    const { outputsMax } = this.#limits;
    if (count > outputsMax) {
      const text = `${String(count)} outputs of one record; limits.record_outputs is ${String(outputsMax)}`;
      throw new GuestFault('guest.output_too_large', text);
    }
    this.#check(outputsAt, count * OUTPUT_RECORD.bytes);
    // Sent again with each output that keeps them: of the first they are what came in, and free.
    const kept = batch.reader.headersLength(recordAt);
    let total = 0;
    for (let i = 0; i < count; i += 1) {
      const flags = i === 0 ? 0 : CONTINUES;
      total = this.#output(
        batch,
        outputsAt + i * OUTPUT_RECORD.bytes,
        recordIndex,
        partition,
        flags,
        total,
        i === 0 ? 0 : kept,
      );
    }
  }

  /**
   * @param before bytes of the outputs before it
   * @param kept bytes of the input's headers, should it have none of its own
   * @returns bytes of all outputs so far
   */
  #output(
    batch: BatchContext,
    at: number,
    recordIndex: number,
    partition: number,
    first: number,
    before: number,
    kept: number,
  ): number {
    this.#read(at + OUTPUT_RECORD.topic, this.#topic);
    this.#read(at + OUTPUT_RECORD.key, this.#key);
    this.#read(at + OUTPUT_RECORD.value, this.#value);
    this.#read(at + OUTPUT_RECORD.headers, this.#headers, HEADER.bytes);
    const { writer } = batch;
    const keyLength = this.#key.length;
    const valueLength = this.#value.length;
    const keepsHeaders = this.#headers.length === NONE;
    const ownBytes = Math.max(0, keyLength) + Math.max(0, valueLength);
    const total = before + ownBytes + (keepsHeaders ? kept : 0);
    this.#limit(total);
    const headersLength = keepsHeaders ? 0 : this.#headersLength(total);
    const body = ownBytes + headersLength;
    if (writer.byteLength + body > this.#batchOutputBytesMax) {
      throw new GuestFault('guest.output_too_large', BATCH_FULL);
    }
    const topic = this.#topic.length === NONE ? DEFAULT_TOPIC : this.#internTopic(batch);
    const flags = first | (keepsHeaders ? HEADERS_FROM_INPUT : 0);
    let to = writer.begin(recordIndex, KIND_OUTPUT, flags, topic, partition, 0, body);
    const { output } = batch;
    const view = this.#memory.view;
    if (keyLength > 0) copyBytes(view, this.#key.at, output, to, keyLength);
    to += Math.max(0, keyLength);
    if (valueLength > 0) copyBytes(view, this.#value.at, output, to, valueLength);
    to += Math.max(0, valueLength);
    if (headersLength > 0) this.#writeHeaders(output.bytes, to);
    writer.end(keyLength, valueLength, headersLength);
    return total + headersLength;
  }

  #limit(total: number): void {
    const { outputBytesMax } = this.#limits;
    if (total <= outputBytesMax) return;
    const text = `the outputs of one record came to more than limits.output_bytes, ${String(outputBytesMax)}`;
    throw new GuestFault('guest.output_too_large', text);
  }

  /** Of the headers as they are packed. Ends early when they are too many, so that a list of millions costs no more. */
  #headersLength(before: number): number {
    const { at, length } = this.#headers;
    let bytes = 0;
    for (let header = at; header < at + length * HEADER.bytes; header += HEADER.bytes) {
      this.#span(header + HEADER.name, this.#part, 1);
      const name = this.#part.length;
      this.#read(header + HEADER.value, this.#part);
      bytes += 8 + name + Math.max(0, this.#part.length);
      this.#limit(before + bytes);
    }
    return bytes;
  }

  readonly #part: Part = { at: 0, length: 0 };

  #writeHeaders(output: Buffer, start: number): void {
    const { bytes } = this.#memory.view;
    const part = this.#part;
    let to = start;
    for (let i = 0; i < this.#headers.length; i += 1) {
      const header = this.#headers.at + i * HEADER.bytes;
      this.#span(header + HEADER.name, part, 1);
      if (!isUtf8(bytes.subarray(part.at, part.at + part.length))) throw lie('a header whose name is not UTF-8');
      output.writeUInt32LE(part.length, to);
      bytes.copy(output, to + 4, part.at, part.at + part.length);
      to += 4 + part.length;
      this.#read(header + HEADER.value, part);
      output.writeInt32LE(part.length, to);
      to += 4;
      if (part.length > 0) bytes.copy(output, to, part.at, part.at + part.length);
      to += Math.max(0, part.length);
    }
  }

  #internTopic(batch: BatchContext): number {
    const { at, length } = this.#topic;
    if (length === 0 || length > TOPIC_BYTES_MAX) {
      const text = `an output names a topic of ${String(length)} bytes: Kafka takes 1 to ${String(TOPIC_BYTES_MAX)}`;
      throw new GuestFault('route.invalid_topic', text);
    }
    const name = this.#memory.view.bytes.subarray(at, at + length);
    if (!isUtf8(name)) throw lie('a topic that is not UTF-8');
    return batch.topics.named(name.toString('utf8'), 'outputs');
  }

  #failure(at: number): GuestFault {
    const { bytes } = this.#memory.view;
    this.#span(at + RESULT_RECORD.message, this.#topic, 1);
    const retry = bytes[at + RESULT_RECORD.retry] !== 0;
    const start = this.#topic.at;
    const end = start + Math.min(this.#topic.length, MESSAGE_BYTES_MAX);
    const message = printable(bytes.toString('utf8', start, end));
    const text = message === '' ? 'transform reported that it failed' : message;
    return new GuestFault(retry ? 'guest.failed' : 'guest.rejected', text);
  }

  /** An optional list; its elements are checked to lie inside the memory. */
  #read(at: number, part: Part, elementBytes = 1): void {
    const tag = this.#memory.view.bytes[at];
    if (tag === 0) {
      part.length = NONE;
      return;
    }
    if (tag !== 1) throw lie(`an option of case ${String(tag)}`);
    this.#span(at + 4, part, elementBytes);
  }

  #span(at: number, part: Part, elementBytes: number): void {
    const { bytes } = this.#memory.view;
    part.at = bytes.readUInt32LE(at);
    part.length = bytes.readUInt32LE(at + 4);
    this.#check(part.at, part.length * elementBytes);
  }

  #check(at: number, length: number): void {
    if (at + length > this.#memory.view.bytes.length) throw lie(`a pointer to outside of its memory`);
  }
}

export function lie(what: string): GuestFault {
  return new GuestFault('guest.abi_violation', `the component answered with ${what}`);
}
