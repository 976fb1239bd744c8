import assert from 'node:assert/strict';
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { FakeSidecar } from './testing/fake-sidecar.ts';
import { runInProcess } from './testing/run-in-process.ts';
import { runProgram } from './testing/run-program.ts';

const PROGRAM = join(import.meta.dirname, '..', 'bin', 'streamline-cli.ts');
const sidecar = await FakeSidecar.start();
const env = { STREAMLINE_URL: sidecar.url };
after(() => sidecar.close());
sidecar.add('mask-pii');
sidecar.add('enrich-orders');

async function words(...typed: readonly string[]): Promise<string[]> {
  const { code, stdout, stderr } = await runInProcess(['__complete', '--', ...typed], { env });
  assert.deepEqual([code, stderr], [0, ''], typed.join(' '));
  return stdout.split('\n').flatMap((line) => (line === '' ? [] : [line.split('\t')[0] ?? '']));
}

void test('commands, flags, files and names of transforms, where each belongs', async () => {
  assert.deepEqual(await words(''), ['transforms', 'completion', 'help']);
  const commands = await words('transforms', '');
  for (const name of ['list', 'deploy', 'undeploy', 'top']) assert.ok(commands.includes(name), name);
  assert.ok(!commands.includes('__complete'));
  assert.deepEqual(await words('transforms', 'offsets', ''), ['show', 'reset', 'delete', 'help']);
  const flags = await words('transforms', 'deploy', '--');
  for (const flag of ['--wasm', '--wait', '--url', '--json', '--help']) assert.ok(flags.includes(flag), flag);
  assert.ok(!flags.includes('--file'), 'hidden ones stay hidden');
  assert.deepEqual(await words('transforms', 'deploy', '--wasm', ''), [':files']);
  assert.deepEqual(await words('--token-file', ''), [':files']);
  assert.deepEqual(await words('transforms', 'deploy', '--name', ''), []);
  assert.deepEqual(await words('transforms', 'validate', ''), [':files']);
  const names = ['mask-pii', 'enrich-orders'];
  assert.deepEqual(await words('transforms', 'status', ''), names);
  assert.deepEqual(
    await words('--json', 'transform', '--url', 'x', 'rm', '--yes', ''),
    names,
    'aliases and flags before it',
  );
  assert.deepEqual(await words('status', ''), names, 'at the top as well');
  assert.deepEqual(await words('transforms', 'pause', 'mask-pii', ''), names, 'one name after the other');
  assert.deepEqual(await words('transforms', 'status', 'mask-pii', ''), [], 'one name only');
  assert.deepEqual(await words('completion', ''), ['bash', 'zsh', 'fish']);
});

void test('nobody there: no names, no error', async () => {
  const { code, stdout, stderr } = await runProgram(['__complete', '--', 'transforms', 'status', ''], {
    env: { STREAMLINE_URL: 'http://127.0.0.1:1' },
  });
  assert.deepEqual([code, stdout, stderr], [0, '', '']);
});

void test('a shell that is not known: 2', async () => {
  const { code, stderr } = await runProgram(['completion', 'tcsh']);
  assert.equal(code, 2);
  assert.match(stderr, /bash, zsh, fish/);
});

function scriptOf(shell: string): string {
  return execFileSync(process.execPath, [PROGRAM, 'completion', shell], { encoding: 'utf8' });
}

const hasShell = (shell: string): boolean => spawnSync(shell, ['--version']).error === undefined;
const without = (shell: string): { skip: string | false } => ({
  skip: hasShell(shell) ? false : `there is no ${shell} here`,
});
// The shell waits for its answer while this process serves the names: so it must not block here.
const execute = promisify(execFile);
const shell = async (name: string, script: string): Promise<string> => {
  const { stdout, stderr } = await execute(name, ['-c', script], { env: { ...process.env, ...env } });
  return `${stdout}${stderr}`;
};

void test('bash completes by the script', without('bash'), async () => {
  const complete = (...typed: readonly string[]): string => `
    COMP_WORDS=(streamline-cli ${typed.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${typed.length}; _streamline_cli; echo "\${COMPREPLY[*]}"`;
  const answer = await shell(
    'bash',
    `streamline-cli() { '${process.execPath}' '${PROGRAM}' "$@"; }
    ${scriptOf('bash')}
    ${complete('transforms', 'st')}
    ${complete('transforms', 'status', 'm')}
    ${complete('transforms', 'deploy', '--sp')}
    cd '${join(import.meta.dirname, '..', '..')}'
    ${complete('transforms', 'deploy', '--spec', 'examples/side')}`,
  );
  assert.equal(answer, 'status stop\nmask-pii\n--spec\nexamples/sidecar.yaml\n');
});

void test('fish completes by the script', without('fish'), async () => {
  const answer = await shell(
    'fish',
    `function streamline-cli; '${process.execPath}' '${PROGRAM}' $argv; end
    ${scriptOf('fish')}
    complete -C 'streamline-cli transforms st'
    complete -C 'streamline-cli transforms status m'`,
  );
  assert.match(answer, /^status\tstate, version[^\n]*\nstop\t[^\n]*\nmask-pii\ttransform\n$/);
});

void test('zsh takes the script', without('zsh'), async () => {
  const answer = await shell(
    'zsh',
    `autoload -U compinit; compinit -u -D; ${scriptOf('zsh')}\n echo "$_comps[streamline-cli]"`,
  );
  assert.equal(answer, '_streamline_cli\n');
});
