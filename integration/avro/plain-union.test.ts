import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AvroSchema } from './avro-schema.ts';
import { compile, encode, PLAIN } from './codec-under-test.ts';
import { isUnambiguous } from './plain-union.ts';

const CALL_MS_MAX = 1000;

function unionOf(...types: readonly ('null' | 'int' | 'double' | 'string' | 'bytes' | 'boolean')[]): AvroSchema {
  return { type: 'union', branches: types.map((type) => ({ type })) };
}

test('unions that plain JSON tells apart', () => {
  assert.ok(isUnambiguous(unionOf('null', 'int', 'string', 'boolean')));
  assert.ok(isUnambiguous({ type: 'array', items: unionOf('null', 'double') }));
});

test('unions that plain JSON does not tell apart', () => {
  assert.ok(!isUnambiguous(unionOf('string', 'bytes')));
  assert.ok(!isUnambiguous(unionOf('int', 'double')));
  // NaN is a string.
  assert.ok(!isUnambiguous(unionOf('double', 'string')));
  assert.ok(!isUnambiguous({ type: 'map', values: unionOf('string', 'bytes') }));
});

test('the branches of nested unions are not all tried with all others', () => {
  const codec = compile(
    [
      `{"type":"record","name":"A","fields":[{"name":"next","type":["null","A",{"type":"record","name":"B","fields":[
        {"name":"next","type":["null","A","B"]},{"name":"b","type":"string"}]}]},{"name":"a","type":"int"}]}`,
    ],
    PLAIN,
  );
  assert.ok(!(codec instanceof Error));
  // Twice as long a level: 2 s, and a second more for each level of what anybody may send.
  const depth = 18;
  const json = `${'{"next":'.repeat(depth)}null${',"b":"x"}'.repeat(depth - 1)},"a":1}`;
  const since = performance.now();
  assert.ok(!(encode(codec, json) instanceof Error));
  assert.ok(performance.now() - since < CALL_MS_MAX);
});
