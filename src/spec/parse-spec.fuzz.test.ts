import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { seededRng } from '../base/rng.ts';
import type { Rng } from '../base/rng.ts';
import { parseSpec } from './parse-spec.ts';
import type { SpecOutcome } from './parse-spec.ts';
import { parseSidecarConfig } from './sidecar-config.ts';
import { isTopicName, NAME_PATTERN } from './spec-name.ts';

/* Properties that hold for any text. A failure prints the seed and the text. */

const FULL = `name: mask-pii
description: text
type: map
payload: framed
input_topic: raw-events
output_topic: clean-events
wasm_module: transforms/mask_pii.wasm
config: { fields: [email, "phone"], n: 1.50, deep: {a: {b: [1, -2, .5]}} }
instances: 4
max_memory_mb: 64
timeout_ms: 10
input: { format: avro, start: -5, group_id: g, tombstones: forward, subject: raw-value, version: 2 }
output:
  format: avro
  key_format: json
  key_subject: clean-key
  subject_name_strategy: record
  record_name: com.example.Clean
  schema_file: schemas/clean.avsc
  auto_register: true
  unknown_fields: drop
  partition: key
delivery: at_least_once
ordering: partition
errors:
  on_failure: dead_letter
  dead_letter_topic: mask-pii.dlq
  max_retries: 3
  stop_after: { failures: 1, window: 10 }
`;

const SIDECAR = `kafka:
  bootstrap.servers: a:9092
  sasl.password: "\${env:PASSWORD}"
topics: { create: true, partitions: 3 }
schema_registry:
  url: https://registry:8081/apis
  auth: { username: ann, password: "\${env:PASSWORD}" }
  tls: { ca: ca.pem }
  retries: 5
limits:
  drain_timeout_ms: 5000
`;

const PIECES = [
  '',
  ' ',
  '\n',
  '\t',
  ':',
  ': ',
  '-',
  '- ',
  '"',
  "'",
  '{',
  '}',
  '[',
  ']',
  ',',
  '#',
  '&a ',
  '*a',
  '!',
  '!!str ',
  '!x ',
  '|',
  '>',
  '%',
  '@',
  '`',
  '?',
  '? ',
  '<<: *a',
  '---',
  '...',
  '\0',
  '\uFEFF',
  '\u2028',
  '😀',
  '\ud800',
  '~',
  'null',
  'true',
  '.nan',
  '.inf',
  '1e999',
  '-0',
  '0x1',
  '9'.repeat(30),
  '__proto__',
  'constructor',
  'toString',
  'name',
  'errors',
  'transforms',
  'wasm_module',
  '""',
  '..',
  '/',
  '\\',
  'builtin:',
  '${env:X}',
  '${',
  '\r\n',
] as const;

function pick<T>(rng: Rng, from: readonly T[]): T {
  return from[Math.floor(rng() * from.length)]!;
}

function mutated(rng: Rng, text: string): string {
  let result = text;
  for (let n = 1 + Math.floor(rng() * 4); n > 0; n--) {
    const at = Math.floor(rng() * (result.length + 1));
    const length = rng() < 0.5 ? 0 : Math.floor(rng() * 12);
    const piece = rng() < 0.2 ? text.slice(at, at + Math.floor(rng() * 60)) : pick(rng, PIECES);
    result = result.slice(0, at) + piece + result.slice(at + length);
  }
  return result;
}

/** Changes whole values, so that the text stays YAML and the rules behind the parser are reached. */
function revalued(rng: Rng, text: string): string {
  const lines = text.split('\n');
  const at = Math.floor(rng() * lines.length);
  lines[at] = (lines[at] ?? '').replace(/: .*/, `: ${pick(rng, PIECES)}`);
  return lines.join('\n');
}

