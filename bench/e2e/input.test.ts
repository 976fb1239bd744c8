import { test } from 'node:test';
import assert from 'node:assert/strict';
import { inputRecords } from './input.ts';

test('the input of the copies: JSON, about 260 bytes with its key, a field each to mask', () => {
  const records = inputRecords(500);
  const bytes = records.reduce((sum, { key, value }) => sum + key.length + value.length, 0) / records.length;
  assert.ok(bytes > 250 && bytes < 270, String(bytes));
  for (const { value } of records) {
    const event = JSON.parse(value.toString('utf8')) as Record<string, unknown>;
    for (const field of ['email', 'phone', 'ssn']) assert.equal(typeof event[field], 'string');
  }
});
