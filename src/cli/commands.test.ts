import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { errorShape, FakeSidecar, SINCE, WORKER } from './testing/fake-sidecar.ts';
import { runInProcess } from './testing/run-in-process.ts';
import { Program, runProgram, until, type ProgramResult } from './testing/run-program.ts';

/* Each command against a sidecar that follows docs/rest-api.md, as a child process: for people, as JSON, and its exit code. */

const sidecar = await FakeSidecar.start();
const env = { STREAMLINE_URL: sidecar.url };

after(() => sidecar.close());
beforeEach(() => {
  sidecar.transforms.clear();
  sidecar.modules.length = 0;
  sidecar.requests.length = 0;
});

const cli = (...args: readonly string[]): Promise<ProgramResult> => runProgram(['transforms', ...args], { env });

async function json<T>(...args: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await cli(...args, '--json');
  assert.deepEqual([code, stderr], [0, ''], args.join(' '));
  return JSON.parse(stdout) as T;
}

/** Ends with 0 and prints this. */
async function prints(args: readonly string[], ...patterns: readonly RegExp[]): Promise<string> {
  const { code, stdout, stderr } = await cli(...args);
  assert.deepEqual([code, stderr], [0, ''], args.join(' '));
  for (const pattern of patterns) assert.match(stdout, pattern);
  return stdout;
}

void test('list: a line each; ls, detailed, JSON as the API has it', async () => {
  sidecar.add('route-orders', { connector: { state: 'FAILED', worker_id: WORKER }, partitions: [0, 1, 2, 5] });
  sidecar.add('mask-pii');
  const stdout = await prints(['list']);
  assert.deepEqual(
    stdout.split('\n').map((line) => line.split(/ {2,}/)),
    [
      ['NAME', 'STATE', 'TYPE', 'INPUT', 'OUTPUT', 'MODULE', 'PARTITIONS'],
      ['mask-pii', 'RUNNING', 'map', 'raw-events', 'clean-events', 'transforms/mask_pii.wasm', '0-1'],
      ['route-orders', 'FAILED', 'map', 'raw-events', 'clean-events', 'transforms/mask_pii.wasm', '0-2,5'],
      [''],
    ],
  );
  assert.equal(await prints(['ls']), stdout);
  await prints(['ls', '-d'], /DEAD-LETTERED/, /aaaaaaaaaaaa +42 +1,234,567 +1,200,000 +34,500 +67 +1 busy, 0 idle/);
  const listed = await json<Record<string, { status: { group_id: string }; info: { source: string } }>>('list');
  assert.deepEqual(Object.keys(listed).toSorted(), ['mask-pii', 'route-orders']);
  assert.equal(listed['mask-pii']?.status.group_id, 'streamline.mask-pii');
  assert.equal(listed['mask-pii']?.info.source, 'specs/mask-pii.yaml');
});

void test('status: what runs, what is refused, and why', async () => {
  const { status } = sidecar.add('mask-pii');
  await prints(
    ['status', 'mask-pii'],
    /^name +mask-pii$/m,
    /^state +RUNNING$/m,
    /^module +transforms\/mask_pii\.wasm \(sha256 aaaaaaaaaaaa\)$/m,
    /^version +1, for .*, 5 records$/m,
    /^group +streamline\.mask-pii$/m,
    /^partitions +0-1$/m,
  );
  sidecar.add('mask-pii', {
    target_state: 'PAUSED',
    candidate: {
      stage: 'REFUSED',
      module: 'transforms/new.wasm',
      module_sha256: 'b'.repeat(64),
      config_sha256: 'c',
      since: SINCE,
      error: errorShape('guest.init_rejected', 'init() gave 0', { suggestion: 'Check config.' }),
    },
    spec_errors: [errorShape('spec.unknown_field', 'no field timout_ms', { place: 'specs/mask-pii.yaml:5:1' })],
  });
  await prints(
    ['status', 'mask-pii'],
    /^state +RUNNING \(to be PAUSED\)$/m,
    /^candidate +REFUSED transforms\/new\.wasm \(sha256 bbbbbbbbbbbb\), for .*\n +init\(\) gave 0 \[guest\.init_rejected\]\n +Check config\.$/m,
    /^spec +specs\/mask-pii\.yaml:5:1: no field timout_ms \[spec\.unknown_field\]$/m,
  );
  sidecar.add('mask-pii', {
    group: {
      state: 'Stable',
      one_of: 2,
      members: [
        { member_id: 'm1', client_id: 'streamline', host: '/10.0.0.1', partitions: [0, 1], self: true },
        { member_id: 'm2', client_id: 'streamline', host: '/10.0.0.2', partitions: [2], self: false },
      ],
    },
  });
  await prints(
    ['status', 'mask-pii', '--detailed'],
    /^group +streamline\.mask-pii \(Stable, 2 members; this worker is one of 2\)$/m,
    /^TASK +STATE +WORKER/m,
    /\/10\.0\.0\.1 +0-1 +yes$/m,
    /\/10\.0\.0\.2 +2 +-$/m,
  );
  assert.equal(sidecar.requests.at(-1)?.path, '/transforms/mask-pii/status?group=true');
  assert.deepEqual((await json<typeof status>('status', 'mask-pii')).version, status.version);
});

