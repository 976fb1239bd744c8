import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { test } from 'node:test';
import { ModuleCatalog } from './module-catalog.ts';

const javascript = new URL('../../modules/transforms/redact_regex.wasm', import.meta.url);

test('a component of 12 MB is prepared once, and is there in no time after that', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'prepare-component-'));
  copyFileSync(javascript, join(dir, 'redact_regex.wasm'));
  const warnings: string[] = [];
  const prepare = async () => {
    const catalog = new ModuleCatalog({
      modulesDir: dir,
      cacheDir: join(dir, 'cache'),
      warn: (text) => void warnings.push(text),
    });
    try {
      return await catalog.prepare({ modulePath: 'redact_regex.wasm', maxMemoryMb: 64, initTimeoutMs: 1000 });
    } finally {
      await catalog.close();
    }
  };
  t.after(() => rmSync(dir, { recursive: true }));
  const first = await prepare();
  const beganMs = performance.now();
  const second = await prepare();
  const tookMs = performance.now() - beganMs;
  t.diagnostic(`second deploy: ${tookMs.toFixed(0)} ms`);
  assert.ok(tookMs < 1000, `${tookMs} ms`);
  assert.equal(second.facts.abi, 'component');
  assert.equal(second.facts.sha256, first.facts.sha256);
  assert.equal(JSON.stringify(second.component?.plan), JSON.stringify(first.component?.plan));
  assert.equal(second.component?.modules.length, 4);
  assert.ok(second.component.modules.includes(second.module));
  assert.deepEqual(warnings, []);
});
