import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { readSchemaFiles, schemaFiles } from './schema-files.ts';
import { spec } from './testing/fake-factory.ts';

const BYTES_MAX = 100;

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'schema-files-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

const IN = 'input: { format: avro, schema_file: in.avsc }\n';
const OUT = 'output: { format: avro, schema_file: deep/out.json }\n';

test('the files of a spec are read beside it, and one digest tells them from others', async (t) => {
  const specs = folder(t);
  const read = (extra: string, source = join(specs, 'a.yaml')) =>
    readSchemaFiles(spec('a', extra, source), specs, BYTES_MAX);
  mkdirSync(join(specs, 'deep'));
  writeFileSync(join(specs, 'in.avsc'), '"one"');
  writeFileSync(join(specs, 'deep/out.json'), '"two"');
  assert.equal(await read(''), undefined);
  const both = await read(IN + OUT);
  assert.deepEqual([both?.input, both?.output], ['"one"', '"two"']);
  assert.equal((await read(IN + OUT, 'spec'))?.sha256, both?.sha256, 'what comes over the API is read there too');
  const onlyIn = await read(IN);
  assert.deepEqual([onlyIn?.input, onlyIn?.output], ['"one"', undefined]);
  assert.notEqual(onlyIn?.sha256, both?.sha256);
  writeFileSync(join(specs, 'deep/out.json'), '"owt"');
  assert.notEqual((await read(IN + OUT))?.sha256, both?.sha256);
});

test('a file that cannot be read, is too large or no text is refused with the line that names it', async (t) => {
  const specs = folder(t);
  const read = () => readSchemaFiles(spec('a', IN, join(specs, 'a.yaml')), specs, BYTES_MAX);
  const refused = { code: 'schema.file_unreadable', configPath: '/input/schema_file' };
  const place = `${join(specs, 'a.yaml')}:5:37`;
  await assert.rejects(read, { ...refused, place, message: /in\.avsc cannot be read: no such file/ });
  mkdirSync(join(specs, 'in.avsc'));
  await assert.rejects(read, { ...refused, place, message: /not a regular file/ });
  rmSync(join(specs, 'in.avsc'), { recursive: true });
  writeFileSync(join(specs, 'in.avsc'), 'x'.repeat(BYTES_MAX + 1));
  await assert.rejects(read, { ...refused, place, message: /larger than 100 bytes/ });
  writeFileSync(join(specs, 'in.avsc'), '0'.padStart(BYTES_MAX));
  assert.equal((await read())?.input?.length, BYTES_MAX);
  writeFileSync(join(specs, 'in.avsc'), '{ "type": "string", }');
  await assert.rejects(read, { ...refused, code: 'schema.invalid', place, message: /in\.avsc is not JSON/ });
});

test('a look at a folder finds what may be a schema file, and follows no folder out of it', async (t) => {
  const specs = folder(t);
  const outside = folder(t);
  mkdirSync(join(specs, 'deep/er'), { recursive: true });
  for (const name of ['b.avsc', 'a.json', 'deep/er/c.avsc', '.hidden.avsc', 'a.yaml', 'a.avsc~']) {
    writeFileSync(join(specs, name), '');
  }
  writeFileSync(join(outside, 'x.avsc'), '');
  symlinkSync(outside, join(specs, 'out'));
  symlinkSync('..', join(specs, 'deep/up'));
  symlinkSync(join(outside, 'x.avsc'), join(specs, 'linked.avsc'));
  const found: string[] = [];
  for await (const { path } of schemaFiles(specs)) found.push(path);
  assert.deepEqual(found, ['a.json', 'b.avsc', 'deep/er/c.avsc', 'linked.avsc']);
});
