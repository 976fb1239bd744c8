import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorCode } from '../base/error-code.ts';
import type { StreamlineError } from '../base/error.ts';
import { subjectPath } from './late-fault.ts';
import { parseSpec } from './parse-spec.ts';
import { placeOf } from './spec-place.ts';
import type { TransformationConfig } from './transformation-config.ts';

const MINIMAL = 'name: a\ninput_topic: in\noutput_topic: out\nwasm_module: m.wasm\n';
const CHAIN = 'name: a\ninput_topic: in\noutput_topic: out\ntransforms:\n- wasm_module: m.wasm\n';

function configOf(more: string, base = MINIMAL): TransformationConfig {
  const outcome = parseSpec(base + more, 'a.yaml');
  assert.ok(
    'config' in outcome,
    `${more}\n${'errors' in outcome ? outcome.errors.map((error) => error.describe()).join('\n') : ''}`,
  );
  return outcome.config;
}

function errorsOf(more: string, base = MINIMAL): readonly StreamlineError[] {
  const outcome = parseSpec(base + more, 'a.yaml');
  assert.ok('errors' in outcome, more);
  return outcome.errors;
}

const BYTES = {
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
  partition: 'key',
  timestamp: 'input',
  moduleHeader: false,
} as const;

/** An output as written, and what it is beyond that of bytes. */
const OUTPUTS: readonly (readonly [string, Partial<TransformationConfig['output']>])[] = [
  ['{}', {}],
  ['{format: bytes, key_format: bytes}', {}],
  ['{format: json}', { format: 'json' }],
  ['{key_format: json}', { keyFormat: 'json' }],
  ['{format: json, subject: s}', { format: 'json', subject: 's' }],
  ['{format: json, subject: s, version: 3}', { format: 'json', subject: 's', version: 3 }],
  ['{format: json, subject: s, version: latest}', { format: 'json', subject: 's' }],
  ['{key_format: json, key_subject: k}', { keyFormat: 'json', keySubject: 'k' }],
  ['{format: avro}', { format: 'avro', subjectNameStrategy: 'topic' }],
  ['{format: avro, subject_name_strategy: topic}', { format: 'avro', subjectNameStrategy: 'topic' }],
  ['{format: avro, subject: s}', { format: 'avro', subject: 's' }],
  ['{format: avro, subject: s, version: 1}', { format: 'avro', subject: 's', version: 1 }],
  ['{format: avro, version: 2147483647}', { format: 'avro', subjectNameStrategy: 'topic', version: 2_147_483_647 }],
  ['{format: avro, json: avro_json, subject: s}', { format: 'avro', json: 'avro_json', subject: 's' }],
  ['{format: avro, subject: s, unknown_fields: drop}', { format: 'avro', subject: 's', unknownFields: 'drop' }],
  // The key's subject still has to be made.
  [
    '{format: avro, subject: s, key_format: avro}',
    { format: 'avro', keyFormat: 'avro', subject: 's', subjectNameStrategy: 'topic' },
  ],
  ['{key_format: avro}', { keyFormat: 'avro', subjectNameStrategy: 'topic' }],
  ['{key_format: avro, json: avro_json}', { keyFormat: 'avro', json: 'avro_json', subjectNameStrategy: 'topic' }],
  ['{key_format: avro, key_subject: k}', { keyFormat: 'avro', keySubject: 'k' }],
  [
    '{format: avro, subject: s, key_format: avro, key_subject: k}',
    { format: 'avro', keyFormat: 'avro', subject: 's', keySubject: 'k' },
  ],
  [
    '{format: avro, subject_name_strategy: record, record_name: a.b.C}',
    { format: 'avro', subjectNameStrategy: 'record', recordName: 'a.b.C' },
  ],
  [
    '{format: avro, subject_name_strategy: topic_record, record_name: C}',
    { format: 'avro', subjectNameStrategy: 'topic_record', recordName: 'C' },
  ],
  [
    '{format: avro, subject_name_strategy: record, schema_file: c.json}',
    { format: 'avro', subjectNameStrategy: 'record', schemaFile: 'c.json' },
  ],
  [
    '{format: avro, subject_name_strategy: record, record_name: C, key_format: avro, key_subject: k}',
    { format: 'avro', keyFormat: 'avro', subjectNameStrategy: 'record', recordName: 'C', keySubject: 'k' },
  ],
  [
    '{format: avro, schema_file: .//schemas/./a.avsc, auto_register: true}',
    { format: 'avro', subjectNameStrategy: 'topic', schemaFile: 'schemas/a.avsc', autoRegister: true },
  ],
  [
    '{format: avro, subject: s, schema_file: a.avsc, auto_register: false}',
    { format: 'avro', subject: 's', schemaFile: 'a.avsc' },
  ],
];

