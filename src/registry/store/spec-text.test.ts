import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { seededRng } from '../../base/rng.ts';
import type { Rng } from '../../base/rng.ts';
import { parseSpec } from '../../spec/parse-spec.ts';
import { mergeSpec, toSpecYaml } from './spec-text.ts';

const MASK = `# Owned by the data team.
name: mask-pii # never rename
input_topic: raw-events
output_topic: clean-events
wasm_module: transforms/mask_pii.wasm

# What to hide.
config: { fields_to_mask: [email, "phone"], id: 12345678901234567890, price: 5285.90 }
timeout_ms: 10 # as agreed
errors:
  # twice is enough
  max_retries: 2
  on_failure: dead_letter
`;

function configOf(text: string) {
  const outcome = parseSpec(text, 'f.yaml');
  assert.ok('config' in outcome, `${JSON.stringify(outcome)}\n${text}`);
  return outcome.config;
}

test('YAML is kept to the byte, but for the line break at its end', () => {
  assert.equal(toSpecYaml(MASK), MASK);
  assert.equal(toSpecYaml('\uFEFF' + MASK.trimEnd()), MASK);
  assert.equal(toSpecYaml(''), '');
});

test('JSON becomes block YAML, every digit and the order kept', () => {
  const json = `{"name":"mask-pii","wasm_module":"builtin:pass-through","input_topic":"in",
\t"output_topic":"out","input":{"start":"+5","format":"bytes"},
  "config":{"ids":[12345678901234567890,5285.90,1E5,-0,0.10],"none":[],"map":{},"yes":"true","n":"12","x":null,
  "text":"a: b # c","lines":"a\\nb\\n","<<":1,"":2,"é":"ü 😀"}}`;
  assert.equal(
    toSpecYaml(json),
    `name: mask-pii
wasm_module: builtin:pass-through
input_topic: in
output_topic: out
input:
  start: "+5"
  format: bytes
config:
  ids:
    - 12345678901234567890
    - 5285.90
    - 1E5
    - -0
    - 0.10
  none: []
  map: {}
  yes: "true"
  n: "12"
  x: null
  text: "a: b # c"
  lines: "a\\nb\\n"
  "<<": 1
  "": 2
  é: "ü 😀"
`,
  );
  assert.equal(configOf(toSpecYaml(json)).sha256, configOf(json).sha256);
});

test('what is no YAML is refused with its place', () => {
  for (const text of ['{"a": 1', 'a: 1\na: 2', '{"a":1,"a":2}', 'a: !x 1', 'a: 1\n---\nb: 2']) {
    assert.throws(() => toSpecYaml(text, 'x.yaml'), { code: 'spec.not_yaml', place: /^x\.yaml:\d+:\d+$/ }, text);
    assert.throws(() => mergeSpec(text, {}), { code: 'spec.not_yaml' }, text);
    assert.throws(() => mergeSpec('a: 1', text), { code: 'spec.not_yaml' }, text);
  }
  assert.throws(() => toSpecYaml(`a: ${'x'.repeat(256 * 1024)}`), { code: 'spec.too_large' });
  assert.throws(() => mergeSpec('a: 1', '[1]'), { code: 'spec.wrong_type' });
  assert.throws(() => mergeSpec('a: 1', ''), { code: 'spec.wrong_type' });
});

test('a patch changes what it names and keeps comments, order and digits', () => {
  const patch = {
    timeout_ms: 20,
    errors: { max_retries: null, stop_after: { failures: 3 } },
    config: { more: ['a', null] },
  };
  assert.equal(
    mergeSpec(MASK, patch),
    MASK.replace('timeout_ms: 10', 'timeout_ms: 20')
      .replace('  max_retries: 2\n', '')
      .replace('5285.90 }', '5285.90, more: [ a, null ] }')
      .replace('[email, "phone"]', '[ email, "phone" ]') + '  stop_after:\n    failures: 3\n',
  );
});

test('wasm_module of an upload takes the place of the one in the spec', () => {
  const path = `uploaded/mask-pii/${'0'.repeat(64)}.wasm`;
  assert.equal(mergeSpec(MASK, { wasm_module: path }).split('\n')[4], `wasm_module: ${path}`);
  assert.equal(configOf(mergeSpec(MASK, { wasm_module: path })).stages[0].wasmModule, path);
  const json = JSON.stringify({ name: 'a', input_topic: 'in', output_topic: 'out' });
  assert.equal(
    mergeSpec(json, { wasm_module: path }),
    `name: a\ninput_topic: in\noutput_topic: out\nwasm_module: ${path}\n`,
  );
});

