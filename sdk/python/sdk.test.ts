import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { prepareArtefact } from '../../src/catalog/prepare-artefact.ts';
import { FUEL_PER_MS } from '../../src/catalog/prepared-module.ts';
import type { GuestSource } from '../../src/guest/batch-runner.ts';
import { InThreadExecutor } from '../../src/guest/in-thread-executor.ts';
import { batchOf, guestConfig, outcomes, type Outcome, type TestRecord } from '../../src/guest/testing/fixture.ts';
import { build, runCases, templateProject, withToolchain } from '../testing/template-project.ts';

const ROOT = join(import.meta.dirname, '../..');
const SCORING = join(ROOT, 'modules/transforms/scoring.wasm');
const INIT_MS = 5000;
const MEMORY_MB = 64;

const toolchain = withToolchain('python', true);

function python(cwd: string, args: readonly string[], path = ''): void {
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1', PYTHONPATH: path };
  const { status, stdout, stderr } = spawnSync('python3', args, { cwd, encoding: 'utf8', env });
  assert.equal(status, 0, `python3 ${args.join(' ')}\n${stdout}${stderr}`);
}

function source(file: string, config: unknown = {}): GuestSource {
  const bytes = new Uint8Array(readFileSync(file));
  const request = { bytes, maxMemoryMb: MEMORY_MB, initialFuel: INIT_MS * FUEL_PER_MS, cacheDir: undefined };
  const artefact = prepareArtefact(request);
  if ('errors' in artefact) throw new AggregateError(artefact.errors, artefact.errors[0].describe());
  const { facts, module, component } = artefact;
  return { config: probeConfig(config), module: { facts, module, component, maxMemoryMb: MEMORY_MB } };
}

function probeConfig(config: unknown): GuestSource['config'] {
  const limits = { outputBytesMax: 2 ** 20, initTimeoutMs: INIT_MS, logLinesPerSecond: 1000, logLineBytesMax: 4096 };
  return guestConfig({ configJson: JSON.stringify(config), timeoutMs: 200, tombstones: 'transform', limits });
}

interface Ran {
  readonly found: readonly Outcome[];
  readonly log: readonly string[];
  readonly metrics: ReadonlyMap<string, number>;
  readonly restarts: number;
}

async function run(guest: GuestSource, records: readonly (TestRecord | string)[]): Promise<Ran> {
  const log: string[] = [];
  const executor = new InThreadExecutor(guest, ({ lines }) => {
    log.push(...lines.map(({ level, text }) => `${level} ${text}`));
  });
  try {
    await executor.start();
    const found = outcomes(await executor.execute(batchOf(records)));
    const { guestMetrics, instanceRestarts } = executor.stats();
    return {
      ...{ found, log, restarts: instanceRestarts },
      metrics: new Map([...guestMetrics.counters, ...guestMetrics.gauges]),
    };
  } finally {
    await executor.close();
  }
}

const gist = ({ code, message, kind, value }: Outcome): string =>
  code === undefined ? (kind === 'output' ? String(value) : kind) : `${code} ${String(message)}`;

void suite('without WebAssembly', toolchain, () => {
  void test('the library', () =>
    python(join(import.meta.dirname, 'lib'), ['-m', 'unittest', 'discover', '-s', 'tests', '-t', '.']));

  void test('the example', () =>
    python(join(ROOT, 'examples/guests/scoring'), ['-m', 'unittest'], join(import.meta.dirname, 'lib')));
});

void test('the example as it was built and committed', async () => {
  const config = { weights: { x: 1 }, bias: 0, threshold: 0.5 };
  const { found, restarts } = await run(source(SCORING, config), ['{"x":0}', '{', { key: 'k', value: null }]);
  assert.deepEqual(found[0]?.ownHeaders, [['score-band', 'medium']]);
  assert.equal(found[0]?.value, '{"x":0,"score":0.5,"flagged":true}');
  assert.equal(found[1]?.code, 'guest.rejected');
  assert.deepEqual([found[2]?.key, found[2]?.value], ['k', null]);
  assert.equal(restarts, 0);
  const bad = run(source(SCORING, { ...config, treshold: 1 }), []);
  await assert.rejects(bad, /does not accept the config: config.treshold: there is no such field/);
});

