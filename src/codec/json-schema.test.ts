import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JsonSchema } from './json-schema.ts';
import type { ReferencedSchema } from './schema.ts';
import { misfitOf, within } from './testing/avro-fixture.ts';

const compile = (schema: unknown, references: readonly ReferencedSchema[] = []): JsonSchema =>
  JsonSchema.compile(JSON.stringify(schema), references);
const refusal = (schema: JsonSchema, value: unknown): string => {
  const misfit = misfitOf(() => schema.check(value, 'record.schema_mismatch'));
  assert.equal(misfit.code, 'record.schema_mismatch');
  return misfit.describe();
};

const DRAFTS = [
  undefined,
  'http://json-schema.org/draft-07/schema#',
  'http://json-schema.org/draft-07/schema',
  'https://json-schema.org/draft/2019-09/schema',
  'https://json-schema.org/draft/2020-12/schema',
];

for (const $schema of DRAFTS) {
  test(`${$schema ?? 'no dialect'}: what fits passes, what does not is told with its place and without its value`, () => {
    const schema = compile({
      ...($schema === undefined ? {} : { $schema }),
      title: 'Order',
      type: 'object',
      required: ['id'],
      properties: {
        id: { type: 'integer' },
        tags: { type: 'array', items: { type: 'string' } },
        'a/b~c': { type: 'null' },
      },
      additionalProperties: false,
    });
    assert.equal(schema.name, 'Order');
    schema.check({ id: 1, tags: ['x'] }, 'record.malformed');
    assert.equal(refusal(schema, { id: 'hunter2' }), '$.id: must be integer');
    assert.equal(refusal(schema, { id: 1, tags: ['x', 7] }), '$.tags[1]: must be string');
    assert.equal(refusal(schema, { id: 1, 'a/b~c': 1 }), '$["a/b~c"]: must be null');
    assert.equal(refusal(schema, {}), "must have required property 'id'");
    assert.equal(refusal(schema, { id: 1, more: 'hunter2' }), 'has a field "more" that the schema does not have');
    assert.equal(refusal(schema, []), 'must be object');
    // Again, after a failure.
    schema.check({ id: 1 }, 'record.malformed');
    assert.equal(misfitOf(() => schema.check(1, 'record.malformed')).code, 'record.malformed');
  });
}

test('each dialect has its own words', () => {
  const items = { prefixItems: [{ type: 'string' }], items: false };
  const tuple = compile({ $schema: 'https://json-schema.org/draft/2020-12/schema', ...items });
  tuple.check(['x'], 'record.malformed');
  refusal(tuple, ['x', 'y']);
  const old = compile({
    $schema: 'http://json-schema.org/draft-07/schema#',
    items: [{ type: 'string' }],
    additionalItems: false,
  });
  old.check(['x'], 'record.malformed');
  refusal(old, ['x', 'y']);
  const dependent = compile({
    $schema: 'https://json-schema.org/draft/2019-09/schema',
    dependentRequired: { a: ['b'] },
    unevaluatedProperties: false,
    properties: { a: {}, b: {} },
  });
  dependent.check({ a: 1, b: 1 }, 'record.malformed');
  refusal(dependent, { a: 1 });
  refusal(dependent, { b: 1, c: 1 });
});

test('schemas that are booleans', () => {
  compile(true).check({ any: 'thing' }, 'record.malformed');
  refusal(compile(false), null);
  assert.equal(compile(true).name, '');
});

test('the name is the title, else the id', () => {
  assert.equal(compile({ title: 't', $id: 'http://x/y' }).name, 't');
  assert.equal(compile({ $id: 'http://x/y' }).name, 'http://x/y');
});

test('other schemas are found by the name they are referred to with, relative and absolute', () => {
  const address = {
    name: 'address.json',
    text: JSON.stringify({ type: 'object', properties: { city: { $ref: 'http://x/city.json' } } }),
  };
  const city = { name: 'http://x/city.json', text: JSON.stringify({ $id: 'http://x/city.json', type: 'string' }) };
  const schema = compile(
    { properties: { home: { $ref: 'address.json' }, work: { $ref: 'address.json#/properties/city' } } },
    [city, address],
  );
  schema.check({ home: { city: 'x' }, work: 'y' }, 'record.malformed');
  assert.equal(refusal(schema, { home: { city: 1 } }), '$.home.city: must be string');
  assert.equal(refusal(schema, { work: 1 }), '$.work: must be string');
  // By a name that is not its own id.
  const renamed = { name: 'other.json', text: JSON.stringify({ $id: 'http://x/real.json', type: 'string' }) };
  refusal(compile({ $ref: 'other.json' }, [renamed]), 1);
});

