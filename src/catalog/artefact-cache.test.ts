import { test } from 'node:test';
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ArtefactCache, artefactKey } from './artefact-cache.ts';
import { buildModule } from './wasm-builder.ts';

const module = buildModule({ functions: [] });
const key = artefactKey('a'.repeat(64), { maxMemoryPages: 16, initialFuel: 1 });

function inFolder(run: (dir: string) => void): void {
  const dir = mkdtempSync(join(tmpdir(), 'artefact-cache-'));
  try {
    run(dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

test('what was written is read back as a module, and nothing else lies around', () => {
  inFolder((dir) => {
    const cache = new ArtefactCache(join(dir, 'made'));
    assert.equal(cache.read(key), undefined);
    cache.write(key, module);
    const bytes = cache.read(key);
    assert.ok(bytes !== undefined && WebAssembly.validate(bytes));
    assert.deepEqual(readdirSync(join(dir, 'made')), [`${key}.wasm`]);
  });
});

test('the key covers the binary and every option', () => {
  const keys = [
    key,
    artefactKey('b'.repeat(64), { maxMemoryPages: 16, initialFuel: 1 }),
    artefactKey('a'.repeat(64), { maxMemoryPages: 17, initialFuel: 1 }),
    artefactKey('a'.repeat(64), { maxMemoryPages: 16, initialFuel: 2 }),
  ];
  assert.equal(new Set(keys).size, keys.length);
});

test('no damaged byte and no cut is ever read back', () => {
  inFolder((dir) => {
    const cache = new ArtefactCache(dir);
    cache.write(key, module);
    const file = join(dir, `${key}.wasm`);
    const whole = readFileSync(file);
    for (let i = 0; i < whole.length; i += 1) {
      const damaged = Buffer.from(whole);
      damaged[i] = (damaged[i] ?? 0) ^ 0x10;
      writeFileSync(file, damaged);
      assert.equal(cache.read(key), undefined, `byte ${i}`);
      writeFileSync(file, whole.subarray(0, i));
      assert.equal(cache.read(key), undefined, `cut at ${i}`);
    }
    writeFileSync(file, whole);
    assert.ok(cache.read(key) !== undefined);
  });
});

test('a link or a directory in place of an artefact is not followed', () => {
  inFolder((dir) => {
    const cache = new ArtefactCache(dir);
    cache.write(key, module);
    const other = artefactKey('c'.repeat(64), { maxMemoryPages: 1, initialFuel: 1 });
    symlinkSync(join(dir, `${key}.wasm`), join(dir, `${other}.wasm`));
    assert.equal(cache.read(other), undefined);
    const third = artefactKey('d'.repeat(64), { maxMemoryPages: 1, initialFuel: 1 });
    mkdirSync(join(dir, `${third}.wasm`));
    assert.equal(cache.read(third), undefined);
  });
});

test("someone else's file is not trusted, though the directory is closed by now", (t) => {
  if (process.getuid?.() !== 0) return t.skip('only root can give a file away');
  inFolder((dir) => {
    const cache = new ArtefactCache(dir);
    cache.write(key, module);
    chownSync(join(dir, `${key}.wasm`), 12_345, 12_345);
    assert.equal(cache.read(key), undefined);
  });
});

test('a directory others may write to is not trusted', () => {
  inFolder((dir) => {
    chmodSync(dir, 0o777);
    assert.throws(() => new ArtefactCache(dir), /others may write/);
  });
});

test('the longest unused go when there are too many', () => {
  inFolder((dir) => {
    const cache = new ArtefactCache(dir, { filesMax: 3, bytesMax: 1 << 20 });
    const keys = Array.from({ length: 5 }, (_, i) =>
      artefactKey(String(i).repeat(64), { maxMemoryPages: 1, initialFuel: 1 }),
    );
    keys.forEach((each, i) => {
      cache.write(each, module);
      utimesSync(join(dir, `${each}.wasm`), 1000 + i, 1000 + i);
      if (i === 2) cache.read(keys[0] ?? ''); // used again: 1 and 2 are now the oldest
    });
    const left = keys.map((each) => cache.read(each) !== undefined);
    assert.deepEqual(left, [true, false, false, true, true]);
  });
});