function checkOutcome(outcome: SpecOutcome): 'good' | 'bad' {
  if ('errors' in outcome) {
    for (const error of outcome.errors) {
      assert.match(error.code, /^spec\./);
      assert.match(error.place ?? '', /^f\.yaml:[1-9]\d*:[1-9]\d*$/);
      assert.ok(error.suggestion !== undefined && error.suggestion !== '');
      assert.ok(error.code === 'spec.not_yaml' || error.configPath !== undefined);
      assert.ok(error.message.length < 1000 && !error.message.includes('\n'), error.message);
    }
    return 'bad';
  }
  const { config } = outcome;
  assert.match(config.name, NAME_PATTERN);
  for (const topic of [config.inputTopic, config.outputTopic ?? 'x', config.errors.deadLetterTopic])
    assert.ok(isTopicName(topic));
  assert.notEqual(config.inputTopic, config.outputTopic);
  assert.notEqual(config.inputTopic, config.errors.deadLetterTopic);
  assert.ok(typeof JSON.parse(config.stages[0].configJson) === 'object');
  assert.ok(config.instances >= 1 && config.instances <= 64 && Number.isInteger(config.timeoutMs));
  assert.ok(!config.stages[0].wasmModule.split('/').includes('..') && !config.stages[0].wasmModule.startsWith('/'));
  for (const file of [config.input.schemaFile, config.output.schemaFile]) {
    assert.ok(file === undefined || (/\.(?:avsc|json)$/.test(file) && !/^\/|(?:^|\/)\.\.(?:\/|$)/.test(file)));
  }
  const { version, subject, format } = config.output;
  assert.ok(version === 'latest' || (Number.isInteger(version) && version >= 1));
  assert.ok(subject === undefined || (subject !== '' && format !== 'bytes'));
  return 'good';
}

function run(
  seeds: number,
  textOf: (rng: Rng) => string,
  check: (text: string) => 'good' | 'bad',
): Record<'good' | 'bad', number> {
  const counts = { good: 0, bad: 0 };
  for (let seed = 1; seed <= seeds; seed++) {
    const text = textOf(seededRng(seed));
    try {
      counts[check(text)]++;
    } catch (thrown) {
      throw new Error(`seed ${seed}, text ${JSON.stringify(text)}`, { cause: thrown });
    }
  }
  return counts;
}

const checkSpec = (text: string) => checkOutcome(parseSpec(text, 'f.yaml'));

test('arbitrary text never throws and is never a spec', () => {
  const counts = run(
    800,
    (rng) => Array.from({ length: Math.floor(rng() * 40) }, () => pick(rng, PIECES)).join(''),
    checkSpec,
  );
  assert.equal(counts.good, 0);
});

test('a mutated spec gives a sound config or placed errors', () => {
  const counts = run(800, (rng) => mutated(rng, FULL), checkSpec);
  assert.ok(counts.good > 5 && counts.bad > 200, JSON.stringify(counts));
});

test('a spec with another value gives a sound config or placed errors', () => {
  const counts = run(800, (rng) => revalued(rng, FULL), checkSpec);
  assert.ok(counts.good > 5 && counts.bad > 200, JSON.stringify(counts));
});

test('a mutated sidecar.yaml never throws and never shows a secret', () => {
  const options = { resolveSecret: () => 'hunter2-resolved' };
  const counts = run(
    800,
    (rng) => (rng() < 0.5 ? mutated(rng, SIDECAR) : revalued(rng, SIDECAR)),
    (text) => {
      const outcome = parseSidecarConfig(text, 'f.yaml', options);
      assert.ok(!JSON.stringify(outcome).includes('hunter2-resolved'));
      assert.ok(!inspect(outcome, { depth: 9, showHidden: true }).includes('hunter2-resolved'));
      if ('config' in outcome) return 'good';
      for (const error of outcome.errors) {
        assert.match(error.code, /^config\./);
        assert.match(error.place ?? '', /^f\.yaml:[1-9]\d*:[1-9]\d*$/);
        assert.ok(error.suggestion);
      }
      return 'bad';
    },
  );
  assert.ok(counts.good > 5 && counts.bad > 200, JSON.stringify(counts));
});
