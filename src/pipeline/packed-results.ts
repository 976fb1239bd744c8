import { assert } from '../base/assert.ts';
import { errorCodeNumber, errorCodeOf, type ErrorCode } from '../base/error-code.ts';
import type { BatchReader } from './packed-batch.ts';

/**
 * Packed results: what a guest thread answers to a packed batch. One buffer, little-endian, entries in the order of the
 * batch's records. A record has one entry, or several of kind output next to each other, all but its first with flag 8.
 *
 * ```
 * entry, 8-aligned:
 *   +0  u32 entryLength   (whole entry, a multiple of 8)
 *   +4  u32 recordIndex   in the batch
 *   +8  u8  kind          0 output, 1 dropped (by filter, or a tombstone), 2 failed
 *   +9  u8  flags         1 key is the input's, 2 value is the input's, 4 headers are the input's, 8 another output of the record before
 *   +10 u16 topic         index into WorkResult.topics; 0xFFFF = the spec's output topic. kind 2: error code number
 *   +12 i32 partition     -1 = by key; else this one
 *   +16 f64 fuelUsed      units, of all calls for this record
 *   +24 i32 valueLength   (-1 = null; 0 with flag 2). kind 2: length of the message
 *   +28 u32 headersLength
 *   +32 u32 stage        kind 2: which stage of a chain failed; else 0
 *   +36 i32 keyLength     (-1 = null; 0 with flag 1)
 *   +40 key, value, headers (header entries as in the packed batch). kind 2: message, UTF-8
 * ```
 * A part that is the input's is not copied: the producer reads it from the batch. So a record's bytes are copied at most twice
 * in memory JavaScript owns: into the guest and out of it.
 */
export const RESULT_ENTRY_BYTES = 40;
export const DEFAULT_TOPIC = 0xffff;

export const RESULT = {
  entryLength: 0,
  recordIndex: 4,
  kind: 8,
  flags: 9,
  topic: 10,
  partition: 12,
  fuelUsed: 16,
  valueLength: 24,
  headersLength: 28,
  stage: 32,
  keyLength: 36,
  key: 40,
} as const;

export const KIND_OUTPUT = 0;
export const KIND_FILTERED = 1;
export const KIND_FAILED = 2;

export const KEY_FROM_INPUT = 1;
export const VALUE_FROM_INPUT = 2;
export const HEADERS_FROM_INPUT = 4;
/** Another output of the same record: what became of a record is told by all of its entries together. */
export const CONTINUES = 8;
export const ALL_FROM_INPUT = KEY_FROM_INPUT | VALUE_FROM_INPUT | HEADERS_FROM_INPUT;

/** A failure as read from an entry. */
export interface PackedFailure {
  readonly recordIndex: number;
  readonly code: ErrorCode;
  readonly message: string;
  readonly fuelUsed: number;
  readonly stage: number;
}

/**
 * Appends entries to a buffer it may replace by a larger one. Lives in a guest thread for the thread's lifetime.
 * The caller fills key and value itself (straight out of guest memory) between `begin` and `end`.
 */
export class ResultWriter {
  #buffer: SharedArrayBuffer;
  #bytes: Uint8Array;
  #view: DataView;
  #at = 0;
  /** Bytes reserved for the body of the entry under way. */
  #bodyBytesMax = 0;

  constructor(buffer: SharedArrayBuffer) {
    this.#buffer = buffer;
    this.#bytes = new Uint8Array(buffer);
    this.#view = new DataView(buffer);
  }

  /** Starts over in `buffer`. */
  reset(buffer: SharedArrayBuffer): void {
    if (buffer !== this.#buffer) {
      this.#buffer = buffer;
      this.#bytes = new Uint8Array(buffer);
      this.#view = new DataView(buffer);
    }
    this.#at = 0;
  }

  get buffer(): SharedArrayBuffer {
    return this.#buffer;
  }
  get byteLength(): number {
    return this.#at;
  }
  get bytes(): Uint8Array {
    return this.#bytes;
  }
  get view(): DataView {
    return this.#view;
  }

  /** An entry without a body: pass-through, dropped. */
  plain(recordIndex: number, kind: number, flags: number, topic: number, partition: number, fuelUsed: number): void {
    this.begin(recordIndex, kind, flags, topic, partition, fuelUsed, 0);
    this.end(0, 0, 0);
  }

