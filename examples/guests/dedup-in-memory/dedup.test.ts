import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { seededRng } from '../../../src/base/rng.ts';
import { InThreadExecutor } from '../../../src/guest/in-thread-executor.ts';
import { batchOf, outcomes, type TestRecord } from '../../../src/guest/testing/fixture.ts';
import { guestSource, runRecords } from '../../../sdk/testing/template-project.ts';

const MODULE = join(import.meta.dirname, '../../../modules/transforms/dedup_in_memory.wasm');

/** Offsets of the records that passed. */
async function passed(config: unknown, ids: readonly string[]): Promise<number[]> {
  const executor = new InThreadExecutor(guestSource(MODULE, { config }), () => undefined);
  await executor.start();
  const found: number[] = [];
  // In batches, as records come.
  for (let from = 0; from < ids.length; from += 1000) {
    const records = ids.slice(from, from + 1000).map((key, i): TestRecord => ({ key, offset: from + i, value: 'v' }));
    const result = await executor.execute(batchOf(records));
    for (const { kind, record } of outcomes(result)) if (kind === 'output') found.push(from + record);
    executor.release(result);
  }
  await executor.close();
  return found;
}

/** The last `window` new ids, in a list. */
function reference(window: number, ids: readonly string[]): number[] {
  const known = new Set<string>();
  return ids.flatMap((id, offset) => {
    if (known.has(id)) return [];
    if (known.size === window) known.delete(known.values().next().value ?? '');
    known.add(id);
    return [offset];
  });
}

for (const [window, kinds] of [
  [1, 2],
  [3, 5],
  [500, 700],
  [5000, 4000],
] as const) {
  void test(`the last ${window} of ${kinds} ids, record by record as a list of them would`, async () => {
    const random = seededRng(window);
    const ids = Array.from({ length: 20_000 }, () => `id-${Math.floor(random() * kinds)}`);
    const wanted = reference(window, ids);
    assert.ok(wanted.length < ids.length);
    assert.deepEqual(await passed({ window }, ids), wanted);
  });
}

void test('the largest window fits into the memory that a transform has by default', async () => {
  const source = guestSource(MODULE, { config: { window: 1_000_000 } });
  const { found } = await runRecords(source, [
    { key: 'a', value: '1' },
    { key: 'a', value: '2' },
  ]);
  assert.deepEqual(
    found.map(({ kind }) => kind),
    ['output', 'filtered'],
  );
});

void test('a config it does not understand is refused, and says why', async () => {
  for (const config of [{ window: 0 }, { window: 1_000_001 }, { window: '5' }, { field: 1 }, { windows: 5 }]) {
    await assert.rejects(runRecords(guestSource(MODULE, { config }), []), (thrown: Error) => {
      const { code, log } = thrown as Error & { code: string; log: { text: string }[] };
      assert.equal(code, 'guest.init_rejected');
      assert.match(log[0]?.text ?? '', /^config\./);
      return true;
    });
  }
});
