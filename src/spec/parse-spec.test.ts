import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorCode } from '../base/error-code.ts';
import type { StreamlineError } from '../base/error.ts';
import { missingModule, missingOutput, routeInTheMidst } from './late-fault.ts';
import { parseSpec } from './parse-spec.ts';
import { placeOf } from './spec-place.ts';
import { stageNames } from './stage-names.ts';
import type { TransformationConfig } from './transformation-config.ts';

const MINIMAL = 'name: a\ninput_topic: in\noutput_topic: out\nwasm_module: m.wasm\n';

/** Formats and schemas unless a spec says anything of them. */
const INPUT_BYTES = {
  format: 'bytes',
  keyFormat: 'bytes',
  json: 'plain',
  reader: undefined,
  schemaFile: undefined,
} as const;
const OUTPUT_BYTES = {
  format: 'bytes',
  keyFormat: 'bytes',
  json: 'plain',
  subject: undefined,
  keySubject: undefined,
  subjectNameStrategy: undefined,
  recordName: undefined,
  version: 'latest',
  schemaFile: undefined,
  autoRegister: false,
  unknownFields: 'fail',
} as const;

function configOf(text: string, source = 'specs/a.yaml'): TransformationConfig {
  const outcome = parseSpec(text, source);
  assert.ok('config' in outcome, 'errors' in outcome ? outcome.errors.map((error) => error.describe()).join('\n') : '');
  return outcome.config;
}

function errorsOf(text: string): readonly StreamlineError[] {
  const outcome = parseSpec(text, 'a.yaml');
  assert.ok('errors' in outcome, text);
  return outcome.errors;
}

test('a spec of the required fields gets the defaults of the design', () => {
  const { sha256, ...config } = configOf(MINIMAL);
  assert.match(sha256, /^[0-9a-f]{64}$/);
  assert.deepEqual(config, {
    name: 'a',
    description: '',
    inputTopic: 'in',
    outputTopic: 'out',
    stages: [{ wasmModule: 'm.wasm', configJson: '{}', maxMemoryMb: 64, timeoutMs: 10 }],
    instances: 1,
    maxMemoryMb: 64,
    timeoutMs: 10,
    type: undefined,
    payload: 'framed',
    input: { ...INPUT_BYTES, start: { at: 'latest' }, groupId: 'streamline.a', tombstones: 'forward' },
    output: { ...OUTPUT_BYTES, partition: 'key', timestamp: 'input', moduleHeader: false },
    delivery: 'at_least_once',
    ordering: 'partition',
    errors: {
      onFailure: 'dead_letter',
      deadLetterTopic: 'a.dlq',
      maxRetries: 0,
      retryBackoffMs: 100,
      retryBackoffMaxMs: 10_000,
      stopAfter: { failures: 0, window: 1000 },
    },
    rollout: { canary: 0 },
    source: 'specs/a.yaml',
  });
});

test('every field arrives', () => {
  const config = configOf(`
name: mask-pii
description: text
type: enrich
payload: value
input_topic: raw
output_topic: ""
wasm_module: ./transforms//mask.wasm
config: { z: 1, a: [x] }
instances: 64
max_memory_mb: 4096
timeout_ms: 60000
input: { format: bytes, start: +5, group_id: g, tombstones: drop }
output: { format: bytes, partition: input, timestamp: now, module_header: true }
delivery: at_least_once
ordering: key
errors:
  on_failure: stop
  dead_letter_topic: dead
  max_retries: 100
  retry_backoff_ms: 0
  retry_backoff_max_ms: 0
  stop_after: { failures: 3, window: 10 }
rollout: { canary: 1000000 }
`);
  assert.equal(config.outputTopic, undefined);
  assert.deepEqual(config.stages, [
    { wasmModule: 'transforms/mask.wasm', configJson: '{"z":1,"a":["x"]}', maxMemoryMb: 4096, timeoutMs: 60_000 },
  ]);
  assert.deepEqual(config.input, {
    ...INPUT_BYTES,
    start: { at: 'relative', records: 5 },
    groupId: 'g',
    tombstones: 'drop',
  });
  assert.deepEqual(config.output, { ...OUTPUT_BYTES, partition: 'input', timestamp: 'now', moduleHeader: true });
  assert.deepEqual(config.rollout, { canary: 1_000_000 });
  assert.deepEqual(config.errors.stopAfter, { failures: 3, window: 10 });
  assert.deepEqual(
    [
      config.type,
      config.payload,
      config.instances,
      config.maxMemoryMb,
      config.timeoutMs,
      config.ordering,
      config.errors.onFailure,
    ],
    ['enrich', 'value', 64, 4096, 60_000, 'key', 'stop'],
  );
});

