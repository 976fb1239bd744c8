import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { TargetStore } from './target-store.ts';

function temporary(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'targets-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

async function loaded(directory: string): Promise<{ store: TargetStore; warnings: string[] }> {
  const warnings: string[] = [];
  const store = new TargetStore(directory, { warn: (message) => void warnings.push(message) });
  await store.load();
  return { store, warnings };
}

test('what was paused or stopped is so after a restart, what runs has no file', async (t) => {
  const directory = join(temporary(t), 'modules', '.state');
  const { store } = await loaded(directory);
  assert.equal(store.get('a'), 'RUNNING');
  await store.forget('a');
  await Promise.all([store.set('a', 'PAUSED'), store.set('b', 'STOPPED'), store.set('c', 'PAUSED')]);
  await store.set('a', 'STOPPED');
  await store.set('c', 'RUNNING');
  assert.deepEqual(readdirSync(directory).toSorted(), ['a.json', 'b.json']);
  assert.match(readFileSync(join(directory, 'a.json'), 'utf8'), /^\{"target":"STOPPED","since":"\d{4}-.*Z"\}\n$/);

  const { store: again, warnings } = await loaded(directory);
  assert.deepEqual(
    ['a', 'b', 'c'].map((name) => again.get(name)),
    ['STOPPED', 'STOPPED', 'RUNNING'],
  );
  assert.deepEqual(warnings, []);
  await again.forget('a');
  assert.deepEqual(readdirSync(directory), ['b.json']);
});

test('damaged and foreign files are warned of and mean RUNNING', async (t) => {
  const directory = temporary(t);
  const files: Record<string, string> = {
    'good.json': '{"target":"PAUSED","since":"2026-01-31T00:00:00Z","later":1}',
    'half.json': '{"target":"PAU',
    'empty.json': '',
    'list.json': '[]',
    'null.json': 'null',
    'running.json': '{"target":"RUNNING","since":"2026-01-31T00:00:00Z"}',
    'when.json': '{"target":"PAUSED","since":"never"}',
    'large.json': ' '.repeat(5000),
    'Not_A_Name.json': '{"target":"PAUSED","since":"2026-01-31T00:00:00Z"}',
    'notes.txt': '',
    '.hidden': '',
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  writeFileSync(join(directory, 'latin.json'), Buffer.from([0x7b, 0xff]));
  mkdirSync(join(directory, 'folder.json'));
  symlinkSync('/nowhere', join(directory, 'link.json'));
  const { store, warnings } = await loaded(directory);
  assert.equal(store.get('good'), 'PAUSED');
  for (const name of ['half', 'empty', 'running', 'when', 'folder', 'link']) assert.equal(store.get(name), 'RUNNING');
  assert.equal(warnings.length, Object.keys(files).length - 2 + 3, warnings.join('\n'));
  await store.set('half', 'STOPPED');
  assert.equal((await loaded(directory)).store.get('half'), 'STOPPED');
});

test('a state that cannot be written is told, and nothing is as if it had been', async (t) => {
  const file = join(temporary(t), 'file');
  writeFileSync(file, '');
  const { store, warnings } = await loaded(join(file, 'state'));
  assert.equal(warnings.length, 1);
  await assert.rejects(store.set('a', 'PAUSED'), {
    code: 'state.read_only',
    configPath: '/paths/state',
    suggestion: 'Set paths.state to a writable directory.',
  });
  assert.equal(store.get('a'), 'RUNNING');
  await store.forget('a');
});
