import { test } from 'node:test';
import assert from 'node:assert/strict';
import { BufferPool } from './buffer-pool.ts';

test('however many are out at once, all that come back are used again', () => {
  const pool = new BufferPool(1024);
  const out = Array.from({ length: 20 }, () => pool.take());
  for (const buffer of out) pool.give(buffer);
  const again = new Set(Array.from({ length: 20 }, () => pool.take()));
  assert.deepEqual(again, new Set(out));
});

test('a buffer that was made larger takes the place of the one it replaced', () => {
  const pool = new BufferPool(1024);
  pool.take();
  const larger = new SharedArrayBuffer(4096);
  pool.give(larger);
  assert.equal(pool.take(), larger);
});

test('what is kept is bounded: huge buffers go to the collector', () => {
  const pool = new BufferPool(1024);
  const half = 16 * 1024 * 1024;
  const kept = [new SharedArrayBuffer(half), new SharedArrayBuffer(half)];
  for (const buffer of kept) pool.give(buffer);
  pool.give(new SharedArrayBuffer(half));
  assert.deepEqual(new Set([pool.take(), pool.take()]), new Set(kept));
  assert.equal(pool.take().byteLength, 1024);
});