test('what is no schema, or refers to what is not there, is invalid', () => {
  const invalid = { code: 'schema.invalid' };
  for (const text of [
    '',
    '{',
    '1',
    'null',
    '[]',
    '"string"',
    '{"type":"nothing"}',
    '{"type":7}',
    '{"properties":1}',
    '{"$ref":"missing.json"}',
    '{"pattern":"("}',
    '{"$schema":"http://json-schema.org/draft-99/schema#"}',
  ]) {
    assert.throws(() => JsonSchema.compile(text, []), invalid, text);
  }
  for (const text of ['{', '1', '{"type":7}'])
    assert.throws(() => compile({ $ref: 'bad' }, [{ name: 'bad', text }]), invalid);
});

test('a schema may refer to one of another dialect', () => {
  const text = JSON.stringify({ $schema: 'http://json-schema.org/draft-07/schema#', type: 'string' });
  const schema = compile(
    { $schema: 'https://json-schema.org/draft/2020-12/schema', properties: { a: { $ref: 'a.json' } } },
    [{ name: 'a.json', text }],
  );
  schema.check({ a: 'x' }, 'record.malformed');
  assert.equal(refusal(schema, { a: 1 }), '$.a: must be string');
});

test('a schema whose answer would come later is invalid', () => {
  assert.throws(() => compile({ $async: true, type: 'string' }), {
    code: 'schema.invalid',
    message: /\$async is not supported/,
  });
});

test('an old draft is not supported, and the message says which are', () => {
  for (const draft of ['03', '04', '06']) {
    assert.throws(() => compile({ $schema: `http://json-schema.org/draft-${draft}/schema#` }), {
      code: 'schema.unsupported',
      message: /draft-07, 2019-09 and 2020-12 are supported/,
    });
  }
});

test('what every object has is not in the record', () => {
  const schema = compile({ properties: { constructor: { type: 'string' }, a: {} }, additionalProperties: false });
  schema.check({ a: 1 }, 'record.malformed');
  assert.equal(refusal(schema, { constructor: 1 }), '$.constructor: must be string');
  assert.match(refusal(compile({ required: ['toString'] }), {}), /must have required property 'toString'/);
  assert.match(refusal(schema, JSON.parse('{"__proto__":{"a":1}}')), /has a field "__proto__"/);
});

test('a thousand schemas cost no more than a thousand small compilations', () => {
  within(10_000, () => {
    for (let i = 0; i < 1000; i += 1) compile({ title: `T${i}`, properties: { [`f${i}`]: { type: 'string' } } });
  });
});

test('a schema that is judged leaves nothing behind: the same id may come again', () => {
  for (const type of ['string', 'integer']) {
    const schema = compile({ $id: 'http://x/same.json', type });
    schema.check(type === 'string' ? 'x' : 1, 'record.malformed');
    refusal(schema, type === 'string' ? 1 : 'x');
  }
});

test('style is no error, and formats are notes', () => {
  const schema = compile({ type: 'string', format: 'email', unknownWord: 1, minItems: 1 });
  schema.check('no email', 'record.malformed');
});

test('text of a schema never becomes code', () => {
  const text = "'];globalThis.injectedByJson=1;//\n`${globalThis.injectedByJson=1}`";
  const schema = compile({
    title: text,
    properties: { [text]: { type: 'string', const: text } },
    required: [text],
    patternProperties: { '^x': { enum: [text] } },
  });
  schema.check({ [text]: text }, 'record.malformed');
  refusal(schema, { [text]: 1 });
  assert.equal((globalThis as { injectedByJson?: unknown }).injectedByJson, undefined);
});

test('a value nested deep is a misfit where the schema is recursive, and the thread goes on', () => {
  const schema = compile({
    $ref: '#/definitions/list',
    definitions: { list: { type: 'array', items: { $ref: '#/definitions/list' } } },
  });
  const deep: unknown = JSON.parse(`${'['.repeat(500_000)}${']'.repeat(500_000)}`);
  within(3000, () => assert.match(refusal(schema, deep), /nested too deep/));
  schema.check([[], [[]]], 'record.malformed');
});

test('a recursive schema tells a place of any depth', () => {
  const schema = compile({ type: 'object', properties: { next: { $ref: '#' } } });
  assert.equal(refusal(schema, { next: { next: { next: 1 } } }), '$.next.next.next: must be object');
});
