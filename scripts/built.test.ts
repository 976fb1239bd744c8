import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { replaceDist } from './built.ts';

function makeBuild(folder: string, name: string): string {
  const build = join(folder, name);
  mkdirSync(join(build, 'bin'), { recursive: true });
  writeFileSync(join(build, 'bin', 'program.js'), name);
  return build;
}

test('a build replaces the one before it, and is there when there was none', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'streamline-built-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const target = join(folder, 'dist');
  for (const name of ['first', 'second']) {
    replaceDist(makeBuild(folder, name), target);
    assert.equal(readFileSync(join(target, 'bin', 'program.js'), 'utf8'), name);
  }
});

test('builds that end at the same time do not trip over each other', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'streamline-built-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const target = join(folder, 'dist');
  const script = `
    import { replaceDist } from ${JSON.stringify(new URL('./built.ts', import.meta.url).href)};
    for (const build of process.argv.slice(2)) replaceDist(build, ${JSON.stringify(target)});`;
  writeFileSync(join(folder, 'race.mjs'), script);
  const codes = ['a', 'b', 'c'].map((racer) => {
    const builds = Array.from({ length: 100 }, (_, i) => makeBuild(folder, `${racer}${i}`));
    const child = spawn(process.execPath, [join(folder, 'race.mjs'), ...builds], { stdio: 'inherit' });
    return new Promise((resolve) => void child.on('exit', resolve));
  });
  assert.deepEqual(await Promise.all(codes), [0, 0, 0]);
  assert.match(readFileSync(join(target, 'bin', 'program.js'), 'utf8'), /^[abc]99$/);
});
