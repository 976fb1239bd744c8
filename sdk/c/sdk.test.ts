import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import type { Outcome, TestRecord } from '../../src/guest/testing/fixture.ts';
import {
  build,
  guestSource,
  install,
  runCases,
  runRecords,
  templateProject,
  withToolchain,
} from '../go/testing/template-project.ts';

const COMMITTED = join(import.meta.dirname, 'testing/template.wasm');
const toolchain = withToolchain('c', false);

const CONFIG = { fields: ['email'] };
const MASKED: readonly TestRecord[] = [
  { key: 'user-1', value: '{"email":"ann@example.com","id":20211207123456789012}' },
  { key: null, value: '{"email":"ann@example.com"}' },
  { key: '', value: '{"email":"a@"}' },
  { key: 'k', value: '{ "other": 1 }' },
  { key: 'k', value: '[]' },
];
const WANTED = [
  'user-1={"email":"***@example.com","id":20211207123456789012}',
  'null={"email":"***@example.com"}',
  '={"email":"***@"}',
  'input=input',
  'guest.failed',
];
const gist = ({ code, key, value }: Outcome): string => code ?? `${String(key)}=${String(value)}`;

async function masked(file: string): Promise<string[]> {
  return (await runRecords(guestSource(file, { config: CONFIG, maxMemoryMb: 16 }), MASKED)).found.map(gist);
}

void suite('the template', () => {
  void test('as it was built and committed', async () => {
    const project = await templateProject('c');
    try {
      install(project, COMMITTED);
      const { count, failed } = await runCases(project);
      assert.deepEqual(failed, []);
      assert.ok(count >= 5);
      assert.deepEqual(await masked(COMMITTED), WANTED);
    } finally {
      project.remove();
    }
  });

  void test('built here: its cases, and the same answers', toolchain, async () => {
    const project = await templateProject('c');
    try {
      const module = await build(project);
      assert.deepEqual((await runCases(project)).failed, []);
      assert.deepEqual(await masked(module), WANTED);
    } finally {
      project.remove();
    }
  });

  void test('the header in a project is the one of the examples', async () => {
    const project = await templateProject('c');
    try {
      const header = join(import.meta.dirname, '../../examples/guests/include/streamline.h');
      assert.equal(readFileSync(join(project.directory, 'streamline.h'), 'utf8'), readFileSync(header, 'utf8'));
    } finally {
      project.remove();
    }
  });

  void test('a config it cannot use refuses the deploy, and says why', async () => {
    const many = Array.from({ length: 17 }, (_, i) => `f${i}`);
    for (const config of [
      {},
      { fields: [] },
      { fields: 'email' },
      { fields: ['email'], feilds: 1 },
      { fields: many },
    ]) {
      await assert.rejects(runRecords(guestSource(COMMITTED, { config }), []), (thrown: Error) => {
        const { code, log } = thrown as Error & { code: string; log: { level: string; text: string }[] };
        assert.equal(code, 'guest.init_rejected');
        assert.match(
          log.map(({ level, text }) => `${level} ${text}`).join(),
          /^error config: expected .* 1 to 16 names/,
        );
        return true;
      });
    }
  });

  void test('an output that does not fit fails and says so; nothing is written past the buffer', async () => {
    // Masking "@" makes it longer: three more bytes than there is room for.
    const value = `{"email":"a@","pad":"${'x'.repeat(2 ** 20 - 4 - 22)}"}`;
    const short = `{"email":"a@","pad":"${'x'.repeat(2 ** 20 - 4 - 22 - 3)}"}`;
    const source = guestSource(COMMITTED, { config: CONFIG, maxMemoryMb: 16 });
    const { found, log } = await runRecords(source, [value, short]);
    assert.deepEqual(
      found.map(({ code, value: output }) => code ?? output?.length),
      ['guest.failed', short.length + 2],
    );
    assert.deepEqual(log, [{ level: 'error', text: 'the output does not fit' }]);
  });
});
