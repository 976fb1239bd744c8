import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runTestFiles } from './test-runner.ts';

const HEAD = "import { describe, before, test } from 'node:test';\n";
const cases: Readonly<Record<string, { source: string; counts: readonly [number, number, number]; says: RegExp }>> = {
  counts: {
    source: `test('good', () => {});
      test('bad', () => { throw new Error('boom'); });
      test('no broker', (t) => t.skip('needs java'));
      describe('group', () => { test('inner', () => {}); });`,
    counts: [2, 1, 1],
    says: /boom/,
  },
  'a child that fails counts once': {
    source: `test('parent', async (t) => { await t.test('child', () => { throw new Error('inner boom'); }); });`,
    counts: [0, 1, 0],
    says: /inner boom/,
  },
  'a hook that fails': {
    source: `describe('group', () => { before(() => { throw new Error('hook boom'); }); test('never', () => {}); });`,
    counts: [0, 2, 0],
    says: /hook boom/,
  },
  'a test that never yields is killed': {
    source: `test('good', () => {}); test('spin', () => { for (;;); });`,
    // The good one would be reported when the event loop turns, which it never does.
    counts: [0, 1, 0],
    says: /did not end within 3 s and was killed/,
  },
  'a test that hangs is killed and named': {
    source: `test('good', () => {}); test('waits', () => new Promise(() => setInterval(() => {}, 1000)));`,
    counts: [1, 1, 0],
    says: /did not end within 3 s and was killed in "waits"/,
  },
  'an exit in the middle is no success': {
    source: `test('good', () => {}); test('quits', () => process.exit(0)); test('never', () => {});`,
    counts: [0, 1, 0],
    says: /ended \(exit code 0\) before its tests did/,
  },
  'an error after the tests': {
    source: `test('good', () => { setTimeout(() => { throw new Error('late boom'); }, 1); });`,
    counts: [1, 1, 0],
    says: /late boom/,
  },
  'a file without tests': { source: '', counts: [0, 1, 0], says: /the file/ },
};

for (const [name, { source, counts, says }] of Object.entries(cases)) {
  test(`reports ${name}`, async () => {
    const root = mkdtempSync(join(tmpdir(), 'streamline-runner-'));
    try {
      writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
      writeFileSync(join(root, 'a.test.ts'), HEAD + source);
      const seen: string[] = [];
      const [report] = await runTestFiles(['a.test.ts'], { root, concurrency: 1, fileMsMax: 3000 }, ({ file }) =>
        seen.push(file),
      );
      assert.deepEqual(seen, ['a.test.ts']);
      const { passed, failed, skipped, failures } = report!;
      assert.deepEqual([passed, failed, skipped], counts, JSON.stringify(report));
      assert.match(failures.map(({ details }) => details).join('\n'), says);
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });
}
