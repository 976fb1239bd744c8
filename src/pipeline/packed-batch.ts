import { assert } from '../base/assert.ts';

/**
 * The packed batch: how records travel from the consumer to the guest threads. One buffer, little-endian, records grouped by
 * partition (stable, so offsets ascend within a segment). Written by a Kafka adapter, read in place by guest threads.
 *
 * ```
 * header   32 B   u32 magic, u32 recordCount, u32 byteLength, u32 segmentCount, 16 B zero
 * segments 32 B each: i32 partition, u32 firstRecord, u32 recordCount, u32 zero, f64 firstOffset, f64 lastOffset
 * index    4 B each (padded to 8): u32 byte position of each record
 * records  each 8-aligned:
 *          +0  f64 offset        (an integer below 2^53)
 *          +8  f64 timestampMs   (-1 = none)
 *          +16 i32 partition
 *          +20 i32 valueLength   (-1 = null: a tombstone)
 *          +24 u32 headersLength (bytes; 0 = none)
 *          +28 i32 keyLength     (-1 = null)
 *          +32 key, value, headers
 * header entry of a record: u32 nameLength, name (as it was sent: UTF-8 by custom), i32 valueLength (-1 = null), value
 * ```
 * keyLength, key and value stand next to each other, so that the framed core ABI's input is one slice of the buffer.
 */
export const BATCH_MAGIC = 0x31425053; // "SPB1"
export const BATCH_HEADER_BYTES = 32;
export const SEGMENT_BYTES = 32;
export const RECORD_HEADER_BYTES = 32;

export const RECORD = {
  offset: 0,
  timestampMs: 8,
  partition: 16,
  valueLength: 20,
  headersLength: 24,
  keyLength: 28,
  key: 32,
} as const;

/** A run of records of one partition inside a batch. Offsets may have gaps (I6): only these were received. */
export interface Segment {
  readonly partition: number;
  readonly firstRecord: number;
  readonly recordCount: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
}

export interface PackedBatch {
  /** Shared, so that the main thread keeps the records when a guest thread has to be killed. */
  readonly buffer: SharedArrayBuffer;
  readonly byteLength: number;
  readonly recordCount: number;
  readonly segments: readonly Segment[];
}

