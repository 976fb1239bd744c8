import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { withLock } from './lock.mjs';

function lockFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'streamline-lock-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test('two set-ups run one after the other', async (t) => {
  const folder = lockFolder(t);
  const order: string[] = [];
  const started = Promise.withResolvers<void>();
  const waited = Promise.withResolvers<void>();
  const first = withLock(
    folder,
    () => assert.fail('the first must not wait'),
    async () => {
      order.push('first begins');
      started.resolve();
      await waited.promise;
      order.push('first ends');
    },
  );
  await started.promise;
  await withLock(
    folder,
    () => waited.resolve(),
    () => {
      order.push('second');
      return Promise.resolve();
    },
  );
  await first;
  assert.deepEqual(order, ['first begins', 'first ends', 'second']);
});

test('the lock of a dead process is broken, and a failed set-up releases its own', async (t) => {
  const folder = lockFolder(t);
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  writeFileSync(join(folder, 'set-up.lock'), String(pid));
  await assert.rejects(
    withLock(
      folder,
      () => undefined,
      () => Promise.reject(new Error('boom')),
    ),
    /boom/,
  );
  assert.equal(existsSync(join(folder, 'set-up.lock')), false);
});
