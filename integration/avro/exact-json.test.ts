import assert from 'node:assert/strict';
import { test } from 'node:test';
import { avroJson } from './avro-json.ts';
import { Branch } from './avro-value.ts';
import { NumberText, parseExactJson, readAvroJson } from './exact-json.ts';
import type { AvroSchema } from './avro-schema.ts';

test('it keeps digits, order and keys', () => {
  const json = parseExactJson(' {"2": 9007199254740993, "1": [-0.0, true, null, "a\\u0000{"], "__proto__": {}} ');
  assert.ok(json instanceof Map);
  assert.deepEqual([...json.keys()], ['2', '1', '__proto__']);
  assert.deepEqual(json.get('2'), new NumberText('9007199254740993'));
  assert.deepEqual(json.get('1'), [new NumberText('-0.0'), true, null, 'a\0{']);
});

for (const text of [
  '',
  '{',
  '[1',
  '[1 2]',
  '{"a":1,"a":2}',
  '{"a":1}}',
  'nul',
  '01',
  '1e',
  '[NaN]',
  '"a',
  '{1:2}',
  '[1,2',
]) {
  test(`it refuses ${text}`, () => assert.throws(() => parseExactJson(text)));
}

test('it reads what avroJson writes', () => {
  const record: AvroSchema = {
    type: 'record',
    name: 'a.R',
    aliases: [],
    fields: [
      { name: 'long', aliases: [], schema: { type: 'long' } },
      { name: 'union', aliases: [], schema: { type: 'union', branches: [{ type: 'null' }, { type: 'double' }] } },
      { name: 'map', aliases: [], schema: { type: 'map', values: { type: 'bytes' } } },
    ],
  };
  const value = new Map<string, never>(
    Object.entries({
      long: -(2n ** 63n),
      union: new Branch(1, -0),
      map: new Map([['1', Buffer.from([0, 255])]]),
    }) as never,
  );
  assert.deepEqual(readAvroJson(record, avroJson(record, value, 'quoted')), value);
});

test('it sees what is wrong', () => {
  const union: AvroSchema = { type: 'union', branches: [{ type: 'null' }, { type: 'int' }] };
  assert.throws(() => readAvroJson(union, '1'));
  assert.throws(() => readAvroJson(union, '{"long":1}'));
  assert.throws(() => readAvroJson({ type: 'int' }, '1.0'));
  assert.throws(() => readAvroJson({ type: 'bytes' }, '"\\u0100"'));
  assert.notDeepStrictEqual(readAvroJson({ type: 'double' }, '-0.0'), readAvroJson({ type: 'double' }, '0.0'));
});
