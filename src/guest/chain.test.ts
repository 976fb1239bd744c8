import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FUEL_PER_MS } from '../catalog/prepared-module.ts';
import { ResultReader } from '../pipeline/packed-results.ts';
import type { StageSource } from './batch-runner.ts';
import { InThreadExecutor } from './in-thread-executor.ts';
import { batchOf, fixtureSource, gist, outcomes, type TestRecord } from './testing/fixture.ts';
import type { WorkResult } from '../pipeline/ports.ts';

/* The fixture does what the first byte of a value says; a stage in front can put another one there. */

const OWN = { configJson: '{}', timeoutMs: 10 };
const chameleon: StageSource = { ...OWN, builtin: undefined, module: fixtureSource().module };
const passThrough: StageSource = { ...OWN, builtin: 'builtin:pass-through', module: undefined };

async function chain(
  following: readonly StageSource[],
  records: readonly (TestRecord | string)[],
  source = fixtureSource(),
): Promise<WorkResult> {
  const executor = new InThreadExecutor({ ...source, following }, () => {});
  await executor.start();
  return executor.execute(batchOf(records));
}

void test('what comes out of one stage goes into the next', async () => {
  // The first stage emits an M, which asks the second one for metadata of the record.
  const result = await chain([chameleon], [{ key: 'k', value: 'EeM', offset: 7 }, 'p']);
  const [first, second] = outcomes(result);
  assert.match(String(first?.value), /^input 0 7 /, 'the second stage sees where the record came from');
  assert.equal(second?.value, 'input', 'what all stages leave alone is the input, not copied');
  assert.equal(second?.headers, 'input');
});

void test('a key that one stage changed and the next left alone comes out changed', async () => {
  const result = await chain([passThrough], [{ key: 'k', value: 'gab' }]);
  assert.deepEqual(
    outcomes(result).map(({ key, value, headers }) => [key, value, headers]),
    [['k', 'gab', 'input']],
  );
});

void test('each output of a stage passes the next one by itself, with the headers it was given', async () => {
  // E emits what the next stage then takes for its own command: a map, a filtered one and a script that emits two.
  const result = await chain([chameleon], [{ value: 'Eemab;ef;hmark=1;eEexy', key: 'k' }]);
  assert.deepEqual(
    outcomes(result).map(({ kind, value, ownHeaders }) => [kind, value, ownHeaders]),
    [
      ['output', 'MAB', undefined],
      ['output', 'xy', [['mark', '1']]],
    ],
  );
});

void test('I4: what one output of a stage fails with takes back the outputs of all', async () => {
  const result = await chain([chameleon], ['Eemab;et', 'p']);
  assert.deepEqual(gist(result), ['guest.trap', 'input']);
});

void test('limits of a record are of the chain too: each stage keeps to them, and what comes out of all is more', async () => {
  // The first stage emits the key twice, which is a script that lets the second one emit two.
  const fourfold = { key: 'Eea;eb', value: 'Ek;k' };
  const four = await chain([chameleon], [fourfold, 'p'], fixtureSource({ limits: { outputsMax: 4 } }));
  assert.deepEqual(gist(four), ['a', 'b', 'a', 'b', 'input']);
  const tooMany = outcomes(await chain([chameleon], [fourfold, 'p'], fixtureSource({ limits: { outputsMax: 3 } })));
  assert.deepEqual(
    tooMany.map(({ code, value }) => code ?? value),
    ['guest.output_too_large', 'input'],
  );
  assert.match(tooMany[0]?.message ?? '', /more than 3 outputs/);
  const large = (bytes: number) =>
    chain([chameleon], ['EeB500;eB500', 'p'], fixtureSource({ limits: { outputBytesMax: bytes } }));
  assert.deepEqual(gist(await large(1000)).slice(-1), ['input']);
  assert.equal(outcomes(await large(1000)).length, 3);
  assert.deepEqual(gist(await large(999)), ['guest.output_too_large', 'input']);
});

void test('limits.output_bytes: what an output of the chain keeps of the input counts from the second one on', async () => {
  const headers = [{ name: 'big', value: Buffer.alloc(1489) }]; // 1500 bytes as they are packed
  const of = async (outputBytesMax: number): Promise<string[]> =>
    gist(await chain([passThrough], [{ value: 'Eea;eb', headers }], fixtureSource({ limits: { outputBytesMax } })));
  assert.deepEqual(await of(1502), ['a', 'b']);
  assert.deepEqual(await of(1501), ['guest.output_too_large']);
});

void test('tombstones: drop is of the input: one that a stage emits comes out', async () => {
  for (const next of [chameleon, passThrough]) {
    const found = outcomes(await chain([next], [{ value: null }, 'Ezkey'], fixtureSource({ tombstones: 'drop' })));
    assert.deepEqual(
      found.map(({ kind, key, value }) => [kind, key, value]),
      [
        ['filtered', undefined, undefined],
        ['output', 'key', null],
      ],
    );
  }
});

