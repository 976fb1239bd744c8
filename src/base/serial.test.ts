import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Serial } from './serial.ts';

test('works run one after the other, a failed one stops none', async () => {
  const serial = new Serial();
  const seen: string[] = [];
  const first = Promise.withResolvers<void>();
  const a = serial.run(async () => {
    seen.push('a begins');
    await first.promise;
    seen.push('a ends');
    throw new Error('a');
  });
  const b = serial.run(async () => {
    seen.push('b');
    return await Promise.resolve(2);
  });
  await new Promise(setImmediate);
  assert.deepEqual(seen, ['a begins']);
  first.resolve();
  await assert.rejects(a, /^Error: a$/);
  assert.equal(await b, 2);
  assert.deepEqual(seen, ['a begins', 'a ends', 'b']);
});
