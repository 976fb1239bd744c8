import assert from 'node:assert/strict';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Clock } from '../../base/clock.ts';
import { loadSpecDirectory, SPEC_FILES_MAX } from '../../spec/spec-directory.ts';
import { SpecStore } from './spec-store.ts';
import { whileReadOnly } from './testing/read-only.ts';

const spec = (name: string, output = 'out') =>
  `name: ${name}\ninput_topic: in\noutput_topic: ${output}\nwasm_module: m.wasm\n`;

function storeIn(t: TestContext): { store: SpecStore; directory: string; at: (name: string) => string } {
  const directory = mkdtempSync(join(tmpdir(), 'spec-store-'));
  chmodSync(directory, 0o755);
  t.after(() => rmSync(directory, { recursive: true }));
  return { store: new SpecStore(directory), directory, at: (name) => join(directory, name) };
}

test('a new spec goes to its own file, a known one stays where it is', async (t) => {
  const { store, directory, at } = storeIn(t);
  assert.equal(await store.write('a', spec('a')), at('a.yaml'));
  writeFileSync(at('by-hand.yml'), spec('b'));
  assert.equal(await store.write('b', spec('b', 'other')), at('by-hand.yml'));
  assert.equal(await store.write('b', spec('b', 'third'), { existingSource: at('by-hand.yml') }), at('by-hand.yml'));
  assert.equal(await store.read(at('by-hand.yml')), spec('b', 'third'));
  assert.deepEqual(readdirSync(directory).toSorted(), ['a.yaml', 'by-hand.yml']);
  assert.deepEqual(
    (await loadSpecDirectory(directory)).configs.map(({ name }) => name),
    ['a', 'b'],
  );
});

test('a file that is broken is still its own spec’s, and is mended', async (t) => {
  const { store, at } = storeIn(t);
  for (const broken of [
    'name: a\ninput_topic: [\n',
    'name: "a" # x\r\n\tfoo',
    '{"name": "a", "x": 1}',
    'name: a\nname: a\n',
  ]) {
    writeFileSync(at('z.yaml'), broken);
    assert.equal(await store.write('a', spec('a')), at('z.yaml'), broken);
    assert.equal(readFileSync(at('z.yaml'), 'utf8'), spec('a'));
  }
  writeFileSync(at('z.yaml'), 'nobody: knows');
  assert.equal(await store.write('a', spec('a'), { existingSource: at('z.yaml') }), at('z.yaml'));
});

test('a file with something else in it is never written over', async (t) => {
  const { store, at } = storeIn(t);
  const others: [text: string | Buffer, message: RegExp][] = [
    [spec('other'), /a\.yaml holds the spec "other"/],
    ['# my notes\n', /a\.yaml holds something that is no spec/],
    [Buffer.from([0xff, 0xfe]), /no spec/],
    ['x: '.padEnd(300 * 1024), /no spec/],
  ];
  for (const [text, message] of others) {
    writeFileSync(at('a.yaml'), text);
    await assert.rejects(store.write('a', spec('a')), { code: 'spec.conflict', message, place: at('a.yaml') });
    assert.deepEqual(readFileSync(at('a.yaml')), Buffer.from(text));
  }
  writeFileSync(at('a.yaml'), spec('other'));
  await assert.rejects(store.write('a', spec('a'), { existingSource: at('a.yaml') }), { code: 'spec.conflict' });
  writeFileSync(at('a.yaml'), ' \n');
  assert.equal(await store.write('a', spec('a')), at('a.yaml'));
  writeFileSync(at('b.yaml'), spec('a'));
  await assert.rejects(store.write('a', spec('a')), { code: 'spec.duplicate_name' });
});

test('no name and no source leads out of the directory', async (t) => {
  const { store, directory, at } = storeIn(t);
  for (const name of ['../a', 'a/b', '.', '..', '', 'A', 'a.yaml', 'a\0', '/etc/x', 'x'.repeat(129)]) {
    await assert.rejects(store.write(name, spec('a')), { code: 'spec.bad_name' }, name);
  }
  for (const source of [at('../a.yaml'), '/etc/passwd', at('.a.yaml'), at('a.txt'), directory]) {
    await assert.rejects(store.read(source), { code: 'bug.assertion' }, source);
    await assert.rejects(store.remove('a', source), { code: 'bug.assertion' }, source);
    await assert.rejects(store.write('a', spec('a'), { existingSource: source }), { code: 'bug.assertion' }, source);
  }
  assert.deepEqual(readdirSync(directory), []);
});