void test('records that wait for the schema registry: wherever a state is shown', async () => {
  const waiting = { for: 'schema_registry', since: SINCE, code: 'registry.unreachable', message: 'no answer' } as const;
  sidecar.add('api-logs', { waiting });
  const state = String.raw`RUNNING \(waits for the schema registry: registry\.unreachable\)`;
  await prints(['list'], new RegExp(`^api-logs +${state} +map `, 'm'));
  const rows = [new RegExp(`^state +${state}$`, 'm'), /^waiting +for .*: no answer$/m];
  await prints(['status', 'api-logs'], ...rows);
  await prints(['describe', 'api-logs'], ...rows);
  await prints(['top', '--once', '--interval', '50ms'], new RegExp(`^api-logs +${state} +0 `, 'm'));
  const { stdout } = await cli('top', '--once', '--interval', '50ms', '--json');
  assert.deepEqual((JSON.parse(stdout) as { transforms: unknown[] }).transforms.length, 1);
  assert.match(stdout, /"waiting":\{"for":"schema_registry"/);
});

void test('a name that is mistyped: 2, and the one that was meant', async () => {
  sidecar.add('mask-pii');
  sidecar.add('enrich-orders');
  for (const command of ['status', 'metrics', 'describe', 'logs', 'pause', 'resume', 'stop', 'restart', 'undeploy']) {
    const { code, stdout, stderr } = await runInProcess(['transforms', command, 'mask-pi'], { env });
    assert.deepEqual([code, stdout], [2, ''], command);
    assert.equal(stderr, 'there is no transform mask-pi [transform.not_found]\n  Did you mean mask-pii?\n', command);
  }
  const far = await cli('status', 'zzz', '--json');
  const error = JSON.parse(far.stderr) as { error_code: number; suggestion: string };
  assert.deepEqual([far.code, error.error_code, error.suggestion], [2, 404, 'There are mask-pii, enrich-orders.']);
});

void test('metrics: counts, errors, latency; JSON as the API has it', async () => {
  const { metrics } = sidecar.add('mask-pii');
  await prints(
    ['metrics', 'mask-pii'],
    /^received +1,234,567$/m,
    /^dead-lettered +67$/m,
    /^processed +1,234,567$/m,
    /^errors +70$/m,
    /^latency +mean 12 µs, p50 11 µs, p99 250 µs$/m,
    /^end to end +mean 4\.2 ms, p50 3\.9 ms, p99 15\.0 ms$/m,
    /^bytes +\d.* in, \d.* out$/m,
    /^lag +42 \(0: 21, 1: 21\)$/m,
    /^ERROR +ATTEMPTS +DEAD LETTERS\nguest\.trap +63 +60\nguest\.out_of_fuel +7 +7$/m,
  );
  assert.deepEqual(await json('metrics', 'mask-pii'), metrics);
});

void test('pause, resume, stop, restart, undeploy: one name or several, the rest goes on when one fails', async () => {
  for (const name of ['a', 'b', 'c', 'd']) sidecar.add(name);
  const said: readonly (readonly [string, string, string, string])[] = [
    ['pause', 'pausing', 'PUT', '/transforms/a/pause'],
    ['resume', 'resuming', 'PUT', '/transforms/a/resume'],
    ['stop', 'stopping', 'PUT', '/transforms/a/stop'],
    ['restart', 'restarted', 'POST', '/transforms/a/restart?includeTasks=true&onlyFailed=false'],
  ];
  for (const [command, done, method, path] of said) {
    assert.equal(await prints([command, 'a', 'b']), `a: ${done}\nb: ${done}\n`);
    const requests = sidecar.requestsOf(method).slice(-2);
    assert.deepEqual(
      requests.map((request) => request.path),
      [path, path.replace('/a/', '/b/')],
    );
    const { stdout } = await runInProcess([command, 'a', '--json'], { env });
    assert.deepEqual(JSON.parse(stdout), [{ name: 'a', done }]);
  }
  const some = await cli('undeploy', 'a', 'nobody', 'b');
  assert.deepEqual([some.code, some.stdout], [2, 'a: undeployed\nb: undeployed\n']);
  assert.match(some.stderr, /nobody/);
  assert.equal(await prints(['delete', '--no-confirm', 'c']), 'c: undeployed\n');
  assert.equal(await prints(['rm', 'd', '--yes']), 'd: undeployed\n');
  assert.equal(sidecar.transforms.size, 0);
});

void test('offsets: show; reset and delete need a yes and a stopped transform', async () => {
  const { offsets } = sidecar.add('mask-pii');
  await prints(['offsets', 'show', 'mask-pii'], /^raw-events +0 +1,000 +10 +1,021 +21 +-$/m, /^2 partitions, lag 42$/m);
  assert.deepEqual(await json('offsets', 'show', 'mask-pii'), offsets);

  const unasked = await cli('offsets', 'reset', 'mask-pii', '--to', 'earliest');
  assert.equal(unasked.code, 2);
  assert.match(
    unasked.stderr,
    /this needs a yes: Set the offsets of mask-pii to earliest\? .*\n {2}There is no terminal/,
  );
  assert.equal((await cli('offsets', 'delete', 'mask-pii')).code, 2);
  const running = await cli('offsets', 'reset', 'mask-pii', '--to', 'earliest', '--yes');
  assert.deepEqual(
    [running.code, running.stderr],
    [1, 'mask-pii is RUNNING [transform.not_stopped]\n  Stop it first.\n'],
  );
  assert.equal((await cli('offsets', 'delete', 'mask-pii', '--no-confirm')).code, 1);

  await cli('stop', 'mask-pii');
  await prints(['offsets', 'reset', 'mask-pii', '--to', 'start', '--yes'], /^raw-events +0 +10 +10 +1,021 +1,011/m);
  for (const to of ['latest', '@1767225600000', '@2026-01-31T12:00:00Z', '+5', '-100']) {
    const { code } = await runInProcess(['offsets', 'reset', 'mask-pii', '--no-confirm', '--to', to], { env });
    assert.equal(code, 0, to);
    assert.deepEqual(JSON.parse(sidecar.requests.at(-1)?.body ?? ''), { to });
  }
  await prints(['offsets', 'reset', 'mask-pii', '-y', '--offset', '0=11', '--offset', '1=12'], /^raw-events +1 +12/m);
  assert.deepEqual(JSON.parse(sidecar.requests.at(-1)?.body ?? ''), {
    offsets: [
      { partition: { kafka_topic: 'raw-events', kafka_partition: 0 }, offset: { kafka_offset: 11 } },
      { partition: { kafka_topic: 'raw-events', kafka_partition: 1 }, offset: { kafka_offset: 12 } },
    ],
  });
  assert.equal(await prints(['offsets', 'delete', 'mask-pii', '--yes']), 'mask-pii: offsets deleted\n');
  for (const flags of [[], ['--to', 'tomorrow'], ['--offset', 'x=1'], ['--to', 'latest', '--offset', '0=1']]) {
    const before = sidecar.requests.length;
    const { code } = await runInProcess(['offsets', 'reset', 'mask-pii', '--yes', ...flags], { env });
    assert.equal(code, 2, flags.join(' '));
    assert.equal(sidecar.requests.length, before, 'nothing is sent');
  }
});

void test('describe: everything there is, and what cannot be asked for says so', async () => {
  const transform = sidecar.add('mask-pii');
  transform.logs.push(
    { time: SINCE, level: 'info', from: 'guest', message: 'all well', fields: {} },
    { time: SINCE, level: 'error', from: 'sidecar', message: 'went wrong', fields: { code: 'guest.trap' } },
  );
  const stdout = await prints(
    ['describe', 'mask-pii'],
    /^ {2}# mask-pii, by hand$/m,
    /^ {2}received +1,234,567$/m,
    /^ {2}raw-events +0 +1,000/m,
    /^ {2}\S+ ERROR sidecar went wrong code=guest\.trap$/m,
  );
  assert.doesNotMatch(stdout, /all well/);
  const found = await json<{ spec: string; recent_errors: unknown[] }>('describe', 'mask-pii');
  assert.deepEqual([found.spec, found.recent_errors.length], [transform.text, 1]);
});

void test('logs: tail, since, JSON; no line of a guest moves the cursor', async () => {
  const { logs } = sidecar.add('mask-pii');
  for (const [i, level] of (['debug', 'info', 'warn'] as const).entries())
    logs.push({ time: `2026-01-0${i + 1}T00:00:00.000Z`, level, from: 'guest', message: `line ${i}`, fields: {} });
  logs.push({
    time: '2026-01-04T00:00:00.000Z',
    level: 'info',
    from: 'guest',
    message: '\u001b[2Ja\nb',
    fields: { n: 1, s: 'x y' },
  });
  const last = '2026-01-04T00:00:00.000Z INFO  guest   \\u001b[2Ja\\nb n=1 s="x y"\n';
  assert.equal(await prints(['logs', 'mask-pii', '--tail', '1']), last);
  assert.equal((await prints(['logs', 'mask-pii'])).split('\n').length, 5);
  assert.equal(await prints(['logs', 'mask-pii', '--since', '2026-01-03T12:00:00Z']), last);
  assert.equal(await prints(['logs', 'mask-pii', '--since', '10m']), '');
  const raw = await cli('logs', 'mask-pii', '--json');
  const lines = raw.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
  assert.deepEqual(lines, logs);
  assert.equal((await cli('logs', 'mask-pii', '--since', 'tomorrow')).code, 2);
  assert.equal((await cli('logs', 'mask-pii', '--tail', '-1')).code, 2);
});

void test('logs -f goes on until Ctrl-C: 0', async () => {
  const { logs } = sidecar.add('mask-pii');
  logs.push({ time: SINCE, level: 'info', from: 'guest', message: 'first', fields: {} });
  const program = new Program(['transforms', 'logs', '-f', 'mask-pii'], { env });
  await until(() => sidecar.followers === 1 && program.stdout.includes('first'), 'the log is followed');
  sidecar.follow({ time: SINCE, level: 'warn', from: 'guest', message: 'second', fields: {} });
  await until(() => program.stdout.includes('second'), 'the second line');
  program.child.kill('SIGINT');
  const { code, stderr } = await program.ended;
  assert.deepEqual([code, stderr], [0, '']);
});

void test('logs -f ends when the transform is undeployed (0), and when the sidecar goes away (3)', async (t) => {
  sidecar.add('mask-pii');
  const program = new Program(['transforms', 'logs', '-f', 'mask-pii'], { env });
  await until(() => sidecar.followers === 1, 'the log is followed');
  sidecar.transforms.clear();
  sidecar.endFollowers();
  assert.deepEqual(await program.ended, { code: 0, stdout: '', stderr: 'mask-pii was undeployed\n' });

  const other = await FakeSidecar.start();
  t.after(() => other.close());
  other.add('mask-pii');
  const { url } = other;
  const cut = new Program(['logs', '-f', 'mask-pii', '--url', url]);
  await until(() => other.followers === 1, 'the log is followed');
  other.endFollowers();
  const ended = await cut.ended;
  assert.equal(ended.code, 3);
  assert.match(ended.stderr, /^the sidecar at .* has ended the stream \[sidecar\.unreachable\]/);
  const lost = new Program(['logs', '-f', 'mask-pii', '--url', url]);
  await until(() => other.followers === 1, 'the log is followed');
  await other.close();
  const gone = await lost.ended;
  assert.equal(gone.code, 3);
  assert.match(gone.stderr, /^cannot reach the sidecar at .*: the connection broke/);
});

void test('top: rates between two looks; once, n times, as JSON; Ctrl-C: 0', async () => {
  const transform = sidecar.add('mask-pii');
  sidecar.add('quiet');
  const advance = () => {
    const { records, fuel_units: fuel } = transform.metrics;
    transform.metrics = {
      ...transform.metrics,
      records: {
        ...records,
        received: records.received + 1000,
        output: records.output + 990,
        filtered: records.filtered + 10,
      },
      fuel_units: fuel + 5_000_000,
    };
  };
  const timer = setInterval(advance, 10);
  try {
    const once = await prints(
      ['top', '--once', '--interval', '200ms'],
      /^NAME +STATE +IN\/S +OUT\/S +FILTERED\/S +DEAD\/S +P50 +P99 +LAG +FUEL\/S$/m,
    );
    assert.match(once, /^mask-pii +RUNNING +\d[\d.]* k +\d[\d.]* k +\d[\d.]* ?k? +0 +11 µs +250 µs +42 +\d[\d.]* M$/m);
    assert.match(once, /^quiet +RUNNING +0 +0 +0 +0 /m);
    const { code, stdout, stderr } = await cli('top', '-n', '2', '--interval', '50ms', '--json');
    assert.deepEqual([code, stderr], [0, '']);
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { time: string; transforms: { name: string; in_per_s: number }[] });
    assert.equal(lines.length, 2);
    for (const { transforms } of lines) {
      assert.deepEqual(
        transforms.map(({ name }) => name),
        ['mask-pii', 'quiet'],
      );
      assert.ok((transforms[0]?.in_per_s ?? 0) > 1000);
    }
  } finally {
    clearInterval(timer);
  }
  const endless = new Program(['transforms', 'top', '--interval', '20ms'], { env });
  await until(() => endless.stdout.split('NAME').length > 2, 'two tables');
  endless.child.kill('SIGINT');
  const { code, stdout, stderr } = await endless.ended;
  assert.deepEqual([code, stderr], [0, '']);
  assert.doesNotMatch(stdout, /\u001b/, 'no screen is taken in a pipe');
  assert.equal((await cli('top', '-n', '0')).code, 2);
});

