import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fields, table } from './table.ts';

void test('columns: numbers to the right and grouped, missing ones a dash, no spaces at the end', () => {
  assert.deepEqual(
    table(
      ['NAME', 'LAG', 'NOTE'],
      [
        ['a', 1234, 'x'],
        ['long-name', 5, undefined],
        ['', undefined, ''],
      ],
    ),
    ['NAME         LAG  NOTE', 'a          1,234  x', 'long-name      5  -', '-              -  -'],
  );
  assert.deepEqual(table(['A', 'B'], []), ['A  B']);
});

void test('a styled cell takes the room of its text', () => {
  const [, first, second] = table(
    ['STATE', 'N'],
    [
      ['\u001b[32mRUNNING\u001b[39m', 1],
      ['FAILED', 2],
    ],
  );
  assert.equal(first, '\u001b[32mRUNNING\u001b[39m  1');
  assert.equal(second, 'FAILED   2');
});

void test('fields: one width for the labels, what has no value is left out, lines stay below the first', () => {
  assert.deepEqual(
    fields([
      ['name', 'a'],
      ['nothing', undefined],
      ['dead-lettered', 1200],
      ['error', 'one\ntwo'],
    ]),
    ['name           a', 'dead-lettered  1,200', `error          one\n${' '.repeat(15)}two`],
  );
});
