import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { WorkResult } from '../pipeline/ports.ts';
import type { TraceOrder } from '../pipeline/tracing.ts';
import type { GuestSource } from './batch-runner.ts';
import { InThreadExecutor } from './in-thread-executor.ts';
import { batchOf, fixtureSource, gist, outcomes, type TestRecord } from './testing/fixture.ts';

/* The fixture does what the first byte of a value says: m maps, f is filtered, t traps, E runs a script. */

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const BATCH = { traceId: '11111111111111111111111111111111', spanId: '2222222222222222' };
const header = (name: string, value: string | null) => ({ name, value: value === null ? null : Buffer.from(value) });
const traceparent = (flags: string, traceId = TRACE) => header('traceparent', `00-${traceId}-${PARENT}-${flags}`);
const AS_IT_SAYS: TraceOrder = { contexts: 'as_it_says', recordsMax: 128, recordBytesMax: 1_000_000 };

async function run(
  records: readonly (TestRecord | string)[],
  order: TraceOrder | 'none' = AS_IT_SAYS,
  source: GuestSource = fixtureSource(),
): Promise<WorkResult> {
  const executor = new InThreadExecutor(source, () => undefined);
  await executor.start();
  return executor.execute(batchOf(records), order === 'none' ? undefined : order);
}

const traceparents = (result: WorkResult): (string | null | undefined)[] =>
  outcomes(result).map(({ ownHeaders }) => ownHeaders?.findLast(([name]) => name === 'traceparent')?.[1]);

void suite('a record with a context of its own', () => {
  void test('sampled: its output names the span that sends it, all other headers stay where they were', async () => {
    const headers = [header('a', '1'), traceparent('01'), header('tracestate', 'x=1'), header('b', null)];
    const result = await run([{ value: 'mab', key: 'k', headers }]);
    const [found] = outcomes(result);
    const [traced] = result.traced ?? [];
    assert.match(traced?.sendSpanId ?? '', /^[0-9a-f]{16}$/);
    assert.deepEqual(found?.ownHeaders, [
      ['a', '1'],
      ['traceparent', `00-${TRACE}-${traced?.sendSpanId}-01`],
      ['tracestate', 'x=1'],
      ['b', null],
    ]);
    assert.deepEqual([found?.key, found?.value], ['k', 'MAB']);
    assert.deepEqual(traced?.context, { traceId: TRACE, spanId: PARENT, sampled: true, traceState: 'x=1' });
    assert.deepEqual([traced?.outcome, traced?.outputs, traced?.recordIndex], ['output', 1, 0]);
    assert.deepEqual(
      traced?.phases.map(({ name, stage }) => [name, stage]),
      [
        ['filter', 0],
        ['transform', 0],
        ['route', 0],
      ],
    );
    const times = [
      traced!.beganMs,
      ...traced!.phases.flatMap((phase) => [phase.beganMs, phase.endedMs]),
      traced!.endedMs,
    ];
    assert.ok(
      times.every((ms, i) => i === 0 || ms >= times[i - 1]!),
      times.join(' '),
    );
    assert.ok(Math.abs(Number(process.hrtime.bigint()) / 1e6 - traced!.endedMs) < 60_000, 'the clock of all threads');
  });

  void test('a passed-through record too, without a copy of its key and value', async () => {
    const [found] = outcomes(await run([{ value: 'pass', headers: [traceparent('01')] }]));
    assert.deepEqual([found?.value, found?.headers], ['input', 'own']);
  });

  void test('not sampled, or without one: nothing is touched', async () => {
    const result = await run([
      { value: 'pass', headers: [traceparent('00')] },
      { value: 'pass', headers: [header('x', '1')] },
      'pass',
    ]);
    assert.equal(result.traced, undefined);
    assert.deepEqual(
      outcomes(result).map(({ headers }) => headers),
      ['input', 'input', 'input'],
    );
  });

  void test('without an order all stays as it came', async () => {
    const result = await run([{ value: 'map', headers: [traceparent('01')] }], 'none');
    assert.deepEqual([result.traced, outcomes(result)[0]?.headers], [undefined, 'input']);
  });

  void test('each of several outputs is continued, with headers of its own too', async () => {
    const headers = [traceparent('01')];
    const result = await run([{ value: 'Eeone;hmark=1;etwo;three', headers }, 'map']);
    const found = outcomes(result);
    const sender = `00-${TRACE}-${result.traced?.[0]?.sendSpanId}-01`;
    assert.deepEqual(traceparents(result), [sender, sender, sender, undefined].slice(0, found.length));
    assert.equal(result.traced?.[0]?.outputs, found.length - 1);
    assert.deepEqual(gist(result).at(-1), 'MAP', 'what comes after it is where it was');
  });

  void test('failed and filtered ones are told of, and a guest that trapped is told of too', async () => {
    const headers = [traceparent('01')];
    const result = await run([
      { value: 't', headers },
      { value: 'f', headers },
      { value: 'map', headers },
    ]);
    assert.deepEqual(
      result.traced?.map(({ outcome, phases }) => [outcome, phases.at(-1)?.name]),
      [
        ['failed', 'transform'],
        ['filtered', 'filter'],
        ['output', 'route'],
      ],
    );
  });

  void test('what is no context is none: a trace begun anew drops what stood beside it', async () => {
    const wrong = [
      'zz',
      `00-${TRACE}-${PARENT}-1`,
      `00-${'0'.repeat(32)}-${PARENT}-01`,
      `ff-${TRACE}-${PARENT}-01`,
      `00-${TRACE}-${PARENT}-01-more`,
    ];
    const records = wrong.map((text) => ({
      value: 'pass',
      headers: [header('traceparent', text), header('tracestate', 'x=1')],
    }));
    assert.equal((await run(records)).traced, undefined);
    const result = await run(records, { ...AS_IT_SAYS, batch: BATCH });
    for (const [i, { ownHeaders }] of outcomes(result).entries()) {
      assert.deepEqual(
        ownHeaders,
        [['traceparent', `00-${BATCH.traceId}-${result.traced?.[i]?.sendSpanId}-01`]],
        wrong[i],
      );
    }
  });

  void test('of several the last counts, as in other clients; a later version is read as far as it is known', async () => {
    const other = 'f'.repeat(32);
    const later = header('traceparent', `01-${other}-${PARENT}-01-what-comes`);
    const result = await run([{ value: 'pass', headers: [traceparent('00'), header('a', '1'), later] }]);
    assert.deepEqual(outcomes(result)[0]?.ownHeaders, [
      ['traceparent', `00-${other}-${result.traced?.[0]?.sendSpanId}-01`],
      ['a', '1'],
    ]);
  });

  void test('the sampler may decide whatever they say', async () => {
    const records = [
      { value: 'pass', headers: [traceparent('01')] },
      { value: 'pass', headers: [traceparent('00')] },
    ];
    assert.equal((await run(records, { ...AS_IT_SAYS, contexts: 'never' })).traced, undefined);
    assert.equal((await run(records, { ...AS_IT_SAYS, contexts: 'always' })).traced?.length, 2);
    assert.equal((await run(records, { ...AS_IT_SAYS, contexts: { ratio: 1 } })).traced?.length, 2);
    assert.equal((await run(records, { ...AS_IT_SAYS, contexts: { ratio: 0 } })).traced, undefined);
  });
});