test('a list of one stage equals wasm_module and config', () => {
  const plain = configOf('name: a\ninput_topic: in\noutput_topic: out\nwasm_module: m.wasm\nconfig: {b: 1}\n');
  const chain = configOf(
    'name: a\ninput_topic: in\noutput_topic: out\ntransforms:\n- wasm_module: m.wasm\n  config: {b: 1}\n',
  );
  assert.deepEqual(chain, plain);
});

test('input.start keeps the sign that YAML drops', () => {
  const start = (text: string) => configOf(`${MINIMAL}input: { start: ${text} }`).input.start;
  assert.deepEqual(start('+5'), { at: 'relative', records: 5 });
  assert.deepEqual(start('"+5"'), { at: 'relative', records: 5 });
  assert.deepEqual(start('-5'), { at: 'relative', records: -5 });
  assert.deepEqual(start('"@2026-01-01T00:00:00Z"'), { at: 'timestamp', timestampMs: 1_767_225_600_000 });
});

test('sha256 stands for the meaning: not for comments, order of fields or the file, but for every value', () => {
  const { sha256 } = configOf(MINIMAL);
  assert.equal(
    configOf(`# c\nwasm_module: "m.wasm"\noutput_topic: out\ninput_topic: in\nname: a\ninstances: 1`, 'b.yaml').sha256,
    sha256,
  );
  for (const more of [
    'config: {a: 1}',
    'instances: 2',
    'input: {start: earliest}',
    'errors: {max_retries: 1}',
    'output: {timestamp: now}',
    'input: {format: json}',
    'input: {key_format: json}',
    'input: {format: avro, json: avro_json}',
    'input: {format: avro, subject: s}',
    'input: {format: avro, schema_file: s.avsc}',
    'output: {format: avro}',
    'output: {key_format: avro}',
    'output: {format: avro, unknown_fields: drop}',
    'config: {schema_registry_subject: s}',
  ]) {
    assert.notEqual(configOf(MINIMAL + more).sha256, sha256, more);
  }
});

test('a config cannot be changed', () => {
  const config = configOf(MINIMAL);
  assert.throws(() => Object.assign(config.errors.stopAfter, { failures: 1 }), TypeError);
});

const without = (field: string) => MINIMAL.replace(new RegExp(`^${field}: .*\n`, 'm'), '');
const with_ = (field: string, value: string) =>
  MINIMAL.replace(new RegExp(`^${field}: .*$`, 'm'), `${field}: ${value}`);

