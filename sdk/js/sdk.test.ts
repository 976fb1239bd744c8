import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { prepareArtefact } from '../../src/catalog/prepare-artefact.ts';
import { FUEL_PER_MS } from '../../src/catalog/prepared-module.ts';
import { InThreadExecutor } from '../../src/guest/in-thread-executor.ts';
import { batchOf, guestConfig, outcomes, type Outcome, type TestRecord } from '../../src/guest/testing/fixture.ts';
import { build, runCases, templateProject, type TemplateProject, withToolchain } from '../testing/template-project.ts';

const UNREACHABLE = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH/;
const MEMORY_MB = 128;

function run(cwd: string, ...[command = '', ...args]: string[]): { readonly ok: boolean; readonly text: string } {
  // Not as a part of this run of tests, into which a node --test within would report.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8', env, timeout: 90_000 });
  return { ok: status === 0, text: `${error?.message ?? ''}${stdout}${stderr}` };
}

/** One guest of a component; what it logs. */
class Bench {
  readonly log: string[] = [];
  readonly executor: InThreadExecutor;

  constructor(file: string, config: unknown = {}) {
    const bytes = new Uint8Array(readFileSync(file));
    const options = { bytes, maxMemoryMb: MEMORY_MB, initialFuel: FUEL_PER_MS * 1000, cacheDir: undefined };
    const artefact = prepareArtefact(options);
    if ('errors' in artefact) throw new AggregateError(artefact.errors, file);
    const { facts, module, component } = artefact;
    const source = {
      config: guestConfig({ configJson: JSON.stringify(config), timeoutMs: 100, tombstones: 'transform' }),
      module: { facts, module, component, maxMemoryMb: MEMORY_MB },
    };
    this.executor = new InThreadExecutor(
      source,
      ({ lines }) => void this.log.push(...lines.map(({ level, text }) => `${level} ${text}`)),
    );
  }

  async outcomes(...records: (TestRecord | string)[]): Promise<Outcome[]> {
    const result = await this.executor.execute(batchOf(records));
    try {
      return outcomes(result);
    } finally {
      this.executor.release(result);
    }
  }
}

async function started(file: string, config?: unknown): Promise<Bench> {
  const bench = new Bench(file, config);
  await bench.executor.start();
  return bench;
}

const gist = ({ code, message, kind, key, value }: Outcome): string =>
  code === undefined ? (kind === 'filtered' ? kind : `${String(key)}=${String(value)}`) : `${code}: ${message ?? ''}`;

