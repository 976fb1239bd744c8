import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { errorShape, FakeSidecar } from './testing/fake-sidecar.ts';
import { runInProcess } from './testing/run-in-process.ts';
import { Program, runProgram } from './testing/run-program.ts';

/* The program as a child process: how it is called, addressed, and what it ends with. */

/** Nothing listens on port 1. */
const NOBODY = 'http://127.0.0.1:1';
const STACK = /\n\s+at /;
const COLOUR = /\u001b\[/;

void test('without a command, with an unknown one, or with a wrong flag: 2, and what was meant', async () => {
  for (const args of [[], ['transforms'], ['transforms', 'offsets']]) {
    const { code, stdout, stderr } = await runProgram(args);
    assert.deepEqual([code, stdout], [2, ''], args.join(' '));
    assert.match(stderr, /^Usage: streamline-cli/);
  }
  const mistyped = await runProgram(['transforms', 'statsu', 'x']);
  assert.deepEqual(
    [mistyped.code, mistyped.stderr],
    [2, "unknown command 'statsu' [request.invalid]\n  Did you mean status?\n"],
  );
  const flag = await runProgram(['transforms', 'list', '--timout', '3s', '--json']);
  assert.equal(flag.code, 2);
  const error = JSON.parse(flag.stderr) as { code: string; error_code: number; suggestion: string };
  assert.deepEqual(
    [error.code, error.error_code, error.suggestion],
    ['request.invalid', 400, 'Did you mean --timeout?'],
  );
  const noName = await runProgram(['transforms', 'status']);
  assert.deepEqual([noName.code, noName.stderr], [2, "missing required argument 'name' [request.invalid]\n"]);
});

void test('help and version end with 0; every command has an example', async () => {
  const version = await runProgram(['--version']);
  assert.equal(version.code, 0);
  assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
  const list = await runProgram(['transforms', '--help']);
  assert.equal(list.code, 0);
  const section = list.stdout.slice(list.stdout.indexOf('Commands:'), list.stdout.indexOf('Example'));
  const commands = [...section.matchAll(/^ {2}(\w+)/gm)].map(([, name = '']) => name).filter((name) => name !== 'help');
  assert.ok(commands.length >= 17, commands.join());
  const helps = await Promise.all(commands.map((name) => runInProcess(['transforms', name, '--help'])));
  for (const [i, { code, stdout }] of helps.entries()) {
    assert.equal(code, 0, commands[i]);
    assert.match(stdout, new RegExp(`Examples?:\n  streamline-cli transforms ${commands[i]}`), commands[i]);
  }
});

void test('nobody there: 3, told in words, as JSON too, from each place an address may come from', async () => {
  const ways: readonly (readonly [readonly string[], Record<string, string>])[] = [
    [['transforms', 'list', '--url', NOBODY], {}],
    [['--url', NOBODY, 'transforms', 'list'], {}],
    [['--url=127.0.0.1:1', 'list'], { STREAMLINE_URL: 'http://127.0.0.1:2' }],
    [['transforms', 'status', 'mask-pii'], { STREAMLINE_URL: NOBODY }],
    [['transforms', 'pause', 'a', 'b'], { STREAMLINE_URL: NOBODY }],
    [['transforms', 'top', '--once'], { STREAMLINE_URL: NOBODY }],
    [['transforms', 'logs', '-f', 'a'], { STREAMLINE_URL: NOBODY }],
  ];
  for (const [args, env] of ways) {
    const { code, stdout, stderr } = await runInProcess(args, { env });
    assert.deepEqual([code, stdout], [3, ''], args.join(' '));
    assert.match(
      stderr,
      /^cannot reach the sidecar at http:\/\/127\.0\.0\.1:1: nobody listens there \[sidecar\.unreachable\]\n {2}Is /,
    );
  }
  const json = await runProgram(['list', '--json', '--url', NOBODY]);
  const error = JSON.parse(json.stderr) as { code: string; error_code: number };
  assert.deepEqual([json.code, json.stdout, error.code, error.error_code], [3, '', 'sidecar.unreachable', 503]);
});

void test('what answers is no sidecar, or does not answer in time: 3', async (t) => {
  const stranger = createServer((request, response) => {
    // The one path that hangs.
    if (request.url?.includes('metrics') !== true) response.end('<html>hello</html>');
  });
  await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    stranger.closeAllConnections();
    stranger.close();
  });
  const url = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`;
  const html = await runProgram(['transforms', 'status', 'a', '--url', url]);
  assert.equal(html.code, 3);
  assert.match(html.stderr, /^what answers at http.* is no sidecar \[sidecar\.unreachable\]/);
  const silent = await runProgram(['transforms', 'metrics', 'a', '--url', url, '--timeout', '200ms']);
  assert.equal(silent.code, 3);
  assert.match(silent.stderr, /no answer within 200ms/);
});

void test('addresses, limits and files that cannot be are told before anything is sent: 2', async () => {
  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [['--url', 'ftp://x'], /ftp:\/\/x is no address/],
    [['--url', 'http://'], /is no address/],
    [['--timeout', 'soon'], /--timeout cannot be soon/],
    [['--timeout', '0s'], /--timeout cannot be 0s/],
    [['--token-file', '/nonexistent/token'], /the token file: \/nonexistent\/token does not exist/],
    [['--cacert', '/nonexistent/ca'], /--cacert: \/nonexistent\/ca does not exist/],
  ];
  for (const [flags, message] of wrong) {
    const { code, stdout, stderr } = await runInProcess(['transforms', 'list', ...flags]);
    assert.deepEqual([code, stdout], [2, ''], flags.join(' '));
    assert.match(stderr, message);
    assert.doesNotMatch(stderr, STACK);
  }
});

void test('a token comes from a flag, a file or the environment, and is asked for when it is missing', async (t) => {
  const sidecar = await FakeSidecar.start();
  const folder = mkdtempSync(join(tmpdir(), 'streamline-cli-'));
  t.after(async () => {
    rmSync(folder, { recursive: true });
    await sidecar.close();
  });
  sidecar.token = 'secret-token';
  const file = join(folder, 'token');
  writeFileSync(file, 'secret-token\n');
  const list = ['transforms', 'list', '--url', sidecar.url];
  for (const [args, env] of [
    [[...list, '--token-file', file], { STREAMLINE_TOKEN: 'other' }],
    [list, { STREAMLINE_TOKEN_FILE: file, STREAMLINE_TOKEN: 'other' }],
    [list, { STREAMLINE_TOKEN: 'secret-token' }],
  ] as const) {
    assert.equal((await runProgram(args, { env })).code, 0);
  }
  const none = await runProgram(list);
  assert.equal(none.code, 1);
  assert.match(none.stderr, /a token is needed \[request\.unauthorized\]\n {2}Give a token with --token-file/);
  const wrong = await runProgram(list, { env: { STREAMLINE_TOKEN: 'wrong-token' } });
  assert.equal(wrong.code, 1);
  assert.doesNotMatch(wrong.stderr, /wrong-token/);
  const broken = await runProgram(list, { env: { STREAMLINE_TOKEN: 'to\u00e4ken' } });
  assert.equal(broken.code, 2);
  assert.doesNotMatch(broken.stderr, /ken\b.*ken/);
});

void test('colours: none in a pipe, some when they are asked for, none against NO_COLOR', async (t) => {
  const sidecar = await FakeSidecar.start();
  t.after(() => sidecar.close());
  sidecar.add('mask-pii');
  const run = (env: Record<string, string>) => runProgram(['transforms', 'list', '--url', sidecar.url], { env });
  assert.doesNotMatch((await run({})).stdout, COLOUR);
  assert.match((await run({ FORCE_COLOR: '1' })).stdout, COLOUR);
  assert.doesNotMatch((await run({ NO_COLOR: '1' })).stdout, COLOUR);
});

void test('an error of the sidecar comes with its code, place, field and reasons', async (t) => {
  const sidecar = await FakeSidecar.start();
  t.after(() => sidecar.close());
  const bad = errorShape('spec.out_of_range', 'timeout_ms must be at least 1', {
    place: 'specs/a.yaml:4:3',
    configPath: '/timeout_ms',
    suggestion: 'Write 1 or more.',
  });
  sidecar.specErrors.push(bad);
  const { code, stdout, stderr } = await runProgram(['transforms', 'list', '--url', sidecar.url]);
  assert.deepEqual([code, stdout], [0, 'There are no transforms. Deploy one with: streamline-cli transforms deploy\n']);
  assert.equal(
    stderr,
    'specs/a.yaml:4:3 /timeout_ms: timeout_ms must be at least 1 [spec.out_of_range]\n  Write 1 or more.\n',
  );
});

void test('whoever reads the output may stop reading', async (t) => {
  const sidecar = await FakeSidecar.start();
  t.after(() => sidecar.close());
  const { logs } = sidecar.add('mask-pii');
  const message = 'x'.repeat(200);
  for (let i = 0; i < 20_000; i += 1)
    logs.push({ time: '2026-01-01T00:00:00.000Z', level: 'info', from: 'guest', message, fields: {} });
  const program = new Program(['transforms', 'logs', 'mask-pii', '--tail', '20000', '--url', sidecar.url]);
  program.child.stdout?.once('data', () => program.child.stdout?.destroy());
  const { stderr } = await program.ended;
  assert.equal(stderr, '');
});
