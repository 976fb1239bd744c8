import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomHex } from './random-hex.ts';

test('no id comes twice, and none is cut where its bytes run out', () => {
  const ids = Array.from({ length: 3000 }, (_, i) => randomHex(i % 3 === 0 ? 16 : 8));
  for (const [i, id] of ids.entries()) assert.match(id, i % 3 === 0 ? /^[0-9a-f]{32}$/ : /^[0-9a-f]{16}$/);
  assert.equal(new Set(ids).size, ids.length);
  // Bytes are used once: no id is a part of another.
  const halves = ids.flatMap((id) => (id.length === 32 ? [id.slice(0, 16), id.slice(16)] : [id]));
  assert.equal(new Set(halves).size, halves.length);
});
