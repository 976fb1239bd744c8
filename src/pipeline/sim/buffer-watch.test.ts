import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BufferWatch } from './buffer-watch.ts';

void test('what is released is poisoned; twice, or while it is read, is noted', async () => {
  const watch = new BufferWatch();
  const buffer = new SharedArrayBuffer(8);
  watch.lend(buffer);
  const read = Promise.withResolvers<void>();
  const reading = watch.reading([buffer], read.promise);
  watch.release('batch', buffer);
  assert.deepEqual([...new Uint8Array(buffer)], Array(8).fill(0xee));
  watch.release('batch', buffer);
  assert.deepEqual(
    new Set(watch.violations),
    new Set(['buffers: a batch released while it was read', 'buffers: a batch released twice']),
  );
  read.resolve();
  await reading;
  const noted = watch.violations.length;
  watch.lend(buffer);
  assert.equal(watch.out, 1);
  watch.release('batch', buffer);
  assert.equal(watch.out, 0);
  assert.equal(watch.violations.length, noted);
});

void test('a reader that fails reads no more', async () => {
  const watch = new BufferWatch();
  const buffer = new SharedArrayBuffer(8);
  watch.lend(buffer);
  await assert.rejects(watch.reading([buffer], Promise.reject(new Error('x'))));
  watch.release('batch', buffer);
  assert.deepEqual(watch.violations, []);
});
