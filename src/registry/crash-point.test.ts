import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { removeAtomically, writeAtomically } from '../base/atomic-file.ts';
import type { Executor, RecordSink, RecordSource, Transactions } from '../pipeline/ports.ts';
import { CRASH_STEPS, CRASH_VARIABLE, CrashPoint, FILE_STEP } from './crash-point.ts';

function armed(text: string): { point: CrashPoint; crashes: () => number } {
  let crashes = 0;
  const point = CrashPoint.of({ [CRASH_VARIABLE]: text }, () => (crashes += 1));
  assert.ok(point !== undefined);
  return { point, crashes: () => crashes };
}

test('nothing is there unless it is asked for', () => {
  assert.equal(CrashPoint.of({}), undefined);
  assert.equal(CrashPoint.of({ [CRASH_VARIABLE]: '' }), undefined);
});

test('a step nobody knows, or no count, is refused with what there is', () => {
  for (const text of ['decoded', 'decoded:', 'decoded:0', 'decoded:-1', 'decoded:1.5', 'sent:1', ':1']) {
    assert.throws(() => CrashPoint.of({ [CRASH_VARIABLE]: text }), { code: 'config.invalid' }, text);
  }
});

test('crashes once, at the counted passing of its own step', () => {
  const { point, crashes } = armed('committed:3');
  for (const step of CRASH_STEPS) if (step !== 'committed') point.passed(step);
  point.passed('committed');
  point.passed('committed');
  assert.equal(crashes(), 0);
  point.passed('committed');
  point.passed('committed');
  assert.equal(crashes(), 1);
});

test('a poll that brings nothing and a commit that is refused are not passed', async () => {
  const source = {
    poll: () => Promise.resolve(undefined),
    commit: () => Promise.reject(new Error('refused')),
  } as unknown as RecordSource;
  for (const step of ['decoded', 'committed']) {
    const { point, crashes } = armed(`${step}:1`);
    point.watchSource(source);
    assert.equal(await source.poll(1, 0), undefined);
    await assert.rejects(source.commit([]), /refused/);
    assert.equal(crashes(), 0);
  }
});

test('steps come in a record’s order, and what was watched answers as before', async () => {
  const order: string[] = [];
  const batch = { recordCount: 1 };
  const source = { poll: () => Promise.resolve(batch), commit: () => Promise.resolve() } as unknown as RecordSource;
  const executor = { execute: () => Promise.resolve('result') } as unknown as Executor;
  const acknowledged = Promise.withResolvers<readonly never[]>();
  const sink = { produce: () => acknowledged.promise } as unknown as RecordSink;
  Object.assign(sink, { produceOne: () => Promise.resolve() });
  for (const step of CRASH_STEPS) {
    const point = CrashPoint.of({ [CRASH_VARIABLE]: `${step}:1` }, () => order.push(step));
    point?.watchSource(source);
    point?.watchExecutor(executor);
    point?.watchSink(sink);
  }
  assert.equal(await source.poll(1, 0), batch);
  assert.equal(await executor.execute(batch as never), 'result');
  const produced = sink.produce({} as never);
  assert.deepEqual(order, ['decoded', 'transformed', 'produced']);
  acknowledged.resolve([]);
  assert.deepEqual(await produced, []);
  order.push('told');
  await new Promise(setImmediate);
  await source.commit([]);
  assert.deepEqual(order.slice(3), ['before_ack', 'told', 'after_ack', 'committed']);
});

test('a transaction passes its offsets, then its commit', async () => {
  const order: string[] = [];
  const transactions: Transactions = {
    commit: () => {
      transactions.offsetsSent?.();
      order.push('told');
      return Promise.resolve();
    },
    abort: () => Promise.resolve(),
  };
  const sink = { produce: () => {}, produceOne: () => {}, transactions } as unknown as RecordSink;
  for (const step of ['committed', 'offsets_sent']) {
    CrashPoint.of({ [CRASH_VARIABLE]: `${step}:1` }, () => order.push(step))?.watchSink(sink);
  }
  await transactions.commit([], { adapter: 'none' });
  assert.deepEqual(order, ['offsets_sent', 'told', 'committed']);
});

test('the steps of all files are counted as one', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'crash-point-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'a');
  /** A write has five steps, a removal two. */
  async function crashesAfter(count: number): Promise<readonly number[]> {
    const { point, crashes } = armed(`${FILE_STEP}:${count}`);
    await writeAtomically(path, 'whole', { step: point.fileStep });
    const written = crashes();
    await removeAtomically(path, { step: point.fileStep });
    const removed = crashes();
    for (const step of CRASH_STEPS) point.passed(step);
    return [written, removed, crashes()];
  }
  assert.deepEqual(await crashesAfter(1), [1, 1, 1]);
  assert.deepEqual(await crashesAfter(5), [1, 1, 1]);
  assert.deepEqual(await crashesAfter(6), [0, 1, 1]);
  assert.deepEqual(await crashesAfter(8), [0, 0, 0]);
});
