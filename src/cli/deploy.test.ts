import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { parse } from 'yaml';
import { errorShape, FakeSidecar, WORKER } from './testing/fake-sidecar.ts';
import { runInProcess } from './testing/run-in-process.ts';
import { runProgram, type ProgramResult } from './testing/run-program.ts';

/* deploy and plan: what is sent, what is refused before anything is sent, what --wait waits for. */

const WASM = 'modules/transforms/mask_pii.wasm';
const FLAGS = ['--name', 'mask-pii', '--wasm', WASM, '--input', 'raw-events', '--output', 'clean-events'];
const SPEC = `# why it is here
name: mask-pii
input_topic: raw-events # the raw ones
output_topic: clean-events
wasm_module: transforms/mask_pii.wasm
config:
  fields_to_mask: ["email", "phone"]
`;

const sidecar = await FakeSidecar.start();
const env = { STREAMLINE_URL: sidecar.url };
const folder = mkdtempSync(join(tmpdir(), 'streamline-cli-'));
const specFile = join(folder, 'mask-pii.yaml');
writeFileSync(specFile, SPEC);
after(async () => {
  rmSync(folder, { recursive: true });
  await sidecar.close();
});
beforeEach(() => {
  sidecar.transforms.clear();
  sidecar.modules.length = 0;
  sidecar.requests.length = 0;
  sidecar.plan = {};
  sidecar.onDeploy = () => {};
  sidecar.onStatus = () => {};
});

const cli = (...args: readonly string[]): Promise<ProgramResult> => runProgram(['transforms', ...args], { env });
const inProcess = (...args: readonly string[]) => runInProcess(['transforms', ...args], { env });

/** The last spec that was sent. */
function sent(): Record<string, unknown> {
  const request = sidecar.requests.findLast(({ type }) => type === 'application/yaml');
  return parse(request?.body ?? '', { intAsBigInt: false }) as Record<string, unknown>;
}

void test('from flags: the module is uploaded, the spec names where it went', async () => {
  const { code, stdout, stderr } = await cli(
    'deploy',
    ...FLAGS,
    '--config',
    '{"fields_to_mask": ["email", "phone", "ssn"]}',
  );
  assert.deepEqual([code, stdout, stderr], [0, 'mask-pii: created, raw-events → clean-events\n', '']);
  const [module] = sidecar.modules;
  assert.deepEqual(
    sidecar.requests.map(({ method, path, type }) => [method, path, type]),
    [
      ['POST', '/modules?name=mask-pii', 'application/wasm'],
      ['PUT', '/transforms/mask-pii/config', 'application/yaml'],
    ],
  );
  assert.equal(sidecar.requests[0]?.body, module?.sha256, 'its bytes');
  assert.deepEqual(sent(), {
    name: 'mask-pii',
    input_topic: 'raw-events',
    output_topic: 'clean-events',
    wasm_module: module?.path,
    config: { fields_to_mask: ['email', 'phone', 'ssn'] },
  });
  const again = await cli('deploy', ...FLAGS, '--config', '{"fields_to_mask": ["email", "phone", "ssn"]}', '--json');
  const deployed = JSON.parse(again.stdout) as { created: boolean; changed: boolean; module: { sha256: string } };
  assert.deepEqual(
    [again.code, deployed.created, deployed.changed, deployed.module.sha256],
    [0, false, false, module?.sha256],
  );
});

