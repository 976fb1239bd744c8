import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import type { GuestSource } from '../../src/guest/batch-runner.ts';
import type { TestRecord } from '../../src/guest/testing/fixture.ts';
import { guestSource, runRecords, withToolchain } from '../testing/template-project.ts';
import { CONFIG, DROPPED, gist, refusal, templateTests } from '../testing/template-tests.ts';

const COMMITTED = join(import.meta.dirname, 'testing/template.wasm');
const PROBE = join(import.meta.dirname, 'testing/probe');
const toolchain = withToolchain('go', false);

/** No settings of the machine's own, and nothing from a network. */
const GO_ENVIRONMENT = { ...process.env, GOFLAGS: '', GOWORK: 'off', GOPROXY: 'off', GOTOOLCHAIN: 'local' };

function go(cwd: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): void {
  const result = spawnSync('go', args, { cwd, encoding: 'utf8', env: { ...GO_ENVIRONMENT, ...env } });
  assert.equal(result.status, 0, `go ${args.join(' ')}\n${result.stdout}${result.stderr}`);
}

void suite('the template', () => {
  templateTests({
    language: 'go',
    committed: COMMITTED,
    casesMin: 5,
    shortest: '@',
    built: 'built here, without a network: its own tests, its cases, and the same answers',
    toolchain,
    ownTests: (directory) => {
      go(directory, ['vet', './...']);
      go(directory, ['test', './...']);
    },
  });

  void test('a config it cannot use refuses the deploy, and says why', async () => {
    for (const [config, why] of [
      [{}, /config.fields names no field/],
      [{ fields: ['email'], feilds: 1 }, /unknown field "feilds"/],
    ] as const) {
      await assert.rejects(runRecords(guestSource(COMMITTED, { config }), []), refusal('guest.init_rejected', why));
    }
  });

  void test('the memory that its spec gives it is enough for values of 1 MB', async () => {
    const value = JSON.stringify({ email: 'ann@example.com', note: 'x'.repeat(1_000_000) });
    const source = guestSource(COMMITTED, { config: CONFIG, maxMemoryMb: 32 });
    const { found } = await runRecords(source, [{ value }, { value }, { value }, { value }]);
    assert.deepEqual(
      found.map(({ code, message, value: output }) => code ?? message ?? output?.length),
      Array.from({ length: 4 }, () => value.length),
    );
  });
});

void test('the library is vetted and tested', toolchain, () => {
  const library = join(import.meta.dirname, 'lib');
  go(library, ['vet', '.']);
  go(library, ['vet', '.'], { GOOS: 'wasip1', GOARCH: 'wasm' });
  go(library, ['test', '.']);
});

void test('the example on the library is vetted and tested', toolchain, () => {
  const example = join(import.meta.dirname, '../../examples/guests/compaction');
  go(example, ['vet', '.']);
  go(example, ['test', '.']);
});

