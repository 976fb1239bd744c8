import {
  headersByteLength,
  readHeaders,
  writeHeaders,
  type BatchReader,
  type RecordHeader,
} from '../pipeline/packed-batch.ts';
import {
  CONTINUES,
  HEADERS_FROM_INPUT,
  KEY_FROM_INPUT,
  KIND_OUTPUT,
  RESULT,
  VALUE_FROM_INPUT,
} from '../pipeline/packed-results.ts';
import { batchOutputBytesMax, BATCH_FULL } from './batch-output.ts';
import { copyBytes, type ByteView } from './byte-view.ts';
import { GuestFault } from './guest-failure.ts';
import type { GuestLimits } from './guest-config.ts';
import type { BatchContext } from './guest.ts';

/** One part of an output: bytes of a view, null, or what the input has. */
export type OutputPart =
  { readonly from: ByteView; readonly start: number; readonly length: number } | 'null' | 'input';

/**
 * The outputs of one record as a guest makes them, one after the other, straight into the batch's results: what it emits while it
 * transforms, and what it answers. Headers it has changed go with those that come after the change.
 */
export class RecordOutputs {
  readonly #limits: GuestLimits;
  readonly #batchOutputBytesMax: number;
  #batch: BatchContext | undefined;
  #recordAt = 0;
  #recordIndex = 0;
  #partition = -1;
  #beginByte = 0;
  #count = 0;
  #bytes = 0;
  /** undefined: as they are on the input. */
  #headers: RecordHeader[] | undefined;
  /** Of those, packed. */
  #headerBytes = 0;
  /** Of the input, once somebody has asked for them. */
  #inputHeaders: RecordHeader[] | undefined;
  /** While transform() runs. */
  accepting = false;

  constructor(limits: GuestLimits) {
    this.#limits = limits;
    this.#batchOutputBytesMax = batchOutputBytesMax(limits.outputBytesMax);
  }

  begin(batch: BatchContext, recordAt: number, recordIndex: number, partition: number): void {
    this.#batch = batch;
    this.#recordAt = recordAt;
    this.#recordIndex = recordIndex;
    this.#partition = partition;
    this.#beginByte = batch.writer.byteLength;
    this.#count = 0;
    this.#bytes = 0;
    this.#headers = undefined;
    this.#headerBytes = 0;
    this.#inputHeaders = undefined;
    this.accepting = false;
  }

  /** No record is under way: there are no headers, and nothing can be added. */
  leave(): void {
    this.#batch = undefined;
    this.#headers = undefined;
    this.#headerBytes = 0;
    this.#inputHeaders = undefined;
    this.accepting = false;
  }

  /** Outputs so far. */
  get count(): number {
    return this.#count;
  }

  get hasOwnHeaders(): boolean {
    return this.#headers !== undefined;
  }

  /** Headers that are written with each output. */
  get ownHeaderCount(): number {
    return this.#headers?.length ?? 0;
  }