void test('every flag stands for a field of the spec', async () => {
  const flags = [
    '--name',
    'route-it',
    '--wasm',
    WASM,
    '-i',
    'orders',
    '--route',
    '--from-offset',
    '+5',
    '--instances',
    '4',
  ];
  const more = [
    '--timeout-ms',
    '20',
    '--memory-mb',
    '128',
    '--var',
    'a=b=c',
    '--var',
    'region=',
    '--config',
    '{"n": 1}',
  ];
  assert.equal((await inProcess('deploy', ...flags, ...more)).code, 0);
  assert.deepEqual(sent(), {
    name: 'route-it',
    input_topic: 'orders',
    output_topic: '',
    wasm_module: sidecar.modules[0]?.path,
    instances: 4,
    timeout_ms: 20,
    max_memory_mb: 128,
    input: { start: '+5' },
    config: { n: 1, a: 'b=c', region: '' },
  });
  const builtin = ['--name', 'copy', '--wasm', 'builtin:pass-through', '-i', 'a', '-o', 'b', '--from-offset', 'start'];
  assert.equal((await inProcess('deploy', ...builtin)).code, 0);
  assert.deepEqual([sent()['wasm_module'], sent()['input']], ['builtin:pass-through', { start: 'earliest' }]);
  for (const start of ['-100', '@1767225600000', '@2026-01-31T12:00:00Z', 'latest']) {
    assert.equal((await inProcess('deploy', ...builtin.slice(0, -1), start)).code, 0, start);
    assert.deepEqual(sent()['input'], { start });
  }
});

void test('numbers of --config keep their digits', async () => {
  const config = '{"id": 12345678901234567890, "price": 5285.90, "s": "5285.90"}';
  assert.equal((await inProcess('deploy', ...FLAGS, '--config', config)).code, 0);
  const { body = '' } = sidecar.requests.at(-1) ?? {};
  assert.match(body, /12345678901234567890/);
  assert.match(body, /5285\.90,/);
  assert.match(body, /"5285\.90"/);
});

void test('from a spec: sent as it is, comments and all; from stdin too', async () => {
  const file = await cli('deploy', '--spec', specFile);
  assert.deepEqual([file.code, file.stderr], [0, '']);
  const [request] = sidecar.requests;
  assert.deepEqual(
    [request?.path, request?.type, request?.body],
    ['/transforms/mask-pii/config', 'application/yaml', SPEC],
  );
  const stdin = await runProgram(['transforms', 'deploy', '--spec', '-'], { env, input: SPEC });
  assert.deepEqual([stdin.code, stdin.stdout], [0, 'mask-pii: unchanged\n']);
});

void test('from a spec with a module: uploaded, and only that line changes', async () => {
  const { code } = await cli('deploy', '--spec', specFile, '--wasm', WASM);
  assert.equal(code, 0);
  assert.equal(
    sidecar.requests.at(-1)?.body,
    SPEC.replace('transforms/mask_pii.wasm', sidecar.modules[0]?.path ?? '').replace(
      '["email", "phone"]',
      '[ "email", "phone" ]',
    ),
  );
  const without = join(folder, 'without.yaml');
  writeFileSync(without, SPEC.replace(/wasm_module.*\n/, ''));
  assert.equal((await inProcess('deploy', '--spec', without, '--wasm', WASM)).code, 0);
  assert.equal(sent()['wasm_module'], sidecar.modules[0]?.path);
});