void test('what a failed record named is no topic of the batch', async () => {
  const result = await chain([chameleon], ['EtA=x', 'EeEtgood', 'EeEtlost;et', 'EeEtgood', 'EeEtother']);
  assert.deepEqual(result.topics, ['good', 'other']);
  assert.deepEqual(
    outcomes(result).map(({ code, topic }) => code ?? topic),
    ['route.invalid_topic', 'good', 'guest.trap', 'good', 'other'],
  );
});

void test('only the last stage names topics', async () => {
  const early = outcomes(await chain([passThrough], ['Etelse=x', 'Eex']));
  assert.deepEqual(
    early.map(({ code, value }) => code ?? value),
    ['route.invalid_topic', 'x'],
  );
  const last = outcomes(await chain([chameleon], ['EeEtelse']));
  assert.deepEqual(
    last.map(({ topic, value }) => [topic, value]),
    [['else', '']],
  );
});

void test('each stage is counted by itself, and has a budget of its own', async () => {
  const following = [{ ...chameleon, timeoutMs: 1 }];
  const executor = new InThreadExecutor({ ...fixtureSource(), following }, () => {});
  await executor.start();
  // s spins in the first stage, Ees lets the second one spin; each on its own budget.
  const spun = outcomes(await executor.execute(batchOf(['f', 's', 'Ees', 'p', 'Eef;ep', 'Etearly'])));
  assert.deepEqual(
    spun.map(({ code }) => code),
    [undefined, 'guest.out_of_fuel', 'guest.out_of_fuel', undefined, undefined, 'route.invalid_topic'],
  );
  assert.ok((spun[1]?.fuelUsed ?? 0) > 5 * (spun[2]?.fuelUsed ?? 0), 'ten milliseconds of fuel, and one');
  const tallies = executor.stats().stages.map(({ records, filtered, failed }) => [records, filtered, failed]);
  assert.deepEqual(tallies, [
    [6, 1, 2],
    [4, 1, 1],
  ]);
});

void test('the budget of a stage is for all it is shown of one record: many outputs cost no more than one that takes its time', async () => {
  const fuelOf = (found: ReturnType<typeof outcomes>): number => found[0]?.fuelUsed ?? 0;
  const ofScript = fuelOf(outcomes(await chain([passThrough], ['Eep;ep'])));
  const ofTwo = fuelOf(outcomes(await chain([chameleon], ['Eep;ep'])));
  const ofEach = (ofTwo - ofScript) / 2;
  assert.ok(ofEach > 0 && ofEach < 2500, `${ofEach} units`);
  // Enough for three, each but the first with what showing it takes.
  const second = { ...chameleon, timeoutMs: (3 * ofEach + 2 * 2500) / FUEL_PER_MS };
  const found = outcomes(await chain([second], ['Eep;ep;ep', 'Eep;ep;ep;ep', 'Eep;ep;ep']));
  assert.deepEqual(
    found.map(({ record, code }) => code ?? record),
    [0, 0, 0, 'guest.out_of_fuel', 2, 2, 2],
  );
  assert.match(found[3]?.message ?? '', /timeout_ms .*, with 4 records it was shown of this one$/);
  // What trips in the midst of a call is told alike.
  const less = { ...second, timeoutMs: second.timeoutMs - 1 / FUEL_PER_MS };
  const tripped = outcomes(await chain([less], ['Eep;ep;ep', 'Eep;ep']));
  assert.deepEqual(
    tripped.map(({ record, code }) => code ?? record),
    ['guest.out_of_fuel', 1, 1],
  );
  assert.match(tripped[0]?.message ?? '', /, with 3 records it was shown of this one$/);
});

void test('a stage in the midst drops; what failed says which stage it was, and its fuel is that of all stages', async () => {
  const dropped = await chain([chameleon, chameleon], ['f', 'p']);
  assert.deepEqual(gist(dropped), ['filtered', 'input']);
  const failed = await chain([chameleon], ['t', 'p', 'c', 'c']);
  // The first stage traps: its instance is made anew and counts from one again.
  assert.deepEqual(gist(failed).slice(0, 1), ['guest.trap']);
  const second = await chain([{ ...chameleon }], [{ value: 'p' }]);
  assert.ok((outcomes(second)[0]?.fuelUsed ?? 0) > 0);
});

void test('a stage that traps is made anew, the others go on with what they know', async () => {
  // c writes how many records the instance has seen, so the next stage gets a digit; 7 asks for schemas there.
  const source = { ...fixtureSource(), following: [chameleon] };
  const executor = new InThreadExecutor(source, () => {});
  await executor.start();
  const records = ['c', 'c', 't', 'c'];
  const result = await executor.execute(batchOf(records));
  const reader = new ResultReader(result.buffer);
  const stages: (number | undefined)[] = [];
  for (let at = 0; at < (result.segments[0]?.endByte ?? 0); at = reader.next(at)) {
    stages.push(reader.kind(at) === 2 ? reader.failure(at).stage : undefined);
  }
  assert.equal(stages.filter((stage) => stage === 0).length, 1);
  assert.equal(executor.stats().instanceRestarts, 1);
});