test('a patch given as text keeps its digits', () => {
  const text = mergeSpec('a: 1\nb: 2\n', '{"a": 12345678901234567890, "b": 5285.90, "c": {"d": null, "e": 1.0}}');
  assert.equal(text, 'a: 12345678901234567890\nb: 5285.90\nc:\n  e: 1.0\n');
});

test('a change of an anchored value does not reach its aliases', () => {
  const text = 'x: &a { n: 1.50, m: &b [1] }\ny: *a\nz: *b\nw: &a 5\nv: *a\n';
  assert.deepEqual(parse(mergeSpec(text, { x: { n: 2 } })), {
    x: { n: 2, m: [1] },
    y: { n: 1.5, m: [1] },
    z: [1],
    w: 5,
    v: 5,
  });
  assert.ok(!/[&*]/.test(mergeSpec(text, {})));
});

test('a document without fields takes all of the patch; one that is no map is replaced', () => {
  for (const text of ['', '# only words\n', '[1, 2]', 'text', 'null']) {
    assert.deepEqual(parse(mergeSpec(text, { a: { b: 1 } })), { a: { b: 1 } }, text);
  }
});

test('every way to write YAML survives a patch of something else', () => {
  const head = 'name: a\ninput_topic: in\noutput_topic: out\nwasm_module: m.wasm\nconfig:\n';
  const ways = [
    '  a: |\n    one\n      two\n\n    three\n',
    '  a: |+\n    one\n\n\n  b: 1\n',
    '  a: |-\n    one\n',
    '  a: |2\n      indented\n    less\n',
    '  a: >\n    folded\n    text\n\n    second\n      kept\n',
    '  a: >-\n    folded text that is longer than eighty characters, which a printer would like to break anew somewhere\n',
    '  a: >+\n    one\n\n',
    '  a: plain over\n    two lines\n',
    "  a: 'single ''quoted'''\n  b: \"dou\\\n    ble\"\n",
    '  a: !!str 12\n  b: !!int 5\n  c: ! 12\n',
    '  ? a\n  : b\n  ? "c"\n',
    '  a: # behind\n    - 1 # one\n    # between\n    - 2\n  # at the end\n',
    '  a: { b: 1, # in braces\n    c: [ ] }\n',
    '  a:\n  b: ~\n  c: NULL\n  d: True\n  e: +5\n  f: 0x10\n  g: .5\n  h: 5.\n',
    '  a: &x\n    b: &y [1, 2.50]\n  c: *x\n  d: [*y, *y]\n',
    '  a:\r\n    - 1 # one\r\n    - |\r\n      two\r\n',
    '  - not a map\n',
  ];
  for (const way of ways) {
    const text = head + way;
    const patched = mergeSpec(text, { timeout_ms: 7 });
    assert.ok(!patched.startsWith('{'), `printed as JSON: ${text}`);
    const [before, after] = [parseSpec(`${text}timeout_ms: 7\n`, 'f'), parseSpec(patched, 'f')];
    if (!('config' in before)) assert.ok('errors' in after, patched);
    else assert.ok('config' in after && after.config.sha256 === before.config.sha256, `${text}\n${patched}`);
    assert.equal(mergeSpec(patched, {}), patched);
  }
});

// ---- properties

const pick = <T>(rng: Rng, from: readonly T[]): T => from[Math.floor(rng() * from.length)]!;

const TEXTS = [
  'a',
  '',
  ' ',
  ' lead',
  'trail ',
  'true',
  'null',
  '~',
  '12',
  '1e3',
  '0x1F',
  '.5',
  '.nan',
  '-',
  '- a',
  '?',
  ': ',
  'a: b',
  'a #b',
  '#',
  '&a',
  '*a',
  '!x',
  '|',
  '>',
  '%',
  '@',
  '`',
  '"',
  "'",
  '\\',
  '{',
  '[a]',
  ',',
  '<<',
  '---',
  '...',
  '--- a',
  'a\nb',
  'a\n\n b\n',
  '\n',
  '\n\nx',
  'tab\tx',
  '\t',
  '\r',
  'a\r\nb',
  '\u0000',
  '\u0085',
  '\u00a0',
  '\u2028',
  '\uFEFF',
  '\u{1F600}',
  '\ud800',
  '__proto__',
  'constructor',
  '2001-01-01',
  'yes',
  'x'.repeat(200),
  'word '.repeat(40),
  `${'line of text\n'.repeat(5)}`,
];
const NUMBERS = [
  '0',
  '-0',
  '1',
  '12345678901234567890',
  '5285.90',
  '0.1000',
  '1E5',
  '1e+9',
  '-1.5e-7',
  '9007199254740993',
];

