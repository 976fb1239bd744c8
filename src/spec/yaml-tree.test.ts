import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProblemList } from './problem-list.ts';
import { jsonText, plainValue } from './yaml-value.ts';
import { readYaml, YAML_BYTES_MAX, YAML_NODES_MAX } from './yaml-tree.ts';

function read(text: string) {
  const problems = new ProblemList('f.yaml', 'spec');
  const root = readYaml(text, problems);
  return { root, problems, errors: problems.errors() };
}

function json(text: string) {
  const { root, problems, errors } = read(text);
  assert.deepEqual(errors, []);
  assert.ok(root !== undefined);
  const written = jsonText(root, [], problems);
  return { written, errors: problems.errors() };
}

test('JSON text keeps the order of fields and the digits of numbers', () => {
  const { written, errors } = json(
    'b: 1\n10: x\n2: y\na: [5285.90, 12345678901234567890, -0, 1e3, 0x1F, 0o17, +5, .5]\n"": null\n__proto__: {z: ~}',
  );
  assert.equal(
    written,
    '{"b":1,"10":"x","2":"y","a":[5285.90,12345678901234567890,-0,1e3,31,15,5,0.5],"":null,"__proto__":{"z":null}}',
  );
  assert.deepEqual(errors, []);
  assert.doesNotThrow(() => JSON.parse(written));
});

test('YAML 1.2 core: yes, on and 012 are no surprises', () => {
  assert.equal(
    json('{a: yes, b: on, c: true, d: 012, e: "\\u2028", f: 2026-01-01}').written,
    '{"a":"yes","b":"on","c":true,"d":12,"e":"\u2028","f":"2026-01-01"}',
  );
});

test('what JSON cannot carry is refused by path', () => {
  const { errors } = json('a: .nan\nb: [.inf, -.inf]\nc: 1e999\nd: 0xFFFFFFFFFFFFFFFFFF');
  assert.deepEqual(
    errors.map((error) => [error.code, error.configPath, error.place]),
    [
      ['spec.out_of_range', '/a', 'f.yaml:1:4'],
      ['spec.out_of_range', '/b/0', 'f.yaml:2:5'],
      ['spec.out_of_range', '/b/1', 'f.yaml:2:11'],
      ['spec.out_of_range', '/c', 'f.yaml:3:4'],
      ['spec.out_of_range', '/d', 'f.yaml:4:4'],
    ],
  );
});

test('aliases are what they stand for', () => {
  assert.equal(json('a: &x [1, 2]\nb: *x\nc: {d: *x}').written, '{"a":[1,2],"b":[1,2],"c":{"d":[1,2]}}');
});

test('documents that are no plain YAML 1.2 are refused with a place and a suggestion', () => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['a: [1', 'f.yaml:1:6', /indentation|bracket/],
    ['a: "x" y', 'f.yaml:1:8', /not valid YAML/],
    ['a: 1\n\tb: 2', 'f.yaml:2:1', /tab|indentation/],
    ['a: @x', 'f.yaml:1:4', /must not begin/],
    ['a: "\\q"', 'f.yaml:1:5', /escape/],
    ['a: 1\n---\nb: 2', 'f.yaml:2:1', /more than one document/],
    ['a: 1\nb: 2\na: 3', 'f.yaml:3:1', /"a" is written twice/],
    ['a: {"1": x, 1: y}', 'f.yaml:1:13', /"1" is written twice/],
    ['a: !custom x', 'f.yaml:1:4', /tag/],
    ['a: !!binary aGk=', 'f.yaml:1:13', /tag/],
    ['a: !!set {x, y}', 'f.yaml:1:10', /tag/],
    ['%YAML 1.1\n---\na: yes', 'f.yaml:1:1', /%YAML/],
    ['a: *nowhere', 'f.yaml:1:4', /names no anchor/],
    ['a: &x [*x]', 'f.yaml:1:8', /names no anchor/],
    ['a: &x {b: 1}\nc:\n  <<: *x', 'f.yaml:3:3', /merge keys/],
    ['? [a, b]\n: 1', 'f.yaml:1:3', /field name/],
    ['? ~\n: 1', 'f.yaml:1:3', /field name/],
    ['&k a: 1', 'f.yaml:1:4', /anchor or a tag on a field name/],
  ];
  for (const [text, place, says] of cases) {
    const { root, errors } = read(text);
    assert.equal(root, undefined, text);
    assert.match(errors[0]!.message, says, text);
    assert.equal(errors[0]!.place, place, text);
    assert.ok(errors[0]!.suggestion, text);
  }
});

