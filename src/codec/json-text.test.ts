import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRng, type Rng } from '../base/rng.ts';
import { digitsOf, kindOf, parseJson, textOf } from './json-text.ts';
import { misfitOf, within } from './testing/avro-fixture.ts';

const LONG_NUMBERS = [
  '9007199254740991',
  '9007199254740992',
  '9007199254740993',
  '-9007199254740993',
  '9223372036854775807',
  '9223372036854775808',
  '-9223372036854775808',
  '-9223372036854775809',
  '12345678901234567890',
  '0.12345678901234567',
  '-1234567890.1234567',
  '1.234567890123456789e-17',
  '1.2345678901234567E+300',
  '0.00000000000000001',
];

for (const number of LONG_NUMBERS) {
  test(`${number} keeps its digits wherever it stands`, () => {
    assert.equal(digitsOf(parseJson(number)), number);
    assert.equal(digitsOf(parseJson(` ${number}\n`)), number);
    const nested = parseJson(`{"a":[1,${number},"x"],"b":${number}}`) as { a: unknown[]; b: unknown };
    assert.equal(digitsOf(nested.a[1]), number);
    assert.equal(digitsOf(nested.b), number);
    assert.equal(nested.a[0], 1);
    assert.equal(kindOf(nested.b), 'a number');
  });
}

test('strings with digits, quotes and escapes stay what they are', () => {
  const strings = [
    '9007199254740993',
    '"9007199254740993"',
    '\\',
    '\\"',
    ':9007199254740993,',
    '\\\\" 12345678901234567890 "',
    '\u0000abc:9007199254740993',
    'é\u2028\ud83d\ude009007199254740993',
    '',
  ];
  const value = { ...Object.fromEntries(strings.map((text) => [text, text])), long: 1 };
  const text = JSON.stringify(value).replace('"long":1', '"long":9007199254740993');
  const parsed = parseJson(text) as Record<string, unknown>;
  assert.equal(digitsOf(parsed['long']), '9007199254740993');
  for (const one of strings) {
    assert.equal(parsed[one], one);
    assert.equal(digitsOf(parsed[one]), undefined);
  }
});

test('a key with an escape does not make the numbers beside it inexact', () => {
  const parsed = parseJson('{"a\\u0062":9007199254740993}') as Record<string, unknown>;
  assert.equal(digitsOf(parsed['ab']), '9007199254740993');
});

test('short numbers are plain numbers, also beside long ones', () => {
  const parsed = parseJson('[0,-0.5,1e3,123456789012345,9007199254740993]') as unknown[];
  assert.deepEqual(parsed.slice(0, 3), [0, -0.5, 1000]);
});

test('of keys that come twice the last one counts, as for JSON.parse', () => {
  assert.deepEqual({ ...(parseJson('{"a":1,"a":2}') as object) }, { a: 2 });
  assert.equal(
    digitsOf((parseJson('{"a":1,"a":9007199254740993}') as Record<string, unknown>)['a']),
    '9007199254740993',
  );
});

test('a key named __proto__ is a key', () => {
  const parsed = parseJson('{"__proto__":{"polluted":9007199254740993}}') as object;
  assert.deepEqual(Object.keys(parsed), ['__proto__']);
  assert.equal(Object.getPrototypeOf(parsed), Object.prototype);
});

test('what is not JSON is refused, and the message does not quote it', () => {
  const secret = 'hunter2-very-secret';
  for (const text of [
    '',
    ' ',
    '{',
    `{"a":${secret}}`,
    `[1,2,${secret}`,
    `"${secret}`,
    `{"a":1}${secret}`,
    '01',
    '1.',
    '.5',
    '+1',
    'NaN',
    "{'a':1}",
    '\ufeff{}',
    '"\n"',
    '[1,]',
    '9007199254740993x',
  ]) {
    const misfit = misfitOf(() => parseJson(text));
    assert.equal(misfit.code, 'record.not_json');
    assert.doesNotMatch(misfit.message, /hunter|secret/);
  }
  assert.match(misfitOf(() => parseJson('[1,2 3]')).message, /from character 5 on/);
  assert.equal(misfitOf(() => parseJson('[in JSON at position 4711')).message, 'it is not JSON');
});