  /** Bytes that `headers()` would have to decode. */
  get undecodedHeaderBytes(): number {
    if (this.#headers !== undefined || this.#inputHeaders !== undefined) return 0;
    return this.#batch?.reader.headersLength(this.#recordAt) ?? 0;
  }

  /** Those that the next output has. */
  headers(): readonly RecordHeader[] {
    this.#inputHeaders ??= headersOf(this.#batch?.reader, this.#recordAt);
    return this.#headers ?? this.#inputHeaders;
  }

  setHeaders(headers: RecordHeader[]): void {
    const bytes = headersByteLength(headers);
    if (bytes > this.#limits.outputBytesMax) {
      throw new GuestFault('guest.output_too_large', 'the headers it sets are larger than limits.output_bytes');
    }
    this.#headers = headers;
    this.#headerBytes = bytes;
  }

  /** Takes back all of them: the record has failed, or is dropped. */
  discard(): void {
    this.#batch?.writer.rewind(this.#beginByte);
    this.#count = 0;
  }

  /** Throws as `add` would: before anything is done for an output that has no room. */
  checkRoom(key: OutputPart, value: OutputPart): void {
    const batch = this.#batch;
    if (batch === undefined) return;
    const bytes = bytesOf(key) + bytesOf(value) + this.#headerBytes;
    this.#check(bytes, this.#keptBytes(key, value, batch.reader), batch.writer.byteLength);
  }

  /** Throws GuestFault guest.output_too_large when there are too many, or they come to too much. */
  add(key: OutputPart, value: OutputPart, topic: number): void {
    const batch = this.#batch;
    if (batch === undefined) return;
    const { writer } = batch;
    const headers = this.#headers;
    const headerBytes = this.#headerBytes;
    const bytes = bytesOf(key) + bytesOf(value) + headerBytes;
    const kept = this.#keptBytes(key, value, batch.reader);
    this.#check(bytes, kept, writer.byteLength);
    const flags =
      (key === 'input' ? KEY_FROM_INPUT : 0) |
      (value === 'input' ? VALUE_FROM_INPUT : 0) |
      (headers === undefined ? HEADERS_FROM_INPUT : 0) |
      (this.#count > 0 ? CONTINUES : 0);
    let at = writer.begin(this.#recordIndex, KIND_OUTPUT, flags, topic, this.#partition, 0, bytes);
    const { output } = batch;
    for (const part of [key, value]) {
      if (typeof part === 'string') continue;
      copyBytes(part.from, part.start, output, at, part.length);
      at += part.length;
    }
    if (headers !== undefined) writeHeaders(writer.bytes, writer.view, at, headers);
    writer.end(lengthOf(key), lengthOf(value), headerBytes);
    this.#count += 1;
    this.#bytes += bytes + kept;
  }

  /** The record goes on as it came, with the headers it has by now. */
  pass(topic: number): void {
    this.add('input', 'input', topic);
  }

  /** The fuel of a record stands in its first entry. */
  close(fuelUsed: number): void {
    this.#batch?.writer.view.setFloat64(this.#beginByte + RESULT.fuelUsed, fuelUsed, true);
  }

  /**
   * What this output leaves as the input has it: not written here, but sent again with each output. Of the first it is no more than what
   * came in, and free.
   */
  #keptBytes(key: OutputPart, value: OutputPart, reader: BatchReader): number {
    if (this.#count === 0) return 0;
    const at = this.#recordAt;
    return (
      (key === 'input' ? Math.max(0, reader.keyLength(at)) : 0) +
      (value === 'input' ? Math.max(0, reader.valueLength(at)) : 0) +
      (this.#headers === undefined ? reader.headersLength(at) : 0)
    );
  }

  /** @param kept is of the record's limit only: it takes no room in the results */
  #check(bytes: number, kept: number, batchBytes: number): void {
    const limits = this.#limits;
    if (this.#count >= limits.outputsMax) throw new GuestFault('guest.output_too_large', tooManyOutputs(limits));
    if (this.#bytes + bytes + kept > limits.outputBytesMax) {
      throw new GuestFault('guest.output_too_large', outputsTooLarge(limits));
    }
    if (batchBytes + bytes > this.#batchOutputBytesMax) throw new GuestFault('guest.output_too_large', BATCH_FULL);
  }
}

export function tooManyOutputs({ outputsMax }: GuestLimits): string {
  return `more than ${outputsMax} outputs of one record: limits.record_outputs`;
}

export function outputsTooLarge({ outputBytesMax }: GuestLimits): string {
  return `the outputs of one record came to more than ${outputBytesMax} bytes: limits.output_bytes`;
}

function headersOf(reader: BatchReader | undefined, at: number): RecordHeader[] {
  if (reader === undefined || reader.headersLength(at) === 0) return [];
  return readHeaders(reader.bytes, reader.view, reader.headersStart(at), reader.headersLength(at));
}

function bytesOf(part: OutputPart): number {
  return typeof part === 'string' ? 0 : part.length;
}

function lengthOf(part: OutputPart): number {
  return part === 'null' ? -1 : bytesOf(part);
}