void test('modules: upload, list, delete by the beginning of a digest', async () => {
  const uploaded = await prints(
    ['modules', 'upload', 'modules/transforms/mask_pii.wasm'],
    /^uploaded\/mask-pii\/[0-9a-f]{64}\.wasm \(sha256 [0-9a-f]{64}, 7\.5 kB\)\n$/,
  );
  const digest = /sha256 ([0-9a-f]{64})/.exec(uploaded)?.[1] ?? '';
  const again = await json<{ sha256: string }>(
    'modules',
    'upload',
    'modules/transforms/mask_pii.wasm',
    '--name',
    'other',
  );
  assert.equal(again.sha256, digest);
  await prints(
    ['modules', 'list'],
    new RegExp(`^uploaded/other/${digest}\\.wasm +${digest.slice(0, 12)} +7\\.5 kB +upload`, 'm'),
  );
  assert.equal((await json<unknown[]>('modules', 'ls')).length, 2);
  assert.equal(await prints(['modules', 'delete', digest.slice(0, 8)]), `uploaded/mask-pii/${digest}.wasm: deleted\n`);
  sidecar.modules.splice(0, 1, { ...sidecar.modules[0]!, used_by: ['mask-pii'] });
  const used = await cli('modules', 'delete', digest);
  assert.equal(used.code, 1);
  assert.match(used.stderr, /is used by mask-pii \[module\.in_use\]/);
  const unknown = await cli('modules', 'rm', 'ffff');
  assert.deepEqual([unknown.code, unknown.stdout], [2, '']);
  const bad = await cli('modules', 'upload', 'integration/guests/modules/no_transform.wasm', '--json');
  assert.equal(bad.code, 2);
  assert.equal((JSON.parse(bad.stderr) as { code: string }).code, 'module.missing_export');
});

