import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkJson, parseExactJson } from './exact-json.ts';

test('numbers that keep their value are taken, whatever their spelling', () => {
  for (const text of [
    '0',
    '-0',
    '0.0',
    '5285.90',
    '1e3',
    '1E+3',
    '1000.000',
    '0.1',
    '-12.50e-2',
    '9007199254740991',
    '1e21',
    '100000000000000000000',
    '5e-324',
    '0e99',
  ]) {
    assert.equal(parseExactJson(text), Number(text), text);
  }
});

test('numbers that would be rounded are refused', () => {
  for (const text of [
    '12345678901234567890',
    '9007199254740993',
    '0.1000000000000000055511151231257827',
    '1e999',
    '-1e999',
    '1e-999',
    '3.14159265358979323846',
  ]) {
    assert.throws(() => parseExactJson(`{"a": [${text}]}`), { code: 'request.invalid', message: /lose digits/ }, text);
  }
});

test('text that looks like a number or a bracket is text', () => {
  const value = { a: '12345678901234567890', b: `"[{\\${'['.repeat(200)}` };
  assert.deepEqual(parseExactJson(JSON.stringify(value)), value);
});

test('what is nested deeply, reaches for the prototype or is no JSON is refused, without quoting it', () => {
  assert.throws(() => parseExactJson('['.repeat(100_000)), { code: 'request.invalid', message: /deeper than 64/ });
  assert.throws(() => parseExactJson('{"a": {"__proto__": {"b": 1}}}'), { code: 'request.invalid' });
  for (const parse of [parseExactJson, checkJson]) {
    assert.throws(
      () => parse('{"secret": hunter2}'),
      (error: Error) => !error.message.includes('hunter') && !error.message.includes('secret'),
    );
    assert.throws(() => parse('{"a": 1,\n"b" 2}'), { code: 'request.invalid' });
  }
});
