import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { InProcessRun, runInProcess } from './testing/run-in-process.ts';
import { until } from './testing/run-program.ts';

const MODULES = join(import.meta.dirname, '../../modules/transforms');
const folder = mkdtempSync(join(tmpdir(), 'cli-test-'));
after(() => rmSync(folder, { recursive: true }));

const SPEC = `name: mask
input_topic: raw
output_topic: clean
wasm_module: mask_pii.wasm
config: { fields_to_mask: [email] }
`;
const GOOD = `
  - name: masks
    input: { value: { email: a@b.c, id: 12345678901234567890 } }
    output: { value: { email: "***REDACTED***", id: 12345678901234567890 } }
`;
const BAD = `
  - name: does not
    input: { value: { email: a@b.c, id: 1 } }
    output: { value: { email: a@b.c, id: 1 } }
`;

let count = 0;

/** A spec and its cases, under a name of their own. */
function spec(cases: string, text = SPEC): string {
  const path = join(folder, `s${count++}.yaml`);
  writeFileSync(path, text);
  writeFileSync(path.replace('.yaml', '.test.yaml'), `cases:\n${cases}`);
  return path;
}

const run = (...args: readonly string[]) => runInProcess(['transforms', 'test', ...args, '--modules', MODULES]);

test('a line for each case, what the cases have shown, and the sum', async () => {
  const path = spec(GOOD);
  const { code, stdout, stderr } = await run(path);
  assert.deepEqual([code, stderr], [0, '']);
  const [head, one, coverage, blank, summary] = stdout.split('\n');
  assert.equal(head, path);
  assert.match(one ?? '', /^ {2}ok {4}masks {2}[\d,]+ fuel, < 0\.1 % of 10 ms$/);
  assert.equal(coverage, '  coverage: init 1 called; transform 1 changed, never unchanged, never failed');
  assert.deepEqual([blank, summary], ['', '1 passed, 0 failed']);
});

test('a case that fails shows where, the difference, and what the guest logged', async () => {
  const path = spec(GOOD + BAD);
  const { code, stdout, stderr } = await run(path);
  assert.deepEqual([code, stderr], [1, '']);
  const lines = stdout.split('\n').map((line) => line.trimEnd());
  const at = lines.findIndex((line) => line.startsWith('  FAIL  does not'));
  assert.deepEqual(lines.slice(at + 1, at + 8), [
    `        ${path.replace('.yaml', '.test.yaml')}:7:5`,
    '        output.value: differs at /email: expected "a@b.c", got "***REDACTED***"',
    '            {',
    '          -   "email": "a@b.c",',
    '          +   "email": "***REDACTED***",',
    '              "id": 1',
    '            }',
  ]);
  assert.equal(lines.at(-2), '1 passed, 1 failed');
});

test('--json is one document, with every figure', async () => {
  const path = spec(GOOD + BAD);
  const { code, stdout, stderr } = await run(path, '--json');
  assert.deepEqual([code, stderr], [1, '']);
  const report = JSON.parse(stdout) as {
    ok: boolean;
    passed: number;
    failed: number;
    specs: {
      spec: string;
      cases: { name: string; passed: boolean; fuel: number; mismatches: { at: string }[] }[];
      errors: unknown[];
    }[];
  };
  assert.deepEqual([report.ok, report.passed, report.failed], [false, 1, 1]);
  const [one] = report.specs;
  assert.equal(one?.spec, path);
  assert.deepEqual(
    one.cases.map(({ name, passed, mismatches }) => [name, passed, mismatches.map(({ at }) => at)]),
    [
      ['masks', true, []],
      ['does not', false, ['output.value']],
    ],
  );
  assert.ok(one.cases.every(({ fuel }) => fuel > 0));
});

test('what cannot be tested is invalid input: its place, what to do, and no stack', async () => {
  for (const [path, more, message] of [
    [spec(GOOD, `${SPEC}timout_ms: 1\n`), [], /s\d+\.yaml:6:1 \/timout_ms: unknown field "timout_ms".*\n.*timeout_ms/],
    [
      spec('  - { name: a, inptu: {}, dropped: true }'),
      [],
      /test\.yaml:2:16 \/cases\/0\/inptu: unknown field.*\n.*`input`/,
    ],
    [
      spec(GOOD, SPEC.replace('mask_pii', 'nothing')),
      [],
      /s\d+\.yaml:4:14 \/wasm_module: there is no module.*\n.*--modules/,
    ],
    [join(folder, 'gone.yaml'), [], /gone\.yaml: it cannot be read: no such file/],
    [spec(GOOD), ['--filter', 'nowhere'], /no case has "nowhere" in its name/],
    [spec(GOOD), ['--schema', 'nonsense'], /SUBJECT=FILE/],
    [spec(GOOD), ['--junit', join(folder, 'no/where.xml')], /--junit: .*cannot be written/],
    [spec(GOOD), ['--config', join(folder, 'no.yaml')], /the configuration cannot be read/],
  ] as const) {
    const { code, stderr } = await run(path, ...more);
    assert.match(stderr, message);
    assert.equal(code, 2, stderr);
    assert.doesNotMatch(stderr, / at .*\.ts:\d+/);
  }
});

test('a folder: all specs with cases; one that is broken does not hide the others', async () => {
  const inner = mkdtempSync(join(folder, 'all-'));
  const [good, broken] = [spec(GOOD), spec('  - {}')];
  for (const [name, path] of [
    ['a', good],
    ['b', broken],
  ] as const) {
    for (const ending of ['.yaml', '.test.yaml'])
      writeFileSync(join(inner, `${name}${ending}`), readFileSync(path.replace('.yaml', ending)));
  }
  const { code, stdout, stderr } = await run(inner);
  assert.equal(code, 2);
  assert.match(stdout, /1 passed, 0 failed, 1 spec could not be tested\n$/);
  assert.match(stderr, /b\.test\.yaml:2:5/);
});

test('--junit writes a report; --filter leaves cases away', async () => {
  const file = join(folder, 'report.xml');
  const { code, stdout } = await run(spec(GOOD + BAD), '--junit', file, '--filter', 'MASK');
  assert.equal(code, 0);
  assert.match(stdout, /\n1 passed, 0 failed\n$/);
  assert.match(readFileSync(file, 'utf8'), /<testsuites tests="1" failures="0" errors="0">/);
});

test('--watch runs again when the cases change, and ends with 0', async () => {
  const path = spec(BAD);
  const watching = new InProcessRun(['transforms', 'test', path, '--watch', '--modules', MODULES], {});
  const { stdout } = watching;
  await until(() => stdout.text.includes('waits for changes'), 'the first run');
  writeFileSync(path.replace('.yaml', '.test.yaml'), `cases:\n${GOOD}`);
  await until(() => stdout.text.split('waits for changes').length === 3, 'the second run');
  watching.interrupt.abort();
  assert.equal(await watching.ended, 0);
  assert.match(stdout.text, /0 passed, 1 failed[^]*1 passed, 0 failed/);
  // No terminal: nothing is cleared.
  assert.ok(!stdout.text.includes('\u001b'));
});
