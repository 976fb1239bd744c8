import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProduceFailure } from './ports.ts';
import { RefusedRecords } from './refused-records.ts';

const failure: ProduceFailure = { recordIndex: 0, code: 'record.too_large', message: 'm', endsTransaction: true };

void test('a record that was refused with others is a suspect; refused by itself it is at fault', () => {
  const refused = new RefusedRecords();
  refused.add(0, 5, failure, false);
  assert.deepEqual([refused.any(0), refused.any(1), refused.get(0, 6)], [true, false, undefined]);
  assert.equal(refused.get(0, 5)?.failure, undefined);
  refused.add(0, 5, failure, true);
  assert.equal(refused.get(0, 5)?.failure, failure);
});

void test('a dead letter is cut down further only when it was refused by itself', () => {
  const refused = new RefusedRecords();
  refused.addDeadLetter(0, 5, false);
  assert.equal(refused.get(0, 5)?.deadLetters, 0);
  refused.addDeadLetter(0, 5, true);
  refused.addDeadLetter(0, 5, true);
  assert.equal(refused.get(0, 5)?.deadLetters, 2);
});

void test('what is committed is forgotten, and a partition that comes anew as a whole', () => {
  const refused = new RefusedRecords();
  for (const offset of [3, 4, 9]) refused.add(0, offset, failure, false);
  refused.add(1, 3, failure, false);
  refused.forget(0, 9);
  assert.deepEqual([refused.get(0, 4), refused.get(0, 9) !== undefined, refused.any(1)], [undefined, true, true]);
  refused.forget(0);
  assert.equal(refused.any(0), false);
});