test('one mistake is told once, a mistake in another line by itself', () => {
  const places = (text: string): (string | undefined)[] => read(text).errors.map((error) => error.place);
  assert.deepEqual(places('config: { fields: [a, b }\n'), ['f.yaml:1:25']);
  assert.deepEqual(places('- a\nb: 1'), ['f.yaml:2:1']);
  assert.deepEqual(places('a: "\\q" "b"'), ['f.yaml:1:5']);
  assert.deepEqual(places('a: @x\nb: 1\nc: [@y]'), ['f.yaml:1:4', 'f.yaml:3:5']);
});

test('a billion laughs is refused before it is written out', () => {
  let text = 'a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n';
  for (let i = 1; i < 30; i++) text += `a${i}: &a${i} [${`*a${i - 1},`.repeat(9)}]\n`;
  const { root, errors } = read(text);
  assert.equal(root, undefined);
  assert.equal(errors[0]!.code, 'spec.too_large');
});

test('one long text repeated by aliases is refused', () => {
  const { errors } = read(`a: &a ${'x'.repeat(100_000)}\nb: [${'*a,'.repeat(1000)}]`);
  assert.equal(errors[0]!.code, 'spec.too_large');
});

test('depth is bounded: written, by aliases of aliases, and far beyond the stack', () => {
  let chain = 'a0: &a0 [x]\n';
  for (let i = 1; i < 500; i++) chain += `a${i}: &a${i} [*a${i - 1}]\n`;
  const texts = [
    chain,
    `${'['.repeat(80)}${']'.repeat(80)}`,
    '['.repeat(20_000),
    '{a: '.repeat(10_000),
    '- '.repeat(20_000),
  ];
  for (const text of texts) {
    const { root, errors } = read(text);
    assert.equal(root, undefined);
    assert.match(errors.map((error) => error.message).join(), /nested/);
  }
  assert.equal(plainValueDepth(read(`${'['.repeat(60)}${']'.repeat(60)}`).root), 60);
});

function plainValueDepth(root: ReturnType<typeof readYaml>): number {
  assert.ok(root !== undefined);
  let depth = 0;
  for (let value = plainValue(root); Array.isArray(value); value = value[0]) depth++;
  return depth;
}

test('the size is counted in bytes', () => {
  assert.equal(read(`a: ${'x'.repeat(YAML_BYTES_MAX - 3)}`).errors.length, 0);
  assert.equal(read(`a: ${'x'.repeat(YAML_BYTES_MAX - 2)}`).errors[0]!.code, 'spec.too_large');
  assert.equal(read(`a: ${'ä'.repeat(YAML_BYTES_MAX / 2)}`).errors[0]!.code, 'spec.too_large');
});

test('thousands of problems become a readable number', () => {
  const { errors } = read('a: ]]]]]]]]\n'.repeat(1000));
  assert.ok(errors.length > 0 && errors.length <= 50);
});

test('as many values as are taken, and one more', () => {
  const list = (values: number): string => `a: [${Array.from({ length: values }, () => 1).join(',')}]`;
  // The map and the list are two.
  const problems = new ProblemList('s.yaml', 'spec');
  assert.notEqual(readYaml(list(YAML_NODES_MAX - 2), problems), undefined);
  assert.equal(problems.size, 0);
  const over = new ProblemList('s.yaml', 'spec');
  assert.equal(readYaml(list(YAML_NODES_MAX - 1), over), undefined);
  assert.deepEqual(
    over.errors().map(({ code }) => code),
    ['spec.too_large'],
  );
});

test('a text that was read before has its places again', () => {
  for (let i = 0; i < 2; i += 1) {
    const problems = new ProblemList('s.yaml', 'spec');
    const root = readYaml('a: 1\nb: 2\n', problems);
    assert.ok(root?.kind === 'map');
    problems.add('spec.wrong_type', ['b'], root.fields[1]?.value.offset ?? 0, 'm', 's');
    assert.equal(problems.errors()[0]?.place, 's.yaml:2:4');
  }
});