void test('loggers: show and set', async () => {
  sidecar.add('mask-pii');
  await prints(['loggers'], /^LOGGER +LEVEL +CHANGED\nroot +INFO +-$/m);
  assert.equal(await prints(['loggers', 'set', 'mask-pii', 'debug']), 'mask-pii: DEBUG\n');
  assert.deepEqual(await json('loggers', 'show', 'mask-pii'), {
    'mask-pii': { level: 'DEBUG', last_modified: 1_767_225_600_000 },
  });
  await prints(['loggers', 'show', 'root'], /^root +INFO/m);
  const level = await cli('loggers', 'set', 'root', 'loud');
  assert.deepEqual([level.code, level.stderr], [2, '/level: there is no level LOUD [request.invalid]\n']);
  assert.equal((await cli('loggers', 'set', 'mask-pi', 'debug')).code, 2);
});

void test('validate: a module or a spec, without a sidecar', async (t) => {
  await prints(['validate', 'modules/transforms/mask_pii.wasm'], /^sha256 +d837c867/m, /^type +map$/m, /^it can /m);
  const module = await json<{ valid: boolean }>('validate', 'modules/transforms/mask_pii.wasm');
  assert.equal(module.valid, true);
  const refused = await cli('validate', 'integration/guests/modules/no_transform.wasm');
  assert.equal(refused.code, 2);
  assert.match(refused.stdout, /^refused .*\[module\.missing_export\]/m);
  await prints(
    ['validate', '--spec', 'specs/mask-pii.yaml'],
    /^module +transforms\/mask_pii\.wasm \(not looked at: see --modules\)$/m,
  );
  const whole = await json<{ ok: boolean; type: string; module: { sha256: string } }>(
    'validate',
    '--spec',
    'specs/mask-pii.yaml',
    '--modules',
    'modules',
  );
  assert.deepEqual([whole.ok, whole.type, whole.module.sha256.slice(0, 8)], [true, 'map', 'd837c867']);
  const missing = await cli('validate', '--spec', 'specs/mask-pii.yaml', '--modules', 'src');
  assert.equal(missing.code, 2);
  assert.match(missing.stderr, /spec\.module_missing/);
  const folder = mkdtempSync(join(tmpdir(), 'validate-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const withSchema = 'name: a\ninput_topic: a\noutput_topic: b\nwasm_module: builtin:pass-through\n';
  const file = join(folder, 'a.yaml');
  writeFileSync(file, `${withSchema}output: { format: avro, schema_file: a.avsc }\n`);
  const alone = await cli('validate', '--spec', file);
  assert.equal(alone.code, 2);
  assert.match(alone.stderr, /a\.yaml:5:38 \/output\/schema_file: .*a\.avsc \[schema\.file_unreadable\]/);
  writeFileSync(join(folder, 'a.avsc'), '"string"');
  await prints(['validate', '--spec', file], /^name +a$/m);
  const input = 'name: Bad\ninput_topic: a\noutput_topic: b\nwasm_module: m.wasm\ntimout_ms: 5\n';
  const bad = await runProgram(['transforms', 'validate', '--spec', '-'], { input });
  assert.equal(bad.code, 2);
  assert.match(
    bad.stderr,
    /^- stdin:1:7 \/name: .*\n {2} {2}Write `name: bad`\.\n- stdin:5:1 \/timout_ms: .*\n .*timeout_ms/m,
  );
  const badJson = await runProgram(['transforms', 'validate', '--spec', '-', '--json'], { input });
  const report = JSON.parse(badJson.stdout) as { ok: boolean; errors: { code: string }[] };
  assert.deepEqual(
    [badJson.code, report.ok, report.errors.map(({ code }) => code)],
    [2, false, ['spec.bad_name', 'spec.unknown_field']],
  );
  assert.equal((await cli('validate')).code, 2);
  assert.equal((await cli('validate', 'nothing.wasm')).code, 2);
  assert.equal(sidecar.requests.length, 0);
});
