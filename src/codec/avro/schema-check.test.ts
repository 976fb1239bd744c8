import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codecOf, codecOfText, encoded, roundTrip, within } from '../testing/avro-fixture.ts';
import { readSchema } from './schema-check.ts';

const invalid = { code: 'schema.invalid' };
const unsupported = { code: 'schema.unsupported' };

test('what is no JSON, or no schema, is refused', () => {
  for (const text of ['', 'string', '{', '"string', '[1', '\u0000']) {
    assert.throws(() => codecOfText(text), { code: 'schema.invalid', message: 'the schema is not JSON' });
  }
  for (const text of [
    '1',
    'true',
    'null',
    '[]',
    '{}',
    '[1]',
    '[null]',
    '{"type":1}',
    '{"type":null}',
    '{"type":[]}',
    '{"type":"nothing"}',
    '"nothing"',
    '9007199254740993',
    '{"type":"record"}',
    '{"type":"record","name":"R"}',
    '{"type":"record","name":"R","fields":{}}',
    '{"type":"record","name":"R","fields":[1]}',
    '{"type":"record","name":"R","fields":[{"name":"a"}]}',
    '{"type":"array"}',
    '{"type":"map","values":1}',
    '{"type":"enum","name":"E","symbols":[]}',
    '{"type":"enum","name":"E","symbols":"A"}',
    '{"type":"fixed","name":"F"}',
    '{"type":"fixed","name":"F","size":-1}',
    '{"type":"fixed","name":"F","size":12345678901234567890}',
    '[["int"]]',
    '["int","int"]',
    '{"type":"union"}',
    '{"type":"record","name":"int","fields":[]}',
  ]) {
    assert.throws(() => codecOfText(text), invalid, text);
  }
});

test('the primitive types stand for themselves', () => {
  for (const type of ['null', 'boolean', 'int', 'long', 'float', 'double', 'string', 'bytes'])
    assert.equal(codecOf(type).name, type);
});

declare global {
  // eslint-disable-next-line no-var -- what injected code would leave behind
  var injected: unknown;
}

const CODE = [
  "a.b'];globalThis.injected=1;//",
  'a;globalThis.injected=1;//',
  'a(){globalThis.injected=1}',
  'a=globalThis.injected=1',
  "a'+(globalThis.injected=1)+'",
  'a\n;globalThis.injected=1',
  'a b',
  'a.',
  '.a',
  'a..b',
  '1a',
  'a-b',
  'é',
  'a\u2028b',
  '',
  'a\n',
];

test('a name that would be code is none, wherever a name can stand', () => {
  for (const name of CODE) {
    const field = { name: 'a', type: 'int' };
    const schemas: readonly unknown[] = [
      { type: 'record', name, fields: [field] },
      { type: 'record', name: 'R', namespace: name === '' ? ' ' : name, fields: [field] },
      { type: 'record', name: 'R', aliases: [name], fields: [field] },
      { type: 'record', name: 'R', fields: [{ ...field, name }] },
      { type: 'record', name: 'R', fields: [{ ...field, aliases: [name] }] },
      { type: 'record', name: 'R', fields: [{ name: 'a', type: { type: 'record', name, fields: [] } }] },
      {
        type: 'record',
        name: 'R',
        fields: [
          {
            name: 'a',
            type: ['null', { type: 'map', values: { type: 'array', items: { type: 'error', name, fields: [] } } }],
          },
        ],
      },
      { type: 'enum', name, symbols: ['A'] },
      { type: 'enum', name: 'E', symbols: ['A', name] },
      { type: 'fixed', name, size: 1 },
      { type: name },
      { type: { type: name } },
      { type: 'array', items: name },
      ['null', name],
    ];
    for (const schema of schemas) assert.throws(() => codecOf(schema), invalid, JSON.stringify(schema));
  }
  for (const name of [1, true, null, {}, ['a']])
    assert.throws(() => codecOf({ type: 'record', name: 'R', fields: [{ name, type: 'int' }] }), invalid);
  assert.equal(globalThis.injected, undefined);
});

