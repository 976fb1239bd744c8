import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, globSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { inspectModule } from '../../src/catalog/inspect-module.ts';
import { meterModule } from '../../src/catalog/meter-module.ts';
import { FUEL_PER_MS } from '../../src/catalog/prepared-module.ts';
import { InThreadExecutor } from '../../src/guest/in-thread-executor.ts';
import {
  batchOf,
  gist,
  guestConfig,
  outcomes,
  type Outcome,
  type TestRecord,
} from '../../src/guest/testing/fixture.ts';
import { runSpec } from '../../src/lab/spec-run.ts';
import { parseSidecarConfig } from '../../src/spec/sidecar-config.ts';

const NAME = 'mask-email';
const SNAKE = 'mask_email';
const MAX_MEMORY_MB = 4;
const TEMPLATE_WASM = join(import.meta.dirname, 'testing/template.wasm');
const PROBE_WASM = join(import.meta.dirname, 'testing/probe.wasm');

interface Sdk {
  readonly vendor: readonly { readonly from: string; readonly to: string }[];
  readonly build: readonly (readonly string[])[];
  readonly artefact: string;
}

const sdk = JSON.parse(filled(readFileSync(join(import.meta.dirname, 'sdk.json'), 'utf8'))) as Sdk;

function filled(text: string): string {
  return text.replaceAll('{{name}}', NAME).replaceAll('{{snake}}', SNAKE);
}

/** The project as `transforms init` makes it. */
function makeProject(folder: string): void {
  cpSync(join(import.meta.dirname, 'template'), folder, { recursive: true });
  for (const file of globSync('**/*', { cwd: folder, withFileTypes: true }).filter((entry) => entry.isFile())) {
    const path = join(file.parentPath, file.name);
    writeFileSync(path, filled(readFileSync(path, 'utf8')));
    if (filled(file.name) !== file.name) renameSync(path, join(file.parentPath, filled(file.name)));
  }
  for (const { from, to } of sdk.vendor) cpSync(join(import.meta.dirname, from), join(folder, to), { recursive: true });
}

function run(cwd: string, [command = '', ...args]: readonly string[]): { readonly ok: boolean; readonly text: string } {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: 90_000 });
  return { ok: status === 0, text: `${error?.message ?? ''}${stdout}${stderr}` };
}

class Bench {
  readonly log: string[] = [];
  readonly executor: InThreadExecutor;

  constructor(
    file: string,
    config: unknown = {},
    limits: { readonly outputBytesMax?: number } = {},
    tombstones: 'forward' | 'transform' = 'forward',
  ) {
    const bytes = readFileSync(file);
    const { facts, errors } = inspectModule(bytes);
    if (facts === undefined) throw new AggregateError(errors, file);
    const options = { maxMemoryPages: MAX_MEMORY_MB * 16, initialFuel: FUEL_PER_MS };
    const module = new WebAssembly.Module(meterModule(bytes, options));
    this.executor = new InThreadExecutor(
      {
        config: guestConfig({
          configJson: JSON.stringify(config),
          tombstones,
          limits: { logLinesPerSecond: 1000, ...limits },
        }),
        module: { facts, module, maxMemoryMb: MAX_MEMORY_MB },
      },
      ({ lines }) => void this.log.push(...lines.map(({ level, text }) => `${level} ${text}`)),
    );
  }

  /** Of one record, or several in one batch. */
  async outcomes(...records: (TestRecord | string)[]): Promise<Outcome[]> {
    const result = await this.executor.execute(batchOf(records));
    try {
      return outcomes(result);
    } finally {
      this.executor.release(result);
    }
  }
}

async function started(...given: ConstructorParameters<typeof Bench>): Promise<Bench> {
  const bench = new Bench(...given);
  await bench.executor.start();
  return bench;
}

const probe = (config?: unknown, limits?: { readonly outputBytesMax?: number }): Promise<Bench> =>
  started(PROBE_WASM, config, limits);
const values = (found: readonly Outcome[]): string[] =>
  found.map(({ code, kind, value }) => code ?? (kind === 'filtered' ? 'filtered' : String(value)));