void suite('a sampled batch', () => {
  void test('records without a context belong to it; those of others that are not sampled do not', async () => {
    const result = await run(['map', { value: 'map', headers: [traceparent('00')] }], { ...AS_IT_SAYS, batch: BATCH });
    assert.deepEqual(traceparents(result), [`00-${BATCH.traceId}-${result.traced?.[0]?.sendSpanId}-01`, undefined]);
    assert.equal(result.traced?.[0]?.context, undefined);
  });

  void test('of a large one so many are traced, spread over all of it', async () => {
    const result = await run(
      Array.from({ length: 1000 }, () => 'pass'),
      { ...AS_IT_SAYS, batch: BATCH },
    );
    const indexes = result.traced?.map(({ recordIndex }) => recordIndex) ?? [];
    assert.ok(indexes.length > 8 / 2 && indexes.length <= 8, String(indexes.length));
    assert.ok((indexes.at(-1) ?? 0) > 750);
  });

  void test('whoever asks: more than so many of one batch pass with the headers they came with', async () => {
    const headers = [traceparent('01')];
    const result = await run(Array.from({ length: 200 }, () => ({ value: 'pass', headers })));
    assert.deepEqual([result.traced?.length, result.untraced], [128, 72]);
    assert.deepEqual(
      outcomes(result).map((found) => found.headers),
      Array.from({ length: 200 }, (_, i) => (i < 128 ? 'own' : 'input')),
    );
  });

  void test('a record that a context would make too large goes without, and one that has a context keeps its size', async () => {
    const value = `p${'x'.repeat(400)}`;
    const order = { ...AS_IT_SAYS, batch: BATCH, recordBytesMax: 950 };
    const result = await run([{ value }, { value, headers: [traceparent('01')] }, 'p'], order);
    assert.deepEqual(
      traceparents(result).map((text) => text?.slice(3, 35)),
      [undefined, TRACE, BATCH.traceId],
    );
    assert.equal(result.traced?.length, 3);
  });

  void test('a record tried again keeps its trace', async () => {
    const again = { traceId: TRACE, spanId: PARENT };
    const headers = [traceparent('01'), header('tracestate', 'x=1')];
    const result = await run([{ value: 'map', headers }], { ...AS_IT_SAYS, again });
    assert.deepEqual(outcomes(result)[0]?.ownHeaders, [
      ['traceparent', `00-${TRACE}-${result.traced?.[0]?.sendSpanId}-01`],
      ['tracestate', 'x=1'],
    ]);
  });

  void test('calls of a chain tell their stage, and a builtin that makes none counts as one', async () => {
    const { module } = fixtureSource();
    const following = [{ configJson: '{}', timeoutMs: 10, builtin: undefined, module }];
    const chain = await run(['p'], { ...AS_IT_SAYS, batch: BATCH }, { ...fixtureSource(), following });
    assert.deepEqual(
      chain.traced?.[0]?.phases.map(({ name, stage }) => `${name} ${stage}`),
      ['filter 0', 'transform 0', 'route 0', 'filter 1', 'transform 1', 'route 1'],
    );
    const builtin = { ...fixtureSource({ builtin: 'builtin:pass-through' }), module: undefined };
    const passed = await run(['p'], { ...AS_IT_SAYS, batch: BATCH }, builtin);
    assert.deepEqual(
      passed.traced?.[0]?.phases.map(({ name }) => name),
      ['transform'],
    );
  });
});
