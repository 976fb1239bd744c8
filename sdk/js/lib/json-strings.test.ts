import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure, mapJsonStrings } from './index.js';

const upper = (text: string): string => text.toUpperCase();

void test('every byte stays but the strings that change', () => {
  for (const [json, changed] of [
    ['{ "id" : 20211207123456789012,\n "a":"x", "n": 1.50 }', '{ "id" : 20211207123456789012,\n "a":"X", "n": 1.50 }'],
    ['"a"', '"A"'],
    [' ["a","1",[],{}, "b" ] ', ' ["A","1",[],{}, "B" ] '],
    ['{"a"\t:"b"\n}', '{"a"\t:"B"\n}'],
    ['{"a:":":b","c":"{\\"d\\":1}"}', '{"a:":":B","c":"{\\"D\\":1}"}'],
    ['{"a\\\\":"\\\\","b":"\\\\\\"x","c":"\\u0061\\u00e9"}', '{"a\\\\":"\\\\","b":"\\\\\\"X","c":"AÉ"}'],
    ['{"\\"":"a\\"","b":"c"}', '{"\\"":"A\\"","b":"C"}'],
    ['["\\/","\\u0041"]', '["\\/","\\u0041"]'],
    ['{}', '{}'],
    ['1e400', '1e400'],
    ['""', '""'],
  ] as const) {
    assert.equal(mapJsonStrings(json, upper), changed);
  }
});

void test('what is put in is escaped', () => {
  const json = mapJsonStrings('["a","b"]', (text) => (text === 'a' ? '"\\\n\u0001' : ''));
  assert.equal(json, '["\\"\\\\\\n\\u0001",""]');
});

void test('the names that lead to a string', () => {
  const found: string[] = [];
  const json =
    '{"a":"1","b":{"c":["2",{"d":"3"},["4"]],"e":"5"},"f":[1,{}],"g":"6","h\\u0069":"7","[":"8","}":{"x":{}},"z":"9"}';
  mapJsonStrings(json, (text, names) => {
    found.push(`${text} ${names.join('.')}`);
    return text;
  });
  assert.deepEqual(found, ['1 a', '2 b.c.c', '3 b.c.c.d', '4 b.c.c.c', '5 b.e', '6 g', '7 hi', '8 [', '9 z']);
});

void test('what is no JSON fails, and is not quoted', () => {
  for (const text of ['', '{"secret"', 'secret', "{'a':1}"]) {
    assert.throws(() => mapJsonStrings(text, upper), {
      constructor: Failure,
      message: 'the value is no JSON',
      retry: false,
    });
  }
});

void test('of any text it makes what JSON.parse and JSON.stringify make', () => {
  const seed = Number(process.env['SEED'] ?? Date.now());
  let state = seed >>> 0;
  const below = (n: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  const text = (): string => Array.from({ length: below(5) }, () => 'ab"\\:,{}[] \né'.charAt(below(13))).join('');
  const value = (depth: number): unknown => {
    const kind = below(depth > 3 ? 3 : 5);
    if (kind === 0) return below(100);
    if (kind < 3) return text();
    const items = Array.from({ length: below(4) }, () => value(depth + 1));
    return kind === 3 ? items : Object.fromEntries(items.map((item) => [text(), item]));
  };
  const changed = (given: unknown): unknown => {
    if (typeof given === 'string') return upper(given);
    if (Array.isArray(given)) return given.map(changed);
    if (typeof given !== 'object' || given === null) return given;
    return Object.fromEntries(Object.entries(given).map(([name, item]) => [name, changed(item)]));
  };
  for (let i = 0; i < 2000; i += 1) {
    const given = value(0);
    for (const indent of [0, 2]) {
      const json = JSON.stringify(given, null, indent);
      assert.equal(mapJsonStrings(json, upper), JSON.stringify(changed(given), null, indent), `seed ${seed}: ${json}`);
    }
  }
});
