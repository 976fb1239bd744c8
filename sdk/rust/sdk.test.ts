import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import type { GuestSource } from '../../src/guest/batch-runner.ts';
import type { TestRecord } from '../../src/guest/testing/fixture.ts';
import { guestSource, runRecords, withToolchain, type GuestOptions } from '../testing/template-project.ts';
import { CONFIG, DROPPED, gist, refusal, templateTests } from '../testing/template-tests.ts';

const COMMITTED = join(import.meta.dirname, 'testing/template.wasm');
const TARGET = 'wasm32-unknown-unknown';
const toolchain = withToolchain('rust', false);

/** What is built here stays out of the repository, and is compiled once for all of these tests. */
const folder = mkdtempSync(join(tmpdir(), 'sdk-rust-target-'));
after(() => rmSync(folder, { recursive: true, force: true }));

function cargo(cwd: string, args: readonly string[]): void {
  const env = { ...process.env, CARGO_TARGET_DIR: folder };
  const result = spawnSync('cargo', args, { cwd, encoding: 'utf8', env });
  assert.equal(result.status, 0, `cargo ${args.join(' ')}\n${result.stdout}${result.stderr}`);
}

void suite('the template', () => {
  templateTests({
    language: 'rust',
    committed: COMMITTED,
    casesMin: 3,
    shortest: '@',
    built: 'built here: its own tests, its cases, and the same answers',
    toolchain,
    ownTests: (directory) => cargo(directory, ['test', '--quiet']),
  });

  void test('a config it cannot use refuses the deploy, and says why', async () => {
    for (const [config, why] of [
      [{}, /config.fields: names no field/],
      [{ fields: 'email' }, /config.fields: there is only fields, a list of names/],
      [{ fields: ['email'], feilds: 1 }, /config.feilds: there is only fields/],
    ] as const) {
      await assert.rejects(runRecords(guestSource(COMMITTED, { config }), []), refusal('guest.init_rejected', why));
    }
  });

  void test('the memory that its spec gives it is enough for values of 1 MB', async () => {
    const value = JSON.stringify({ email: 'ann@example.com', note: 'x'.repeat(1_000_000) });
    const source = guestSource(COMMITTED, { config: CONFIG });
    const { found } = await runRecords(source, [value, value, value, value]);
    assert.deepEqual(
      found.map(({ code, message, value: output }) => code ?? message ?? output?.length),
      Array.from({ length: 4 }, () => value.length),
    );
  });
});

void test('the library is tested', toolchain, () => {
  cargo(join(import.meta.dirname, 'lib'), ['test', '--quiet']);
});

void test('what is Route and not exported as such does not compile', toolchain, () => {
  const probe = join(import.meta.dirname, 'testing/probe');
  const env = { ...process.env, CARGO_TARGET_DIR: folder };
  const result = spawnSync('cargo', ['check', '--features', 'unrouted'], { cwd: probe, encoding: 'utf8', env });
  assert.notEqual(result.status, 0);
  assert.match(result.stderr, /it is Route: write export!\(MyTransform, route\)/);
});

/* What only the real host shows: testing/probe does what a record's value says. */

const made = new Map<string, string>();

/** Path of a module of testing/. */
function module(name: 'probe' | 'bytes', ...features: readonly string[]): string {
  const key = [name, ...features].join();
  const known = made.get(key);
  if (known !== undefined) return known;
  const source = join(import.meta.dirname, 'testing', name);
  // A target of its own: another choice of features makes the same file.
  const target = join(folder, key);
  const chosen = features.length === 0 ? [] : ['--features', features.join()];
  cargo(source, ['build', '--release', '--target', TARGET, '--target-dir', target, ...chosen]);
  const file = join(target, TARGET, 'release', `${name}.wasm`);
  made.set(key, file);
  return file;
}

const probe = (options: GuestOptions = {}): GuestSource => guestSource(module('probe'), options);
const run = async (...records: (TestRecord | string)[]) => runRecords(probe(), records);
const gists = async (...records: (TestRecord | string)[]) => (await run(...records)).found.map(gist);