void suite('built here', toolchain, () => {
  const made = templateProject('python');
  const aside = mkdtempSync(join(tmpdir(), 'sdk-python-probe-'));
  after(async () => {
    (await made).remove();
    rmSync(aside, { recursive: true });
  });

  void test('the template: its own tests and its cases', async () => {
    const project = await made;
    python(project.directory, ['-m', 'unittest']);
    await build(project);
    const { count, failed } = await runCases(project);
    assert.deepEqual(failed, []);
    assert.ok(count >= 5);
  });

  /** Builds these instead of the template's app.py. */
  const builtOf = async (folder: string, files: readonly string[]): Promise<string> => {
    const project = await made;
    for (const file of files) copyFileSync(join(folder, file), join(project.directory, file));
    return build(project);
  };

  // No two builds have the same bytes.
  void test('the example: its source, built, does what the committed module does', async () => {
    const built = await builtOf(join(ROOT, 'examples/guests/scoring'), ['app.py', 'model.py']);
    const features = { amount: { field: 'amount', log: true }, abroad: { field: 'country', none_of: ['DE'] } };
    const config = { weights: { amount: 0.7, abroad: 1 }, bias: -3, threshold: 0.5, features };
    const amounts = [0, 12.5, 250, 4999].map((amount) => JSON.stringify({ amount, country: 'DE' }));
    const records = [...amounts, '{"amount":99,"country":"FR"}', '{"amount":-1,"country":"DE"}', '{"amount":1}', '[]'];
    const [found, wanted] = [await run(source(built, config), records), await run(source(SCORING, config), records)];
    const shown = ({ found }: Ran): unknown => found.map((outcome) => [gist(outcome), outcome.ownHeaders]);
    assert.deepEqual(shown(found), shown(wanted));
    assert.equal(new Set(found.found.map(gist)).size, records.length);
  });

  const probe = (): string => join(aside, 'probe.wasm');

  void test('the probe', async () => {
    copyFileSync(await builtOf(join(import.meta.dirname, 'testing/probe'), ['app.py']), probe());
  });

  void test('each kind of answer', async () => {
    const several = { key: 'k', value: 'several', headers: [{ name: 'h', value: Buffer.from('1') }] };
    const records = [{ key: 'k', value: 'unchanged' }, 'drop', { key: 'k', value: 'text ä' }, 'bytes ä', several];
    const { found } = await run(source(probe()), [...records, { key: 'k', value: null }]);
    assert.deepEqual(
      found.map(({ record, kind, key, value, topic, headers }) => [record, kind, key, value, topic, headers]),
      [
        [0, 'output', 'k', 'unchanged', undefined, 'input'],
        [1, 'filtered', undefined, undefined, undefined, undefined],
        [2, 'output', 'k', 'ä', undefined, 'input'],
        [3, 'output', null, 'ä', undefined, 'input'],
        [4, 'output', null, '1', undefined, 'input'],
        [4, 'output', 'k', null, undefined, 'input'],
        [4, 'output', 'ä', '3', 'other', 'own'],
        [5, 'output', 'k', null, undefined, 'input'],
      ],
    );
    assert.deepEqual(found[6]?.ownHeaders, [
      ['a', null],
      ['b', 'x'],
    ]);
  });

  void test('the whole record is shown', async () => {
    const headers = ['1', '2', null].map((value) => ({ name: 'h', value: value === null ? null : Buffer.from(value) }));
    const record = { key: 'k', value: 'show', partition: 3, offset: 2 ** 40, timestampMs: 17, headers };
    const { found } = await run(source(probe()), [record, { value: 'show', offset: 1, timestampMs: -1 }]);
    assert.deepEqual(found.map(gist), [
      `input/3/${2 ** 40}@17 b'k' h=b'1' h=b'2' h=None None`,
      'input/0/1@None None  None',
    ]);
  });

  void test('what a transform gets wrong fails its record, tells where, and costs no instance', async () => {
    const words = ['fail', 'fail retry', 'bug', 'nothing', 'dict', 'number', 'surrogate', 'late', 'badmetric A', 'x'];
    const { found, log, restarts } = await run(source(probe()), words);
    const wanted = [
      /^guest.rejected no \?$/,
      /^guest.failed no \?$/,
      /^guest.rejected KeyError: 'none' \(app.py:\d+\)$/,
      /^guest.rejected TypeError: transform answered NoneType: it answers UNCHANGED, /,
      /^guest.rejected TypeError: transform answered dict/,
      /^guest.rejected TypeError: value of an output is int/,
      /^guest.rejected UnicodeEncodeError: /,
      /^guest.rejected ModuleNotFoundError: .*import it at the top of app.py$/,
      /^guest.rejected ValueError: 'A' names no metric/,
      /^guest.rejected no such word: x$/,
    ];
    assert.equal(found.length, wanted.length);
    for (const [i, outcome] of found.entries()) assert.match(gist(outcome), wanted[i]!);
    assert.equal(log.filter((line) => line.startsWith('error ')).length, 7);
    assert.equal(restarts, 0);
  });

  void test('what no Python survives costs the instance and no other record', async () => {
    const words = ['text 1', 'spin', 'text 2', 'exit', 'text 3', 'hoard', 'text 4'];
    const { found, restarts } = await run(source(probe()), words);
    const gists = found.map(({ code, value }) => code ?? value);
    assert.deepEqual(gists, ['1', 'guest.out_of_fuel', '2', 'guest.aborted', '3', 'guest.trap', '4']);
    assert.equal(restarts, 3);
  });

  void test('log, print, metrics, time and randomness', async () => {
    const before = Date.now();
    const guest = source(probe());
    const { found, log, metrics } = await run(guest, ['log hi', 'metrics', 'time', 'random', 'random']);
    assert.deepEqual(log, ['debug hi', 'info out', 'warn err']);
    assert.equal(metrics.get('seen'), 2.5);
    assert.equal(metrics.get('level'), -2);
    const [seconds, now] = String(found[2]?.value).split(' ').map(Number);
    assert.equal(seconds?.toFixed(3), '1700000000.002');
    assert.ok((now ?? 0) >= before && (now ?? 0) <= Date.now());
    assert.notEqual(found[3]?.value, found[4]?.value);
    const other = await run(guest, ['random']);
    assert.notEqual(found[3]?.value, other.found[0]?.value);
  });

  void test('an instance that has answered more than its memory holds retires between two records', async () => {
    const records = Array.from({ length: 100 }, () => 'large 1000000');
    const { found, restarts } = await run(source(probe()), records);
    assert.deepEqual(
      found.filter(({ value }) => value?.length !== 1_000_000),
      [],
    );
    assert.equal(found.length, 100);
    assert.ok(restarts >= 1 && restarts <= 5, String(restarts));
  });

  void test('a config that init refuses, or chokes on, refuses the deploy', async () => {
    const file = probe();
    await assert.rejects(run(source(file, { refuse: 'not so' }), []), /does not accept the config: not so/);
    await assert.rejects(run(source(file, { bug: 1 }), []), /does not accept the config: KeyError: 'none' \(app.py:/);
  });
});
