import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSpec } from '../spec/parse-spec.ts';
import { checkSpecText, newSpec, specNamed } from './spec-text.ts';

const REST = 'input_topic: a\noutput_topic: b\nwasm_module: m.wasm\n';
const invalid = (configPath: string) => ({ code: 'request.invalid', configPath });

test('a name is put in where there is none, and nothing else is touched', () => {
  for (const [text, expected] of [
    [REST, `name: "a1"\n${REST}`],
    [`# why\n${REST}`, `# why\nname: "a1"\n${REST}`],
    [`---\n# why\n${REST}`, `---\n# why\nname: "a1"\n${REST}`],
    ['  input_topic: a\n  output_topic: b\n', '  name: "a1"\n  input_topic: a\n  output_topic: b\n'],
    ['{"input_topic": "a"}', '{"name": "a1", "input_topic": "a"}'],
    ['# c {\n{ input_topic: a }', '# c {\n{"name": "a1",  input_topic: a }'],
    ['{}', '{"name": "a1"}'],
    ['input_topic: a\r\nid: 0.10\r\n', 'name: "a1"\ninput_topic: a\r\nid: 0.10\r\n'],
  ] as const) {
    assert.equal(specNamed('a1', text), expected);
  }
});

test('names that YAML takes for something else stay names', () => {
  for (const name of ['1', '1e3', 'true', 'null', '0x10', 'no']) {
    const outcome = parseSpec(specNamed(name, REST), 'x');
    assert.ok('config' in outcome && outcome.config.name === name, name);
  }
});

test('the same name is left as it is, another refused; what is no text the spec’s own check says', () => {
  assert.equal(specNamed('a1', `name: a1\n${REST}`), `name: a1\n${REST}`);
  assert.throws(() => specNamed('a1', `name: a2\n${REST}`), invalid('/name'));
  assert.equal(specNamed('a1', `name: 7\n${REST}`), `name: 7\n${REST}`);
});

test('Connect’s shape: the config comes out as it was written', () => {
  for (const [text, expected] of [
    [
      '{"name":"a1","config":{"input_topic":"a","n":12345678901234567890}}',
      '{"name": "a1", "input_topic":"a","n":12345678901234567890}',
    ],
    ['{"config":{"name":"a1","p":5285.90}}', '{"name":"a1","p":5285.90}'],
    ['{"name":"a1","config":{}}', '{"name": "a1"}'],
    [`name: a1\nconfig:\n  # why\n  ${REST.replaceAll('\n', '\n  ').trimEnd()}\n`, undefined],
    [
      'name: a1\nconfig:\n    input_topic: a\n    config:\n      id: 0.10 # id\n',
      '    name: "a1"\n    input_topic: a\n    config:\n      id: 0.10 # id\n',
    ],
    ['config: {input_topic: a}\nname: a1\n', '{"name": "a1", input_topic: a}'],
  ] as const) {
    const cut = newSpec(text);
    if (expected !== undefined) assert.equal(cut, expected);
    assert.match(cut, /a1/);
  }
});

test('a spec alone is told from Connect’s shape, although both have name and config', () => {
  for (const text of [`name: a1\nconfig: {x: 1}\n${REST}`, `name: a1\n${REST}`, 'name: a1\n', 'name: a1\nconfig: 7\n'])
    assert.equal(newSpec(text), text);
});

test('Connect’s shape: what is wrong with it', () => {
  assert.throws(() => newSpec('{"config": {"input_topic": "a"}}'), invalid('/name'));
  assert.throws(() => newSpec('{"name": 7, "config": {}}'), invalid('/name'));
  assert.throws(() => newSpec('{"name": "Not Kebab", "config": {}}'), invalid('/name'));
  assert.throws(() => newSpec('{"name": "a", "config": {"name": "b"}}'), invalid('/name'));
  assert.throws(() => newSpec('{"name": "a", "config": {}, "initial_state": "STOPPED"}'), invalid('/initial_state'));
  // Cut out, the alias would have lost what it stands for.
  assert.throws(() => newSpec('name: &n a1\nconfig:\n  input_topic: *n\n'), invalid('/config'));
});

test('what is no map of fields is refused with its place', () => {
  for (const text of ['', '7', '[]', '- a', '# nothing']) assert.throws(() => checkSpecText(text), invalid(''), text);
  assert.throws(() => checkSpecText('a: [\nb: 1\n'), { code: 'request.invalid', place: /^body:2:/ });
  assert.throws(() => checkSpecText('a: 1\na: 2\n'), invalid('/a'));
  assert.throws(() => checkSpecText(`a: ${'x'.repeat(300 * 1024)}`), { code: 'request.too_large' });
});
