import { BATCH_HEADER_BYTES, BATCH_MAGIC, batchPreludeBytes, BatchReader, RECORD } from '../pipeline/packed-batch.ts';
import { byteView, type ByteView } from './byte-view.ts';

/** Where the one record stands. */
export const SCRATCH_RECORD_AT = batchPreludeBytes(1, 1);
const BYTES_INITIAL = 64 * 1024;

/** A packed batch of one record, written anew for each: the record as the guest is to see it. */
export class ScratchRecord {
  reader: BatchReader;
  input: ByteView;
  #keyLength = -1;
  #end = 0;

  constructor() {
    this.input = byteView(new ArrayBuffer(BYTES_INITIAL));
    this.reader = this.#open();
  }

  get keyLength(): number {
    return this.#keyLength;
  }

  /** Takes offset, timestamp and partition of a record; key and value follow, in this order. */
  begin(reader: BatchReader, at: number): void {
    const { view } = this.reader;
    view.setFloat64(SCRATCH_RECORD_AT + RECORD.offset, reader.offset(at), true);
    view.setFloat64(SCRATCH_RECORD_AT + RECORD.timestampMs, reader.timestampMs(at), true);
    view.setInt32(SCRATCH_RECORD_AT + RECORD.partition, reader.partition(at), true);
    this.#end = SCRATCH_RECORD_AT + RECORD.key;
  }

  /** @param part a text, or the bytes of `from` [start, end); undefined: null */
  key(part: string | number | undefined, from: Buffer, end: number): void {
    this.#keyLength = part === undefined ? -1 : this.#append(part, from, end);
    this.reader.view.setInt32(SCRATCH_RECORD_AT + RECORD.keyLength, this.#keyLength, true);
  }

  value(part: string | number | undefined, from: Buffer, end: number): void {
    const length = part === undefined ? -1 : this.#append(part, from, end);
    this.reader.view.setInt32(SCRATCH_RECORD_AT + RECORD.valueLength, length, true);
  }

  /** `length` bytes of header entries. Key and value stand before them. */
  headers(start: number, length: number, from: Buffer): void {
    if (length > 0) this.#append(start, from, start + length);
    this.reader.view.setUint32(SCRATCH_RECORD_AT + RECORD.headersLength, length, true);
  }

  #append(part: string | number, from: Buffer, end: number): number {
    const at = this.#end;
    // A UTF-16 unit has three bytes at most.
    const bytesMax = typeof part === 'string' ? part.length * 3 : end - part;
    if (at + bytesMax + 8 > this.input.bytes.length) this.#grow(at + bytesMax + 8);
    const { bytes } = this.input;
    const length = typeof part === 'string' ? bytes.write(part, at, 'utf8') : from.copy(bytes, at, part, end);
    this.#end = at + length;
    return length;
  }

  #grow(bytesMin: number): void {
    const before = this.input.bytes;
    this.input = byteView(new ArrayBuffer(Math.ceil(Math.max(bytesMin, before.length * 2) / 8) * 8));
    before.copy(this.input.bytes, 0, 0, this.#end);
    this.reader = this.#open();
  }

  #open(): BatchReader {
    const { bytes } = this.input;
    bytes.writeUInt32LE(BATCH_MAGIC, 0);
    bytes.writeUInt32LE(1, 4);
    bytes.writeUInt32LE(bytes.length, 8);
    bytes.writeUInt32LE(1, 12);
    bytes.writeUInt32LE(1, BATCH_HEADER_BYTES + 8);
    bytes.writeUInt32LE(SCRATCH_RECORD_AT, SCRATCH_RECORD_AT - 8);
    return new BatchReader(bytes.buffer as ArrayBuffer);
  }
}
