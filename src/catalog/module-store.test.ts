import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { ModuleView } from '../registry/control.ts';
import { whileReadOnly } from '../registry/store/testing/read-only.ts';
import { ModuleStore } from './module-store.ts';

const sha = (text: string) => createHash('sha256').update(text).digest('hex');
const bytes = (text: string) => new TextEncoder().encode(text);
const nobody = () => [];

function storeIn(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'module-store-'));
  chmodSync(directory, 0o755);
  t.after(() => rmSync(directory, { recursive: true }));
  const at = (path: string) => join(directory, path);
  const put = (path: string, text: string) => {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), text);
  };
  const age = (path: string, ms: number) => utimesSync(at(path), (Date.now() - ms) / 1000, (Date.now() - ms) / 1000);
  return { store: new ModuleStore(directory), directory, at, put, age };
}

test('an upload is kept by name and digest; the same bytes again are no error', async (t) => {
  const { store, at, age } = storeIn(t);
  const path = `uploaded/mask-pii/${sha('one')}.wasm`;
  const { module, created } = await store.upload('mask-pii', bytes('one'));
  assert.ok(created);
  assert.deepEqual({ ...module, modifiedMs: 0 }, {
    path,
    name: 'mask-pii',
    sha256: sha('one'),
    sizeBytes: 3,
    uploaded: true,
    modifiedMs: 0,
    usedBy: [],
  } satisfies ModuleView);
  assert.equal(readFileSync(at(path), 'utf8'), 'one');
  age(path, 3_600_000);
  const again = await store.upload('mask-pii', bytes('one'));
  assert.equal(again.created, false);
  // It is about to be deployed: as new to the collector.
  assert.ok(again.module.modifiedMs > Date.now() - 60_000);
  writeFileSync(at(path), 'damaged');
  assert.equal((await store.upload('mask-pii', bytes('one'))).created, true);
  assert.equal(readFileSync(at(path), 'utf8'), 'one');
  assert.deepEqual(readdirSync(at(`uploaded/mask-pii`)), [`${sha('one')}.wasm`]);
});

test('no name leads out of the directory', async (t) => {
  const { store, directory, at } = storeIn(t);
  for (const name of ['..', '../x', 'a/b', '/x', '.', '', '.cache', 'A', 'a\0', 'a.wasm', 'x'.repeat(129)]) {
    await assert.rejects(store.upload(name, bytes('x')), { code: 'spec.bad_name' }, name);
  }
  assert.deepEqual(readdirSync(directory), []);
  const elsewhere = mkdtempSync(join(tmpdir(), 'elsewhere-'));
  t.after(() => rmSync(elsewhere, { recursive: true }));
  symlinkSync(elsewhere, at('uploaded'));
  await assert.rejects(store.upload('a', bytes('x')), { code: 'module.read_only' });
  assert.ok(!existsSync(join(elsewhere, 'a', `${sha('x')}.wasm`)));
});

test('the list has every module there is, and who uses it', async (t) => {
  const { store, put, at } = storeIn(t);
  await store.upload('mask-pii', bytes('one'));
  put('transforms/by_hand.wasm', 'hand');
  put('top.wasm', 'top');
  put(`uploaded/mask-pii/${sha('other')}.wasm`, 'not what its name says');
  put(`uploaded/Not_A_Name/${sha('one')}.wasm`, 'one');
  put('.cache/hidden.wasm', 'x');
  put('transforms/.hidden.wasm', 'x');
  put('guests.json', '{}');
  put('..2026/mounted.wasm', 'mounted');
  symlinkSync('..2026', at('..data'));
  symlinkSync('..data/mounted.wasm', at('mounted.wasm'));
  symlinkSync('..', at('transforms/loop'));
  symlinkSync(`../uploaded/mask-pii/${sha('one')}.wasm`, at('transforms/current.wasm'));
  symlinkSync('/etc', at('outside'));
  symlinkSync('/nowhere', at('broken.wasm'));
  mkdirSync(at('folder.wasm'));
  const modules = await store.list((path) => (path === 'top.wasm' ? ['a', 'b'] : []));
  assert.deepEqual(
    modules.map(({ path, name, sha256, uploaded, usedBy }) => [path, name, sha256, uploaded, usedBy.join()]),
    [
      ['mounted.wasm', 'mounted', sha('mounted'), false, ''],
      ['top.wasm', 'top', sha('top'), false, 'a,b'],
      ['transforms/by_hand.wasm', 'transforms/by_hand', sha('hand'), false, ''],
      ['transforms/current.wasm', 'transforms/current', sha('one'), false, ''],
      [`uploaded/Not_A_Name/${sha('one')}.wasm`, `uploaded/Not_A_Name/${sha('one')}`, sha('one'), false, ''],
      ...[
        [`uploaded/mask-pii/${sha('one')}.wasm`, 'mask-pii', sha('one'), true, ''],
        [
          `uploaded/mask-pii/${sha('other')}.wasm`,
          `uploaded/mask-pii/${sha('other')}`,
          sha('not what its name says'),
          false,
          '',
        ],
      ].toSorted((a, b) => (a[0]! < b[0]! ? -1 : 1)),
    ],
  );
  assert.deepEqual(await new ModuleStore(at('none')).list(nobody), []);
});

