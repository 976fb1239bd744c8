import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { WorkResult } from '../pipeline/ports.ts';
import type { GuestSource } from './batch-runner.ts';
import { InThreadExecutor } from './in-thread-executor.ts';
import { batchOf, fixtureSource, outcomes, type Outcome, type TestRecord } from './testing/fixture.ts';

/* The fixture runs what follows the E of a value as a script: see script() in chameleon.c. */

async function run(
  records: readonly (TestRecord | string)[],
  source: GuestSource = fixtureSource(),
): Promise<WorkResult> {
  const executor = new InThreadExecutor(source, () => undefined);
  await executor.start();
  try {
    return await executor.execute(batchOf(records));
  } finally {
    await executor.close();
  }
}

const values = (found: readonly Outcome[]): string[] => found.map(({ code, value }) => code ?? String(value));

async function ofScript(script: string, record: TestRecord = {}, source?: GuestSource): Promise<Outcome[]> {
  return outcomes(await run([{ ...record, value: `E${script}` }], source));
}

const HEADERS = [
  { name: 'trace', value: Buffer.from('t1') },
  { name: 'kind', value: null },
  { name: 'trace', value: Buffer.from('t2') },
];

void suite('several outputs of one record', () => {
  void test('what is emitted leaves in its order, the answer last', async () => {
    const found = await ofScript('eone;ttopic-a=two;Athree');
    assert.deepEqual(values(found), ['one', 'two', 'three']);
    assert.deepEqual(
      found.map(({ topic }) => topic),
      [undefined, 'topic-a', undefined],
    );
  });

  void test('a pass-through after what is emitted is what it emitted, and no more', async () => {
    assert.deepEqual(values(await ofScript('eone')), ['one']);
  });

  void test('nothing emitted and no headers changed: a pass-through as ever', async () => {
    assert.deepEqual(values(await ofScript('')), ['input']);
  });

  void test('a tombstone has a key and no value', async () => {
    const [found, keyless] = await ofScript('za-key;Z');
    assert.deepEqual([found?.key, found?.value], ['a-key', null]);
    assert.deepEqual([keyless?.key, keyless?.value], [null, null]);
  });

  void test('the key of a record can be read without a frame', async () => {
    assert.deepEqual(values(await ofScript('k', { key: 'K1' })), ['K1']);
  });

  for (const [how, script, code] of [
    ['a trap', 'eone;etwo;!', 'guest.trap'],
    ['a failure it reports', 'eone;x', 'guest.failed'],
    ['a payload outside of its memory', 'eone;l', 'guest.aborted'],
    ['a frame that lies', 'eone;F', 'guest.abi_violation'],
    ['a topic no topic can have', `eone;t${'t'.repeat(250)}=x`, 'route.invalid_topic'],
  ] as const) {
    void test(`I4: ${how} takes back all it has emitted`, async () => {
      const found = outcomes(await run(['pass', `E${script}`, 'pass', 'Eeafter']));
      assert.deepEqual(values(found), ['input', code, 'input', 'after']);
      assert.deepEqual(
        found.map(({ record }) => record),
        [0, 1, 2, 3],
      );
    });
  }

  void test('topics that it named go with them: nobody looks them up, or makes them', async () => {
    const result = await run(['Etone=a;ttwo=b', 'Ettwo=c;tlost=d;x', 'Etthree=e']);
    assert.deepEqual(result.topics, ['one', 'two', 'three']);
    assert.deepEqual(
      outcomes(result).map(({ code, topic }) => code ?? topic),
      ['one', 'two', 'guest.failed', 'three'],
    );
  });

  void test('only transform() has an output', async () => {
    const found = outcomes(await run(['Q', 'pass']));
    assert.deepEqual(values(found), ['guest.aborted', 'input']);
    assert.match(found[0]?.message ?? '', /only transform\(\) has an output/);
  });

  void test('limits.record_outputs: at its edge, and one beyond', async () => {
    const source = fixtureSource({ limits: { outputsMax: 3 } });
    assert.deepEqual(values(await ofScript('ea;eb;ec', {}, source)), ['a', 'b', 'c']);
    assert.deepEqual(values(await ofScript('ea;eb;Ac', {}, source)), ['a', 'b', 'c']);
    const [beyond] = await ofScript('ea;eb;ec;Ad', {}, source);
    assert.equal(beyond?.code, 'guest.output_too_large');
    assert.match(beyond.message ?? '', /limits.record_outputs/);
  });

  void test('limits.output_bytes is of all outputs of a record together', async () => {
    const source = fixtureSource({ limits: { outputBytesMax: 2000 } });
    const bytes = (found: readonly Outcome[]): (string | number)[] =>
      found.map(({ code, value }) => code ?? value?.length ?? 0);
    assert.deepEqual(bytes(await ofScript('n1500;n500', {}, source)), [1500, 500]);
    assert.deepEqual(bytes(await ofScript('n1500;n501', {}, source)), ['guest.output_too_large']);
    assert.deepEqual(bytes(await ofScript('n2001', {}, source)), ['guest.output_too_large']);
  });

  void test('limits.output_bytes: headers that are kept count from the second output on, at its edge', async () => {
    const headers = [{ name: 'big', value: Buffer.alloc(989) }]; // 1000 bytes as they are packed
    const sizes = async (script: string, outputBytesMax: number): Promise<string[]> =>
      values(await ofScript(script, { headers }, fixtureSource({ limits: { outputBytesMax, outputsMax: 5 } })));
    const tooLarge = ['guest.output_too_large'];
    assert.deepEqual(await sizes('', 1024), ['input'], 'what passes is never too large');
    assert.deepEqual(await sizes('ea', 1024), ['a']);
    assert.deepEqual(await sizes('ea;eb;ec', 2003), ['a', 'b', 'c']);
    assert.deepEqual(await sizes('ea;eb;ec', 2002), tooLarge);
    assert.deepEqual(await sizes('ea;eb;Ac', 2003), ['a', 'b', 'c']);
    assert.deepEqual(await sizes('ea;eb;Ac', 2002), tooLarge);
    assert.deepEqual(await sizes('ea;Z;Z', 2001), ['a', 'null', 'null']);
    assert.deepEqual(await sizes('ea;Z;Z', 2000), tooLarge);
    // Those of its own count by themselves, from the first on.
    assert.deepEqual(await sizes('rbig;ea;eb;ec', 1024), ['a', 'b', 'c']);
  });

  void test('I7: a guest that emits without end fails, and the next record is answered', async () => {
    assert.deepEqual(values(outcomes(await run(['EN', 'pass']))), ['guest.output_too_large', 'input']);
  });

  void test('the fuel of a record stands in its first entry', async () => {
    const [first, second] = await ofScript('eone;etwo');
    assert.ok((first?.fuelUsed ?? 0) > 0);
    assert.equal(second?.fuelUsed, 0);
  });
});

