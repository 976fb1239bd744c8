import assert from 'node:assert/strict';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
  mkdirSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { makeDirectory, removeAtomically, sweepAsides, writeAtomically } from './atomic-file.ts';
import type { AtomicStep } from './atomic-file.ts';

function temporary(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'atomic-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

test('a write is seen whole or not at all, at each of its steps', async (t) => {
  const directory = temporary(t);
  const file = join(directory, 'a.yaml');
  writeFileSync(file, 'old', { mode: 0o640 });
  const seen: string[] = [];
  const step = (name: AtomicStep): void => {
    seen.push(
      `${name} ${readFileSync(file, 'utf8')} ${readdirSync(directory).filter((n) => !n.startsWith('.')).length}`,
    );
  };
  await writeAtomically(file, 'new', { step });
  assert.deepEqual(seen, ['opened old 1', 'written old 1', 'synced old 1', 'renamed new 1', 'directory_synced new 1']);
  assert.deepEqual(readdirSync(directory), ['a.yaml']);
  assert.equal(statSync(file).mode & 0o777, 0o640);
});

test('a write that fails leaves the old file and nothing aside', async (t) => {
  const directory = temporary(t);
  const folder = join(directory, 'folder');
  mkdirSync(folder);
  await assert.rejects(writeAtomically(folder, 'x'), { code: 'EISDIR' });
  await assert.rejects(writeAtomically(join(directory, 'none', 'x'), 'x'), { code: 'ENOENT' });
  const fails = (name: AtomicStep): void => {
    if (name === 'synced') throw new Error('here');
  };
  await assert.rejects(writeAtomically(join(directory, 'b'), 'x', { step: fails }), /here/);
  assert.deepEqual(readdirSync(directory), ['folder']);
});

test('a removal says whether there was something', async (t) => {
  const file = join(temporary(t), 'a');
  writeFileSync(file, '');
  assert.equal(await removeAtomically(file), true);
  assert.equal(await removeAtomically(file), false);
});

test('directories are made as deep as needed, each synced from below', async (t) => {
  const directory = temporary(t);
  const steps: string[] = [];
  const options = { step: (name: AtomicStep) => void steps.push(name) };
  await makeDirectory(join(directory, 'a/b/c'), 0o755, options);
  assert.deepEqual(steps, ['directory_made', 'directory_synced', 'directory_synced', 'directory_synced']);
  await makeDirectory(join(directory, 'a/b/c'), 0o755, options);
  assert.equal(steps.length, 4);
});

test('only old leftovers are swept', async (t) => {
  const directory = temporary(t);
  const old = (Date.now() - 61_000) / 1000;
  for (const name of ['.a.yaml.0011.aside', '.b.yaml.0022.aside', 'c.aside', '.d']) {
    writeFileSync(join(directory, name), '');
    if (!name.startsWith('.b')) utimesSync(join(directory, name), old, old);
  }
  await sweepAsides(directory);
  assert.deepEqual(readdirSync(directory).toSorted(), ['.b.yaml.0022.aside', '.d', 'c.aside']);
  await sweepAsides(directory, 0);
  assert.deepEqual(readdirSync(directory).toSorted(), ['.d', 'c.aside']);
  await sweepAsides(join(directory, 'none'));
});