test('a digest follows the file, and costs no reading while nothing changed', async (t) => {
  const { store, put, at, age } = storeIn(t);
  put('a.wasm', 'one');
  assert.equal(await store.digest('a.wasm'), sha('one'));
  // In the same tick, of the same length.
  put('a.wasm', 'two');
  assert.equal(await store.digest('a.wasm'), sha('two'));
  while (Date.now() - statSync(at('a.wasm')).ctimeMs < 100) await new Promise(setImmediate);
  assert.equal(await store.digest('a.wasm'), sha('two'));
  const hashed = t.mock.method(crypto.subtle, 'digest');
  for (let i = 0; i < 3; i++) assert.equal(await store.digest('a.wasm'), sha('two'));
  assert.equal(hashed.mock.callCount(), 0);
  put('a.wasm', 'six');
  age('a.wasm', 3_600_000);
  assert.equal(await store.digest('a.wasm'), sha('six'));
  assert.equal(hashed.mock.callCount(), 1);
  rmSync(at('a.wasm'));
  assert.equal(await store.digest('a.wasm'), undefined);
  assert.equal(await store.digest('none/a.wasm'), undefined);
  symlinkSync('/etc/hostname', at('out.wasm'));
  await assert.rejects(store.digest('out.wasm'), { code: 'module.unreadable' });
  await assert.rejects(store.digest('../x/../../etc/hostname'), { code: 'module.unreadable' });
});

test('an upload is removed unless it is used; what was put there by hand never is', async (t) => {
  const { store, put, at } = storeIn(t);
  await store.upload('a', bytes('one'));
  await store.upload('b', bytes('one'));
  put('hand.wasm', 'hand');
  put('copy.wasm', 'one');
  await assert.rejects(store.remove(sha('none'), nobody), { code: 'module.not_found' });
  await assert.rejects(store.remove(sha('hand'), nobody), { code: 'module.read_only', place: 'hand.wasm' });
  const usedBy = (path: string) => (path.startsWith('uploaded/b/') ? ['mask-pii'] : []);
  await assert.rejects(store.remove(sha('one'), usedBy), { code: 'module.in_use', message: /mask-pii/ });
  assert.ok(existsSync(at(`uploaded/a/${sha('one')}.wasm`)));
  await store.remove(sha('one'), (path) => (path === 'copy.wasm' ? ['x'] : []));
  assert.deepEqual(readdirSync(at('uploaded')), []);
  assert.ok(existsSync(at('copy.wasm')) && existsSync(at('hand.wasm')));
});

test('garbage: old versions nobody uses, beyond those kept of each name', async (t) => {
  const { store, put, at, age, directory } = storeIn(t);
  const path = (name: string, text: string) => `uploaded/${name}/${sha(text)}.wasm`;
  for (const [i, text] of ['v1', 'v2', 'v3', 'v4', 'v5', 'v6'].entries()) {
    await store.upload('a', bytes(text));
    age(path('a', text), 3_600_000 - i * 1000);
  }
  await store.upload('b', bytes('v1'));
  await store.upload('c', bytes('v1'));
  age(path('c', 'v1'), 3_600_000);
  symlinkSync(path('c', 'v1'), at('current.wasm'));
  put(`uploaded/a/${sha('x')}.wasm`, 'not ours');
  put('uploaded/a/notes.txt', '');
  put('uploaded/a/.v.wasm.00.aside', '');
  age(`uploaded/a/${sha('x')}.wasm`, 3_600_000);
  age('uploaded/a/.v.wasm.00.aside', 3_600_000);
  mkdirSync(at('uploaded/empty'));
  put('old.wasm', 'by hand');
  age('old.wasm', 3_600_000);

  const inUse = new Set([path('a', 'v1'), 'current.wasm']);
  assert.deepEqual(
    (await store.collectGarbage(inUse, 2, 60_000)).toSorted(),
    [path('a', 'v2'), path('a', 'v3'), path('a', 'v4')].toSorted(),
  );
  assert.deepEqual(readdirSync(at('uploaded')).toSorted(), ['a', 'b', 'c']);
  assert.deepEqual(
    readdirSync(at('uploaded/a')).toSorted(),
    ['v1', 'v5', 'v6', 'x']
      .map((text) => `${sha(text)}.wasm`)
      .concat('notes.txt')
      .toSorted(),
  );
  // The upload of b is too young to be garbage, whatever is kept.
  await store.collectGarbage(new Set(['current.wasm']), 0, 60_000);
  assert.ok(existsSync(at(path('b', 'v1'))) && existsSync(at(path('c', 'v1'))) && existsSync(at('old.wasm')));
  assert.deepEqual(await store.collectGarbage(new Set(), 0, 60_000), [path('c', 'v1')]);
  assert.ok(!existsSync(at('uploaded/c')), directory);
});

test('a directory that is read-only says so', async (t) => {
  const { store, directory, put } = storeIn(t);
  put('hand.wasm', 'hand');
  await whileReadOnly(directory, async () => {
    await assert.rejects(store.upload('a', bytes('one')), {
      code: 'module.read_only',
      message: /no permission to write/,
    });
    assert.equal((await store.list(nobody)).length, 1);
    assert.deepEqual(await store.collectGarbage(new Set(), 0, 0), []);
  });
  assert.ok((await store.upload('a', bytes('one'))).created);
});

test('leftovers of a process that died are swept', async (t) => {
  const { store, put, at } = storeIn(t);
  put('uploaded/a/.v.wasm.00.aside', 'half');
  await store.sweep();
  assert.equal(readdirSync(at('uploaded/a')).length, 1);
  await store.sweep(0);
  assert.equal(readdirSync(at('uploaded/a')).length, 0);
});
