import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CASES_SCHEMA_FILE, casesSchemaText } from './case-schema.ts';
import { parseCases } from './parse-cases.ts';
import type { TestCase } from './test-case.ts';

function casesOf(text: string): readonly TestCase[] {
  const outcome = parseCases(text, 'a.test.yaml');
  assert.ok('file' in outcome, 'errors' in outcome ? outcome.errors[0].describe() : '');
  return outcome.file.cases;
}

test('the published schema is that of the code', () => {
  const published = readFileSync(join(import.meta.dirname, '../../schema', CASES_SCHEMA_FILE), 'utf8');
  assert.equal(published, casesSchemaText(), 'run node scripts/write-schemas.ts');
});

test('values keep what is written: text, digits, bytes, null', () => {
  const [one] = casesOf(`
cases:
  - name: all forms
    input:
      - { value: "5", key: 7 }
      - { value: { "id": 12345678901234567890, "a": 5285.90 }, key: {base64: AAEC} }
      - { value: null, partition: 3, offset: 9, timestamp: -1 }
      - { value: [true], headers: { a: x, b: null, c: [y, {base64: /w==}], d: 5 } }
    dropped: true
`);
  assert.ok(one !== undefined);
  assert.equal(one.place, 'a.test.yaml:3:5');
  assert.deepEqual(
    one.input.map(({ key, value }) => [key, value]),
    [
      [
        { as: 'json', text: '7' },
        { as: 'text', text: '5' },
      ],
      [
        { as: 'bytes', bytes: Buffer.from([0, 1, 2]) },
        { as: 'json', text: '{"id":12345678901234567890,"a":5285.90}' },
      ],
      [{ as: 'null' }, { as: 'null' }],
      [{ as: 'null' }, { as: 'json', text: '[true]' }],
    ],
  );
  const [, , third, fourth] = one.input;
  assert.deepEqual([third?.partition, third?.offset, third?.timestampMs], [3, 9, -1]);
  assert.deepEqual(
    fourth?.headers.map(({ name, value }) => [name, value?.toString('hex')]),
    [
      ['a', '78'],
      ['b', undefined],
      ['c', '79'],
      ['c', 'ff'],
      ['d', '35'],
    ],
  );
  assert.deepEqual([one.outputs, one.errors], [[], []]);
});

test('outputs and errors stand alone or in lists', () => {
  const [one, two] = casesOf(`
schemas: { s-value: a.avsc }
cases:
  - name: one
    input: { value: 1 }
    output: { json_contains: { a: 1 }, topic: t, key: k, headers: {} }
  - name: two
    input: { value: 1 }
    output: [{ value: 1 }, { value: 2 }]
    error: [{ code: guest.failed }, { code: guest.trap, stage: 2, message_contains: x }]
`);
  assert.deepEqual(one?.outputs, [
    {
      topic: 't',
      key: { as: 'text', text: 'k' },
      value: { match: 'contains', part: { as: 'json', text: '{"a":1}' } },
      headers: [],
    },
  ]);
  assert.equal(two?.outputs.length, 2);
  assert.deepEqual(two.errors, [
    { code: 'guest.failed', stage: undefined, messageContains: undefined },
    { code: 'guest.trap', stage: 2, messageContains: 'x' },
  ]);
});