/** Random JSON text: not by JSON.stringify, which would lose the digits that matter. */
function jsonOf(rng: Rng, depth: number): string {
  const kind = rng();
  if (depth > 3 || kind < 0.5) {
    const inner = rng();
    if (inner < 0.6) return JSON.stringify(pick(rng, TEXTS));
    return inner < 0.9 ? pick(rng, NUMBERS) : pick(rng, ['true', 'false', 'null']);
  }
  const space = pick(rng, ['', ' ', '\n', '\n\n  ', '\t']);
  const count = Math.floor(rng() * 5);
  if (kind < 0.7) return `[${Array.from({ length: count }, () => space + jsonOf(rng, depth + 1)).join(',')}${space}]`;
  return mapOf(rng, depth, count, space);
}

function mapOf(rng: Rng, depth: number, count: number, space: string): string {
  const keys = new Set(Array.from({ length: count }, () => pick(rng, TEXTS)));
  const fields = [...keys].map((key) => `${space}${JSON.stringify(key)}:${space}${jsonOf(rng, depth + 1)}`);
  return `{${fields.join(',')}${space}}`;
}

const HEAD = { name: '"a"', input_topic: '"in"', output_topic: '"out"', wasm_module: '"m.wasm"' };

function specOf(rng: Rng): string {
  const config = mapOf(rng, 0, 6, pick(rng, ['', ' ', '\n ']));
  const fields = Object.entries({ ...HEAD, config, description: JSON.stringify(pick(rng, TEXTS)) });
  fields.sort(() => rng() - 0.5);
  const json = `{${fields.map(([key, value]) => `"${key}": ${value}`).join(', ')}}`;
  if (rng() < 0.6) return json;
  // Block YAML with JSON for values, comments between.
  return fields
    .map(([key, value]) => `${pick(rng, ['', '# says who\n', '\n'])}${key}: ${value}${pick(rng, ['', ' # why'])}\n`)
    .join('');
}

function property(name: string, seeds: number, holds: (rng: Rng) => void): void {
  test(name, () => {
    for (let seed = 1; seed <= seeds; seed++) {
      try {
        holds(seededRng(seed));
      } catch (thrown) {
        throw new Error(`seed ${seed}`, { cause: thrown });
      }
    }
  });
}

let rewritten = 0;

property('the tidy text means what was sent', 600, (rng) => {
  const text = specOf(rng);
  const outcome = parseSpec(text, 'f.yaml');
  // A description or key the format refuses is refused in both.
  if (!('config' in outcome)) return;
  const tidy = toSpecYaml(text);
  assert.equal(configOf(tidy).sha256, outcome.config.sha256, `${text}\n${tidy}`);
  if (text.startsWith('{')) {
    assert.ok(!tidy.startsWith('{'), `not made tidy: ${text}`);
    rewritten++;
  }
  assert.equal(toSpecYaml(tidy), tidy);
});

test('most of those were JSON', () => {
  assert.ok(rewritten > 200, String(rewritten));
});

property('a patch does what RFC 7396 says', 600, (rng) => {
  const text = specOf(rng);
  const patch = `{"config": ${mapOf(rng, 0, 5, '')}, ${pick(rng, ['"description": null', '"timeout_ms": 5', '"instances": 2'])}}`;
  const before = plain(text);
  if (before === undefined) return;
  const merged = mergeSpec(text, patch);
  const wanted = rfc7396(before, parse(patch));
  assert.deepEqual(plain(merged), wanted, `${text}\n${patch}\n${merged}`);
  // Fields nobody touched keep their digits.
  for (const number of ['12345678901234567890', '5285.90', '0.1000']) {
    const untouched = JSON.stringify(wanted).includes(`:${Number(number)}`) && !patch.includes(number);
    if (untouched && text.includes(number)) assert.ok(merged.includes(number), `${number}\n${text}\n${merged}`);
  }
  // Comments that stand alone above a field which stays are kept.
  if (text.includes('# says who\nname')) assert.ok(merged.includes('# says who\nname'), merged);
  assert.ok(!merged.startsWith('{'), `printed as JSON: ${text}\n${patch}`);
});

/** Not by JSON.parse: in V8 13.6 it takes the field `"` for `\\` once an object with the latter was there. */
function plain(text: string): unknown {
  const outcome = parseSpec(text, 'f.yaml');
  if (!('config' in outcome) && outcome.errors.some(({ code }) => code === 'spec.not_yaml')) return undefined;
  return parse(text, { uniqueKeys: true });
}

/** The pseudo code of the RFC. */
function rfc7396(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const result = new Map(isRecord(target) ? Object.entries(target) : []);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) result.delete(key);
    else result.set(key, rfc7396(result.get(key), value));
  }
  return Object.fromEntries(result);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
