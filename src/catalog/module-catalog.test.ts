import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StreamlineError } from '../base/error.ts';
import { RefusedError } from '../base/error.ts';
import { ModuleCatalog, type CatalogOptions } from './module-catalog.ts';
import { FUEL_LEFT } from './prepared-module.ts';
import { buildModule, type BuiltFunction } from './wasm-builder.ts';

const root = mkdtempSync(join(tmpdir(), 'module-catalog-'));
const modulesDir = join(root, 'modules');
mkdirSync(modulesDir);
const catalogs: ModuleCatalog[] = [];
after(async () => {
  await Promise.all(catalogs.map((catalog) => catalog.close()));
  rmSync(root, { recursive: true });
});

const transform: BuiltFunction = {
  export: 'transform',
  params: ['i32', 'i32', 'i32'],
  results: ['i32'],
  code: [0x20, 1],
};
const bytes = buildModule({ functions: [transform] });
writeFileSync(join(modulesDir, 'good.wasm'), bytes);

function openCatalog(options: Partial<CatalogOptions> = {}): { catalog: ModuleCatalog; warnings: string[] } {
  const warnings: string[] = [];
  const catalog = new ModuleCatalog({ modulesDir, warn: (message) => void warnings.push(message), ...options });
  catalogs.push(catalog);
  return { catalog, warnings };
}

const request = (modulePath: string) => ({ modulePath, maxMemoryMb: 1, initTimeoutMs: 100 });

async function refusedWith(promise: Promise<unknown>): Promise<StreamlineError> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof StreamlineError, `refused: ${String(error)}`);
  return error;
}

function transformOf(module: WebAssembly.Module): (...args: number[]) => number {
  return new WebAssembly.Instance(module).exports['transform'] as (...args: number[]) => number;
}

test('a good module comes back checked, metered and compiled', async () => {
  const { catalog } = openCatalog();
  const [first, second] = await Promise.all([
    catalog.prepare(request('good.wasm')),
    catalog.prepare(request('good.wasm')),
  ]);
  assert.equal(first.facts.type, 'map');
  assert.equal(first.maxMemoryMb, 1);
  assert.equal(transformOf(first.module)(0, 41, 0), 41);
  assert.ok(WebAssembly.Module.exports(second.module).some((entry) => entry.name === FUEL_LEFT));
});

test('what waits for its turn is read then: many requests hold no more bytes than one', async () => {
  const { catalog } = openCatalog();
  writeFileSync(join(modulesDir, 'late.wasm'), bytes);
  const first = catalog.prepare(request('good.wasm'));
  const missing = refusedWith(catalog.prepare(request('missing.wasm')));
  const second = catalog.prepare(request('late.wasm'));
  // Nothing of it is in memory yet.
  writeFileSync(join(modulesDir, 'late.wasm'), 'no module');
  await first;
  assert.equal((await missing).code, 'spec.module_missing');
  assert.equal((await refusedWith(second)).code, 'module.invalid');
});

test('a damaged cache entry is rebuilt, never run', async () => {
  const cacheDir = join(root, 'cache');
  const { catalog, warnings } = openCatalog({ cacheDir });
  await catalog.prepare(request('good.wasm'));
  const [entry] = readdirSync(cacheDir);
  assert.ok(entry !== undefined);
  // A module that answers otherwise, in the artefact's place.
  writeFileSync(
    join(cacheDir, entry),
    buildModule({
      functions: [{ export: 'transform', params: ['i32', 'i32', 'i32'], results: ['i32'], code: [0x41, 13] }],
    }),
  );
  const again = await catalog.prepare(request('good.wasm'));
  assert.equal(transformOf(again.module)(0, 41, 0), 41);
  const cached = await catalog.prepare(request('good.wasm'));
  assert.equal(transformOf(cached.module)(0, 41, 0), 41);
  assert.deepEqual(readdirSync(cacheDir), [entry]);
  assert.deepEqual(warnings, []);
});

test('without a place to cache it works, and says so once', async () => {
  writeFileSync(join(root, 'file'), '');
  const { catalog, warnings } = openCatalog({ cacheDir: join(root, 'file', 'cache') });
  await catalog.prepare(request('good.wasm'));
  await catalog.prepare(request('good.wasm'));
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? '', /not cached/);
});

test('a refused module tells every reason', async () => {
  writeFileSync(join(modulesDir, 'empty.wasm'), buildModule({ functions: [], memory: undefined }));
  const { catalog } = openCatalog();
  const error = await refusedWith(catalog.prepare(request('empty.wasm')));
  assert.ok(error instanceof RefusedError);
  assert.deepEqual(
    error.reasons.map((reason) => reason.code),
    ['module.missing_export', 'module.missing_export'],
  );
  assert.equal(error.place, 'empty.wasm');
  assert.equal((JSON.parse(JSON.stringify(error)) as { reasons: unknown[] }).reasons.length, 2);
});