const BAD: readonly (readonly [text: string, code: string, place: string, path: string, hint: RegExp])[] = [
  ['', 'spec.missing_field', '1:1', '', /cases:/],
  ['cases: [', 'spec.not_yaml', '1:', '', /bracket/],
  ['cases: []', 'spec.out_of_range', '1:8', '/cases', /list/],
  ['case: [{}]', 'spec.unknown_field', '1:1', '/case', /`cases`/],
  [
    'cases: [{ name: a, inptu: { value: 1 }, dropped: true }]',
    'spec.unknown_field',
    '1:20',
    '/cases/0/inptu',
    /`input`/,
  ],
  ['cases: [{ name: a, dropped: true }]', 'spec.missing_field', '1:9', '/cases/0/input', /input/],
  [
    'cases: [{ name: a, input: { valeu: 1 }, dropped: true }]',
    'spec.unknown_field',
    '1:29',
    '/cases/0/input/valeu',
    /`value`/,
  ],
  [
    'cases: [{ name: a, input: { key: k }, dropped: true }]',
    'spec.missing_field',
    '1:27',
    '/cases/0/input/value',
    /tombstone/,
  ],
  ['cases: [{ name: a, input: [], dropped: true }]', 'spec.out_of_range', '1:20', '/cases/0/input', /at least one/],
  ['cases: [{ name: a, input: 5, dropped: true }]', 'spec.wrong_type', '1:27', '/cases/0/input', /./],
  [
    'cases: [{ name: a, input: [{ value: 1 }, { value: 1, topic: t }], dropped: true }]',
    'spec.unknown_field',
    '1:54',
    '/cases/0/input/1/topic',
    /./,
  ],
  ['cases: [{ name: a, input: { value: 1 } }]', 'spec.missing_field', '1:9', '/cases/0', /dropped: true/],
  [
    'cases: [{ name: a, input: { value: 1 }, dropped: false }]',
    'spec.wrong_type',
    '1:50',
    '/cases/0/dropped',
    /dropped/,
  ],
  [
    'cases: [{ name: a, input: { value: 1 }, dropped: true, error: { code: guest.trap } }]',
    'spec.conflict',
    '1:41',
    '/cases/0/dropped',
    /Leave/,
  ],
  [
    'cases: [{ name: a, input: { value: 1 }, output: { value: 1, json_contains: {} } }]',
    'spec.conflict',
    '1:61',
    '/cases/0/output/json_contains',
    /a part/,
  ],
  [
    'cases: [{ name: a, input: { value: 1 }, output: { json_contains: x } }]',
    'spec.wrong_type',
    '1:51',
    '/cases/0/output/json_contains',
    /value/,
  ],
  [
    'cases: [{ name: a, input: { value: 1 }, error: { code: guest.faild } }]',
    'spec.out_of_range',
    '1:56',
    '/cases/0/error/code',
    /`guest.failed`/,
  ],
  [
    'cases: [{ name: a, input: { value: { base64: "?" } }, dropped: true }]',
    'spec.wrong_type',
    '1:38',
    '/cases/0/input/value/base64',
    /base64/,
  ],
  [
    'cases: [{ name: a, input: { value: .inf }, dropped: true }]',
    'spec.out_of_range',
    '1:36',
    '/cases/0/input/value',
    /finite/,
  ],
  ['cases: [{ input: { value: 1 }, dropped: true }]', 'spec.missing_field', '1:9', '/cases/0/name', /name/],
  [
    'cases: [&a { name: a, input: { value: 1 }, dropped: true }, *a]',
    'spec.duplicate_name',
    '1:',
    '/cases/1/name',
    /Rename/,
  ],
];

for (const [text, code, place, path, hint] of BAD) {
  test(`refused: ${text === '' ? 'an empty file' : text}`, () => {
    const outcome = parseCases(text, 'a.test.yaml');
    assert.ok('errors' in outcome);
    const [first] = outcome.errors;
    assert.equal(first.code, code, first.describe());
    assert.ok(first.place?.startsWith(`a.test.yaml:${place}`), first.place);
    assert.equal(first.configPath ?? '', path);
    assert.match(first.suggestion ?? '', hint);
    assert.equal(outcome.errors.length, 1, outcome.errors.map((error) => error.describe()).join('\n'));
  });
}

test('every error of a file is told, in its order', () => {
  const outcome = parseCases(
    'cases:\n  - name: a\n    inptu: {}\n  - name: a\n    input: { valeu: 1 }\n',
    'a.test.yaml',
  );
  assert.ok('errors' in outcome);
  const places = outcome.errors.map(({ place }) => place);
  assert.deepEqual(
    places,
    [3, 4, 4, 5].map((line, i) => `a.test.yaml:${line}:${[5, 5, 11, 14][i] ?? 0}`),
  );
});

test('every YAML block of docs/testing.md is a cases file', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/testing.md'), 'utf8');
  const blocks = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)];
  assert.ok(blocks.length >= 3);
  for (const [, text = ''] of blocks) casesOf(text);
});