/** One record as an object: for packing, tests and the rare record the main thread has to touch. */
export interface PlainRecord {
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

export interface RecordHeader {
  readonly name: string;
  /** The name's bytes where they are no UTF-8 and `name` has U+FFFD for some: what is passed on is what was sent. */
  readonly rawName?: Uint8Array;
  readonly value: Uint8Array | null;
}

const align8 = (n: number): number => (n + 7) & ~7;
const utf8 = new TextEncoder();
/** What decoding puts in place of bytes that are no UTF-8. */
const REPLACEMENT = '\ufffd';

export function headersByteLength(headers: readonly RecordHeader[]): number {
  let bytes = 0;
  for (const { name, rawName, value } of headers) {
    bytes += 8 + (rawName?.length ?? Buffer.byteLength(name)) + (value?.length ?? 0);
  }
  return bytes;
}

export function writeHeaders(bytes: Uint8Array, view: DataView, at: number, headers: readonly RecordHeader[]): number {
  let position = at;
  for (const header of headers) {
    const name = header.rawName ?? utf8.encode(header.name);
    view.setUint32(position, name.length, true);
    bytes.set(name, position + 4);
    position += 4 + name.length;
    view.setInt32(position, header.value?.length ?? -1, true);
    position += 4;
    if (header.value !== null) {
      bytes.set(header.value, position);
      position += header.value.length;
    }
  }
  return position;
}

/** Reads `length` bytes of header entries; a length that lies is a bug of the writer. */
export function readHeaders(bytes: Uint8Array, view: DataView, at: number, length: number): RecordHeader[] {
  const headers: RecordHeader[] = [];
  const end = at + length;
  let position = at;
  while (position < end) {
    assert(position + 8 <= end, 'packed headers: entry past the end');
    const nameLength = view.getUint32(position, true);
    assert(position + 8 + nameLength <= end, 'packed headers: name past the end');
    // TextDecoder refuses shared memory; Buffer does not copy to read.
    const given = Buffer.from(bytes.buffer, bytes.byteOffset + position + 4, nameLength);
    const name = given.toString('utf8');
    const isUtf8 = !name.includes(REPLACEMENT) || given.equals(utf8.encode(name));
    position += 4 + nameLength;
    const valueLength = view.getInt32(position, true);
    position += 4;
    assert(position + Math.max(0, valueLength) <= end, 'packed headers: value past the end');
    const value = valueLength < 0 ? null : bytes.slice(position, position + valueLength);
    headers.push(isUtf8 ? { name, value } : { name, rawName: Uint8Array.from(given), value });
    position += Math.max(0, valueLength);
  }
  return headers;
}

/** Bytes a record takes in a packed batch, without its place in the index. */
function packedRecordBytes(keyLength: number, valueLength: number, headersLength: number): number {
  return align8(RECORD_HEADER_BYTES + keyLength + valueLength + headersLength);
}

export function batchPreludeBytes(recordCount: number, segmentCount: number): number {
  // No bit operations on the product: a record count that lies would wrap to a small one and pass the reader's check.
  return BATCH_HEADER_BYTES + segmentCount * SEGMENT_BYTES + (recordCount + (recordCount & 1)) * 4;
}

export type AllocateShared = (bytesMin: number) => SharedArrayBuffer;

const allocateExactly: AllocateShared = (bytes) => new SharedArrayBuffer(bytes);

/**
 * Packs records, keeping their order within each partition.
 * @param records in the order received; offsets ascend within a partition
 * @param allocate gives a buffer of at least so many bytes; reused memory need not be zeroed
 */
export function packBatch(records: readonly PlainRecord[], allocate: AllocateShared = allocateExactly): PackedBatch {
  const byPartition = new Map<number, PlainRecord[]>();
  let recordBytes = 0;
  for (const record of records) {
    const group = byPartition.get(record.partition);
    if (group === undefined) byPartition.set(record.partition, [record]);
    else group.push(record);
    const headersLength = record.headers.length === 0 ? 0 : headersByteLength(record.headers);
    recordBytes += packedRecordBytes(record.key?.length ?? 0, record.value?.length ?? 0, headersLength);
  }
  const prelude = batchPreludeBytes(records.length, byPartition.size);
  const byteLength = prelude + recordBytes;
  const buffer = allocate(byteLength);
  assert(buffer.byteLength >= byteLength, 'packBatch: buffer too small');
  const bytes = new Uint8Array(buffer);
  const view = new DataView(buffer);
  view.setUint32(0, BATCH_MAGIC, true);
  view.setUint32(4, records.length, true);
  view.setUint32(8, byteLength, true);
  view.setUint32(12, byPartition.size, true);
  bytes.fill(0, 16, 32);

  const segments: Segment[] = [];
  const indexAt = BATCH_HEADER_BYTES + byPartition.size * SEGMENT_BYTES;
  let index = 0;
  let at = prelude;
  for (const [partition, group] of byPartition) {
    const firstRecord = index;
    let lastOffset = -1;
    for (const record of group) {
      assert(Number.isSafeInteger(record.offset) && record.offset > lastOffset, 'packBatch: offsets must ascend');
      lastOffset = record.offset;
      view.setUint32(indexAt + index * 4, at, true);
      index += 1;
      const keyLength = record.key === null ? 0 : record.key.length;
      const valueLength = record.value === null ? 0 : record.value.length;
      view.setFloat64(at + RECORD.offset, record.offset, true);
      view.setFloat64(at + RECORD.timestampMs, record.timestampMs, true);
      view.setInt32(at + RECORD.partition, partition, true);
      view.setInt32(at + RECORD.valueLength, record.value === null ? -1 : valueLength, true);
      view.setInt32(at + RECORD.keyLength, record.key === null ? -1 : keyLength, true);
      let position = at + RECORD.key;
      if (record.key !== null) bytes.set(record.key, position);
      position += keyLength;
      if (record.value !== null) bytes.set(record.value, position);
      position += valueLength;
      const end = record.headers.length === 0 ? position : writeHeaders(bytes, view, position, record.headers);
      view.setUint32(at + RECORD.headersLength, end - position, true);
      at = align8(end);
    }
    const first = group[0];
    assert(first !== undefined, 'packBatch: empty group');
    const segment = { partition, firstRecord, recordCount: group.length, firstOffset: first.offset, lastOffset };
    const segmentAt = BATCH_HEADER_BYTES + segments.length * SEGMENT_BYTES;
    view.setInt32(segmentAt, partition, true);
    view.setUint32(segmentAt + 4, firstRecord, true);
    view.setUint32(segmentAt + 8, group.length, true);
    view.setUint32(segmentAt + 12, 0, true);
    view.setFloat64(segmentAt + 16, first.offset, true);
    view.setFloat64(segmentAt + 24, lastOffset, true);
    segments.push(segment);
  }
  return { buffer, byteLength, recordCount: records.length, segments };
}

/** Reads a batch in place. One reader is made per batch; its methods allocate nothing unless they say so. */
export class BatchReader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly recordCount: number;
  readonly #indexAt: number;
  readonly #recordsAt: number;
  readonly #byteLength: number;