test('bytes that are not UTF-8 are refused, and U+FFFD itself is a character as any other', () => {
  for (const bytes of [
    [0x80],
    [0xc0, 0x80],
    [0xe2, 0x82],
    [0xed, 0xa0, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
    [0x61, 0xff],
  ]) {
    assert.equal(misfitOf(() => textOf(Buffer.from(bytes))).code, 'record.not_json');
  }
  assert.equal(textOf(Buffer.from('a\ufffd😀')), 'a\ufffd😀');
  assert.equal(
    misfitOf(() => textOf(Buffer.concat([Buffer.from('\ufffd'), Buffer.from([0xff])]))).code,
    'record.not_json',
  );
});

test('hostile texts of a megabyte take a moment, and no more', () => {
  const long = '9007199254740993';
  const size = 1_000_000;
  const texts = [
    `["${'\\"'.repeat(size / 2)}",${long}]`,
    `["${'\\\\'.repeat(size / 2)}",${long}]`,
    `["${'a'.repeat(size)}",${long}]`,
    `["${'1'.repeat(size)}",${long}]`,
    `[${'1,'.repeat(size / 2)}${long}]`,
    `[${'12345678901234,'.repeat(size / 15)}${long}]`,
    `[${`${long},`.repeat(size / 17)}${long}]`,
    `[${'"",'.repeat(size / 3)}${long}]`,
    '1'.repeat(size),
    `0.${'0'.repeat(size)}1`,
  ];
  for (const text of texts) {
    within(2000, () => {
      const parsed = parseJson(text);
      const last = Array.isArray(parsed) ? parsed.at(-1) : parsed;
      assert.equal(digitsOf(last), Array.isArray(parsed) ? long : text);
    });
  }
});

test('a string of many megabytes with a long number beside it is read', () => {
  const text = `["${'\\"a'.repeat(8_000_000)}",9007199254740993]`;
  within(10_000, () => assert.equal(digitsOf((parseJson(text) as unknown[])[1]), '9007199254740993'));
});

test('deep nesting is read, or refused as a record is: it never ends the thread', () => {
  for (const depth of [1000, 100_000, 1_000_000]) {
    within(5000, () => {
      try {
        parseJson(`${'['.repeat(depth)}9007199254740993${']'.repeat(depth)}`);
      } catch (thrown) {
        assert.equal((thrown as { code?: unknown }).code, 'record.not_json');
      }
    });
  }
});

function pick<T>(rng: Rng, of: readonly T[]): T {
  return of[Math.floor(rng() * of.length)] as T;
}

/** JSON with numbers that a double holds: spacing, escapes and all. */
function randomJson(rng: Rng, depth: number): string {
  const space = pick(rng, ['', '', ' ', '\n\t']);
  const kind = Math.floor(rng() * (depth > 0 ? 6 : 4));
  if (kind === 0) return `${space}${pick(rng, ['null', 'true', 'false'])}${space}`;
  if (kind === 1) return randomNumber(rng);
  if (kind <= 3) return randomString(rng);
  const inner = Array.from({ length: Math.floor(rng() * 5) }, () => randomJson(rng, depth - 1));
  if (kind === 4) return `[${inner.join(`${space},`)}${space}]`;
  return `{${inner.map((one) => `${space}${randomString(rng)}${space}:${one}`).join(',')}}`;
}

function randomNumber(rng: Rng): string {
  const digits = (): string =>
    Array.from({ length: 1 + Math.floor(rng() * 22) }, () => Math.floor(rng() * 10)).join('');
  const whole = digits().replace(/^0+(?=.)/, '');
  const fraction = rng() < 0.4 ? `.${digits()}` : '';
  const exponent = rng() < 0.3 ? `${pick(rng, ['e', 'E'])}${pick(rng, ['', '+', '-'])}${Math.floor(rng() * 40)}` : '';
  return `${pick(rng, ['', '-'])}${whole}${fraction}${exponent}`;
}

function randomString(rng: Rng): string {
  const parts = [
    'a',
    '1234567890123456',
    '\\"',
    '\\\\',
    '\\n',
    '\\u0000',
    '\\ud83d',
    '😀',
    '{',
    '}',
    ':',
    ',',
    ' ',
    '__proto__',
    'é',
    '-1.5e10',
  ];
  return `"${Array.from({ length: Math.floor(rng() * 6) }, () => pick(rng, parts)).join('')}"`;
}

function rounded(value: unknown): unknown {
  const digits = digitsOf(value);
  if (digits !== undefined) return Number(digits);
  if (Array.isArray(value)) return value.map(rounded);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, rounded(inner)]));
}

test('any JSON text is read as JSON.parse reads it, but for the digits it keeps (seed 6)', () => {
  const rng = seededRng(6);
  let marked = 0;
  for (let i = 0; i < 5000; i += 1) {
    const text = randomJson(rng, 4);
    const parsed = parseJson(text);
    assert.deepEqual(rounded(parsed), JSON.parse(text), text);
    if (JSON.stringify(parsed) !== JSON.stringify(JSON.parse(text))) marked += 1;
  }
  assert.ok(marked > 100, 'the texts have long numbers in them');
});
