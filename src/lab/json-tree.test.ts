import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alignedWith, firstDifference } from './json-difference.ts';
import { prettyJson, readJsonTree, shortJson, type JsonTree } from './json-tree.ts';

function tree(text: string): JsonTree {
  const read = readJsonTree(text);
  assert.ok(read !== undefined, text);
  return read;
}

test('JSON is read with every digit, escapes undone, the last of a repeated field kept', () => {
  for (const [text, short] of [
    [' {"a" : [1, -2.50e+10,true ,null], "b":{} } ', '{"a":[1,-2.50e+10,true,null],"b":{}}'],
    ['12345678901234567890.10', '12345678901234567890.10'],
    ['"\\u00e9\\"\\\\"', '"é\\"\\\\"'],
    ['{"a":1,"b":2,"a":3}', '{"b":2,"a":3}'],
    ['{"__proto__":1}', '{"__proto__":1}'],
    ['[[],[[]],""]', '[[],[[]],""]'],
  ] as const) {
    assert.equal(shortJson(tree(text)), short);
  }
});

test('what is no JSON, or too deep to compare, is none', () => {
  for (const text of ['', '{', '{"a":}', 'nul', '01', '[1,]', '\ufeff1', '['.repeat(2000) + ']'.repeat(2000)]) {
    assert.equal(readJsonTree(text), undefined, text.slice(0, 20));
  }
});

test('printed as people write it, and read again it is the same', () => {
  const text = '{"a":[1,{"b":"x"}],"c":{},"d":[]}';
  const lines = prettyJson(tree(text));
  assert.deepEqual(lines, [
    '{',
    '  "a": [',
    '    1,',
    '    {',
    '      "b": "x"',
    '    }',
    '  ],',
    '  "c": {},',
    '  "d": []',
    '}',
  ]);
  assert.equal(shortJson(tree(lines.join('\n'))), text);
});

test('exact: the order of fields does not matter, digits do', () => {
  const differ = (a: string, b: string): string | undefined => firstDifference(tree(a), tree(b), 'exact')?.path;
  assert.equal(differ('{"a":1,"b":2}', '{"b":2,"a":1}'), undefined);
  assert.equal(differ('{"a":5285.90}', '{"a":5285.9}'), '/a');
  assert.equal(differ('{"a":12345678901234567890}', '{"a":12345678901234567891}'), '/a');
  assert.equal(differ('[1,2]', '[2,1]'), '/0');
  assert.equal(differ('[1]', '[1,2]'), '/1');
  assert.equal(differ('{"a":{"b/c":[0,{"d":1}]}}', '{"a":{"b/c":[0,{"d":2}]}}'), '/a/b~1c/1/d');
  assert.equal(differ('{}', '{"a":1}'), '/a');
  assert.equal(differ('"1"', '1'), '');
  assert.equal(differ('{}', '[]'), '');
});

test('contains: fields that are not named are passed over, at any depth; items are not', () => {
  const differ = (a: string, b: string): string | undefined => firstDifference(tree(a), tree(b), 'contains')?.path;
  assert.equal(differ('{"a":{"b":1}}', '{"x":0,"a":{"b":1,"c":2}}'), undefined);
  assert.equal(differ('{"a":[{"b":1}]}', '{"a":[{"b":1,"c":2}]}'), undefined);
  assert.equal(differ('{"a":[1]}', '{"a":[1,2]}'), '/a/1');
  assert.equal(differ('{"a":1}', '{}'), '/a');
});

test('what came out is laid beside what was expected', () => {
  const [expected, actual] = [tree('{"a":1,"b":{"c":1}}'), tree('{"z":0,"b":{"d":2,"c":3},"a":1}')];
  assert.equal(shortJson(alignedWith(expected, actual, 'exact')), '{"a":1,"b":{"c":3,"d":2},"z":0}');
  assert.equal(shortJson(alignedWith(expected, actual, 'contains')), '{"a":1,"b":{"c":3}}');
});
