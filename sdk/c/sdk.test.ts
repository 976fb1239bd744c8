import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { guestSource, runRecords, templateProject, withToolchain } from '../testing/template-project.ts';
import { CONFIG, refusal, templateTests } from '../testing/template-tests.ts';

const COMMITTED = join(import.meta.dirname, 'testing/template.wasm');
const toolchain = withToolchain('c', false);

void suite('the template', () => {
  templateTests({
    language: 'c',
    committed: COMMITTED,
    casesMin: 5,
    shortest: 'a@',
    maxMemoryMb: 16,
    built: 'built here: its cases, and the same answers',
    toolchain,
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
      const why = /^error config: expected .* 1 to 16 names/;
      await assert.rejects(runRecords(guestSource(COMMITTED, { config }), []), refusal('guest.init_rejected', why));
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
