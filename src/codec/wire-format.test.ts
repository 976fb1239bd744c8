import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FRAME_BYTES, framedId, SCHEMA_ID_MAX, writeFrame } from './wire-format.ts';

test('a frame is a zero and the id in four bytes, big-endian', () => {
  for (const [hex, id] of [
    ['0000000000', 0],
    ['0000000001', 1],
    ['0001020304', 0x01020304],
    ['007fffffff', SCHEMA_ID_MAX],
    ['0080000000', 2 ** 31],
    ['00ffffffff', 2 ** 32 - 1],
  ] as const) {
    const bytes = Buffer.from(hex, 'hex');
    assert.equal(framedId(bytes, 0, bytes.length), id);
    const written = Buffer.alloc(FRAME_BYTES + 2, 0xee);
    assert.equal(writeFrame(written, 1, id), 1 + FRAME_BYTES);
    assert.equal(written.toString('hex'), `ee${hex}ee`);
  }
});

test('what is shorter than a frame, or begins otherwise, is not framed; nor is what lies beyond the end', () => {
  for (const hex of ['', '00', '00000000', '0100000001', '7b7d7b7d7b', 'ff00000001']) {
    const bytes = Buffer.from(hex, 'hex');
    assert.equal(framedId(bytes, 0, bytes.length), -1, hex);
  }
  const bytes = Buffer.from('aa0000000007bb', 'hex');
  assert.equal(framedId(bytes, 1, 6), 7);
  assert.equal(framedId(bytes, 1, 5), -1);
  assert.equal(framedId(bytes, 1, 1), -1);
});
