import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedBufferPool } from './shared-buffer-pool.ts';

test('a buffer given back is taken again, by size class', () => {
  const pool = new SharedBufferPool(1 << 20);
  const buffer = pool.take(70_000);
  assert.equal(buffer.byteLength, 131_072);
  pool.give(buffer);
  assert.notEqual(pool.take(200_000), buffer);
  assert.equal(pool.take(131_072), buffer);
  assert.notEqual(pool.take(131_072), buffer);
});

test('what is kept stays within the bound, and foreign buffers are not kept', () => {
  const pool = new SharedBufferPool(200_000);
  for (const buffer of [pool.take(1), pool.take(1), pool.take(1), pool.take(1)]) pool.give(buffer);
  assert.equal(pool.keptBytes, 3 * 65_536);
  pool.give(new SharedArrayBuffer(100_000));
  assert.equal(pool.keptBytes, 3 * 65_536);
  pool.clear();
  assert.equal(pool.keptBytes, 0);
});
