import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { StreamlineError } from '../base/error.ts';
import { isSpecFile, loadSpecDirectory, SPEC_FILES_MAX } from './spec-directory.ts';
import type { SpecDirectory } from './spec-directory.ts';

async function inDirectory(prepare: (directory: string) => void): Promise<SpecDirectory> {
  const directory = mkdtempSync(join(tmpdir(), 'specs-'));
  try {
    prepare(directory);
    return await loadSpecDirectory(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const text = (name: string) => `name: ${name}\ninput_topic: in\noutput_topic: out\nwasm_module: m.wasm\n`;
const names = (loaded: SpecDirectory) => loaded.configs.map((config) => config.name);
const faults = (loaded: SpecDirectory) => loaded.errors.map(({ source, error }) => [basename(source), error.code]);

test('the specs of this repository: none is at fault', async () => {
  const loaded = await loadSpecDirectory(join(import.meta.dirname, '../../specs'));
  assert.deepEqual(
    names(loaded).filter((name) => ['mask-pii', 'route-by-region', 'json-to-avro'].includes(name)),
    ['json-to-avro', 'mask-pii', 'route-by-region'],
  );
  assert.deepEqual(faults(loaded), []);
});

test('yaml and yml files are read, leftovers and hidden files are not', async () => {
  const loaded = await inDirectory((directory) => {
    for (const name of ['a.yaml', 'b.yml']) writeFileSync(join(directory, name), text(name[0]!));
    for (const name of [
      '.c.yaml',
      'd.yaml~',
      '.e.yaml.swp',
      '#f.yaml#',
      '.#g.yaml',
      'h.yaml.bak',
      '4913',
      'readme.md',
      '~$i.yaml',
    ]) {
      writeFileSync(join(directory, name), 'not a spec');
    }
  });
  assert.deepEqual(names(loaded), ['a', 'b']);
  assert.deepEqual(loaded.errors, []);
  assert.deepEqual(
    loaded.files.map((file) => basename(file)),
    ['a.yaml', 'b.yml'],
  );
  assert.ok(isSpecFile('x.y.yaml') && !isSpecFile('.yaml') && !isSpecFile('yaml'));
  // Cases beside a spec are none, whatever the sidecar's directory is.
  assert.ok(!isSpecFile('a.test.yaml') && !isSpecFile('a.test.yml') && isSpecFile('test.yaml'));
});

test('links are followed as in a mounted ConfigMap', async () => {
  const loaded = await inDirectory((directory) => {
    mkdirSync(join(directory, '..2026_01'));
    writeFileSync(join(directory, '..2026_01', 'a.yaml'), text('a'));
    symlinkSync('..2026_01', join(directory, '..data'));
    symlinkSync('..data/a.yaml', join(directory, 'a.yaml'));
  });
  assert.deepEqual(names(loaded), ['a']);
});

test('a file that cannot be read is an error of that file alone', async () => {
  const loaded = await inDirectory((directory) => {
    writeFileSync(join(directory, 'a.yaml'), text('a'));
    symlinkSync('nowhere', join(directory, 'dangling.yaml'));
    mkdirSync(join(directory, 'folder.yaml'));
    execFileSync('mkfifo', [join(directory, 'pipe.yaml')]);
    writeFileSync(join(directory, 'latin.yaml'), Buffer.from([0x61, 0x3a, 0x20, 0xe4]));
    writeFileSync(join(directory, 'large.yaml'), 'x'.repeat(300_000));
    writeFileSync(join(directory, 'half.yaml'), text('half').slice(0, 30));
    symlinkSync('/dev/zero', join(directory, 'zero.yaml'));
  });
  assert.deepEqual(names(loaded), ['a']);
  assert.deepEqual(
    new Map(faults(loaded).map(([file, code]) => [file, code])),
    new Map([
      ['dangling.yaml', 'spec.unreadable'],
      ['folder.yaml', 'spec.unreadable'],
      ['half.yaml', 'spec.not_yaml'],
      ['large.yaml', 'spec.too_large'],
      ['latin.yaml', 'spec.unreadable'],
      ['pipe.yaml', 'spec.unreadable'],
      ['zero.yaml', 'spec.unreadable'],
    ]),
  );
  assert.equal(loaded.files.length, 8);
});

test('rules between specs are applied', async () => {
  const loaded = await inDirectory((directory) => {
    for (const name of ['x.yaml', 'y.yaml']) writeFileSync(join(directory, name), text('same'));
    writeFileSync(join(directory, 'z.yaml'), text('z'));
  });
  assert.deepEqual(names(loaded), ['z']);
  assert.deepEqual(faults(loaded), [
    ['x.yaml', 'spec.duplicate_name'],
    ['y.yaml', 'spec.duplicate_name'],
  ]);
});

test('more files than allowed are each told', async () => {
  const loaded = await inDirectory((directory) => {
    for (let i = 0; i < SPEC_FILES_MAX + 2; i++) {
      const name = `s-${String(i).padStart(4, '0')}`;
      writeFileSync(join(directory, `${name}.yaml`), text(name));
    }
  });
  assert.equal(loaded.configs.length, SPEC_FILES_MAX);
  assert.deepEqual(faults(loaded), [
    ['s-1000.yaml', 'spec.too_large'],
    ['s-1001.yaml', 'spec.too_large'],
  ]);
  assert.equal(loaded.files.length, SPEC_FILES_MAX + 2);
});

test('a directory that cannot be listed is not an empty one', async () => {
  await assert.rejects(
    loadSpecDirectory('/nowhere/specs'),
    (thrown) =>
      thrown instanceof StreamlineError && thrown.code === 'spec.unreadable' && thrown.place === '/nowhere/specs',
  );
});
