import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamlineError } from '../base/error.ts';
import { seededRng, type Rng } from '../base/rng.ts';
import {
  BATCH_HEADER_BYTES,
  BatchReader,
  packBatch,
  RECORD,
  SEGMENT_BYTES,
  type PlainRecord,
  type RecordHeader,
} from './packed-batch.ts';

function below(rng: Rng, n: number): number {
  return Math.floor(rng() * n);
}

function randomBytes(rng: Rng, lengthMax: number): Uint8Array | null {
  if (rng() < 0.15) return null;
  return Uint8Array.from({ length: rng() < 0.1 ? 0 : below(rng, lengthMax) }, () => below(rng, 256));
}

const NO_UTF8 = Buffer.from([0x61, 0xff, 0xc3]);

function randomHeaders(rng: Rng): RecordHeader[] {
  const texts = ['', 'a', 'trace-id', 'naïve', '名前', '__proto__', '\ufffd'].map((name) => ({ name }));
  const names = [...texts, { name: NO_UTF8.toString(), rawName: Uint8Array.from(NO_UTF8) }];
  return Array.from({ length: rng() < 0.5 ? 0 : below(rng, 4) }, () => ({
    ...(names[below(rng, names.length)] ?? { name: '' }),
    value: randomBytes(rng, 20),
  }));
}

function randomRecords(rng: Rng, count: number): PlainRecord[] {
  const next = new Map<number, number>();
  return Array.from({ length: count }, () => {
    const partition = below(rng, 4);
    const offset = (next.get(partition) ?? below(rng, 2) * 2 ** 40) + 1 + below(rng, 3);
    next.set(partition, offset);
    return {
      partition,
      offset,
      timestampMs: rng() < 0.1 ? -1 : 1.7e12 + below(rng, 1e9),
      key: randomBytes(rng, 40),
      value: randomBytes(rng, 300),
      headers: randomHeaders(rng),
    };
  });
}

void test('records come back as they went in, each part of them, grouped by partition in order', () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const rng = seededRng(seed);
    const records = randomRecords(rng, below(rng, 30));
    const dirty = (bytes: number): SharedArrayBuffer => {
      const buffer = new SharedArrayBuffer(bytes + 100);
      new Uint8Array(buffer).fill(0xaa);
      return buffer;
    };
    const batch = packBatch(records, seed % 2 === 0 ? dirty : undefined);
    const reader = new BatchReader(batch.buffer);
    assert.equal(reader.recordCount, records.length);
    assert.deepEqual(reader.segments(), batch.segments, `seed ${seed}`);
    const read = Array.from({ length: records.length }, (_, i) => reader.plain(i));
    const grouped = [...Map.groupBy(records, (r) => r.partition).values()].flat();
    assert.deepEqual(read, grouped, `seed ${seed}`);
    for (const { partition, firstRecord, recordCount, firstOffset, lastOffset } of batch.segments) {
      const own = read.slice(firstRecord, firstRecord + recordCount);
      assert.ok(own.every((r) => r.partition === partition));
      assert.deepEqual([own[0]?.offset, own.at(-1)?.offset], [firstOffset, lastOffset]);
    }
  }
});

void test('key length, key and value stand next to each other: one slice is the framed input of a guest', () => {
  const batch = packBatch([
    { partition: 0, offset: 1, timestampMs: 1, key: Uint8Array.of(1, 2), value: Uint8Array.of(3), headers: [] },
  ]);
  const reader = new BatchReader(batch.buffer);
  const at = reader.recordAt(0) + RECORD.keyLength;
  assert.deepEqual([...reader.bytes.slice(at, at + 7)], [2, 0, 0, 0, 1, 2, 3]);
  assert.equal(reader.recordAt(0) % 8, 0);
});

void test('offsets that do not ascend within a partition are a bug of the adapter', () => {
  const at = (offset: number): PlainRecord => ({
    partition: 0,
    offset,
    timestampMs: 1,
    key: null,
    value: null,
    headers: [],
  });
  assert.throws(() => packBatch([at(5), at(5)]), { code: 'bug.assertion' });
  assert.throws(() => packBatch([at(2 ** 53)]), { code: 'bug.assertion' });
  assert.throws(() => packBatch([at(1)], () => new SharedArrayBuffer(8)), { code: 'bug.assertion' });
});

