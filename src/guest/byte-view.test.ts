import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byteView, copyBytes } from './byte-view.ts';

void test('copies any range to any place, and not one byte more', () => {
  const from = byteView(new SharedArrayBuffer(1200));
  from.bytes.forEach((_, i) => (from.bytes[i] = (i * 7 + 1) & 0xff));
  for (const fromAt of [0, 1, 4, 28]) {
    for (const toAt of [0, 3, 8, 40]) {
      for (const length of [0, 1, 3, 4, 5, 63, 64, 255, 256, 257, 700]) {
        const to = byteView(new ArrayBuffer(1000));
        to.bytes.fill(0xee);
        copyBytes(from, fromAt, to, toAt, length);
        const expected = Buffer.alloc(1000, 0xee);
        from.bytes.copy(expected, toAt, fromAt, fromAt + length);
        assert.ok(to.bytes.equals(expected), `${String(fromAt)} ${String(toAt)} ${String(length)}`);
      }
    }
  }
});

void test('a buffer that is no whole number of words is copied to its last byte', () => {
  const to = byteView(new ArrayBuffer(7));
  copyBytes(byteView(Uint8Array.from([1, 2, 3, 4, 5, 6, 7]).buffer), 0, to, 0, 7);
  assert.deepEqual([...to.bytes], [1, 2, 3, 4, 5, 6, 7]);
});

void test("beyond 2 GiB of a guest's memory the same bytes come over, and in no time", () => {
  const pages = 40_000;
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const guest = byteView(memory.buffer);
  const outside = byteView(new SharedArrayBuffer(256));
  const far = (pages - 1) * 65_536;
  for (const length of [7, 64, 300]) {
    outside.bytes.fill(0).write('0123456789'.repeat(30).slice(0, length), 0, 'latin1');
    const sent = outside.bytes.toString('latin1', 0, Math.min(length, 256));
    copyBytes(outside, 0, guest, far, sent.length);
    outside.bytes.fill(0xee);
    copyBytes(guest, far, outside, 0, sent.length);
    assert.equal(outside.bytes.toString('latin1', 0, sent.length), sent);
    assert.ok(outside.bytes.subarray(sent.length).every((byte) => byte === 0xee));
  }
});
