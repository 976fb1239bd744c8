import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { FileWatch } from './file-watch.ts';

const root = mkdtempSync(join(tmpdir(), 'watch-'));
after(() => rmSync(root, { recursive: true }));

test('tells a change, a file that is replaced, a new one of concern, and the end', async () => {
  const at = (name: string): string => join(root, name);
  mkdirSync(at('sub'));
  writeFileSync(at('a.yaml'), '1');
  const end = new AbortController();
  const watch = new FileWatch([at('a.yaml'), at('sub/not-there-yet.wasm')], (path) => path.endsWith('.test.yaml'));
  try {
    await watch.ready;
    const told: string[] = [];
    const next = async (what: string, change: () => void): Promise<void> => {
      const changed = watch.next(end.signal);
      change();
      assert.equal(await changed, true, what);
      told.push(what);
    };
    await next('written', () => writeFileSync(at('a.yaml'), '2'));
    await next('made', () => writeFileSync(at('sub/not-there-yet.wasm'), ''));
    await next('replaced', () => {
      writeFileSync(at('.a.yaml.swp'), '3');
      renameSync(at('.a.yaml.swp'), at('a.yaml'));
    });
    await next('new', () => writeFileSync(at('b.test.yaml'), ''));
    assert.deepEqual(told, ['written', 'made', 'replaced', 'new']);
    const ended = watch.next(end.signal);
    writeFileSync(at('nobody-cares.txt'), '');
    end.abort();
    assert.equal(await ended, false);
  } finally {
    await watch.close();
  }
});