test('what is text in a schema stays text', () => {
  const text = "'];globalThis.injected=1;//\n*/`${globalThis.injected=1}`";
  const schema = {
    type: 'record',
    name: 'R',
    doc: text,
    [text]: text,
    fields: [
      { name: 's', type: 'string', doc: text, default: text, [text]: text },
      { name: 'm', type: { type: 'map', values: 'string' }, default: { [text]: text } },
    ],
  };
  const codec = codecOf(schema);
  assert.deepEqual(JSON.parse(roundTrip(codec, '{}')), { s: text, m: { [text]: text } });
  assert.deepEqual(JSON.parse(codec.readerOf(codec).toJson(encoded(codec, '{}'))), { s: text, m: { [text]: text } });
  assert.throws(
    () => codecOf({ type: 'record', name: 'R', fields: [{ name: 'a', type: 'int', order: text }] }),
    invalid,
  );
  assert.equal(globalThis.injected, undefined);
});

test('names that avsc cannot keep are not supported, and say so', () => {
  const field = { name: 'a', type: 'int' };
  for (const schema of [
    { type: 'record', name: '__proto__', fields: [field] },
    { type: 'record', name: 'R', fields: [{ ...field, name: '__proto__' }] },
    { type: 'record', name: 'R', fields: [{ ...field, aliases: ['__proto__'] }] },
    { type: 'enum', name: 'E', symbols: ['__proto__'] },
    { type: 'enum', name: 'E', symbols: ['A', 'constructor'] },
    { type: 'enum', name: 'E', symbols: ['toString'] },
    ['null', { type: 'record', name: 'hasOwnProperty', fields: [] }],
  ]) {
    assert.throws(() => codecOf(schema), unsupported, JSON.stringify(schema));
  }
  assert.equal(roundTrip(codecOf({ type: 'record', name: 'a.__proto__', fields: [field] }), '{"a":1}'), '{"a":1}');
});

test('names too long, schemas too deep and too large are refused in a moment', () => {
  const long = 'a'.repeat(513);
  within(1000, () => assert.throws(() => codecOf({ type: 'fixed', name: long, size: 1 }), invalid));
  within(1000, () => assert.throws(() => codecOf({ type: 'fixed', name: 'a.'.repeat(500_000), size: 1 }), invalid));
  assert.equal(codecOf({ type: 'fixed', name: 'a'.repeat(512), size: 1 }).name.length, 512);
  const nested = (depth: number): string => `${'{"type":"array","items":'.repeat(depth)}"int"${'}'.repeat(depth)}`;
  assert.equal(codecOfText(nested(99)).name, 'array');
  for (const depth of [101, 10_000, 1_000_000])
    within(3000, () => assert.throws(() => codecOfText(nested(depth)), invalid));
  within(3000, () => assert.throws(() => codecOfText(`[${'"int",'.repeat(200_000)}"int"]`), invalid));
  within(3000, () =>
    assert.throws(
      () =>
        codecOfText(
          `{"type":"record","name":"R","fields":[{"name":"a","type":"int","default":${'['.repeat(100_000)}${']'.repeat(100_000)}}]}`,
        ),
      invalid,
    ),
  );
});

test('a large schema that is allowed is compiled in bounded time', () => {
  const enums = Array.from({ length: 5000 }, (_, i) => ({ type: 'enum', name: `E${i}`, symbols: ['A'] }));
  within(5000, () => assert.equal(roundTrip(codecOf(['null', ...enums]), '"A"'), '"A"'));
  const fields = Array.from({ length: 5000 }, (_, i) => ({ name: `f${i}`, type: ['null', 'string'], default: null }));
  within(5000, () => roundTrip(codecOf({ type: 'record', name: 'R', fields }), '{}'));
});

test('records of nothing in records of nothing do not multiply without bound', () => {
  const levels = Array.from({ length: 40 }, (_, i) => i);
  const inner = levels.reduce<unknown>(
    (type, i) => ({
      type: 'record',
      name: `R${i}`,
      fields: [
        { name: 'a', type },
        { name: 'b', type: i === 0 ? 'null' : `R${i - 1}` },
      ],
    }),
    'null',
  );
  within(3000, () => assert.throws(() => codecOf(inner), unsupported));
});

// ---- names -------------------------------------------------------------------------------------------------------

test('a name that is declared twice, or not at all, is refused', () => {
  const fixed = { type: 'fixed', name: 'F', size: 1 };
  assert.throws(
    () =>
      codecOf({
        type: 'record',
        name: 'R',
        fields: [
          { name: 'a', type: fixed },
          { name: 'b', type: fixed },
        ],
      }),
    /duplicate type name/,
  );
  assert.throws(
    () => codecOf({ type: 'record', name: 'F', fields: [{ name: 'a', type: fixed }] }),
    /duplicate type name/,
  );
  assert.throws(
    () => codecOf({ type: 'record', name: 'R', fields: [{ name: 'a', type: 'Missing' }] }),
    /undefined type name: Missing/,
  );
  assert.throws(
    () => codecOf({ type: 'record', name: 'R', fields: [{ name: 'a', type: 'toString' }] }),
    /undefined type name: toString/,
  );
});