test('what is written under output arrives, and nothing else changes', () => {
  for (const [output, expected] of OUTPUTS) {
    assert.deepEqual(configOf(`output: ${output}`).output, { ...BYTES, ...expected }, output);
  }
});

test('what is written under input arrives, and nothing else changes', () => {
  const none = {
    format: 'bytes',
    keyFormat: 'bytes',
    json: 'plain',
    reader: undefined,
    schemaFile: undefined,
  } as const;
  const inputs: readonly (readonly [string, Partial<TransformationConfig['input']>])[] = [
    ['{}', {}],
    ['{format: json}', { format: 'json' }],
    ['{format: avro}', { format: 'avro' }],
    ['{key_format: avro}', { keyFormat: 'avro' }],
    ['{format: json, key_format: avro, json: avro_json}', { format: 'json', keyFormat: 'avro', json: 'avro_json' }],
    ['{format: avro, json: plain}', { format: 'avro' }],
    ['{format: avro, subject: s}', { format: 'avro', reader: { subject: 's', version: 'latest' } }],
    ['{format: avro, subject: s, version: 7}', { format: 'avro', reader: { subject: 's', version: 7 } }],
    ['{format: avro, schema_file: s/a.avsc}', { format: 'avro', schemaFile: 's/a.avsc' }],
  ];
  for (const [input, expected] of inputs) {
    const { start: _start, groupId: _group, tombstones: _tombstones, ...formats } = configOf(`input: ${input}`).input;
    assert.deepEqual(formats, { ...none, ...expected }, input);
  }
});

test('the order of fields that sha256 stands for is fixed', () => {
  const config = configOf(
    'output: {auto_register: false, schema_file: a.avsc, format: avro}\ninput: {key_format: json}',
  );
  const names = (part: object): string => Object.keys(part).join(' ');
  assert.equal(names(config.input), 'format keyFormat json reader schemaFile start groupId tombstones');
  assert.equal(
    names(config.output),
    'format keyFormat json subject keySubject subjectNameStrategy recordName version schemaFile autoRegister unknownFields partition timestamp moduleHeader',
  );
});

test('config.schema_registry_subject alone means Avro under that subject; the guest still gets its config whole', () => {
  const expected = { ...BYTES, format: 'avro', subject: 's-value' };
  const config = configOf('config: {a: 1, schema_registry_subject: s-value}');
  assert.deepEqual(config.output, expected);
  assert.deepEqual(config.stages, [
    {
      wasmModule: 'm.wasm',
      configJson: '{"a":1,"schema_registry_subject":"s-value"}',
      maxMemoryMb: 64,
      timeoutMs: 10,
    },
  ]);
  assert.deepEqual(configOf('  config: {schema_registry_subject: s-value}', CHAIN).output, expected);
  for (const output of ['{format: avro}', '{subject: s-value}', '{format: avro, subject: s-value}']) {
    assert.deepEqual(
      configOf(`config: {schema_registry_subject: s-value}\noutput: ${output}`).output,
      expected,
      output,
    );
  }
  // What belongs to Avro may stand beside it.
  const more = configOf(
    'config: {schema_registry_subject: s}\noutput: {version: 4, unknown_fields: drop, key_format: avro, json: avro_json}',
  );
  assert.deepEqual(more.output, {
    ...BYTES,
    format: 'avro',
    subject: 's',
    version: 4,
    unknownFields: 'drop',
    keyFormat: 'avro',
    json: 'avro_json',
    subjectNameStrategy: 'topic',
  });
  // Deeper down it is a word of the guest's.
  assert.deepEqual(configOf('config: {deep: {schema_registry_subject: s}}').output, BYTES);
});

