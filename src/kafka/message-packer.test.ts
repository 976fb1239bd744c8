import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRng } from '../base/rng.ts';
import { BatchReader, packBatch, type PlainRecord } from '../pipeline/packed-batch.ts';
import type { ClientMessage } from './client.ts';
import { packMessages } from './message-packer.ts';

const exactly = (bytes: number): SharedArrayBuffer => new SharedArrayBuffer(bytes);

function randomMessages(seed: number): { messages: ClientMessage[]; records: PlainRecord[] } {
  const rng = seededRng(seed);
  const below = (n: number): number => Math.floor(rng() * n);
  const bytes = (): Buffer => Buffer.from(Array.from({ length: below(4) === 0 ? 0 : below(300) }, () => below(256)));
  const offsets = new Map<number, number>();
  const messages: ClientMessage[] = [];
  const records: PlainRecord[] = [];
  for (let i = below(200); i >= 0; i -= 1) {
    const partition = below(5) * 3;
    const offset = (offsets.get(partition) ?? -1) + 1 + below(4);
    offsets.set(partition, offset);
    const key = below(5) === 0 ? null : bytes();
    const value = below(5) === 0 ? null : bytes();
    const timestampMs = below(10) === 0 ? -1 : 1_700_000_000_000 + below(1e6);
    const headers = Array.from({ length: below(3) === 0 ? below(4) : 0 }, () => {
      const name = ['h', 'trace-id', '', 'ключ', '__proto__', '7', 'constructor'][below(7)] ?? '';
      return { name, value: bytes() };
    });
    records.push({ partition, offset, timestampMs, key, value, headers });
    // As the binding builds it: no headers property without headers, `__proto__` set by an ordinary assignment.
    const clientHeaders = headers.map((header) => {
      const object: Record<string, unknown> = {};
      object[header.name] = header.value;
      return object;
    });
    const message = { partition, offset, timestamp: timestampMs, key, value };
    messages.push(clientHeaders.length === 0 ? message : { ...message, headers: clientHeaders });
  }
  return { messages, records };
}

const all = Array.from({ length: 16 }, () => true);

test('packs the same bytes as packBatch', () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const { messages, records } = randomMessages(seed);
    const expected = packBatch(records);
    const packed = packMessages(messages, all, exactly);
    assert.ok(packed !== undefined);
    assert.deepEqual({ ...packed, buffer: 0 }, { ...expected, buffer: 0 }, `seed ${seed}`);
    assert.ok(Buffer.from(packed.buffer).equals(Buffer.from(expected.buffer)), `seed ${seed}: bytes differ`);
  }
});

test('a reused buffer, larger and dirty, reads the same', () => {
  const dirty = new SharedArrayBuffer(1 << 20);
  for (let seed = 1; seed <= 50; seed += 1) {
    const { messages, records } = randomMessages(seed);
    new Uint8Array(dirty).fill(0xa5);
    const packed = packMessages(messages, all, () => dirty);
    assert.ok(packed !== undefined);
    const reader = new BatchReader(packed.buffer);
    const expected = new BatchReader(packBatch(records).buffer);
    assert.deepEqual(reader.segments(), expected.segments());
    for (let i = 0; i < reader.recordCount; i += 1) assert.deepEqual(reader.plain(i), expected.plain(i));
  }
});

test('I5: records of partitions given up are passed over', () => {
  const { messages, records } = randomMessages(2);
  assert.ok(new Set(records.map(({ partition }) => partition)).size > 1);
  const accepts = all.map((_, partition) => partition === 3);
  const packed = packMessages(messages, accepts, exactly);
  const kept = records.filter(({ partition }) => partition === 3);
  assert.ok(packed !== undefined && kept.length > 0);
  assert.deepEqual(
    packed.segments.map(({ partition, recordCount }) => ({ partition, recordCount })),
    [{ partition: 3, recordCount: kept.length }],
  );
  assert.equal(packMessages(messages, [], exactly), undefined);
  assert.equal(packMessages([], all, exactly), undefined);
});

test('null and empty stay apart', () => {
  const messages: ClientMessage[] = [
    { partition: 0, offset: 1, key: null, value: Buffer.alloc(0) },
    { partition: 0, offset: 2, key: Buffer.alloc(0), value: null },
  ];
  const packed = packMessages(messages, all, exactly);
  assert.ok(packed !== undefined);
  const reader = new BatchReader(packed.buffer);
  assert.deepEqual([reader.plain(0).key, reader.plain(0).value?.length], [null, 0]);
  assert.deepEqual([reader.plain(1).key?.length, reader.plain(1).value], [0, null]);
});

test('a step back in offsets stops the transform rather than the count', () => {
  const messages: ClientMessage[] = [
    { partition: 0, offset: 5, key: null, value: null },
    { partition: 0, offset: 5, key: null, value: null },
  ];
  assert.throws(() => packMessages(messages, all, exactly), { code: 'bug.assertion' });
});