test('a type is referred to by name, bare or in a bracket of its own', () => {
  const id = { type: 'fixed', name: 'Id', namespace: 'ids', size: 1 };
  const codec = codecOf({
    type: 'record',
    name: 'R',
    namespace: 'ns',
    fields: [
      { name: 'a', type: id },
      { name: 'b', type: 'ids.Id' },
      { name: 'c', type: { type: 'ids.Id' } },
      { name: 'd', type: { type: { type: 'ids.Id' } } },
      { name: 'e', type: ['null', { type: 'R' }] },
      { name: 'f', type: ['null', 'ns.R'] },
    ],
  });
  const json = '{"a":"a","b":"b","c":"c","d":"d","e":{"a":"a","b":"b","c":"c","d":"d","e":null,"f":null},"f":null}';
  assert.equal(roundTrip(codec, json), json);
  assert.equal(codec.name, 'ns.R');
});

test('namespaces: inherited, of the name itself, and none', () => {
  const e = { type: 'enum', name: 'E', symbols: ['A'] };
  const branchOf = (schema: object): string =>
    Object.keys(
      (
        JSON.parse(roundTrip(codecOf(schema, { json: 'avro_json' }), JSON.stringify({ a: { [expected]: 'A' } }))) as {
          a: object;
        }
      ).a,
    )[0] as string;
  let expected = 'ns.E';
  assert.equal(branchOf({ type: 'record', name: 'R', namespace: 'ns', fields: [{ name: 'a', type: [e] }] }), expected);
  assert.equal(branchOf({ type: 'record', name: 'ns.R', fields: [{ name: 'a', type: [e] }] }), expected);
  // A full name is what it is, whatever stands beside it.
  assert.equal(
    branchOf({ type: 'record', name: 'ns.R', namespace: 'other', fields: [{ name: 'a', type: [e] }] }),
    expected,
  );
  expected = 'E';
  assert.equal(
    branchOf({ type: 'record', name: 'R', namespace: 'ns', fields: [{ name: 'a', type: [{ ...e, namespace: '' }] }] }),
    expected,
  );
});

test('a name of no namespace is found from within one', () => {
  const inner = { type: 'record', name: 'ns.Inner', fields: [{ name: 'o', type: ['null', 'Outer'] }] };
  const codec = codecOf({ type: 'record', name: 'Outer', fields: [{ name: 'i', type: ['null', inner] }] });
  assert.equal(roundTrip(codec, '{"i":{"o":{"i":null}}}'), '{"i":{"o":{"i":null}}}');
});

test('schemas that are referred to come first, in order, and only their names matter', () => {
  const address = JSON.stringify({
    type: 'record',
    name: 'Address',
    namespace: 'a',
    fields: [{ name: 'city', type: 'string' }],
  });
  const person = JSON.stringify({
    type: 'record',
    name: 'Person',
    namespace: 'p',
    fields: [{ name: 'home', type: 'a.Address' }],
  });
  const order = {
    type: 'record',
    name: 'o.Order',
    fields: [
      { name: 'by', type: 'p.Person' },
      { name: 'to', type: 'a.Address' },
    ],
  };
  const json = '{"by":{"home":{"city":"x"}},"to":{"city":"y"}}';
  const references = [
    { name: 'a.Address', text: address },
    { name: 'p.Person', text: person },
  ];
  assert.equal(roundTrip(codecOf(order, {}, references), json), json);
  assert.throws(() => codecOf(order, {}, references.toReversed()), /undefined type name: a\.Address/);
  assert.throws(() => codecOf(order, {}, references.slice(1)), /undefined type name/);
  assert.throws(() => codecOf(order, {}, [...references, { name: 'bad', text: '{' }]), invalid);
  // As the registry of another compile: nothing is left over.
  assert.throws(() => codecOf('a.Address'), /undefined type name/);
});

test('the schema that was looked at is the one that is used', () => {
  assert.deepEqual(readSchema('{"type":"int","x":[1,{"y":null}]}'), { type: 'int', x: [1, { y: null }] });
});