/** Reads all there is to read. True when nothing was found wrong; throws what is not an assertion. */
function readsAll(buffer: SharedArrayBuffer): boolean {
  try {
    const reader = new BatchReader(buffer);
    for (const segment of reader.segments()) {
      for (let i = 0; i < segment.recordCount; i += 1) {
        const plain = reader.plain(segment.firstRecord + i);
        const parts = [plain.key, plain.value, ...plain.headers.map((h) => h.value)];
        for (const part of parts) assert.ok((part?.length ?? 0) <= buffer.byteLength);
      }
    }
    return true;
  } catch (thrown) {
    assert.ok(
      thrown instanceof StreamlineError && thrown.code === 'bug.assertion',
      `not an assertion: ${String(thrown)}`,
    );
    return false;
  }
}

function copyOf(buffer: SharedArrayBuffer, length = buffer.byteLength): SharedArrayBuffer {
  const copy = new SharedArrayBuffer(length);
  new Uint8Array(copy).set(new Uint8Array(buffer).subarray(0, length));
  return copy;
}

void test('a truncated buffer is found out, wherever it is cut', () => {
  const { buffer } = packBatch(randomRecords(seededRng(1), 6));
  for (let length = 0; length < buffer.byteLength; length += 1) {
    assert.equal(readsAll(copyOf(buffer, length)), false, `cut at ${length}`);
  }
  assert.equal(readsAll(buffer), true);
});

void test('flipped bytes never make the reader leave the buffer', () => {
  let refused = 0;
  for (let seed = 1; seed <= 3000; seed += 1) {
    const rng = seededRng(seed);
    const copy = copyOf(packBatch(randomRecords(rng, 1 + below(rng, 6))).buffer);
    const bytes = new Uint8Array(copy);
    for (let flips = 1 + below(rng, 4); flips > 0; flips -= 1) bytes[below(rng, bytes.length)] = below(rng, 256);
    if (!readsAll(copy)) refused += 1;
  }
  assert.ok(refused > 500, `only ${refused} of 3000 were refused`);
});

void test('lengths and positions that lie are found out', () => {
  const record = randomRecords(seededRng(3), 1).map((r) => ({
    ...r,
    headers: [{ name: 'h', value: Uint8Array.of(1) }],
  }));
  const { buffer } = packBatch(record);
  const indexAt = BATCH_HEADER_BYTES + SEGMENT_BYTES;
  const recordAt = new DataView(buffer).getUint32(indexAt, true);
  const headersAt = new BatchReader(buffer).headersStart(recordAt);
  const lies: [string, number][] = [
    ['magic', 0],
    ['record count', 4],
    ['byte length', 8],
    ['segment count', 12],
    ['first record', BATCH_HEADER_BYTES + 4],
    ['records of the segment', BATCH_HEADER_BYTES + 8],
    ['index', indexAt],
    ['value length', recordAt + RECORD.valueLength],
    ['headers length', recordAt + RECORD.headersLength],
    ['key length', recordAt + RECORD.keyLength],
    ['header name length', headersAt],
    ['header value length', headersAt + 5],
  ];
  for (const [what, at] of lies) {
    for (const lie of [0x7fffffff, 0x40000000, 0x20000000, 0x7ffffff8]) {
      const copy = copyOf(buffer);
      new DataView(copy).setUint32(at, lie, true);
      assert.equal(readsAll(copy), false, `${what} = ${lie}`);
    }
  }
});

void test('a record count that wraps in 32 bits does not pass for a small one', () => {
  const copy = copyOf(packBatch(randomRecords(seededRng(4), 3)).buffer);
  new DataView(copy).setUint32(4, 0x40000000, true);
  assert.throws(() => new BatchReader(copy), { code: 'bug.assertion' });
});

void test('a record may not lie in the header or the index', () => {
  const copy = copyOf(packBatch(randomRecords(seededRng(5), 3)).buffer);
  new DataView(copy).setUint32(new BatchReader(copy).recordAt(0) - 16, 0, true);
  assert.throws(() => new BatchReader(copy).recordAt(0), { code: 'bug.assertion' });
  assert.throws(() => new BatchReader(copy).recordAt(3), { code: 'bug.assertion' });
  assert.throws(() => new BatchReader(copy).recordAt(-1), { code: 'bug.assertion' });
});