test('a builtin converts formats, and route() names topics whose subjects follow', () => {
  const builtin = MINIMAL.replace('m.wasm', 'builtin:pass-through');
  assert.equal(configOf('input: {format: avro}\noutput: {format: json}', builtin).output.format, 'json');
  const routed = configOf('output: {format: avro}', MINIMAL.replace('output_topic: out', 'output_topic: ""'));
  assert.deepEqual([routed.outputTopic, routed.output.subjectNameStrategy], [undefined, 'topic']);
});

/** What is added to a minimal spec, code, place, JSON pointer, and what the message or the suggestion must say. */
const BAD: readonly (readonly [string, ErrorCode, string, string, RegExp])[] = [
  // words and types
  ['input: {format: avor}', 'spec.out_of_range', 'a.yaml:5:17', '/input/format', /Did you mean `avro`/],
  ['output: {key_format: string}', 'spec.out_of_range', 'a.yaml:5:22', '/output/key_format', /bytes, json, avro/],
  ['output: {format: avro, json: tagged}', 'spec.out_of_range', 'a.yaml:5:30', '/output/json', /plain, avro_json/],
  ['input: {format: avro, json: avro-json}', 'spec.out_of_range', 'a.yaml:5:29', '/input/json', /`avro_json`/],
  [
    'output: {format: avro, unknown_fields: skip}',
    'spec.out_of_range',
    'a.yaml:5:40',
    '/output/unknown_fields',
    /drop/,
  ],
  [
    'output: {format: avro, subject_name_strategy: topicname}',
    'spec.out_of_range',
    'a.yaml:5:47',
    '/output/subject_name_strategy',
    /topic, record, topic_record/,
  ],
  ['output: {format: avro, auto_register: yes}', 'spec.wrong_type', 'a.yaml:5:39', '/output/auto_register', /: true/],
  ['output: {format: avro, subjects: s}', 'spec.unknown_field', 'a.yaml:5:24', '/output/subjects', /`subject`/],
  // subjects
  ['output: {format: avro, subject: ""}', 'spec.bad_name', 'a.yaml:5:33', '/output/subject', /1 to 512/],
  ['output: {format: avro, subject: 5}', 'spec.wrong_type', 'a.yaml:5:33', '/output/subject', /subject: "5"/],
  [`output: {format: avro, subject: ${'s'.repeat(513)}}`, 'spec.bad_name', 'a.yaml:5:33', '/output/subject', /512/],
  ['output: {format: avro, subject: "a\\n"}', 'spec.bad_name', 'a.yaml:5:33', '/output/subject', /control/],
  ['output: {format: avro, subject: ".."}', 'spec.bad_name', 'a.yaml:5:33', '/output/subject', /not \. or \.\. alone/],
  ['output: {format: avro, subject: "."}', 'spec.bad_name', 'a.yaml:5:33', '/output/subject', /not \. or \.\. alone/],
  ['output: {format: avro, subject: "\\ud800"}', 'spec.bad_name', 'a.yaml:5:33', '/output/subject', /1 to 512/],
  ['output: {key_format: avro, key_subject: ""}', 'spec.bad_name', 'a.yaml:5:41', '/output/key_subject', /1 to 512/],
  ['input: {format: avro, subject: ""}', 'spec.bad_name', 'a.yaml:5:32', '/input/subject', /1 to 512/],
  // versions
  ['output: {format: avro, version: 0}', 'spec.out_of_range', 'a.yaml:5:33', '/output/version', /1 to 2147483647/],
  ['output: {format: avro, version: -1}', 'spec.out_of_range', 'a.yaml:5:33', '/output/version', /1 to 2147483647/],
  ['output: {format: avro, version: 2147483648}', 'spec.out_of_range', 'a.yaml:5:33', '/output/version', /latest or/],
  ['output: {format: avro, version: 1.5}', 'spec.out_of_range', 'a.yaml:5:33', '/output/version', /latest or/],
  [
    'output: {format: avro, version: newest}',
    'spec.out_of_range',
    'a.yaml:5:33',
    '/output/version',
    /`version: latest`/,
  ],
  [
    'output: {format: avro, version: "3"}',
    'spec.out_of_range',
    'a.yaml:5:33',
    '/output/version',
    /without quotes.*: 3`/,
  ],
  ['output: {format: avro, version: [1]}', 'spec.wrong_type', 'a.yaml:5:33', '/output/version', /latest or/],
  ['output: {format: avro, version: null}', 'spec.wrong_type', 'a.yaml:5:33', '/output/version', /latest or/],
  ['input: {format: avro, subject: s, version: 0}', 'spec.out_of_range', 'a.yaml:5:44', '/input/version', /latest or/],
  // names of records
  ...['a..b', '1a', 'a.b.', '.a', 'a-b', 'a b', 'ä', ''].map(
    (name) =>
      [
        `output: {format: avro, subject_name_strategy: record, record_name: ${JSON.stringify(name)}}`,
        'spec.bad_name',
        'a.yaml:5:68',
        '/output/record_name',
        /no full name of an Avro record/,
      ] as const,
  ),
  [
    `output: {format: avro, subject_name_strategy: record, record_name: ${'r'.repeat(256)}}`,
    'spec.bad_name',
    'a.yaml:5:68',
    '/output/record_name',
    /255/,
  ],
  // files
  ...(
    [
      ['/etc/a.avsc', /absolute/],
      ['~/a.avsc', /absolute/],
      ['../a.avsc', /leads out/],
      ['a/../../b.avsc', /leads out/],
      ['a/..', /leads out/],
      ['a\\b.avsc', /backslash/],
      ['a\0.avsc', /control/],
      ['a\n.avsc', /control/],
      ['C:/a.avsc', /no relative path/],
      ['https://h/a.avsc', /no relative path/],
      ['a.proto', /neither in \.avsc nor in \.json/],
      ['a.avsc/', /neither/],
      ['', /neither/],
      ['.avsc', /neither/],
      ['a/.json', /neither/],
      [`${'a'.repeat(251)}.avsc`, /255/],
    ] as const
  ).flatMap(([file, says]) =>
    (['input', 'output'] as const).map(
      (side) =>
        [
          `${side}: {format: avro, schema_file: ${JSON.stringify(file)}}`,
          'spec.bad_name',
          side === 'input' ? 'a.yaml:5:36' : 'a.yaml:5:37',
          `/${side}/schema_file`,
          says,
        ] as const,
    ),
  ),
  // fields without effect
  ['input: {json: plain}', 'spec.conflict', 'a.yaml:5:15', '/input/json', /`format: avro` or `key_format: avro`/],
  ['input: {format: json, key_format: json, json: plain}', 'spec.conflict', 'a.yaml:5:47', '/input/json', /no effect/],
  ['output: {json: avro_json}', 'spec.conflict', 'a.yaml:5:16', '/output/json', /`format: avro` or `key_format: avro`/],
  ['input: {subject: s}', 'spec.conflict', 'a.yaml:5:18', '/input/subject', /input\.format is bytes[^]*`format: avro`/],
  ['input: {format: json, subject: s}', 'spec.conflict', 'a.yaml:5:32', '/input/subject', /input\.format is json/],
  ['input: {key_format: avro, subject: s}', 'spec.conflict', 'a.yaml:5:36', '/input/subject', /input\.format is bytes/],
  ['input: {version: latest}', 'spec.conflict', 'a.yaml:5:18', '/input/version', /no effect/],
  ['input: {format: avro, version: 1}', 'spec.conflict', 'a.yaml:5:32', '/input/version', /no input\.subject/],
  ['input: {schema_file: a.avsc}', 'spec.conflict', 'a.yaml:5:22', '/input/schema_file', /no effect/],
  ['output: {subject: s}', 'spec.conflict', 'a.yaml:5:19', '/output/subject', /`format: avro` or `format: json`/],
  [
    'output: {key_format: avro, subject: s}',
    'spec.conflict',
    'a.yaml:5:37',
    '/output/subject',
    /output\.format is bytes/,
  ],
  [
    'output: {format: avro, key_subject: k}',
    'spec.conflict',
    'a.yaml:5:37',
    '/output/key_subject',
    /`key_format: avro`/,
  ],
  ['output: {version: 1}', 'spec.conflict', 'a.yaml:5:19', '/output/version', /no effect/],
  ['output: {format: json, version: 1}', 'spec.conflict', 'a.yaml:5:33', '/output/version', /no output\.subject/],
  ['output: {format: json, unknown_fields: fail}', 'spec.conflict', 'a.yaml:5:40', '/output/unknown_fields', /json/],
  ['output: {format: json, schema_file: a.json}', 'spec.conflict', 'a.yaml:5:37', '/output/schema_file', /no effect/],
  ['output: {auto_register: false}', 'spec.conflict', 'a.yaml:5:25', '/output/auto_register', /no effect/],
  [
    'output: {format: json, subject_name_strategy: topic}',
    'spec.conflict',
    'a.yaml:5:47',
    '/output/subject_name_strategy',
    /json/,
  ],
  ['output: {record_name: C}', 'spec.conflict', 'a.yaml:5:23', '/output/record_name', /no effect/],
  // fields that exclude or need each other
  [
    'input: {format: avro, subject: s, schema_file: a.avsc}',
    'spec.conflict',
    'a.yaml:5:48',
    '/input/schema_file',
    /Keep one/,
  ],
  [
    'output: {format: avro, subject: s, subject_name_strategy: topic}',
    'spec.conflict',
    'a.yaml:5:59',
    '/output/subject_name_strategy',
    /cannot stand together/,
  ],
  ['output: {format: avro, record_name: C}', 'spec.conflict', 'a.yaml:5:37', '/output/record_name', /strategy: record/],
  [
    'output: {format: avro, subject: s, record_name: C}',
    'spec.conflict',
    'a.yaml:5:49',
    '/output/record_name',
    /no effect/,
  ],
  ...['record', 'topic_record'].map(
    (strategy) =>
      [
        `output: {format: avro, subject_name_strategy: ${strategy}}`,
        'spec.missing_field',
        'a.yaml:5:47',
        '/output/record_name',
        /com\.example\.ApiLog/,
      ] as const,
  ),
  [
    'output: {format: avro, key_format: avro, subject_name_strategy: record, record_name: C}',
    'spec.missing_field',
    'a.yaml:5:65',
    '/output/key_subject',
    /key_subject: api-logs-key/,
  ],
  [
    'output: {format: avro, schema_file: a.avsc, version: 1}',
    'spec.conflict',
    'a.yaml:5:54',
    '/output/version',
    /schema_file and output\.version/,
  ],
  [
    'output: {format: avro, auto_register: true}',
    'spec.missing_field',
    'a.yaml:5:39',
    '/output/schema_file',
    /schema_file: schemas/,
  ],
  // config.schema_registry_subject
  [
    'config: {schema_registry_subject: ""}',
    'spec.bad_name',
    'a.yaml:5:35',
    '/config/schema_registry_subject',
    /1 to 512/,
  ],
  [
    'config: {schema_registry_subject: 5}',
    'spec.wrong_type',
    'a.yaml:5:35',
    '/config/schema_registry_subject',
    /must be text, not 5/,
  ],
  [
    'config: {schema_registry_subject: }',
    'spec.wrong_type',
    'a.yaml:5:10',
    '/config/schema_registry_subject',
    /must be text, not nothing/,
  ],
  [
    'config: {schema_registry_subject: s}\noutput: {format: bytes}',
    'spec.conflict',
    'a.yaml:6:18',
    '/output/format',
    /config\.schema_registry_subject asks for Avro[^]*`format: avro`/,
  ],
  [
    'config: {schema_registry_subject: s}\noutput: {format: json, subject: s}',
    'spec.conflict',
    'a.yaml:6:18',
    '/output/format',
    /output\.format is json/,
  ],
  [
    'config: {schema_registry_subject: s}\noutput: {subject: t}',
    'spec.conflict',
    'a.yaml:6:19',
    '/output/subject',
    /is "t", and config\.schema_registry_subject is "s"/,
  ],
  [
    'config: {schema_registry_subject: s}\noutput: {subject_name_strategy: topic}',
    'spec.conflict',
    'a.yaml:6:33',
    '/output/subject_name_strategy',
    /cannot stand together/,
  ],
];

test('what cannot be meant is refused once, at its line, with what to write instead', () => {
  for (const [more, code, place, configPath, says] of BAD) {
    const errors = errorsOf(more);
    const [error] = errors;
    assert.deepEqual(
      errors.map((one) => [one.code, one.place, one.configPath]),
      [[code, place, configPath]],
      `${more}\n${errors.map((one) => one.describe()).join('\n')}`,
    );
    assert.match(`${error!.message}\n${error!.suggestion}`, says, more);
    assert.ok(error!.suggestion, more);
  }
});

test('a subject in the config of a stage is judged as one at the top is', () => {
  const [error] = errorsOf('  config: {schema_registry_subject: s}\noutput: {format: json}', CHAIN);
  assert.deepEqual([error!.code, error!.place, error!.configPath], ['spec.conflict', 'a.yaml:7:18', '/output/format']);
  assert.match(error!.message, /^transforms\[0\]\.config\.schema_registry_subject asks for Avro/);
});

test('a misspelt format brings no other faults with it', () => {
  for (const more of [
    'input: {format: avor, subject: s, version: 1, json: plain}',
    'output: {format: avor, subject: s, version: 1, unknown_fields: drop, json: plain}',
    'output: {key_format: avor, key_subject: s, json: plain}',
  ]) {
    assert.equal(errorsOf(more).length, 1, more);
  }
});

test('the longest names there may be', () => {
  const subject = 's'.repeat(512);
  const record = `a.${'r'.repeat(253)}`;
  const file = `${'f'.repeat(250)}.avsc`;
  assert.equal(configOf(`output: {format: avro, subject: ${subject}}`).output.subject, subject);
  assert.equal(configOf(`config: {schema_registry_subject: ${subject}}`).output.subject, subject);
  const strategy = 'subject_name_strategy: record';
  assert.equal(configOf(`output: {format: avro, ${strategy}, record_name: ${record}}`).output.recordName, record);
  assert.equal(configOf(`input: {format: avro, schema_file: ${file}}`).input.schemaFile, file);
});

test('faults of schemas that show later still point at the line', () => {
  const config = configOf('output: {format: avro,\n  subject: s,\n  schema_file: a.avsc}\ninput: {format: avro}');
  assert.deepEqual(
    [subjectPath(config), placeOf(config, '/output/subject'), placeOf(config, '/output/schema_file')],
    ['/output/subject', 'a.yaml:6:12', 'a.yaml:7:16'],
  );
  assert.equal(placeOf(config, '/input/format'), 'a.yaml:8:17');
  const short = configOf('config:\n  schema_registry_subject: s');
  assert.equal(placeOf(short, subjectPath(short)), 'a.yaml:6:28');
  const chain = configOf('  config:\n    schema_registry_subject: s', CHAIN);
  assert.deepEqual(
    [subjectPath(chain), placeOf(chain, subjectPath(chain))],
    ['/transforms/0/config/schema_registry_subject', 'a.yaml:7:30'],
  );
  // A subject that a strategy makes: what stands next to it.
  const strategy = configOf('output: {format: avro}');
  assert.equal(placeOf(strategy, subjectPath(strategy)), 'a.yaml:5:1');
});