test('half-written and empty files fail, and the next version is taken', async () => {
  const { catalog } = openCatalog();
  const file = join(modulesDir, 'copying.wasm');
  writeFileSync(file, bytes.subarray(0, 40));
  assert.equal((await refusedWith(catalog.prepare(request('copying.wasm')))).code, 'module.invalid');
  writeFileSync(file, '');
  assert.equal((await refusedWith(catalog.prepare(request('copying.wasm')))).code, 'module.invalid');
  writeFileSync(join(root, 'aside'), bytes);
  renameSync(join(root, 'aside'), file);
  await catalog.prepare(request('copying.wasm'));
});

test('missing, too large, and things that are no files', async () => {
  const { catalog } = openCatalog({ moduleBytesMax: bytes.length });
  await catalog.prepare(request('good.wasm'));
  const missing = await refusedWith(catalog.prepare(request('nowhere.wasm')));
  assert.equal(missing.code, 'spec.module_missing');
  assert.ok(missing.suggestion !== undefined);
  writeFileSync(join(modulesDir, 'large.wasm'), Buffer.concat([bytes, Buffer.alloc(1)]));
  assert.equal((await refusedWith(catalog.prepare(request('large.wasm')))).code, 'module.too_large');
  mkdirSync(join(modulesDir, 'dir.wasm'));
  assert.equal((await refusedWith(catalog.prepare(request('dir.wasm')))).code, 'module.unreadable');
  execFileSync('mkfifo', [join(modulesDir, 'pipe.wasm')]);
  assert.equal((await refusedWith(catalog.prepare(request('pipe.wasm')))).code, 'module.unreadable');
});

test('no path leads out of the modules directory; links within it do work', async () => {
  const { catalog } = openCatalog();
  writeFileSync(join(root, 'secret.wasm'), bytes);
  symlinkSync(join(root, 'secret.wasm'), join(modulesDir, 'out.wasm'));
  for (const path of [
    '../secret.wasm',
    join(root, 'secret.wasm'),
    'a/../../secret.wasm',
    'out.wasm',
    '',
    'x\0y',
    '..\\secret.wasm',
  ]) {
    const error = await refusedWith(catalog.prepare(request(path)));
    assert.equal(error.code, 'module.unreadable', path);
  }
  // As a ConfigMap volume lays it out: name → ..data/name, ..data → a dated folder.
  mkdirSync(join(modulesDir, '..2026_01_01'));
  writeFileSync(join(modulesDir, '..2026_01_01', 'mounted.wasm'), bytes);
  symlinkSync('..2026_01_01', join(modulesDir, '..data'));
  symlinkSync(join('..data', 'mounted.wasm'), join(modulesDir, 'mounted.wasm'));
  await catalog.prepare(request('mounted.wasm'));
});

test('a module that takes too long is refused, and the catalog goes on with a new thread', async () => {
  const { catalog } = openCatalog({ prepareTimeoutMs: 1 });
  const [first, second] = await Promise.all([
    refusedWith(catalog.prepare(request('good.wasm'))),
    refusedWith(catalog.prepare(request('good.wasm'))),
  ]);
  assert.equal(first.code, 'module.too_large');
  assert.equal(second.code, 'module.too_large');
});

test('a heavy module does not hold up the next one (I7)', async () => {
  // 27 MB to read, meter and compile: seconds.
  const pushAndDrop = [0x41, 1, 0x1a];
  const filler = { params: [], results: [], code: Array.from({ length: 1000 }, () => pushAndDrop).flat() };
  writeFileSync(
    join(modulesDir, 'heavy.wasm'),
    buildModule({ functions: [transform, ...Array<typeof filler>(9000).fill(filler)] }),
  );
  const { catalog } = openCatalog({ heavyMs: 1 });
  let heavyDone = false;
  const heavy = catalog.prepare(request('heavy.wasm')).finally(() => (heavyDone = true));
  const closed = assert.rejects(heavy, { code: 'module.unreadable' });
  await sleep(100); // it is read and under way
  await Promise.all([catalog.prepare(request('good.wasm')), catalog.prepare(request('good.wasm'))]);
  assert.equal(heavyDone, false);
  await catalog.close();
  await closed;
});

test('a closed catalog refuses what waits and what comes', async () => {
  const { catalog } = openCatalog();
  const waiting = refusedWith(catalog.prepare(request('good.wasm')));
  await catalog.close();
  assert.equal((await waiting).code, 'module.unreadable');
  assert.equal((await refusedWith(catalog.prepare(request('good.wasm')))).code, 'module.unreadable');
  await catalog.close();
});