  /** Checks the header, the segment table and the index bounds: a buffer that lies throws bug.assertion. */
  constructor(buffer: SharedArrayBuffer | ArrayBuffer) {
    assert(buffer.byteLength >= BATCH_HEADER_BYTES, 'packed batch: truncated header');
    this.bytes = new Uint8Array(buffer);
    this.view = new DataView(buffer);
    assert(this.view.getUint32(0, true) === BATCH_MAGIC, 'packed batch: wrong magic');
    this.recordCount = this.view.getUint32(4, true);
    this.#byteLength = this.view.getUint32(8, true);
    const segmentCount = this.view.getUint32(12, true);
    assert(this.#byteLength <= buffer.byteLength, 'packed batch: length past the buffer');
    this.#recordsAt = batchPreludeBytes(this.recordCount, segmentCount);
    assert(this.#recordsAt <= this.#byteLength, 'packed batch: index past the end');
    this.#indexAt = BATCH_HEADER_BYTES + segmentCount * SEGMENT_BYTES;
  }

  segments(): Segment[] {
    const segments: Segment[] = [];
    let expected = 0;
    for (let at = BATCH_HEADER_BYTES; at < this.#indexAt; at += SEGMENT_BYTES) {
      const segment = {
        partition: this.view.getInt32(at, true),
        firstRecord: this.view.getUint32(at + 4, true),
        recordCount: this.view.getUint32(at + 8, true),
        firstOffset: this.view.getFloat64(at + 16, true),
        lastOffset: this.view.getFloat64(at + 24, true),
      };
      assert(segment.firstRecord === expected, 'packed batch: segments must cover the records in order');
      expected += segment.recordCount;
      segments.push(segment);
    }
    assert(expected === this.recordCount, 'packed batch: segments must cover every record');
    return segments;
  }

  /** Byte position of record i, checked to lie inside the batch with all its parts. */
  recordAt(i: number): number {
    assert(i >= 0 && i < this.recordCount, 'packed batch: no such record');
    const at = this.view.getUint32(this.#indexAt + i * 4, true);
    assert((at & 7) === 0 && at >= this.#recordsAt, 'packed batch: record outside its place');
    assert(at + RECORD_HEADER_BYTES <= this.#byteLength, 'packed batch: record past the end');
    const end = this.headersStart(at) + this.headersLength(at);
    assert(end <= this.#byteLength, 'packed batch: record body past the end');
    return at;
  }

  offset(at: number): number {
    return this.view.getFloat64(at + RECORD.offset, true);
  }
  timestampMs(at: number): number {
    return this.view.getFloat64(at + RECORD.timestampMs, true);
  }
  partition(at: number): number {
    return this.view.getInt32(at + RECORD.partition, true);
  }
  /** -1 = null key. */
  keyLength(at: number): number {
    return this.view.getInt32(at + RECORD.keyLength, true);
  }
  /** -1 = null value. */
  valueLength(at: number): number {
    return this.view.getInt32(at + RECORD.valueLength, true);
  }
  headersLength(at: number): number {
    return this.view.getUint32(at + RECORD.headersLength, true);
  }
  valueStart(at: number): number {
    return at + RECORD.key + Math.max(0, this.keyLength(at));
  }
  headersStart(at: number): number {
    return this.valueStart(at) + Math.max(0, this.valueLength(at));
  }

  /** Key, value and headers. */
  bodyBytes(at: number): number {
    return this.headersStart(at) + this.headersLength(at) - at - RECORD.key;
  }

  /** Copies a record out. For the few the main thread has to touch. */
  plain(i: number): PlainRecord {
    const at = this.recordAt(i);
    const keyLength = this.keyLength(at);
    const valueLength = this.valueLength(at);
    const keyStart = at + RECORD.key;
    const valueStart = this.valueStart(at);
    return {
      partition: this.partition(at),
      offset: this.offset(at),
      timestampMs: this.timestampMs(at),
      key: keyLength < 0 ? null : this.bytes.slice(keyStart, keyStart + keyLength),
      value: valueLength < 0 ? null : this.bytes.slice(valueStart, valueStart + valueLength),
      headers: readHeaders(this.bytes, this.view, this.headersStart(at), this.headersLength(at)),
    };
  }
}