test('a spec is removed; one that is gone already is no error, one that cannot be read is', async (t) => {
  const { store, directory, at } = storeIn(t);
  await store.write('a', spec('a'));
  await store.remove('a', at('a.yaml'));
  await store.remove('a', at('a.yaml'));
  assert.deepEqual(readdirSync(directory), []);
  await assert.rejects(store.read(at('a.yaml')), { code: 'spec.unreadable' });
  // Somebody has put another one there a moment ago.
  writeFileSync(at('a.yaml'), spec('other'));
  await assert.rejects(store.remove('a', at('a.yaml')), { code: 'spec.conflict' });
  assert.equal(readFileSync(at('a.yaml'), 'utf8'), spec('other'));
  writeFileSync(at('b.yaml'), Buffer.alloc(300 * 1024, ' '));
  await assert.rejects(store.read(at('b.yaml')), { code: 'spec.too_large' });
});

test('writes of one moment happen one after the other', async (t) => {
  const { store, directory, at } = storeIn(t);
  const outputs = Array.from({ length: 20 }, (_, i) => `out-${i}`);
  await Promise.all(outputs.map((output) => store.write('a', spec('a', output))));
  assert.equal(readFileSync(at('a.yaml'), 'utf8'), spec('a', 'out-19'));
  assert.deepEqual(readdirSync(directory), ['a.yaml']);
});

test('limits: the size of a spec, the number of specs', async (t) => {
  const { store, at } = storeIn(t);
  await assert.rejects(store.write('a', '#'.repeat(256 * 1024 + 1)), { code: 'spec.too_large' });
  for (let i = 0; i < SPEC_FILES_MAX; i++) writeFileSync(at(`s-${i}.yaml`), '');
  await assert.rejects(store.write('new', spec('new')), { code: 'spec.too_large', message: /1000 specs already/ });
  assert.equal(await store.write('s-1', spec('s-1')), at('s-1.yaml'));
});

test('a mounted ConfigMap is read-only and says so', async (t) => {
  const { store, at } = storeIn(t);
  mkdirSync(at('..2026_01'));
  writeFileSync(at('..2026_01/a.yaml'), spec('a'));
  symlinkSync('..2026_01', at('..data'));
  symlinkSync('..data/a.yaml', at('a.yaml'));
  const refused = {
    code: 'spec.read_only',
    message: /mounted from a ConfigMap/,
    suggestion: /Change it where it comes from/,
  };
  await assert.rejects(store.write('a', spec('a')), refused);
  await assert.rejects(store.write('b', spec('b')), refused);
  await assert.rejects(store.remove('a', at('a.yaml')), refused);
  assert.match((await store.readOnlyReason()) ?? '', /ConfigMap/);
  assert.equal(await store.read(at('a.yaml')), spec('a'));
});

test('a spec that is a link is read-only by itself', async (t) => {
  const { store, at } = storeIn(t);
  mkdirSync(at('elsewhere'));
  writeFileSync(at('elsewhere/a.yaml'), spec('a'));
  symlinkSync('elsewhere/a.yaml', at('a.yaml'));
  symlinkSync('/nowhere', at('broken.yaml'));
  const refused = { code: 'spec.read_only', message: /symbolic link/, place: at('a.yaml') };
  await assert.rejects(store.write('a', spec('a')), refused);
  await assert.rejects(store.remove('a', at('a.yaml')), refused);
  await assert.rejects(store.write('broken', spec('broken')), { code: 'spec.conflict' });
  assert.equal(await store.readOnlyReason(), undefined);
});

test('a directory without permission, or without itself, is read-only with the reason', async (t) => {
  const { store, directory, at } = storeIn(t);
  await store.write('a', spec('a'));
  const gone = new SpecStore(at('gone'));
  assert.equal(await gone.readOnlyReason(), 'there is no such directory');
  await assert.rejects(gone.write('a', spec('a')), { code: 'spec.read_only', message: /no such directory/ });
  let nowMs = 0;
  const clock = { nowMs: () => nowMs } as Clock;
  const watched = new SpecStore(directory, { clock });
  assert.equal(await watched.readOnlyReason(), undefined);
  assert.deepEqual(readdirSync(directory), ['a.yaml']);
  await whileReadOnly(directory, async () => {
    const refused = { code: 'spec.read_only', message: /no permission to write/ };
    await assert.rejects(store.write('a', spec('a', 'other')), refused);
    await assert.rejects(store.remove('a', at('a.yaml')), refused);
    assert.equal(await store.read(at('a.yaml')), spec('a'));
    nowMs = 10_001;
    assert.equal(await watched.readOnlyReason(), 'no permission to write');
  });
});
