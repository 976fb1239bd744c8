import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { poolSize } from './pool-size.ts';

test('the pool grows with the specs, also where only sidecar.yaml says where they are', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'streamline-pool-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const [specs, many] = [join(folder, 'a=b'), join(folder, 'many')];
  for (const [directory, count] of [
    [specs, 3],
    [many, 2000],
  ] as const) {
    mkdirSync(directory);
    for (let i = 0; i < count; i += 1) writeFileSync(join(directory, `${i}.yaml`), '');
  }
  const config = join(folder, 'sidecar.yaml');
  writeFileSync(config, 'paths: { specs: a=b }');
  assert.equal(poolSize(['node', 'x', 'run', '--config', config]), 70);
  assert.equal(poolSize(['node', 'x', 'run', `--config=${config}`]), 70);
  assert.equal(poolSize(['node', 'x', 'run', '--config', config, `--specs=${specs}`]), 70);
  assert.equal(poolSize(['node', 'x', 'run', '--specs', many]), 1024);
  writeFileSync(config, JSON.stringify({ paths: { specs } }));
  assert.equal(poolSize(['node', 'x', 'run', '--config', config]), 70, 'an absolute path');
  writeFileSync(config, 'paths: {{{');
  for (const odd of [
    ['--config', config],
    ['--specs', join(folder, 'none')],
  ]) {
    assert.equal(poolSize(['node', 'x', 'run', ...odd]), 64, odd.join(' '));
  }
  for (const cut of ['--config', '--specs']) assert.ok(poolSize(['node', 'x', 'run', cut]) >= 64);
});