void test('what is wrong is told with file and line, or flag, before anything is sent: 2', async () => {
  const bad = join(folder, 'bad.yaml');
  writeFileSync(bad, 'name: Mask_PII\ninput_topic: raw-events\noutput_topic: clean-events\nwasm_module: m.wasm\n');
  const file = await cli('deploy', '--spec', bad);
  assert.deepEqual([file.code, file.stdout], [2, '']);
  assert.equal(
    file.stderr,
    `${bad}:1:7 /name: name "Mask_PII" is not kebab-case [spec.bad_name]\n  Write \`name: mask-pii\`.\n`,
  );
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['--wasm', WASM], /^--name is missing \[request\.invalid\]/],
    [['--name', 'a', '--wasm', WASM, '--input', 'b'], /^--output is missing/],
    [[...FLAGS.slice(0, 2), ...FLAGS.slice(4)], /^--wasm is missing/],
    [[...FLAGS, '--route'], /--route and --output cannot stand together/],
    [[...FLAGS, '--config', '{a}'], /^--config is not JSON/],
    [[...FLAGS, '--config', '[1]'], /^--config is no JSON object/],
    [[...FLAGS, '--var', 'x'], /^--var cannot be x/],
    [[...FLAGS, '--instances', 'many'], /^--instances: .*\[spec\.wrong_type\]/],
    [[...FLAGS, '--timeout-ms', '0'], /^--timeout-ms: .*\[spec\.out_of_range\]/],
    [[...FLAGS, '--from-offset', '5'], /^--from-offset: .*\n.*\+5/],
    [[...FLAGS.slice(0, -1), 'raw-events'], /^--output: .*\[spec\.output_equals_input\]/],
    [['--spec', specFile, '--input', 'x'], /^--input cannot stand beside --spec/],
    [['--spec', specFile, '--from-offset', 'start'], /^--from-offset cannot stand beside --spec/],
    [['--spec', join(folder, 'none.yaml')], /none\.yaml: it cannot be read: no such file/],
    [['--spec', specFile, '--wasm', 'none.wasm'], /^none\.wasm: there is no such file \[module\.unreadable\]/],
    [
      ['--spec', specFile, '--wasm', 'integration/guests/modules/no_transform.wasm'],
      /no_transform\.wasm.*\[module\.missing_export\]/,
    ],
  ];
  for (const [flags, message] of cases) {
    const { code, stdout, stderr } = await inProcess('deploy', ...flags);
    assert.deepEqual([code, stdout], [2, ''], flags.join(' '));
    assert.match(stderr, message);
  }
  const two = await cli('deploy', ...FLAGS, '--instances', '0', '--timeout-ms', '0', '--json');
  const error = JSON.parse(two.stderr) as { code: string; error_code: number; reasons: { place: string }[] };
  assert.deepEqual([two.code, error.code, error.error_code], [2, 'spec.out_of_range', 422]);
  assert.deepEqual(
    error.reasons.map(({ place }) => place),
    ['--instances', '--timeout-ms'],
  );
  assert.equal(sidecar.requests.length, 0);
});

void test('a module the sidecar does not have: 2, and which file to upload', async () => {
  const spec = join(folder, 'missing.yaml');
  writeFileSync(spec, SPEC.replace('transforms/mask_pii.wasm', 'missing/mask_pii.wasm'));
  const { code, stderr } = await cli('deploy', '--spec', spec);
  assert.equal(code, 2);
  assert.match(
    stderr,
    /^\/wasm_module: there is no module missing\/mask_pii\.wasm \[spec\.module_missing\]\n {2}Add --wasm PATH to upload the module\.\n$/,
  );
});

void test('--create refuses an existing one: 1', async () => {
  assert.equal((await cli('deploy', '--spec', specFile, '--create')).code, 0);
  const again = await cli('deploy', '--spec', specFile, '--create');
  assert.deepEqual([again.code, again.stderr], [1, 'there is a transform mask-pii [transform.exists]\n']);
});

void test('--wait ends when the new version has processed its first record: 0', async () => {
  const { status } = sidecar.add('mask-pii');
  const old = status.version!;
  let looks = 0;
  let sha256 = '';
  sidecar.onDeploy = (_, config) => (sha256 = config);
  sidecar.onStatus = (transform) => {
    looks += 1;
    // The one from before the deploy is the first.
    const candidate = { module: 'm.wasm', config_sha256: sha256, since: old.since };
    if (looks === 3) transform.status = { ...status, candidate: { ...candidate, stage: 'PREPARING' } };
    if (looks === 4)
      transform.status = { ...status, candidate: { ...candidate, stage: 'CANARY', canary: { done: 1, of: 10 } } };
    if (looks === 5)
      transform.status = { ...status, version: { ...old, number: 2, config_sha256: sha256, records: 0 } };
    if (looks === 6)
      transform.status = { ...status, version: { ...old, number: 2, config_sha256: sha256, records: 1 } };
  };
  const { code, stdout, stderr } = await cli('deploy', '--spec', specFile, '--wait');
  assert.deepEqual([code, stderr], [0, '']);
  assert.equal(stdout, 'mask-pii: changed, raw-events → clean-events\nmask-pii: version 2 processes records\n');
  assert.equal(looks, 6);
});

