import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import type { SidecarLimits } from '../spec/sidecar-config.ts';
import { parseSidecarConfig } from '../spec/sidecar-config.ts';
import type { CaseResult } from './case-run.ts';
import { labTargets } from './lab-target.ts';
import { runSpec, type SpecRun, type SpecRunOptions } from './spec-run.ts';

/* Whole runs: files in a folder, the real engine, a guest that does as the record says (guest/testing/chameleon.c). */

const GUESTS = join(import.meta.dirname, '../guest/testing');
const root = mkdtempSync(join(tmpdir(), 'lab-'));
after(() => rmSync(root, { recursive: true }));

function limits(): SidecarLimits {
  const outcome = parseSidecarConfig('', 'defaults', { resolveSecret: () => undefined });
  assert.ok('config' in outcome);
  return outcome.config.limits;
}

let folders = 0;

/** Files in a folder of their own. */
function files(texts: Readonly<Record<string, string>>): string {
  const folder = join(root, String(folders++));
  for (const [name, text] of Object.entries(texts)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

const SPEC = 'name: t\ninput_topic: in\noutput_topic: out\nwasm_module: chameleon.wasm\n';

async function run(
  cases: string,
  more: {
    readonly spec?: string;
    readonly options?: Partial<SpecRunOptions>;
    readonly files?: Record<string, string>;
  } = {},
): Promise<SpecRun> {
  const { spec = SPEC, options = {} } = more;
  const folder = files({ 't.yaml': spec, 't.test.yaml': cases, ...more.files });
  const target = { spec: join(folder, 't.yaml'), cases: join(folder, 't.test.yaml') };
  return runSpec(target, { modules: GUESTS, schemas: [], limits: limits(), ...options });
}

function casesOf(spec: SpecRun): readonly CaseResult[] {
  assert.deepEqual(
    spec.errors.map((error) => error.describe()),
    [],
  );
  return spec.result?.cases ?? [];
}

const told = (one: CaseResult | undefined): string[] =>
  one === undefined ? ['no case'] : one.mismatches.map(({ at, message }) => `${at} ${message}`);

test('cases pass and fail by what the guest does; fuel, log and coverage are told', async () => {
  const spec = await run(`
cases:
  - { name: capitals, input: { value: maap, key: k }, output: { value: MAAP, key: k, topic: meta } }
  - { name: unchanged, input: { value: "{}" }, output: { value: {}, topic: out } }
  - { name: filtered, input: { value: f }, dropped: true }
  - { name: routed, input: { value: r.eu }, output: { topic: .eu } }
  - { name: failed, input: { value: x }, error: { code: guest.failed } }
  - { name: trapped, input: { value: t }, error: { code: guest.trap } }
  - { name: logs, input: { value: v here }, output: { value: other } }
`);
  const cases = casesOf(spec);
  assert.deepEqual(
    cases.map(({ name, passed }) => [name, passed]),
    [
      ['capitals', true],
      ['unchanged', true],
      ['filtered', true],
      ['routed', true],
      ['failed', true],
      ['trapped', true],
      ['logs', false],
    ],
    cases.flatMap((one) => told(one)).join('\n'),
  );
  assert.deepEqual(cases[6]?.log, [{ level: 'warn', text: 'v here' }]);
  for (const { name, fuelUsed, fuelShareMax } of cases) {
    assert.ok(fuelUsed > 0 && fuelShareMax > 0 && fuelShareMax < 1, `${name} ${fuelUsed} ${fuelShareMax}`);
  }
  assert.deepEqual(spec.result?.coverage, {
    init: { called: 7 },
    filter: { passed: 4, dropped: 1 },
    transform: { changed: 1, unchanged: 3, failed: 2 },
    route: { named: 2, default: 2 },
  });
});

test('the records of one case share a guest, cases do not', async () => {
  const [first, second] = casesOf(
    await run(`
cases:
  - name: counts
    input: [{ value: c, partition: 1 }, { value: c, partition: 0 }, { value: c, partition: 1, offset: 0 }]
    output: [{ value: "1" }, { value: "2" }, { value: "3" }]
  - name: counts anew, also after a trap
    input: [{ value: c }, { value: t }, { value: c }]
    output: [{ value: "1" }, { value: "1" }]
    error: { code: guest.trap }
`),
  );
  assert.deepEqual([told(first), told(second)], [[], []]);
});

test('a guest sees partition, offset and time of its record', async () => {
  const [one] = casesOf(
    await run(`
cases:
  - name: metadata
    input: [{ value: M, partition: 3, offset: 42, timestamp: 1767225600000 }, { value: M }]
    output: [{ value: in 3 42 1767225600000 1767225600000 }, { value: in 0 1 0 0 }]
`),
  );
  assert.deepEqual(told(one), []);
});

test('what ends a record in a sidecar ends it here', async () => {
  const spec = await run(
    `
cases:
  - { name: a loop runs out of fuel, input: { value: s }, error: { code: guest.out_of_fuel } }
  - { name: a length that lies, input: { value: l }, error: { code: guest.abi_violation } }
  - { name: recursion, input: { value: d }, error: { code: guest.stack_overflow } }
  - { name: an abort, input: { value: a }, error: { code: guest.aborted, message_contains: ouch } }
  - { name: a topic that is none, input: { value: "r a/b" }, error: { code: route.invalid_topic } }
  - { name: no topic, input: { value: "-" }, error: { code: route.missing } }
  - { name: a tombstone passes and has none either, input: { value: null }, error: { code: route.missing } }
`,
    { spec: SPEC.replace('output_topic: out', 'output_topic: ""') },
  );
  assert.deepEqual(casesOf(spec).flatMap(told), []);
});

test('tombstones go the way that the spec says', async () => {
  const cases = (output: string): string => `cases: [{ name: a, input: { key: k, value: null }, ${output} }]`;
  for (const [tombstones, output] of [
    ['forward', 'output: { key: k, value: null }'],
    ['drop', 'dropped: true'],
    ['transform', 'output: { key: k, value: null }'],
  ] as const) {
    const spec = await run(cases(output), { spec: `${SPEC}input: { tombstones: ${tombstones} }\n` });
    const [one] = casesOf(spec);
    assert.deepEqual(told(one), [], tombstones);
    const shown = tombstones === 'transform' ? 1 : 0;
    assert.equal(spec.result?.coverage.transform.unchanged, shown, tombstones);
  }
});

const CHAIN = `name: t
input_topic: in
output_topic: out
transforms:
  - { wasm_module: m.wasm, config: { fields_to_mask: [email] } }
  - { wasm_module: builtin:pass-through }
  - { wasm_module: chameleon.wasm }
`;

test('a chain is run whole, each stage with its own memory; who failed is told', async () => {
  const modules = mask();
  copyFileSync(join(GUESTS, 'chameleon.wasm'), join(modules, 'chameleon.wasm'));
  const spec = await run(
    `
cases:
  - { name: through all, input: { value: { email: a } }, output: { value: { email: "***REDACTED***" }, topic: out } }
  - { name: the first fails, input: { value: "t" }, error: { code: guest.failed, stage: 1 } }
  - { name: told of another, input: { value: "t" }, error: { code: guest.failed, stage: 2 } }
`,
    { spec: CHAIN, options: { modules } },
  );
  assert.deepEqual(casesOf(spec).map(told), [
    [],
    [],
    ['error expected it of stage 2, failed with guest.failed in stage 1: transform() reported that it failed'],
  ]);
  const last = await run('cases: [{ name: a, input: { value: f }, dropped: true }]', {
    spec: CHAIN.replace(
      '- { wasm_module: m.wasm, config: { fields_to_mask: [email] } }',
      '- { wasm_module: builtin:logging }',
    ),
    options: { modules },
  });
  assert.deepEqual(casesOf(last).flatMap(told), []);
  const midst = await run('cases: [{ name: a, input: { value: f }, dropped: true }]', {
    spec: `${CHAIN}  - { wasm_module: builtin:pass-through }\n`,
    options: { modules },
  });
  assert.deepEqual(
    midst.errors.map(({ code, configPath }) => [code, configPath]),
    [['spec.conflict', '/transforms/2/wasm_module']],
  );
});

test('several outputs of one record are outputs in order', async () => {
  const [one] = casesOf(
    await run(`
cases:
  - name: emits
    input: { value: "Eefirst;htenant=acme;tother=second", headers: { a: b } }
    output:
      - { value: first, topic: out, headers: { a: b } }
      - { value: second, topic: other, headers: { a: b, tenant: acme } }
`),
  );
  assert.deepEqual(told(one), []);
});

test('a builtin needs no module', async () => {
  const spec = SPEC.replace('chameleon.wasm', 'builtin:pass-through');
  const cases = 'cases: [{ name: a, input: { value: x }, output: { value: x } }]';
  const [one] = casesOf(await run(cases, { spec, options: { modules: undefined } }));
  assert.deepEqual(told(one), []);
});

const AVRO_SCHEMA = JSON.stringify({
  type: 'record',
  name: 'User',
  namespace: 'com.example',
  fields: [
    { name: 'id', type: 'long' },
    { name: 'mail', type: ['null', 'string'], default: null },
  ],
});

const AVRO_SPEC = `${SPEC}payload: value
input: { format: avro, subject: in-value }
output: { format: avro, schema_file: user.avsc }
`;

test('Avro is JSON in a case, on both sides, and Avro between', async () => {
  const spec = await run(
    `
schemas: { in-value: user.avsc }
cases:
  - name: read and written
    input: { value: { id: 9007199254740993, mail: a@b.c } }
    output: { value: { mail: a@b.c, id: 9007199254740993 } }
  - name: some of it
    input: { value: { id: 1, mail: null } }
    output: { json_contains: { id: 1 } }
  - name: it is not
    input: { value: { id: 1, mail: a } }
    output: { value: { id: 1, mail: b } }
  - name: bytes that are no Avro
    input: { value: { base64: AQID } }
    error: { code: record.not_framed }
  - name: an id that nobody has
    input: { value: { base64: AAAAAGMA } }
    error: { code: schema.unknown_id }
`,
    {
      spec: AVRO_SPEC.replace('payload: value\n', '').replace('chameleon.wasm', 'builtin:pass-through'),
      files: { 'user.avsc': AVRO_SCHEMA },
    },
  );
  const cases = casesOf(spec);
  assert.deepEqual(
    cases.map((one) => told(one)),
    [[], [], ['output.value differs at /mail: expected "b", got "a"'], [], []],
    JSON.stringify(cases.map(({ error }) => error?.describe())),
  );
});

test('the schema that a spec reads with writes the inputs of its cases', async () => {
  const spec = `${SPEC.replace('chameleon.wasm', 'builtin:pass-through')}input: { format: avro, schema_file: user.avsc }\noutput: { format: json }\n`;
  const cases =
    'cases: [{ name: a, input: { value: { id: 5, mail: null } }, output: { value: { id: 5, mail: null } } }]';
  const [one] = casesOf(await run(cases, { spec, files: { 'user.avsc': AVRO_SCHEMA } }));
  assert.deepEqual([told(one), one?.error?.describe()], [[], undefined]);
});

test('an input that does not fit its schema is the case’s error, with its place', async () => {
  const spec = AVRO_SPEC.replace('chameleon.wasm', 'builtin:pass-through').replace('payload: value\n', '');
  const cases =
    'schemas: { in-value: user.avsc }\ncases: [{ name: a, input: { value: { id: x, mail: null } }, dropped: true }]';
  const [one] = casesOf(await run(cases, { spec, files: { 'user.avsc': AVRO_SCHEMA } }));
  assert.equal(one?.error?.code, 'record.schema_mismatch');
  assert.match(one.error.message, /the value of the input .*\$\.id/);
  assert.match(one.error.place ?? '', /t\.test\.yaml:2:9$/);
});

test('what keeps a spec from being tested is told with its place', async () => {
  const good = 'cases: [{ name: a, input: { value: x }, dropped: true }]';
  for (const [what, outcome, code, place, hint] of [
    [
      'no module',
      await run(good, { spec: SPEC.replace('chameleon', 'nothing') }),
      'spec.module_missing',
      /t\.yaml:4:/,
      /--modules/,
    ],
    [
      'no module anywhere',
      await run(good, { spec: SPEC.replace('chameleon', 'nothing'), options: { modules: undefined } }),
      'spec.module_missing',
      /t\.yaml:4:/,
      /--modules/,
    ],
    [
      'a bad spec',
      await run(good, { spec: `${SPEC}timout_ms: 5\n` }),
      'spec.unknown_field',
      /t\.yaml:5:1/,
      /timeout_ms/,
    ],
    ['bad cases', await run('cases: [{}]'), 'spec.missing_field', /t\.test\.yaml:1:9/, /name/],
    ['not YAML', await run('cases: ['), 'spec.not_yaml', /t\.test\.yaml:1:/, /bracket/],
    [
      'no schema',
      await run(good, { spec: `${SPEC}output: { format: avro, subject: s }\n` }),
      'schema.missing',
      /t\.yaml:5:/,
      /--schema s=FILE/,
    ],
    ['no schema file', await run(`schemas: { s: no.avsc }\n${good}`), 'schema.file_unreadable', /no\.avsc/, /relative/],
    ['a schema that is none', await run(`schemas: { s: t.yaml }\n${good}`), 'schema.invalid', /t\.yaml/, /Avro/],
    [
      'no route()',
      await run(good, {
        spec: SPEC.replace('output_topic: out', 'output_topic: ""').replace('chameleon', 'm'),
        options: { modules: mask() },
      }),
      'spec.no_output',
      /t\.yaml:3:/,
      /route\(\)/,
    ],
    [
      'no module at all',
      await run(good, { spec: SPEC.replace('chameleon', 'bad'), options: { modules: files({ 'bad.wasm': 'text' }) } }),
      'module.invalid',
      /bad\.wasm/,
      /./,
    ],
  ] as const) {
    const [error] = outcome.errors;
    assert.equal(error?.code, code, `${what}: ${error?.describe()}`);
    assert.match(error.place ?? '', place, what);
    assert.match(error.suggestion ?? 'none', hint, what);
    assert.equal(outcome.result, undefined);
  }
});

/** A folder with a module that has no route(). */
function mask(): string {
  const folder = files({ 'm.wasm': '' });
  copyFileSync(join(import.meta.dirname, '../../modules/transforms/mask_pii.wasm'), join(folder, 'm.wasm'));
  return folder;
}

test('faults of spec and cases are told together', async () => {
  const outcome = await run('cases: [{}]', { spec: `${SPEC}timout_ms: 5\n` });
  const places = outcome.errors.map(({ place }) => place ?? '');
  assert.ok(
    places.some((place) => place.includes('t.yaml:5')),
    places.join(),
  );
  assert.ok(
    places.some((place) => place.includes('t.test.yaml:1')),
    places.join(),
  );
});

test('a config that init() refuses is each case’s error', async () => {
  const [one] = casesOf(
    await run('cases: [{ name: a, input: { value: x }, dropped: true }]', {
      spec: SPEC.replace('chameleon.wasm', 'm.wasm') + 'config: { fields_to_mask: 5 }\n',
      options: { modules: mask() },
    }),
  );
  assert.deepEqual([one?.passed, one?.error?.code], [false, 'guest.init_rejected']);
});

test('modules are found at or above the spec', async () => {
  const folder = files({
    'modules/a.wasm': '',
    'deep/specs/t.yaml': SPEC.replace('chameleon', 'a'),
    'deep/specs/t.test.yaml': 'cases: [{ name: a, input: { value: f }, dropped: true }]',
  });
  copyFileSync(join(GUESTS, 'chameleon.wasm'), join(folder, 'modules/a.wasm'));
  const [target] = await labTargets(folder);
  assert.ok(target !== undefined);
  const spec = await runSpec(target, { modules: undefined, schemas: [], limits: limits() });
  assert.deepEqual(casesOf(spec).flatMap(told), []);
  assert.ok(spec.files.includes(join(folder, 'modules/a.wasm')), spec.files.join());
});

test('--filter chooses by a part of the name', async () => {
  const cases = `
cases:
  - { name: One thing, input: { value: f }, dropped: true }
  - { name: another, input: { value: f }, dropped: true }
`;
  const ran = async (filter: string): Promise<string[]> =>
    casesOf(await run(cases, { options: { filter } })).map(({ name }) => name);
  assert.deepEqual(await ran('THING'), ['One thing']);
  assert.deepEqual(await ran('nothing'), []);
});

test('targets: a spec, its cases, or all below a folder', async () => {
  const folder = files({
    'a.yaml': '',
    'a.test.yaml': '',
    'b.yml': '',
    'b.test.yml': '',
    'alone.yaml': '',
    'sub/c.yaml': '',
    'sub/c.test.yaml': '',
    'sub/node_modules/x.test.yaml': '',
    'lost/d.test.yaml': '',
  });
  const names = async (path: string): Promise<string[]> =>
    (await labTargets(join(folder, path))).map(({ spec, cases }) => `${spec} ${cases}`.replaceAll(`${folder}/`, ''));
  assert.deepEqual(await names('a.yaml'), ['a.yaml a.test.yaml']);
  assert.deepEqual(await names('a.test.yaml'), ['a.yaml a.test.yaml']);
  assert.deepEqual(await names('b.yml'), ['b.yml b.test.yml']);
  assert.deepEqual(await names(''), [
    'a.yaml a.test.yaml',
    'b.yml b.test.yml',
    'lost/d.yaml lost/d.test.yaml',
    'sub/c.yaml sub/c.test.yaml',
  ]);
  await assert.rejects(names('alone.yaml'), { code: 'spec.unreadable', suggestion: /alone\.test\.yaml/ });
  await assert.rejects(names('gone.yaml'), { code: 'spec.unreadable' });
  await assert.rejects(names('sub/node_modules/..//node_modules/y'), { code: 'spec.unreadable' });
});