/* What only the real host shows: testing/probe does what a record's value says. */
void suite('the library in its host', toolchain, () => {
  const folder = mkdtempSync(join(tmpdir(), 'go-probe-'));
  after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'probe.wasm');
  let built = false;
  const probe = (config: unknown = {}): GuestSource => {
    if (!built) {
      const flags = ['build', '-buildmode=c-shared', '-trimpath', '-buildvcs=false', '-ldflags=-s -w', '-o', file, '.'];
      go(PROBE, flags, { GOOS: 'wasip1', GOARCH: 'wasm' });
    }
    built = true;
    return guestSource(file, { config });
  };
  const run = async (...records: (TestRecord | string)[]) => runRecords(probe(), records);
  const gists = async (...records: (TestRecord | string)[]) => (await run(...records)).found.map(gist);

  void test('unchanged, dropped, failed, another value', async () => {
    assert.deepEqual(
      await gists('unchanged', 'drop', 'none', 'fail because', { key: 'k', value: 'echo new' }, { value: null }),
      ['input=input', DROPPED, DROPPED, 'guest.failed', 'k=new', 'input=input'],
    );
    const { log } = await run('fail because');
    assert.deepEqual(log, [{ level: 'error', text: 'because' }]);
  });

  void test('several outputs, tombstones among them, of their own topics', async () => {
    const { found } = await run('three', { key: 'k', value: 'tombstone' }, 'tombstone-first');
    assert.deepEqual(
      found.map(({ record, topic, key, value }) => [record, topic, key, value]),
      [
        [0, 'topic-a', 'a', 'one'],
        [0, undefined, null, 'two'],
        [0, undefined, '', ''],
        [1, undefined, 'k', null],
        [2, undefined, 'old', null],
        [2, undefined, 'new', 'v'],
      ],
    );
  });

  void test('a tombstone is told from an empty value', async () => {
    const key = 'tombstone?';
    assert.deepEqual(await gists({ key, value: null }, { key, value: '' }), [`${key}=true`, `${key}=false`]);
  });

  const headers = [
    { name: 'h', value: Buffer.from('1') },
    { name: 'n', value: null },
    { name: 'h', value: Buffer.from('x'.repeat(100)) },
  ];

  void test('each output has the headers it asks for', async () => {
    const { found } = await run({ value: 'headers', headers });
    const came = [
      ['h', '1'],
      ['n', null],
      ['h', 'x'.repeat(100)],
    ];
    assert.deepEqual(
      found.map(({ ownHeaders }) => ownHeaders ?? 'input'),
      ['input', [['x', '1'], ['x', null]], [], came], // prettier-ignore
    );
  });

  void test('it sees topic, partition, offset, timestamp and headers', async () => {
    const { found } = await run({ value: 'see h', headers, partition: 7, offset: 2 ** 40, timestampMs: -1 });
    const all = `[{"h" "1"} {"n" ""} {"h" "${'x'.repeat(100)}"}]`;
    assert.equal(found[0]?.value, `input 7 ${2 ** 40} -1 ${all} true ${'x'.repeat(100)}`);
    assert.match((await run('see none')).found[0]?.value ?? '', /\[\] false $/);
  });

  void test('an output that does not fit beside its key is emitted, one beyond the limit fails', async () => {
    const fits = 2 ** 20 - 4;
    const { found } = await run(`bytes ${fits}`, `bytes ${fits + 1}`, `bytes ${2 ** 20 + 1}`, 'echo after');
    assert.deepEqual(
      found.map(({ code, value }) => code ?? value?.length),
      [fits, fits + 1, 'guest.output_too_large', 5],
    );
  });

  void test('a panic is one line of the log and costs one record', async () => {
    for (const [value, text] of [
      ['panic me', /^panic: a panic with me \(main\.go:\d+\)$/],
      ['panic index', /^panic: runtime error: index out of range \[11\] with length 11 \(main\.go:\d+\)$/],
      ['panic nil', /^panic: runtime error: invalid memory address or nil pointer dereference \(main\.go:\d+\)$/],
    ] as const) {
      const { found, log } = await run('echo before', value, 'echo after');
      assert.deepEqual(found.map(gist), ['null=before', 'guest.aborted', 'null=after']);
      assert.equal(log.length, 1);
      assert.match(log[0]?.text ?? '', text);
    }
    await assert.rejects(runRecords(probe({ panic: true }), []), { code: 'guest.init_failed' });
    await assert.rejects(runRecords(probe({ refuse: 'not this one' }), []), { code: 'guest.init_rejected' });
  });

  void test('spins, recursion, memory without end and deadlocks cost one record each', async () => {
    const codes = await gists('spin', 'recurse', 'keep 100000000', 'deadlock', 'echo after');
    assert.deepEqual(
      codes.map((code) => /^guest\.(?:out_of_fuel|stack_overflow|trap|aborted)$/.test(code)),
      [true, true, true, true, false],
    );
    assert.equal(codes[0], 'guest.out_of_fuel');
    assert.equal(codes[4], 'null=after');
  });

  void test('garbage is collected, the host’s buffers are not, and sleeping takes no time', async () => {
    const large = `echo ${'y'.repeat(200_000)}`;
    const { found, log } = await run('garbage 200', large, 'garbage 200', large, 'sleep');
    assert.deepEqual(log, []);
    assert.deepEqual(
      found.map(({ code, value }) => code ?? value?.length),
      ['input'.length, 200_000, 'input'.length, 200_000, 'input'.length],
    );
    assert.match(found[3]?.value ?? '', /^y+$/);
  });

  void test('log lines, standard output and standard error', async () => {
    assert.deepEqual((await run('log hi')).log, [
      { level: 'warn', text: 'hi' },
      { level: 'info', text: 'stdout hi' },
      { level: 'warn', text: 'stderr hi' },
    ]);
  });
});