void test('--wait: a version that is refused: 1 with its error, as JSON too', async () => {
  const { status } = sidecar.add('mask-pii');
  sidecar.onDeploy = (transform, config_sha256) => {
    const error = errorShape('module.invalid', 'does not compile');
    const candidate = {
      stage: 'REFUSED',
      module: 'm.wasm',
      config_sha256,
      since: status.version!.since,
      error,
    } as const;
    transform.status = { ...status, candidate };
  };
  const { code, stdout, stderr } = await cli('deploy', '--spec', specFile, '--wait');
  assert.deepEqual([code, stderr], [1, 'does not compile [module.invalid]\n']);
  assert.match(stdout, /^mask-pii: changed/);
  const json = await cli('deploy', '--spec', specFile, '--wait', '--json');
  assert.equal(json.code, 1);
  const outcome = JSON.parse(json.stdout) as { name: string; status: { candidate: { stage: string } } };
  assert.deepEqual([outcome.name, outcome.status.candidate.stage], ['mask-pii', 'REFUSED']);
  assert.equal((JSON.parse(json.stderr) as { code: string }).code, 'module.invalid');
});

void test('--wait: no record in time: 1, and in which state it is', async () => {
  sidecar.onDeploy = (transform) => {
    transform.status = { ...transform.status, version: { ...transform.status.version!, records: 0 } };
  };
  const quiet = await cli('deploy', '--spec', specFile, '--wait', '--timeout', '300ms');
  assert.equal(quiet.code, 1);
  assert.match(
    quiet.stderr,
    /^mask-pii is deployed, but after 300ms its new version has processed no record: it is RUNNING and no record has come \[deploy\.timeout\]\n {2}Does its input topic/,
  );
  sidecar.onDeploy = (transform) => {
    const connector = { state: 'PAUSED', worker_id: WORKER } as const;
    transform.status = {
      ...transform.status,
      target_state: 'PAUSED',
      connector,
      version: { ...transform.status.version!, records: 0 },
    };
  };
  const paused = await cli('deploy', '--spec', specFile, '--wait', '--timeout', '0.2');
  assert.equal(paused.code, 1);
  assert.match(
    paused.stderr,
    /: it is PAUSED \[deploy\.timeout\]\n {2}Resume it: streamline-cli transforms resume mask-pii\n$/,
  );
});

void test('plan, and deploy --dry-run: what would change; nothing does', async () => {
  sidecar.add('mask-pii');
  const plan = await cli('plan', '--spec', specFile);
  assert.deepEqual([plan.code, plan.stderr], [0, '']);
  assert.equal(
    plan.stdout,
    [
      'mask-pii would change in place: the next batch is the new version’s, the group notices nothing',
      '  ~ timeout_ms: 10 → 20',
      '',
      'group        streamline.mask-pii (Stable, 1 member, lag 42), begins at the committed offsets',
      'input        raw-events has 2 partitions',
      'output       route() names it',
      'dead-letter  mask-pii.dlq would be created',
      'effects      Order is kept.',
      '',
    ].join('\n'),
  );
  assert.deepEqual(await cli('deploy', '--spec', specFile, '--dry-run'), plan);
  const json = await cli('plan', '--spec', specFile, '--json');
  assert.equal((JSON.parse(json.stdout) as { action: string }).action, 'in_place');
  assert.ok(sidecar.requests.every(({ path }) => path === '/transforms/plan'));
  assert.equal(sidecar.requests[0]?.body, SPEC);
});

