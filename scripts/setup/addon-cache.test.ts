import assert from 'node:assert/strict';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { restoreBuild, storeBuild } from './addon-cache.mjs';

function storedBuild(t: TestContext): { entry: string; target: string } {
  const root = mkdtempSync(join(tmpdir(), 'streamline-cache-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const build = join(root, 'built');
  mkdirSync(join(build, 'Release', 'obj.target'), { recursive: true });
  mkdirSync(join(build, 'deps', 'include'), { recursive: true });
  writeFileSync(join(build, 'Release', 'addon.node'), 'machine code');
  writeFileSync(join(build, 'Release', 'obj.target', 'addon.o'), 'an object');
  writeFileSync(join(build, 'deps', 'lib.so.1'), 'a library');
  symlinkSync('lib.so.1', join(build, 'deps', 'lib.so'));
  writeFileSync(join(build, 'deps', 'lib.a'), 'a static library');
  writeFileSync(join(build, 'deps', 'include', 'lib.h'), 'a header');
  const entry = join(root, 'cache', 'key');
  storeBuild(build, entry);
  return { entry, target: join(root, 'package', 'build') };
}

test('a stored build comes back without what only the build needed', (t) => {
  const { entry, target } = storedBuild(t);
  assert.equal(restoreBuild(entry, target), 'restored');
  const files = readdirSync(target, { recursive: true, encoding: 'utf8' }).toSorted();
  assert.deepEqual(files, [
    'Release',
    'Release/addon.node',
    'deps',
    'deps/include',
    'deps/include/lib.h',
    'deps/lib.so',
    'deps/lib.so.1',
  ]);
  assert.equal(readFileSync(join(target, 'Release', 'addon.node'), 'utf8'), 'machine code');
  assert.equal(readlinkSync(join(target, 'deps', 'lib.so')), 'lib.so.1');
  // Whoever has built it, others run it.
  assert.equal(statSync(target).mode & 0o777, 0o755);
});

const damages: Readonly<Record<string, (entry: string) => void>> = {
  'a changed file': (entry) => appendFileSync(join(entry, 'Release', 'addon.node'), '!'),
  'a missing file': (entry) => rmSync(join(entry, 'deps', 'lib.so.1')),
  'a file too many': (entry) => writeFileSync(join(entry, 'deps', 'other.so'), ''),
  'a link elsewhere': (entry) => {
    rmSync(join(entry, 'deps', 'lib.so'));
    symlinkSync('/etc/passwd', join(entry, 'deps', 'lib.so'));
  },
  'no manifest': (entry) => rmSync(join(entry, 'manifest.json')),
};

for (const [damage, apply] of Object.entries(damages)) {
  test(`${damage}: the entry is dropped and nothing is put in place`, (t) => {
    const { entry, target } = storedBuild(t);
    apply(entry);
    assert.equal(restoreBuild(entry, target), 'damaged');
    assert.equal(restoreBuild(entry, target), 'absent');
    assert.throws(() => readdirSync(target), { code: 'ENOENT' });
  });
}
