import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { RdKafka, promised } from '../kafka/client.ts';
import { startMockCluster } from '../kafka/mock-cluster.ts';
import { runInProcess } from './testing/run-in-process.ts';
import { runProgram } from './testing/run-program.ts';

const ROOT = join(import.meta.dirname, '../..');
const MASK = join(ROOT, 'specs/mask-pii.yaml');
const ROUTE = join(ROOT, 'specs/route-by-region.yaml');
const folder = mkdtempSync(join(tmpdir(), 'cli-run-'));
after(() => rmSync(folder, { recursive: true }));

const run = (...args: readonly string[]) => runInProcess(['transforms', 'run', ...args]);

test('a record before and after', async () => {
  const { code, stdout, stderr } = await run(
    MASK,
    '--text',
    '{"email":"a@b.c"}',
    '--key',
    'k1',
    '--header',
    'tenant=a=b',
  );
  assert.equal(code, 0, stderr);
  const [head, ...lines] = stdout.split('\n');
  assert.match(head ?? '', /^0:0 {2}[\d,]+ fuel, < 0\.1 % of 10 ms$/);
  assert.deepEqual(lines, [
    '- key     "k1"',
    '- header  tenant: "a=b"',
    '- value   {',
    '-           "email": "a@b.c"',
    '-         }',
    '+ topic   clean-events',
    '+ key     "k1"',
    '+ header  tenant: "a=b"',
    '+ value   {',
    '+           "email": "***REDACTED***"',
    '+         }',
    '',
    '',
  ]);
  assert.equal(stderr, '1 record: 1 out, 0 dropped, 0 failed\n');
});

interface Sample {
  readonly offset: number;
  readonly key: string | null;
  readonly value: string;
  readonly outputs: readonly { readonly topic: string; readonly value: string }[];
  readonly error?: { readonly code: string };
  readonly fuel: number;
}

const samples = (stdout: string): Sample[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Sample);

test('--json is a line for each record; one that failed makes it 1', async () => {
  const { code, stdout, stderr } = await run(
    ROUTE,
    '--text',
    '{"region":"eu"}',
    '--text',
    '{}',
    '-k',
    'k',
    '--json',
    '--dry-run',
  );
  assert.deepEqual([code, stderr], [1, '']);
  assert.deepEqual(
    samples(stdout).map(({ offset, key, value, outputs, error }) => [
      offset,
      key,
      value,
      outputs[0]?.topic,
      error?.code,
    ]),
    [
      [0, 'k', '{"region":"eu"}', 'orders-eu', undefined],
      [1, 'k', '{}', undefined, 'guest.failed'],
    ],
  );
});

test('--file takes a record a line, from a file and from stdin, up to --limit', async () => {
  const lines = '{"email":1}\n\n{"email":"x"}\r\n{"email":"y"}\n';
  const file = join(folder, 'records.jsonl');
  writeFileSync(file, lines);
  const values = async (...args: readonly string[]): Promise<string[]> => {
    const { code, stdout, stderr } = await runProgram(['transforms', 'run', MASK, ...args, '--json'], { input: lines });
    assert.equal(code, 0, stderr);
    return samples(stdout).map(({ outputs }) => outputs[0]?.value ?? '');
  };
  const all = ['{"email":1}', '{"email":"***REDACTED***"}', '{"email":"***REDACTED***"}'];
  assert.deepEqual(await values('--file', file), all);
  assert.deepEqual(await values('--file', '-'), all);
  assert.deepEqual(await values('--file', file, '--limit', '2'), all.slice(0, 2));
});

test('--topic reads a topic and leaves it as it is', async () => {
  const cluster = await startMockCluster();
  const producer = new RdKafka.Producer({ 'bootstrap.servers': cluster.bootstrap } as never);
  await promised((done) => producer.connect({}, done as never));
  for (let i = 0; i < 20; i++) producer.produce('raw', 0, Buffer.from(`{"email":"${i}","i":${i}}`), `k${i}`);
  await promised((done) => producer.flush(10_000, done as never));
  await promised((done) => producer.disconnect(done as never));
  const config = join(folder, 'sidecar.yaml');
  writeFileSync(config, `kafka: { bootstrap.servers: "${cluster.bootstrap}" }\n`);
  try {
    for (const [more, first, records] of [
      [['--bootstrap', cluster.bootstrap], 10, 10],
      [['--config', config, '--limit', '3'], 17, 3],
      [['--bootstrap', cluster.bootstrap, '--limit', '100', '--from', 'earliest'], 0, 20],
      [['--bootstrap', cluster.bootstrap, '--from', '-2'], 18, 2],
    ] as const) {
      const { code, stdout, stderr } = await run(MASK, '--topic', 'raw', ...more, '--json');
      assert.equal(code, 0, stderr);
      const found = samples(stdout);
      assert.deepEqual([found[0]?.offset, found[0]?.key, found.length], [first, `k${first}`, records], more.join(' '));
      assert.equal(found[0]?.outputs[0]?.value, `{"email":"***REDACTED***","i":${first}}`);
    }
  } finally {
    await cluster.stop();
  }
});

test('Avro is JSON on both sides', async () => {
  const spec = join(folder, 'avro.yaml');
  writeFileSync(
    spec,
    'name: a\ninput_topic: in\noutput_topic: out\nwasm_module: builtin:pass-through\ninput: { format: avro, subject: s }\noutput: { format: json }\n',
  );
  const schema = join(folder, 's.avsc');
  writeFileSync(schema, '{"type":"record","name":"R","fields":[{"name":"a","type":"long"}]}');
  const { code, stdout, stderr } = await run(
    spec,
    '--schema',
    `s=${schema}`,
    '--text',
    '{"a":9007199254740993}',
    '--json',
  );
  assert.equal(code, 0, stderr);
  const [one] = samples(stdout);
  assert.deepEqual([one?.value, one?.outputs[0]?.value], ['{"a":9007199254740993}', '{"a":9007199254740993}']);
  const misfit = await run(spec, '--schema', `s=${schema}`, '--text', '{"a":"x"}');
  assert.equal(misfit.code, 1);
  assert.match(misfit.stderr, /the value of record 0 is no record of its schema: \$\.a/);
});

test('usage and invalid input end with 2, and no stack', async () => {
  for (const [args, message] of [
    [[MASK], /give one of --text, --file and --topic/],
    [[MASK, '--text', 'x', '--file', 'y'], /give one of/],
    [[MASK, '--text', 'x', '--limit', '0'], /--limit cannot be 0/],
    [[MASK, '--text', 'x', '--header', 'none'], /NAME=VALUE/],
    [[MASK, '--text', 'x', '--from', 'latest'], /for --topic/],
    [[MASK, '--topic', 'x', '--from', '5'], /--from cannot be 5/],
    [[MASK, '--topic', 'x', '--key', 'k'], /their own keys/],
    [[MASK, '--file', join(folder, 'gone')], /gone cannot be read: no such file/],
    [[join(folder, 'gone.yaml'), '--text', 'x'], /gone\.yaml: it cannot be read/],
    [[MASK, '--text', 'x', '--modules', folder], /there is no module/],
  ] as const) {
    const { code, stderr } = await run(...args);
    assert.match(stderr, message);
    assert.equal(code, 2, stderr);
    assert.doesNotMatch(stderr, / at .*\.ts:\d+/);
  }
});