void test('a plan tells of each schema what it is, what becomes of it, and how the registry judges', async () => {
  const planned = { version: 'file', type: 'AVRO', registers: true, messages: [] as string[] } as const;
  const known = { version: 'latest', type: 'AVRO', registers: false, messages: [] as string[] } as const;
  sidecar.plan = {
    schemas: [
      { ...known, part: 'value', subject: 'api-logs-value', id: 7 },
      { ...known, part: 'key', subject: 'k', version: 3, id: 9, type: 'JSON' },
      { ...planned, part: 'value', subject: 'a', id: 4 },
      { ...planned, part: 'value', subject: 'b' },
      { ...planned, part: 'value', subject: 'c', compatible: true, level: 'BACKWARD' },
      {
        ...planned,
        part: 'value',
        subject: 'd',
        registers: false,
        compatible: false,
        level: 'FULL',
        messages: ['x: gone', 'y'],
      },
    ],
  };
  const { code, stdout } = await cli('plan', '--spec', specFile);
  sidecar.plan = {};
  assert.equal(code, 0);
  const lines = stdout.slice(stdout.indexOf('\nschema ') + 1, stdout.indexOf('\neffects'));
  assert.deepEqual(
    lines.split('\n').map((line) => line.slice('dead-letter  '.length)),
    [
      'value: subject api-logs-value, latest is id 7 (Avro)',
      'key: subject k, version 3 is id 9 (JSON Schema)',
      'value: subject a, schema_file (Avro) is id 4',
      'value: subject b, schema_file (Avro) would be registered; the first of its subject',
      'value: subject c, schema_file (Avro) would be registered; BACKWARD: compatible',
      'value: subject d, schema_file (Avro) is not registered; FULL: not compatible: x: gone; y',
    ],
  );
});

void test('plan with a module that is not uploaded: what it is, and no upload', async () => {
  sidecar.plan = { errors: [errorShape('spec.module_missing', 'there is no module')] };
  const { code, stdout } = await cli('plan', ...FLAGS);
  assert.equal(code, 0, stdout);
  assert.match(
    stdout,
    /^module +uploaded\/mask-pii\/[0-9a-f]{64}\.wasm \(sha256 [0-9a-f]{12}\)\n +exports .*transform/m,
  );
  assert.equal(sidecar.modules.length, 0);
  assert.equal(sidecar.requestsOf('POST').length, 0);
});

void test('a plan that would be refused says so with the code of its reason: 2', async () => {
  sidecar.plan = {
    action: 'create',
    changes: [],
    errors: [errorShape('spec.cycle', 'a cycle among specs', { configPath: '/output_topic' })],
  };
  const { code, stdout } = await cli('plan', '--spec', specFile);
  assert.equal(code, 2);
  assert.match(
    stdout,
    /^mask-pii would be created\n[\s\S]*\nIt would be refused:\n\/output_topic: a cycle among specs \[spec\.cycle\]\n$/,
  );
});

void test("the seed's commands work line by line", async () => {
  const line = (text: string): Promise<ProgramResult> => {
    const words = [...text.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
    return runProgram(words.slice(1), { env, cwd: folder });
  };
  writeFileSync(join(folder, 'mask_pii.wasm'), readFileSync(WASM));
  const block = [
    'streamline-cli transforms list',
    `streamline-cli transforms deploy --name mask-pii --wasm ./mask_pii.wasm --input raw-events --output clean-events --config '{"fields_to_mask": ["email", "phone", "ssn"]}'`,
    'streamline-cli transforms deploy --spec mask-pii.yaml',
    'streamline-cli transforms status mask-pii',
    'streamline-cli transforms metrics mask-pii',
    'streamline-cli transforms pause mask-pii',
    'streamline-cli transforms resume mask-pii',
    'streamline-cli transforms undeploy mask-pii',
    'streamline-cli transforms validate ./mask_pii.wasm',
  ];
  for (const text of block) {
    const { code, stdout, stderr } = await line(text);
    assert.deepEqual([code, stderr], [0, ''], text);
    assert.notEqual(stdout, '', text);
  }
});
