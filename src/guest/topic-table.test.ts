import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_TOPIC } from '../pipeline/packed-results.ts';
import { TOPICS_PER_BATCH_MAX, TopicTable } from './topic-table.ts';

void test('a name keeps its index; a full table takes no more; a reset leaves earlier names alone', () => {
  const table = new TopicTable();
  assert.deepEqual([table.intern('a'), table.intern('b'), table.intern('a')], [0, 1, 0]);
  for (let i = 2; i < TOPICS_PER_BATCH_MAX; i += 1) table.intern(String(i));
  assert.equal(table.intern('one more'), DEFAULT_TOPIC);
  assert.equal(table.intern('b'), 1);
  const { names } = table;
  table.reset();
  assert.equal(table.intern('b'), 0);
  assert.equal(names[0], 'a');
});

void test("what is taken back is forgotten, and its index is the next name's", () => {
  const table = new TopicTable();
  for (const name of ['a', 'b', 'c']) table.intern(name);
  table.rewind(1);
  assert.deepEqual(table.names, ['a']);
  assert.deepEqual([table.intern('c'), table.intern('a'), table.intern('b')], [1, 0, 2]);
});