void suite('the template', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sdk-assemblyscript-'));
  let missing: string | undefined;

  before(() => {
    makeProject(folder);
    for (const step of sdk.build) {
      const { ok, text } = run(folder, step);
      if (ok) continue;
      // Without a network the compiler is not there; anything else is a fault of the template.
      const unreachable = step[1] === 'install' && /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH/.test(text);
      if (!unreachable || process.env['CI'] === 'true') throw new Error(`${step.join(' ')}\n${text}`);
      missing = `the compiler cannot be installed: ${text.split('\n')[0] ?? ''}`;
      return;
    }
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  void test('builds, to the module that is committed', (t) => {
    if (missing !== undefined) return t.skip(missing);
    const built = readFileSync(join(folder, sdk.artefact));
    const same = existsSync(TEMPLATE_WASM) && built.equals(readFileSync(TEMPLATE_WASM));
    assert.ok(
      same,
      `testing/template.wasm is not what the template builds: make a project of it and copy its module here`,
    );
  });

  void test('its unit tests pass, and one that must fail does', (t) => {
    if (missing !== undefined) return t.skip(missing);
    const tests = run(folder, ['npm', 'test']);
    assert.ok(tests.ok && tests.text.includes('3 passed, 0 failed'), tests.text);
    const file = join(folder, 'assembly/tests.ts');
    writeFileSync(
      file,
      `${readFileSync(file, 'utf8')}\nexport function wrong(): void {\n  assert(false, "as told");\n}\n`,
    );
    const failing = run(folder, ['npm', 'test']);
    assert.equal(failing.ok, false);
    assert.match(failing.text, /FAIL {2}wrong: as told \(assembly\/tests\.ts:\d+:\d+\)/);
  });

  void test('the library’s own unit tests pass', (t) => {
    if (missing !== undefined) return t.skip(missing);
    cpSync(join(import.meta.dirname, 'testing/assembly/tests.ts'), join(folder, 'own/testing/assembly/tests.ts'));
    cpSync(join(import.meta.dirname, 'lib'), join(folder, 'own/lib'), { recursive: true });
    const asc = ['node_modules/assemblyscript/bin/asc.js', 'own/testing/assembly/tests.ts', '--debug'];
    const compiled = run(folder, [process.execPath, ...asc, '--runtime', 'incremental', '--outFile', 'own/tests.wasm']);
    assert.ok(compiled.ok, compiled.text);
    const tests = run(folder, [process.execPath, 'tests/run.js', 'own/tests.wasm']);
    assert.ok(tests.ok && tests.text.includes('9 passed, 0 failed'), tests.text);
  });

  void test('a runtime that never collects is refused by the compiler', (t) => {
    if (missing !== undefined) return t.skip(missing);
    const asc = ['node_modules/assemblyscript/bin/asc.js', 'assembly/index.ts', '--outFile', 'build/x.wasm'];
    const compiled = run(folder, [process.execPath, ...asc, '--runtime', 'minimal']);
    assert.equal(compiled.ok, false);
    assert.match(compiled.text, /needs --runtime incremental/);
  });

  void test('its cases pass with the committed module', async () => {
    const modules = join(folder, 'modules');
    cpSync(TEMPLATE_WASM, join(modules, 'transforms', `${SNAKE}.wasm`));
    const sidecar = parseSidecarConfig('', 'defaults', { resolveSecret: () => undefined });
    assert.ok('config' in sidecar);
    const spec = join(folder, 'specs', `${NAME}.yaml`);
    const target = { spec, cases: join(folder, 'specs', `${NAME}.test.yaml`) };
    const { result, errors } = await runSpec(target, { modules, schemas: [], limits: sidecar.config.limits });
    assert.deepEqual(
      errors.map((error) => error.describe()),
      [],
    );
    assert.equal(result?.cases.length, 4);
    assert.deepEqual(
      result.cases.filter(({ passed }) => !passed),
      [],
    );
  });

  void test('refuses a config that it does not know, and says why', async () => {
    for (const [config, reason] of [
      [{ fields: [] }, 'error config: unknown field fields'],
      [{ field: 1 }, 'error config: field has to be a text'],
    ] as const) {
      const bench = new Bench(TEMPLATE_WASM, config);
      await assert.rejects(bench.executor.start(), { code: 'guest.init_rejected' });
      assert.deepEqual(bench.log, [reason]);
    }
  });

  void test('memory stays flat over 200,000 records', async () => {
    const masked: number[] = [];
    const bench = await started(TEMPLATE_WASM, { field: 'email' });
    const batch = batchOf(
      Array.from({ length: 1000 }, (_, i) => `{"id":${i},"email":"ada${i}@example.com","note":"${'x'.repeat(250)}"}`),
    );
    for (let i = 0; i < 200; i++) {
      const result = await bench.executor.execute(batch);
      if (i % 50 === 0) masked.push(gist(result).filter((value) => value.includes('"a***@example.com"')).length);
      bench.executor.release(result);
    }
    assert.deepEqual(masked, [1000, 1000, 1000, 1000]);
    // They come to 60 MB. Without a collector the 4 MiB are full every few thousand records, and a new instance is made.
    assert.equal(bench.executor.stats().instanceRestarts, 0);
  });
});

void suite('the library, seen through a probe', () => {
  void test('unchanged, dropped, changed, failed', async () => {
    const bench = await probe();
    const found = await bench.outcomes('unchanged', 'drop', 'text new', 'fail', 'value as it came', 'nothing');
    assert.deepEqual(values(found), ['input', 'filtered', 'new', 'guest.failed', 'value as it came', '']);
    assert.deepEqual(bench.log, ['error failed as told']);
  });

  void test('an Error thrown fails the record with its message and place, and the next has a fresh guest', async () => {
    const bench = await probe();
    const [first, second] = await bench.outcomes('throw', 'text after');
    assert.equal(first?.code, 'guest.aborted');
    assert.match(first.message ?? '', /threw as told at assembly\/probe\.ts:\d+/);
    assert.equal(second?.value, 'after');
  });

  void test('a config is refused with its reason; an Error in it too', async () => {
    const bench = new Bench(PROBE_WASM, { greetin: 'x' });
    await assert.rejects(bench.executor.start(), { code: 'guest.init_rejected' });
    assert.deepEqual(bench.log, ['error config: unknown field greetin']);
    await assert.rejects(probe({ greeting: 'throw' }), { code: 'guest.init_failed', message: /set-up threw/ });
  });

  void test('keys: the input’s, its own, none', async () => {
    const bench = await probe();
    const found = await bench.outcomes(
      { key: 'k1', value: 'text a' },
      { key: 'k1', value: 'key' },
      { key: 'k1', value: 'keyless' },
      { key: null, value: 'keyless' },
      { key: '', value: 'text b' },
      { key: null, value: 'text c' },
    );
    assert.deepEqual(
      found.map(({ key, value }) => [key, value]),
      [
        ['k1', 'a'],
        ['own', 'k1'],
        [null, 'some'],
        [null, 'null'],
        ['', 'b'],
        [null, 'c'],
      ],
    );
  });

  void test('tombstones and topics', async () => {
    const bench = await probe();
    const found = await bench.outcomes(
      { key: 'k', value: 'tombstone' },
      { key: 'k', value: 'keyless-tombstone' },
      'to there',
    );
    assert.deepEqual(
      found.map(({ key, value, topic }) => [key, value, topic]),
      [
        ['k', null, undefined],
        [null, null, 'gone'],
        [null, 'there', 'there'],
      ],
    );
  });

  void test('a tombstone is told from an empty value', async () => {
    const bench = await started(PROBE_WASM, {}, {}, 'transform');
    const key = 'tombstone?';
    assert.deepEqual(values(await bench.outcomes({ key, value: null }, { key, value: '' })), ['yes', 'no']);
  });

  void test('route names the topic of what passes', async () => {
    const [found, other] = await (await probe()).outcomes('routed topic-a', 'unchanged');
    assert.deepEqual([found?.value, found?.topic], ['input', 'topic-a']);
    assert.deepEqual([other?.value, other?.topic], ['input', undefined]);
    const [long] = await (await probe()).outcomes(`routed ${'t'.repeat(250)}`);
    assert.equal(long?.code, 'route.invalid_topic');
  });

  void test('where a record comes from, and its headers', async () => {
    const headers = [
      { name: 'a', value: Buffer.from('first') },
      { name: 'ü', value: null },
      { name: 'a', value: Buffer.from('x'.repeat(1000)) },
      { name: 'e', value: Buffer.from('') },
    ];
    const bench = await probe();
    const given = { partition: 7, offset: 2 ** 40, timestampMs: 1_700_000_000_123, headers };
    assert.deepEqual(values(await bench.outcomes({ ...given, value: 'seen' })), [
      `input 7 1099511627776 1700000000123 4 ${'x'.repeat(1000)}`,
    ]);
    assert.deepEqual(values(await bench.outcomes({ headers, value: 'headers' }, 'headers', 'seen')), [
      `a=first;ü=null;a=${'x'.repeat(1000)};e=;`,
      '',
      'input 0 102 1700000000002 0 none',
    ]);
  });

  void test('headers: set, added, null', async () => {
    const [found] = await (
      await probe()
    ).outcomes({ headers: [{ name: 'a', value: Buffer.from('old') }], value: 'set' });
    assert.deepEqual(found?.ownHeaders, [
      ['a', 'new'],
      ['n', null],
      ['b', '2'],
    ]);
  });

  void test('of several outputs each has the input’s headers and its own changes, and no other’s', async () => {
    const headers = [
      { name: 'a', value: Buffer.from('x') },
      { name: 'b', value: Buffer.from('y') },
      { name: 'a', value: Buffer.from('z') },
    ];
    const found = await (await probe()).outcomes({ key: 'k', headers, value: 'several' });
    const shown = found.map(({ value, topic, ownHeaders }) => [
      value,
      topic,
      // The order between names is not kept, that of one name is.
      (ownHeaders ?? [])
        .map((pair) => pair.join('='))
        .toSorted((one, two) => (one[0]! < two[0]! ? -1 : one[0]! > two[0]! ? 1 : 0)),
    ]);
    assert.deepEqual(shown, [
      ['1', undefined, ['a=one', 'b=y']],
      ['2', undefined, ['a=x', 'a=z', 'a=two', 'b=y']],
      ['3', undefined, ['b=y', 'c=three']],
      [null, 'gone', ['a=x', 'a=z', 'b=y']],
      ['several', 'there', ['a=x', 'a=z', 'b=y']],
      ['6', undefined, ['a=x', 'a=z', 'b=y']],
    ]);
  });

  void test('more outputs than limits.record_outputs fail as one', async () => {
    const found = await (await probe()).outcomes('each 10', 'each 11');
    assert.equal(found.filter(({ record }) => record === 0).length, 10);
    assert.deepEqual(
      found.filter(({ record }) => record === 1).map(({ code }) => code),
      ['guest.output_too_large'],
    );
  });

  void test('an output at the edge of the buffer, beyond it, and beyond the memory', async () => {
    const bench = await probe({}, { outputBytesMax: 100_000 });
    // A frame of its own: 4 bytes of key length before the value.
    const found = await bench.outcomes(
      'big 99996',
      'big 99997',
      'big 100001',
      'text after',
      'big 100000000',
      'text last',
    );
    assert.deepEqual(
      found.map(({ code, value }) => code ?? value?.length),
      [99_996, 99_997, 'guest.output_too_large', 5, 'guest.trap', 4],
    );
  });

  void test('an input larger than the buffer is given room, one larger than the memory fails', async () => {
    const bench = await probe();
    const found = await bench.outcomes(`value ${'x'.repeat(200_000)}`, `value ${'x'.repeat(5_000_000)}`, 'text after');
    assert.deepEqual(
      found.map(({ code, value }) => code ?? value?.length),
      [200_006, 'record.too_large', 5],
    );
  });

  void test('metrics of the transform', async () => {
    const bench = await probe();
    assert.deepEqual(values(await bench.outcomes('metric', 'metric')), ['filtered', 'filtered']);
    const { guestMetrics } = bench.executor.stats();
    assert.deepEqual([...guestMetrics.counters], [['probes', 2]]);
    assert.deepEqual([...guestMetrics.gauges], [['level', 2.5]]);
  });

  void test('one record may use up more memory than there is, as long as it keeps less', async () => {
    const bench = await probe();
    assert.deepEqual(values(await bench.outcomes('churn 10000', 'churn 10000')), ['10000', '10000']);
  });

  void test('what a guest keeps over records is its own copy, and survives the collector', async () => {
    const bench = await probe();
    const before = new Map<string, string>();
    for (let round = 0; round < 40; round++) {
      const records = Array.from({ length: 500 }, (_, i) => ({
        key: `key-${(i * 7 + round) % 100}`,
        value: `remember ${round}-${i}-${'x'.repeat(i)}`,
      }));
      const expected = records.map(({ key, value }) => {
        const answer = `before: ${before.get(key) ?? ''}`;
        before.set(key, value);
        return answer;
      });
      assert.deepEqual(values(await bench.outcomes(...records)), expected);
    }
    assert.equal(bench.executor.stats().instanceRestarts, 0);
  });
});