void suite('headers a guest sees and changes', () => {
  void test('counted, by their index, and the last of a name', async () => {
    assert.deepEqual(values(await ofScript('c;i0;i2;ftrace', { headers: HEADERS })), [
      '3',
      'trace:t1',
      'trace:t2',
      't2',
    ]);
  });

  void test('a record without headers has none', async () => {
    assert.deepEqual(values(await ofScript('c')), ['0']);
  });

  void test('set replaces all of a name, add adds, remove removes; a null value is none', async () => {
    const [found] = await ofScript('htrace=new;akind=two;hnone;rabsent;', { headers: HEADERS });
    assert.equal(found?.value, 'input');
    assert.deepEqual(found.ownHeaders, [
      ['kind', null],
      ['trace', 'new'],
      ['kind', 'two'],
      ['none', null],
    ]);
    const [removed] = await ofScript('rtrace;rkind', { headers: HEADERS });
    assert.deepEqual(removed?.ownHeaders, []);
  });

  void test('removing what is not there leaves the headers of the input', async () => {
    const [found] = await ofScript('rabsent', { headers: HEADERS });
    assert.deepEqual([found?.headers, found?.ownHeaders], ['input', undefined]);
  });

  void test('a change goes with the outputs after it', async () => {
    const found = await ofScript('eone;hmark=1;etwo;hmark=2;Athree', { headers: [] });
    assert.deepEqual(
      found.map(({ ownHeaders }) => ownHeaders),
      [undefined, [['mark', '1']], [['mark', '2']]],
    );
  });

  void test('of one record, never of the next', async () => {
    const found = outcomes(await run(['Ehmark=1', 'pass', 'Ec']));
    assert.deepEqual(
      found.map(({ ownHeaders, value }) => ownHeaders ?? value),
      [[['mark', '1']], 'input', '0'],
    );
  });

  void test('larger than limits.output_bytes: refused', async () => {
    const source = fixtureSource({ limits: { outputBytesMax: 1000 } });
    assert.deepEqual(values(await ofScript(`ha=${'v'.repeat(1100)}`, {}, source)), ['guest.output_too_large']);
  });
});
