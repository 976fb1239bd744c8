import { assert } from '../base/assert.ts';
import {
  BATCH_HEADER_BYTES,
  BATCH_MAGIC,
  RECORD,
  RECORD_HEADER_BYTES,
  SEGMENT_BYTES,
  batchPreludeBytes,
  headersByteLength,
  writeHeaders,
  type AllocateShared,
  type PackedBatch,
  type RecordHeader,
  type Segment,
} from '../pipeline/packed-batch.ts';
import type { ClientMessage } from './client.ts';

const NO_HEADERS: readonly RecordHeader[] = [];

interface Run {
  readonly partition: number;
  recordCount: number;
  bytes: number;
  firstRecord: number;
  firstOffset: number;
  lastOffset: number;
  /** Where the next record goes. */
  at: number;
  index: number;
}

/**
 * Packs the client's messages into one batch: the same bytes as packBatch, without an object per record in between. Runs once
 * for each record on the main thread, so it reads each property once or twice and calls nothing it can avoid.
 * @param accepts partitions whose records are wanted, by number; others are passed over (I5: given up meanwhile)
 * @returns undefined when no record was wanted
 */
export function packMessages(
  messages: readonly ClientMessage[],
  accepts: readonly (boolean | undefined)[],
  allocate: AllocateShared,
): PackedBatch | undefined {
  const runs: Run[] = [];
  const count = measure(messages, accepts, runs);
  if (count === 0) return undefined;

  const prelude = batchPreludeBytes(count, runs.length);
  let byteLength = prelude;
  let firstRecord = 0;
  for (const run of runs) {
    run.at = byteLength;
    run.firstRecord = firstRecord;
    run.index = firstRecord;
    byteLength += run.bytes;
    firstRecord += run.recordCount;
  }
  const buffer = allocate(byteLength);
  assert(buffer.byteLength >= byteLength, 'packMessages: buffer too small');
  const bytes = new Uint8Array(buffer);
  const view = new DataView(buffer);
  view.setUint32(0, BATCH_MAGIC, true);
  view.setUint32(4, count, true);
  view.setUint32(8, byteLength, true);
  view.setUint32(12, runs.length, true);
  bytes.fill(0, 16, BATCH_HEADER_BYTES);
  writeRecords(messages, accepts, runs, bytes, view);
  return { buffer, byteLength, recordCount: count, segments: writeSegments(runs, view) };
}

function runOf(runs: Run[], partition: number): Run {
  for (const run of runs) if (run.partition === partition) return run;
  const run = {
    partition,
    recordCount: 0,
    bytes: 0,
    firstRecord: 0,
    firstOffset: -1,
    lastOffset: -1,
    at: 0,
    index: 0,
  };
  runs.push(run);
  return run;
}

function measure(messages: readonly ClientMessage[], accepts: readonly (boolean | undefined)[], runs: Run[]): number {
  let count = 0;
  let run: Run | undefined;
  for (const message of messages) {
    const partition = message.partition;
    if (accepts[partition] !== true) continue;
    if (run === undefined || run.partition !== partition) run = runOf(runs, partition);
    const { key, value } = message;
    let length = RECORD_HEADER_BYTES;
    if (value !== null) length += value.length;
    if (key !== null && key !== undefined) length += key.length;
    if (message.headers !== undefined) length += headersByteLength(headersOf(message.headers));
    run.bytes += (length + 7) & ~7;
    run.recordCount += 1;
    count += 1;
  }
  return count;
}

function writeRecords(
  messages: readonly ClientMessage[],
  accepts: readonly (boolean | undefined)[],
  runs: Run[],
  bytes: Uint8Array,
  view: DataView,
): void {
  const indexAt = BATCH_HEADER_BYTES + runs.length * SEGMENT_BYTES;
  let run: Run | undefined;
  for (const message of messages) {
    const partition = message.partition;
    if (accepts[partition] !== true) continue;
    if (run === undefined || run.partition !== partition) run = runOf(runs, partition);
    const { key, value, offset } = message;
    // librdkafka hands out each partition in order; a step back would break every count of what is settled (I1).
    assert(offset > run.lastOffset, 'consumed offsets must ascend within a partition');
    if (run.lastOffset === -1) run.firstOffset = offset;
    run.lastOffset = offset;
    const at = run.at;
    view.setUint32(indexAt + run.index * 4, at, true);
    run.index += 1;
    view.setFloat64(at + RECORD.offset, offset, true);
    view.setFloat64(at + RECORD.timestampMs, message.timestamp ?? -1, true);
    view.setInt32(at + RECORD.partition, partition, true);
    let position = at + RECORD.key;
    if (key === null || key === undefined) {
      view.setInt32(at + RECORD.keyLength, -1, true);
    } else {
      assert(typeof key !== 'string', 'consumed keys are bytes');
      view.setInt32(at + RECORD.keyLength, key.length, true);
      bytes.set(key, position);
      position += key.length;
    }
    if (value === null) {
      view.setInt32(at + RECORD.valueLength, -1, true);
    } else {
      view.setInt32(at + RECORD.valueLength, value.length, true);
      bytes.set(value, position);
      position += value.length;
    }
    let end = position;
    if (message.headers !== undefined) end = writeHeaders(bytes, view, position, headersOf(message.headers));
    view.setUint32(at + RECORD.headersLength, end - position, true);
    run.at = (end + 7) & ~7;
  }
}

function writeSegments(runs: readonly Run[], view: DataView): Segment[] {
  return runs.map((run, i) => {
    const at = BATCH_HEADER_BYTES + i * SEGMENT_BYTES;
    view.setInt32(at, run.partition, true);
    view.setUint32(at + 4, run.firstRecord, true);
    view.setUint32(at + 8, run.recordCount, true);
    view.setUint32(at + 12, 0, true);
    view.setFloat64(at + 16, run.firstOffset, true);
    view.setFloat64(at + 24, run.lastOffset, true);
    return {
      partition: run.partition,
      firstRecord: run.firstRecord,
      recordCount: run.recordCount,
      firstOffset: run.firstOffset,
      lastOffset: run.lastOffset,
    };
  });
}

/**
 * The client gives each header as an object with one property. A null value arrives as an empty one: the binding does not tell
 * them apart. A header named `__proto__` arrives as the object's prototype, for the binding sets it as an ordinary property.
 */
function headersOf(headers: readonly object[]): readonly RecordHeader[] {
  if (headers.length === 0) return NO_HEADERS;
  return headers.map((header) => {
    const [entry] = Object.entries(header);
    const [name, value]: [string, unknown] = entry ?? ['__proto__', Object.getPrototypeOf(header)];
    return { name, value: value instanceof Uint8Array ? value : new Uint8Array(0) };
  });
}