  /**
   * Reserves `bodyBytesMax` after the fixed part and returns where the body starts in `bytes` (read `bytes` again: the buffer
   * may have been replaced).
   */
  begin(
    recordIndex: number,
    kind: number,
    flags: number,
    topic: number,
    partition: number,
    fuelUsed: number,
    bodyBytesMax: number,
  ): number {
    const need = this.#at + RESULT_ENTRY_BYTES + bodyBytesMax + 8;
    if (need > this.#buffer.byteLength) this.#grow(need);
    const view = this.#view;
    const at = this.#at;
    view.setUint32(at + RESULT.recordIndex, recordIndex, true);
    view.setUint8(at + RESULT.kind, kind);
    view.setUint8(at + RESULT.flags, flags);
    view.setUint16(at + RESULT.topic, topic, true);
    view.setInt32(at + RESULT.partition, partition, true);
    view.setFloat64(at + RESULT.fuelUsed, fuelUsed, true);
    this.#bodyBytesMax = bodyBytesMax;
    return at + RESULT_ENTRY_BYTES;
  }

  /** Closes the entry begun: lengths of what was written to its body (-1 = null, 0 where it is the input's). */
  end(keyLength: number, valueLength: number, headersLength: number): void {
    const view = this.#view;
    const at = this.#at;
    const body = Math.max(0, keyLength) + Math.max(0, valueLength) + headersLength;
    assert(body <= this.#bodyBytesMax, 'packed results: body longer than reserved');
    const length = (RESULT_ENTRY_BYTES + body + 7) & ~7;
    view.setUint32(at, length, true);
    view.setInt32(at + RESULT.valueLength, valueLength, true);
    view.setUint32(at + RESULT.headersLength, headersLength, true);
    view.setUint32(at + RESULT.stage, 0, true);
    view.setInt32(at + RESULT.keyLength, keyLength, true);
    this.#at = at + length;
  }

  /** @param stage of a chain, from 0 */
  failed(recordIndex: number, code: ErrorCode, message: string, fuelUsed: number, stage = 0): void {
    const text = Buffer.from(message.length > 4000 ? message.slice(0, 4000) : message, 'utf8');
    const at = this.begin(recordIndex, KIND_FAILED, 0, errorCodeNumber(code), -1, fuelUsed, text.length);
    this.#bytes.set(text, at);
    const entryAt = this.#at;
    this.end(0, text.length, 0);
    this.#view.setUint32(entryAt + RESULT.stage, stage, true);
  }

  /**
   * Keys, values and headers of the outputs from `at` on, all of the record at `recordAt`: what is the input's counts too.
   * @param inputBytes key, value and headers of the record
   */
  bodyBytes(at: number, batch: BatchReader, recordAt: number, inputBytes: number): number {
    const view = this.#view;
    let bytes = 0;
    for (let entry = at; entry < this.#at; entry += view.getUint32(entry, true)) {
      const flags = view.getUint8(entry + RESULT.flags);
      if ((flags & ALL_FROM_INPUT) === ALL_FROM_INPUT) {
        bytes += inputBytes;
        continue;
      }
      bytes += Math.max(0, view.getInt32(entry + RESULT.keyLength, true));
      bytes += Math.max(0, view.getInt32(entry + RESULT.valueLength, true));
      bytes += view.getUint32(entry + RESULT.headersLength, true);
      if ((flags & KEY_FROM_INPUT) !== 0) bytes += Math.max(0, batch.keyLength(recordAt));
      if ((flags & VALUE_FROM_INPUT) !== 0) bytes += Math.max(0, batch.valueLength(recordAt));
      if ((flags & HEADERS_FROM_INPUT) !== 0) bytes += batch.headersLength(recordAt);
    }
    return bytes;
  }

  /** Takes back the entries from `at` on. */
  rewind(at: number): void {
    assert(at <= this.#at, 'packed results: rewound forward');
    this.#at = at;
  }

  #grow(bytesMin: number): void {
    const larger = new SharedArrayBuffer(Math.max(bytesMin, this.#buffer.byteLength * 2));
    const bytes = new Uint8Array(larger);
    const view = new DataView(larger);
    bytes.set(this.#bytes.subarray(0, this.#at));
    // All at once: a guest that emits at the end of its stack may have each call in here throw.
    this.#buffer = larger;
    this.#bytes = bytes;
    this.#view = view;
  }
}

/** Reads results in place. `at` is the byte position of an entry. */
export class ResultReader {
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(buffer: SharedArrayBuffer) {
    this.bytes = new Uint8Array(buffer);
    this.view = new DataView(buffer);
  }

  next(at: number): number {
    const length = this.view.getUint32(at, true);
    assert(length >= RESULT_ENTRY_BYTES && (length & 7) === 0, 'packed results: entry length');
    assert(at + length <= this.bytes.length, 'packed results: entry past the end');
    return at + length;
  }
  recordIndex(at: number): number {
    return this.view.getUint32(at + RESULT.recordIndex, true);
  }
  kind(at: number): number {
    return this.view.getUint8(at + RESULT.kind);
  }
  flags(at: number): number {
    return this.view.getUint8(at + RESULT.flags);
  }
  /** It is not the record's first. */
  continues(at: number): boolean {
    return (this.flags(at) & CONTINUES) !== 0;
  }
  /** Past the last entry of the record whose first one is at `at`; `end` is where the results end. */
  nextRecord(at: number, end: number): number {
    let next = this.next(at);
    while (next < end && this.continues(next)) next = this.next(next);
    return next;
  }
  topic(at: number): number {
    return this.view.getUint16(at + RESULT.topic, true);
  }
  partition(at: number): number {
    return this.view.getInt32(at + RESULT.partition, true);
  }
  fuelUsed(at: number): number {
    return this.view.getFloat64(at + RESULT.fuelUsed, true);
  }
  keyLength(at: number): number {
    return this.view.getInt32(at + RESULT.keyLength, true);
  }
  valueLength(at: number): number {
    return this.view.getInt32(at + RESULT.valueLength, true);
  }
  headersLength(at: number): number {
    return this.view.getUint32(at + RESULT.headersLength, true);
  }

  failure(at: number): PackedFailure {
    assert(this.kind(at) === KIND_FAILED, 'packed results: not a failure');
    const start = at + RESULT.key;
    const length = this.valueLength(at);
    assert(length >= 0 && start + length <= this.next(at), 'packed results: message past its entry');
    const message = Buffer.from(this.bytes.buffer, start, length).toString('utf8');
    return {
      recordIndex: this.recordIndex(at),
      code: errorCodeOf(this.topic(at)),
      message,
      fuelUsed: this.fuelUsed(at),
      stage: this.view.getUint32(at + RESULT.stage, true),
    };
  }
}