void suite('the template', () => {
  let project: TemplateProject;
  let missing = withToolchain('js', true).skip;
  let module = '';
  let probe = '';

  before(async () => {
    project = await templateProject('js');
    if (missing !== undefined) return;
    try {
      module = await build(project);
    } catch (error) {
      // Without a network the compiler is not there; anything else is a fault of the template.
      if (!UNREACHABLE.test(String(error)) || process.env['CI'] === 'true') throw error;
      missing = 'componentize-js cannot be installed';
      return;
    }
    probe = join(project.directory, 'build/probe.wasm');
    copyFileSync(join(import.meta.dirname, 'testing/probe.js'), join(project.directory, 'src/probe.js'));
    const { ok, text } = run(project.directory, process.execPath, 'build.mjs', 'src/probe.js', 'build/probe.wasm');
    assert.ok(ok, text);
  });
  after(() => project.remove());

  void test('its unit tests pass without anything installed, and one that must fail does', () => {
    const tests = run(project.directory, process.execPath, '--test', '--test-reporter=tap', 'tests/transform.test.js');
    assert.ok(tests.ok && /^# pass 4$/m.test(tests.text), tests.text);
    const file = join(project.directory, 'tests/wrong.test.js');
    writeFileSync(file, "import { test } from 'node:test';\ntest('wrong', () => { throw new Error('as told'); });\n");
    const failing = run(project.directory, process.execPath, '--test', '--test-reporter=tap', 'tests/wrong.test.js');
    assert.ok(!failing.ok && /as told/.test(failing.text), failing.text);
  });

  void test('it has the interface, and none of the library’s tests', () => {
    const { directory, files } = project;
    const wit = 'wit/transform.wit';
    const original = readFileSync(join(import.meta.dirname, '../..', wit), 'utf8');
    assert.equal(readFileSync(join(directory, wit), 'utf8'), original);
    assert.deepEqual(
      files.filter((file) => file.endsWith('.test.ts')),
      [],
    );
  });

  void test('built here: its cases', async (t) => {
    if (missing !== undefined) return t.skip(missing);
    const { count, failed } = await runCases(project);
    assert.deepEqual(failed, []);
    assert.equal(count, 5);
    assert.ok(existsSync(module));
  });

  void test('built here: a config that it does not know is refused', async (t) => {
    if (missing !== undefined) return t.skip(missing);
    await assert.rejects(started(module, { field: 'email' }), {
      code: 'guest.init_rejected',
      message: /config: unknown field field/,
    });
  });

  void test('the library in a component: answers', async (t) => {
    if (missing !== undefined) return t.skip(missing);
    const bench = await started(probe);
    const found = await bench.outcomes(
      ...['unchanged', 'drop', 'filtered', 'spread', 'tombstone', 'keyless'].map((value) => ({ key: 'k', value })),
      { key: null, value: 'unchanged' },
    );
    assert.deepEqual(found.map(gist), [
      'k=unchanged',
      'filtered',
      'filtered',
      'k=new',
      'k=null',
      'null=keyless',
      'null=unchanged',
    ]);
    const headers = [{ name: 'in', value: Buffer.from('1') }];
    const several = await bench.outcomes(
      { key: 'k', value: 'several', headers },
      { value: 'headers', headers },
      { value: 'unchanged', headers },
    );
    assert.deepEqual(
      several.map(({ topic, key, value, headers: which, ownHeaders }) => [topic, key, value, which, ownHeaders]),
      [
        ['a', 'k', 'one', 'input', undefined],
        [undefined, 'own', 'two', 'own', []],
        [undefined, null, 'headers', 'own', [['n', null], ['h', 'x']]], // prettier-ignore
        [undefined, null, 'unchanged', 'input', undefined],
      ],
    );
  });

  void test('the library in a component: failures cost their record alone', async (t) => {
    if (missing !== undefined) return t.skip(missing);
    const bench = await started(probe);
    const found = await bench.outcomes(
      ...['fail', 'retry', 'bug', 'text', 'promise', 'nothing', 'misnamed', 'recurse', 'metric', 'unchanged'],
    );
    const wanted = [
      /^guest\.rejected: as told$/,
      /^guest\.failed: again$/,
      /^guest\.rejected: TypeError: .*null.* \(probe\.js:\d+\)$/,
      /^guest\.rejected: thrown: a text$/,
      /^guest\.rejected: TypeError: an output has to be an object, is a promise/,
      /^guest\.rejected: TypeError: transform answered nothing/,
      /^guest\.rejected: TypeError: an output has no vaule/,
      /^guest\.rejected: InternalError: too much recursion/,
      /^guest\.aborted: /,
      /^null=unchanged$/,
    ];
    for (const [i, pattern] of wanted.entries()) assert.match(gist(found[i] ?? assert.fail()), pattern);
    // The name of a metric ends the call; all others leave the instance.
    assert.equal(bench.executor.stats().instanceRestarts, 1);
    for (const [config, message] of [
      [{ refuse: 'not this one' }, /not this one/],
      [{ bug: true }, /TypeError: .* \(probe\.js:\d+\)/],
    ] as const) {
      await assert.rejects(started(probe, config), { code: 'guest.init_rejected', message });
    }
  });

  void test('the library in a component: what it sees, and the host', async (t) => {
    if (missing !== undefined) return t.skip(missing);
    const bench = await started(probe);
    const headers = [
      { name: 'h', value: Buffer.from([1]) },
      { name: 'n', value: null },
      { name: 'h', value: Buffer.from([2, 3]) },
    ];
    const place = { key: 'k', partition: 7, offset: 2 ** 40, timestampMs: 1_700_000_000_123 };
    const [seen, host] = await bench.outcomes(
      { ...place, value: 'see', headers },
      { ...place, offset: place.offset + 1, value: 'host' },
    );
    assert.equal(seen?.value, 'true input 7 1099511627776 1700000000123 2,3  h=1 n=null h=2,3');
    assert.equal(host?.value, 'true');
    assert.deepEqual(bench.log, ['warn a line', 'info printed']);
    const { guestMetrics } = bench.executor.stats();
    assert.deepEqual([[...guestMetrics.counters], [...guestMetrics.gauges]], [[['seen', 3]], [['level', 0.5]]]);
  });
});