void suite('a Transform in its host', toolchain, () => {
  void test('unchanged, dropped, failed, another value', async () => {
    assert.deepEqual(
      await gists('as it came', 'drop', 'none', 'filtered', 'fail because', { key: 'k', value: 'echo new' }),
      ['input=input', DROPPED, DROPPED, DROPPED, 'guest.failed', 'k=new'],
    );
    const { log } = await run('fail because');
    assert.deepEqual(log, [{ level: 'error', text: 'because' }]);
  });

  void test('a tombstone passes as one and can be made', async () => {
    assert.deepEqual(await gists({ key: 'k', value: null }, { key: 'k', value: 'tombstone' }, 'tombstone'), [
      'input=input',
      'k=null',
      'null=null',
    ]);
  });

  void test('a tombstone is told from an empty value', async () => {
    const key = 'tombstone?';
    assert.deepEqual(await gists({ key, value: null }, { key, value: '' }), [`${key}=None`, `${key}=Some([])`]);
  });

  void test('keys: null, empty, taken away', async () => {
    const keys = [null, '', 'k'].map((key) => ({ key, value: 'echo v' }));
    assert.deepEqual(await gists(...keys, { key: 'k', value: 'null-key v' }), ['null=v', '=v', 'k=v', 'null=v']);
  });

  void test('several outputs, and their topics', async () => {
    const { found } = await run({ key: 'k', value: 'each a,route-x,b' }, 'to left,right', 'echo route-y', 'route-z');
    assert.deepEqual(
      found.map(({ value, topic }) => [value, topic]),
      [
        ['a', undefined],
        ['route-x', 'x'],
        ['b', undefined],
        ['left', 'left'],
        ['right', 'right'],
        ['route-y', 'y'],
        ['input', 'z'],
      ],
    );
  });

  void test('a panic is logged, fails its record, and leaves a fresh instance', async () => {
    const { found, log } = await run('count', 'count', 'panic in the middle', 'count');
    assert.deepEqual(found.map(gist), ['null=1', 'null=2', 'guest.trap', 'null=1']);
    assert.equal(log.length, 1);
    assert.match(log[0]?.text ?? '', /panicked at .*in the middle/);
  });

  void test('bytes that are no text fail as told, and the instance stays', async () => {
    const source = probe();
    const { found } = await runRecords(source, ['count', { value: 'size x' }, 'count']);
    assert.deepEqual(found.map(gist), ['null=1', 'guest.failed', 'null=3']);
  });

  void test('I7: outputs at the limit leave, larger ones fail; nothing is written past the buffer', async () => {
    const limit = 2 ** 20;
    const { found } = await run(`size ${limit - 4}`, `size ${limit - 3}`, `size ${limit}`, `size ${limit + 1}`, 'x');
    assert.deepEqual(
      found.map(({ code, value }) => code ?? value?.length),
      [limit - 4, limit - 3, limit, 'guest.output_too_large', 5],
    );
  });

  void test('an output that no memory is left for fails by itself', async () => {
    assert.deepEqual((await runRecords(probe({ maxMemoryMb: 3 }), [`size ${2 ** 20}`, 'x'])).found.map(gist), [
      'guest.trap',
      'input=input',
    ]);
  });

  void test('a record that no memory is left for fails by itself', async () => {
    const { found } = await runRecords(probe({ maxMemoryMb: 3 }), [`x${'y'.repeat(4 * 2 ** 20)}`, 'x']);
    assert.deepEqual(found.map(gist), ['record.too_large', 'input=input']);
  });

  void test('metadata', async () => {
    const record = { key: 'k', partition: 3, offset: 7, timestampMs: 1_700_000_000_000, value: 'metadata' };
    const [found, none] = (await run(record, { ...record, offset: 8, timestampMs: -1 })).found;
    assert.equal(found?.value, 'Some([107]) input 3 7 Some(1700000000000) None');
    assert.match(none?.value ?? '', / None None$/);
  });

  void test('headers: read, and of each output its own', async () => {
    const long = 'x'.repeat(1000);
    const headers = [
      { name: 'tenant', value: Buffer.from('a') },
      { name: 'tenant', value: null },
      { name: long, value: Buffer.from('b') },
    ];
    const record = (value: string): TestRecord => ({ key: 'k', headers, value });
    assert.deepEqual(await gists(record('header tenant'), record(`header ${long}`), record('header other')), [
      'k=Some(None)',
      'k=Some(Some([98]))',
      'k=None',
    ]);
    assert.deepEqual(await gists(record('headers')), [`k=tenant,tenant,${long}`]);
    const { found } = await run(record('with h'));
    const own = [
      ['tenant', 'a'],
      ['tenant', null],
      [long, 'b'],
    ];
    assert.deepEqual(
      found.map(({ value, ownHeaders }) => [value, ownHeaders]),
      [
        [
          '1',
          [
            ['own', 'h'],
            ['null', null],
          ],
        ],
        ['2', own],
        ['3', []],
      ],
    );
  });

  void test('log lines have their level', async () => {
    assert.deepEqual((await run('log careful')).log, [{ level: 'warn', text: 'careful' }]);
  });

  void test('a config is refused with its message, a panic in init too', async () => {
    await assert.rejects(
      runRecords(probe({ config: 'refuse' }), []),
      refusal('guest.init_rejected', /error told to refuse/),
    );
    await assert.rejects(runRecords(probe({ config: 'panic' }), []), refusal('guest.init_failed', /told to panic/));
  });

  void test('without its frame every record fails and the log says why', async () => {
    const source = probe();
    const { found, log } = await runRecords({ ...source, config: { ...source.config, payload: 'value' } }, ['x']);
    assert.deepEqual(found.map(gist), ['guest.failed']);
    assert.match(log[0]?.text ?? '', /payload: framed/);
  });
});

void suite('bytes_transform! in its host', toolchain, () => {
  for (const payload of ['value', 'framed'] as const) {
    void test(`payload: ${payload}`, async () => {
      const source = guestSource(payload === 'framed' ? module('bytes', 'framed') : module('bytes'));
      const values = ['abc', '', 'empty', 'fail', 'panic', 'long', 'after'];
      const { found, log } = await runRecords(
        { ...source, config: { ...source.config, payload } },
        values.map((value) => ({ key: 'k', value })),
      );
      const key = payload === 'framed' ? 'k' : 'input';
      const wanted = ['guest.failed', 'guest.trap', 'guest.output_too_large', `${key}=AFTER`];
      assert.deepEqual(found.map(gist), [`${key}=ABC`, `${key}=`, `${key}=`, ...wanted]);
      assert.equal(log[0]?.text, 'told to');
      assert.match(log[1]?.text ?? '', /at the disco/);
    });
  }
});