/** Text, code, place, JSON pointer, and what the message or the suggestion must say. */
const BAD: readonly (readonly [string, ErrorCode, string, string | undefined, RegExp])[] = [
  // not YAML
  ['name: [a', 'spec.not_yaml', 'a.yaml:1:9', undefined, /bracket/],
  ['', 'spec.missing_field', 'a.yaml:1:1', '', /empty/],
  ['# nothing', 'spec.missing_field', 'a.yaml:1:1', '', /empty/],
  ['just text', 'spec.wrong_type', 'a.yaml:1:1', '', /must be a map, not the text "just text"/],
  ['- name: a', 'spec.wrong_type', 'a.yaml:1:1', '', /must be a map, not a list/],
  [`${MINIMAL}---\nname: b`, 'spec.not_yaml', 'a.yaml:5:1', undefined, /file of its own/],
  [`${MINIMAL}name: b`, 'spec.not_yaml', 'a.yaml:5:1', '/name', /first is in line 1/],
  // unknown fields
  [`${MINIMAL}timout_ms: 5`, 'spec.unknown_field', 'a.yaml:5:1', '/timout_ms', /Did you mean `timeout_ms`/],
  [`${MINIMAL}errors:\n  max_retrys: 5`, 'spec.unknown_field', 'a.yaml:6:3', '/errors/max_retrys', /max_retries/],
  [`${MINIMAL}max_retries: 5`, 'spec.unknown_field', 'a.yaml:5:1', '/max_retries', /belongs under `errors:`/],
  [
    `${MINIMAL}errors: {instances: 5}`,
    'spec.unknown_field',
    'a.yaml:5:10',
    '/errors/instances',
    /belongs at the top level/,
  ],
  [`${MINIMAL}a/b~c: 5`, 'spec.unknown_field', 'a.yaml:5:1', '/a~1b~0c', /Known fields here: name/],
  [`${MINIMAL}__proto__: 5`, 'spec.unknown_field', 'a.yaml:5:1', '/__proto__', /Known fields here/],
  [`${MINIMAL}constructor: 5`, 'spec.unknown_field', 'a.yaml:5:1', '/constructor', /Known fields here/],
  // missing
  [without('name'), 'spec.missing_field', 'a.yaml:1:1', '/name', /name: mask-pii/],
  [without('input_topic'), 'spec.missing_field', 'a.yaml:1:1', '/input_topic', /input_topic: raw-events/],
  [without('output_topic'), 'spec.missing_field', 'a.yaml:1:1', '/output_topic', /"" when route/],
  [without('wasm_module'), 'spec.missing_field', 'a.yaml:1:1', '/wasm_module', /mask_pii\.wasm/],
  [
    `${without('wasm_module')}transforms:\n  - config: {}`,
    'spec.missing_field',
    'a.yaml:5:5',
    '/transforms/0/wasm_module',
    /mask_pii/,
  ],
  // wrong types
  [with_('name', '5'), 'spec.wrong_type', 'a.yaml:1:7', '/name', /name: "5"/],
  [with_('output_topic', ''), 'spec.wrong_type', 'a.yaml:3:1', '/output_topic', /"" when route/],
  [`${MINIMAL}instances: "4"`, 'spec.wrong_type', 'a.yaml:5:12', '/instances', /instances: 4/],
  [`${MINIMAL}instances: 1.5`, 'spec.wrong_type', 'a.yaml:5:12', '/instances', /whole number from 1 to 64, not 1\.5/],
  [`${MINIMAL}instances: [1]`, 'spec.wrong_type', 'a.yaml:5:12', '/instances', /not a list/],
  [`${MINIMAL}errors: 5`, 'spec.wrong_type', 'a.yaml:5:9', '/errors', /a map, not 5/],
  [`${MINIMAL}errors:`, 'spec.wrong_type', 'a.yaml:5:1', '/errors', /remove the line/],
  [`${MINIMAL}config: [a]`, 'spec.wrong_type', 'a.yaml:5:9', '/config', /a map, not a list/],
  [`${MINIMAL}config:`, 'spec.wrong_type', 'a.yaml:5:1', '/config', /remove the line/],
  [`${MINIMAL}transforms: {}`, 'spec.conflict', 'a.yaml:4:1', '/wasm_module', /stage under transforms/],
  [
    `${without('wasm_module')}transforms: {}`,
    'spec.wrong_type',
    'a.yaml:4:13',
    '/transforms',
    /a list of 1 to 16 entries, not a map/,
  ],
  [`${without('wasm_module')}transforms: []`, 'spec.out_of_range', 'a.yaml:4:13', '/transforms', /not a list of 0/],
  [`${MINIMAL}input: {start: [5]}`, 'spec.wrong_type', 'a.yaml:5:16', '/input/start', /earliest/],
  [`${MINIMAL}delivery: 5`, 'spec.wrong_type', 'a.yaml:5:11', '/delivery', /one of at_least_once/],
  // ranges
  [`${MINIMAL}instances: 65`, 'spec.out_of_range', 'a.yaml:5:12', '/instances', /from 1 to 64, not 65/],
  [`${MINIMAL}instances: 0`, 'spec.out_of_range', 'a.yaml:5:12', '/instances', /from 1 to 64/],
  [`${MINIMAL}instances: 99999999999999999999`, 'spec.out_of_range', 'a.yaml:5:12', '/instances', /from 1 to 64/],
  [`${MINIMAL}max_memory_mb: 4097`, 'spec.out_of_range', 'a.yaml:5:16', '/max_memory_mb', /4096/],
  [`${MINIMAL}timeout_ms: 60001`, 'spec.out_of_range', 'a.yaml:5:13', '/timeout_ms', /60000/],
  [`${MINIMAL}errors: {max_retries: 101}`, 'spec.out_of_range', 'a.yaml:5:23', '/errors/max_retries', /0 to 100/],
  [
    `${MINIMAL}errors: {retry_backoff_ms: -1}`,
    'spec.out_of_range',
    'a.yaml:5:28',
    '/errors/retry_backoff_ms',
    /from 0/,
  ],
  [
    `${MINIMAL}errors: {on_failure: dead-letter}`,
    'spec.out_of_range',
    'a.yaml:5:22',
    '/errors/on_failure',
    /Did you mean `dead_letter`/,
  ],
  [
    `${MINIMAL}input: {tombstones: keep}`,
    'spec.out_of_range',
    'a.yaml:5:21',
    '/input/tombstones',
    /forward, transform, drop/,
  ],
  [`${MINIMAL}input: {start: 5}`, 'spec.out_of_range', 'a.yaml:5:16', '/input/start', /\+5 .* or -5/],
  [`${MINIMAL}input: {start: newest}`, 'spec.out_of_range', 'a.yaml:5:16', '/input/start', /latest, earliest/],
  [`${MINIMAL}config: {a: [.nan]}`, 'spec.out_of_range', 'a.yaml:5:14', '/config/a/0', /finite/],
  [
    `${MINIMAL}errors: {retry_backoff_ms: 20000}`,
    'spec.conflict',
    'a.yaml:5:28',
    '/errors/retry_backoff_ms',
    /retry_backoff_max_ms: 20000/,
  ],
  [
    `${MINIMAL}errors: {stop_after: {failures: 2000}}`,
    'spec.conflict',
    'a.yaml:5:33',
    '/errors/stop_after/failures',
    /never be/,
  ],
  // names
  [with_('name', 'Mask_PII'), 'spec.bad_name', 'a.yaml:1:7', '/name', /name: mask-pii/],
  [with_('name', 'maskPii'), 'spec.bad_name', 'a.yaml:1:7', '/name', /name: mask-pii/],
  [with_('name', 'a--b'), 'spec.bad_name', 'a.yaml:1:7', '/name', /name: a-b/],
  [with_('name', '""'), 'spec.bad_name', 'a.yaml:1:7', '/name', /lower-case/],
  [with_('name', '"a\\n"'), 'spec.bad_name', 'a.yaml:1:7', '/name', /name: a`/],
  [with_('name', 'a'.repeat(129)), 'spec.bad_name', 'a.yaml:1:7', '/name', /128/],
  [with_('input_topic', 'a b'), 'spec.bad_topic', 'a.yaml:2:14', '/input_topic', /letters, digits/],
  [with_('input_topic', '..'), 'spec.bad_topic', 'a.yaml:2:14', '/input_topic', /letters, digits/],
  [with_('input_topic', '""'), 'spec.bad_topic', 'a.yaml:2:14', '/input_topic', /empty/],
  [with_('output_topic', '"a\\n"'), 'spec.bad_topic', 'a.yaml:3:15', '/output_topic', /letters, digits/],
  [with_('output_topic', 'x'.repeat(250)), 'spec.bad_topic', 'a.yaml:3:15', '/output_topic', /249/],
  [`${MINIMAL}errors: {dead_letter_topic: ""}`, 'spec.bad_topic', 'a.yaml:5:29', '/errors/dead_letter_topic', /empty/],
  [`${MINIMAL}input: {group_id: ""}`, 'spec.bad_name', 'a.yaml:5:19', '/input/group_id', /streamline\.<name>/],
  // modules
  [with_('wasm_module', '/etc/passwd'), 'spec.bad_name', 'a.yaml:4:14', '/wasm_module', /absolute/],
  [with_('wasm_module', '~/m.wasm'), 'spec.bad_name', 'a.yaml:4:14', '/wasm_module', /absolute/],
  [with_('wasm_module', 'a/../../m.wasm'), 'spec.bad_name', 'a.yaml:4:14', '/wasm_module', /\.\./],
  [with_('wasm_module', 'a\\m.wasm'), 'spec.bad_name', 'a.yaml:4:14', '/wasm_module', /backslash/],
  [with_('wasm_module', 'C:/m.wasm'), 'spec.bad_name', 'a.yaml:4:14', '/wasm_module', /relative path/],
  [with_('wasm_module', 'https://x/m.wasm'), 'spec.bad_name', 'a.yaml:4:14', '/wasm_module', /relative path/],
  [with_('wasm_module', '"a\\0.wasm"'), 'spec.bad_name', 'a.yaml:4:14', '/wasm_module', /control/],
  [with_('wasm_module', './'), 'spec.bad_name', 'a.yaml:4:14', '/wasm_module', /no file/],
  [with_('wasm_module', '.'), 'spec.bad_name', 'a.yaml:4:14', '/wasm_module', /no file/],
  [with_('wasm_module', 'builtin:passthrough'), 'spec.bad_name', 'a.yaml:4:14', '/wasm_module', /builtin:pass-through/],
  [with_('wasm_module', 'x'.repeat(600)), 'spec.bad_name', 'a.yaml:4:14', '/wasm_module', /512/],
  // topics that meet
  [with_('output_topic', 'in'), 'spec.output_equals_input', 'a.yaml:3:15', '/output_topic', /another topic/],
  [
    `${MINIMAL}errors: {dead_letter_topic: in}`,
    'spec.conflict',
    'a.yaml:5:29',
    '/errors/dead_letter_topic',
    /input topic/,
  ],
  [
    `${MINIMAL}errors: {dead_letter_topic: out}`,
    'spec.conflict',
    'a.yaml:5:29',
    '/errors/dead_letter_topic',
    /output topic/,
  ],
  [with_('input_topic', 'a.dlq'), 'spec.conflict', 'a.yaml:1:1', '/errors/dead_letter_topic', /topic of their own/],
  [
    with_('output_topic', '""').replace('m.wasm', 'builtin:logging'),
    'spec.no_output',
    'a.yaml:3:15',
    '/output_topic',
    /no route/,
  ],
  [
    `${MINIMAL}delivery: exactly_once\nordering: key`,
    'spec.conflict',
    'a.yaml:6:11',
    '/ordering',
    /ordering: partition/,
  ],
  // not yet
  [`${MINIMAL}# ${'x'.repeat(300_000)}`, 'spec.too_large', 'a.yaml:1:1', '', /256 KiB/],
];

test('every bad spec names its code, line, field and what to write instead', () => {
  for (const [text, code, place, configPath, says] of BAD) {
    const shown = text.slice(0, 200);
    const [error] = errorsOf(text);
    assert.deepEqual(
      [error!.code, error!.place, error!.configPath],
      [code, place, configPath],
      `${shown}\n${error!.describe()}`,
    );
    assert.match(`${error!.message}\n${error!.suggestion}`, says, shown);
    assert.ok(error!.suggestion, shown);
  }
});

test('all errors of a file are told, in its order', () => {
  const errors = errorsOf(
    'name: A\ninput_topic: in\ntimout_ms: 5\noutput_topic: in\nwasm_module: ../m\ninstances: 0\ndelivery: twice\ninput: {start: x}\n',
  );
  assert.deepEqual(
    errors.map((error) => error.configPath),
    ['/name', '/timout_ms', '/output_topic', '/wasm_module', '/instances', '/delivery', '/input/start'],
  );
});

test('messages show what is written in one line and not at length', () => {
  const [error] = errorsOf(with_('name', JSON.stringify(`\u001b[31m\n${'x'.repeat(10_000)}`)));
  assert.ok(error!.describe().length < 500);
  assert.ok(!error!.message.includes('\u001b') && !error!.message.includes('\n'));
});

test('a chain has as many stages as are written, each with its config; what is wrong with one is said of it', () => {
  const stage = (module: string, config = ''): string => `\n- { wasm_module: ${module}${config} }`;
  const chain = configOf(
    `${without('wasm_module')}timeout_ms: 20\ntransforms:${stage('a.wasm', ', config: { x: 1 }, max_memory_mb: 8')}${stage('b.wasm', ', timeout_ms: 5')}`,
  );
  assert.deepEqual(chain.stages, [
    { wasmModule: 'a.wasm', configJson: '{"x":1}', maxMemoryMb: 8, timeoutMs: 20 },
    { wasmModule: 'b.wasm', configJson: '{}', maxMemoryMb: 64, timeoutMs: 5 },
  ]);
  const [limit] = errorsOf(`${without('wasm_module')}transforms:${stage('a.wasm', ', timeout_ms: 0')}`);
  assert.equal(limit?.configPath, '/transforms/0/timeout_ms');
  assert.equal(stageNames(chain), 'a.wasm → b.wasm');
  const [error] = errorsOf(`${without('wasm_module')}transforms:${stage('a.wasm')}${stage('../b.wasm')}`);
  assert.equal(error?.configPath, '/transforms/1/wasm_module');
  const many = (count: number): string => `${without('wasm_module')}transforms:${stage('a.wasm').repeat(count)}`;
  assert.equal(configOf(many(16)).stages.length, 16);
  assert.equal(errorsOf(many(17))[0]?.configPath, '/transforms');
  // The last stage is the one that may route.
  const routed = without('wasm_module').replace(/output_topic: .*/, 'output_topic: ""');
  assert.equal(
    errorsOf(`${routed}transforms:${stage('a.wasm')}${stage('builtin:logging')}`)[0]?.code,
    'spec.no_output',
  );
  assert.equal(configOf(`${routed}transforms:${stage('builtin:logging')}${stage('a.wasm')}`).stages.length, 2);
  assert.equal(routeInTheMidst(chain, 0).configPath, '/transforms/0/wasm_module');
});

test('faults that show later still point at the line', () => {
  const config = configOf(with_('output_topic', '""'), 's.yaml');
  assert.equal(placeOf(config, '/input_topic'), 's.yaml:2:14');
  assert.equal(placeOf({ ...config }, '/input_topic'), 's.yaml');
  const missing = missingModule(config, 0, 'modules/m.wasm');
  assert.deepEqual(
    [missing.code, missing.place, missing.configPath],
    ['spec.module_missing', 's.yaml:4:14', '/wasm_module'],
  );
  const output = missingOutput(config, { route: false });
  assert.deepEqual(
    [output?.code, output?.place, output?.configPath],
    ['spec.no_output', 's.yaml:3:15', '/output_topic'],
  );
  assert.equal(missingOutput(config, { route: true }), undefined);
  assert.equal(missingOutput(configOf(MINIMAL), { route: false }), undefined);
  const chain = configOf(
    `${without('wasm_module')}transforms:\n- wasm_module: m.wasm\n- wasm_module: n.wasm`,
    's.yaml',
  );
  const inChain = missingModule(chain, 1, 'modules/n.wasm');
  assert.deepEqual([inChain.place, inChain.configPath], ['s.yaml:6:16', '/transforms/1/wasm_module']);
});
