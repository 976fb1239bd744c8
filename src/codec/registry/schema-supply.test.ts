import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamlineError } from '../../base/error.ts';
import { seededRng } from '../../base/rng.ts';
import { settled, SimClock } from '../../pipeline/sim/sim-clock.ts';
import { wishKey, type SchemaAnswer, type SchemaWish } from '../schema.ts';
import { SchemaSupply, type SchemaWaiting } from './schema-supply.ts';
import type { StoreWish } from './schema-store.ts';

const SCHEMA = { id: 1, type: 'AVRO', text: '"long"', references: [] } as const;
const down = new StreamlineError('registry.unreachable', 'nobody there');
const byId = (id: number): SchemaWish => ({ by: 'id', id });

class Store {
  readonly askedAtMs: number[] = [];
  readonly asked: StoreWish[] = [];
  readonly #clock: SimClock;
  judge: (wish: StoreWish) => SchemaAnswer | Error = () => down;

  constructor(clock: SimClock) {
    this.#clock = clock;
  }

  async get(wish: StoreWish): Promise<SchemaAnswer> {
    this.askedAtMs.push(this.#clock.nowMs());
    this.asked.push(wish);
    const verdict = this.judge(wish);
    if (verdict instanceof Error) throw verdict;
    return verdict;
  }
}

function world(parts: Partial<ConstructorParameters<typeof SchemaSupply>[0]> = {}) {
  const clock = new SimClock();
  const store = new Store(clock);
  const told: (SchemaWaiting | undefined)[] = [];
  const supply = new SchemaSupply({
    store,
    clock,
    rng: seededRng(1),
    onWaiting: (now) => void told.push(now),
    ...parts,
  });
  return { clock, store, told, supply };
}

test('what the registry answers is passed on: a schema, or that there is none', async () => {
  const { store, supply, told } = world();
  store.judge = () => ({ schema: SCHEMA });
  assert.deepEqual(await supply.get(byId(1)), { schema: SCHEMA });
  store.judge = () => ({ fault: { code: 'schema.unknown_id', message: 'no' } });
  assert.deepEqual(await supply.get(byId(2)), { fault: { code: 'schema.unknown_id', message: 'no' } });
  assert.deepEqual([told, supply.waiting], [[], undefined]);
});

test('a registry that is down is waited for, with longer and longer pauses, told once', async () => {
  const { clock, store, supply, told } = world();
  const answer = supply.get(byId(1));
  await clock.advance(120_000);
  const pauses = store.askedAtMs.slice(1).map((at, i) => at - (store.askedAtMs[i] ?? 0));
  for (const [i, pause] of pauses.entries()) {
    const full = Math.min(10_000, 500 * 2 ** i);
    assert.ok(pause >= full / 2 && pause <= full, `pause ${i}: ${pause} ms`);
  }
  assert.ok(pauses.length >= 14 && pauses.length < 30, `${pauses.length} pauses`);
  assert.equal(new Set(pauses.slice(6)).size, pauses.length - 6, 'jitter');
  assert.deepEqual(told, [{ sinceMs: 1_700_000_000_000, error: down }]);
  assert.equal(supply.waiting?.sinceMs, 1_700_000_000_000);
  const refused = new StreamlineError('registry.unauthorized', 'who are you');
  store.judge = () => refused;
  await clock.advance(10_000);
  assert.deepEqual(supply.waiting, { sinceMs: 1_700_000_000_000, error: refused });
  store.judge = () => ({ schema: SCHEMA });
  await clock.advance(10_000);
  assert.deepEqual(await answer, { schema: SCHEMA });
  assert.equal(supply.waiting, undefined);
  assert.deepEqual(told.slice(1), [undefined]);
  // What comes after an outage begins with a short pause again.
  store.judge = () => down;
  void supply.get(byId(1)).catch(() => undefined);
  const before = store.askedAtMs.length;
  await clock.advance(500);
  assert.equal(store.askedAtMs.length, before + 1);
});

test('a thousand who wait do not ask a thousand times, and all are answered when it is back', async () => {
  const { clock, store, supply, told } = world();
  const early = supply.get(byId(0));
  await settled();
  // From here on it is known to be down.
  const late = Array.from({ length: 999 }, (_, i) => supply.get(byId(i + 1)));
  const answers = Promise.all([early, ...late]);
  await settled();
  const first = store.asked.length;
  assert.ok(first <= 5, `${first} asked at once`);
  await clock.advance(600_000);
  assert.ok(store.asked.length - first < 4 * 130, `${store.asked.length - first} asked in ten minutes`);
  store.judge = () => ({ schema: SCHEMA });
  await clock.advance(10_000);
  assert.equal((await answers).length, 1000);
  assert.equal(told.length, 2);
  assert.equal(supply.waiting, undefined);
});

test('one schema that the registry fails at holds up no other, and flaps no log', async () => {
  const { clock, store, supply, told } = world();
  store.judge = (wish) => (wishKey(wish) === '#1' ? new StreamlineError('registry.failed', '500') : { schema: SCHEMA });
  let isOver = false;
  void supply.get(byId(1)).then(() => (isOver = true));
  await clock.advance(30_000);
  for (let id = 2; id < 100; id += 1) {
    await supply.get(byId(id));
    await clock.advance(100);
  }
  assert.equal(isOver, false);
  assert.equal(told.length, 1);
  assert.ok(store.asked.filter((wish) => wishKey(wish) === '#1').length < 20);
  store.judge = () => ({ schema: SCHEMA });
  await clock.advance(10_000);
  assert.equal(isOver, true);
  assert.equal(told.length, 2);
});

test('waiting has not ended while one who waited is still asked for', async () => {
  const { clock, store, supply, told } = world();
  const first = supply.get(byId(1));
  const second = supply.get(byId(2));
  await settled();
  let answer = (): void => undefined;
  const get = store.get.bind(store);
  store.get = async (wish) => {
    if (wishKey(wish) === '#2') await new Promise<void>((resolve) => void (answer = resolve));
    return get(wish);
  };
  store.judge = (wish) => (wishKey(wish) === '#2' ? down : { schema: SCHEMA });
  await clock.advance(500);
  await first;
  assert.equal(supply.waiting?.error, down);
  answer();
  await clock.advance(10_000);
  assert.equal(told.length, 1);
  store.judge = () => ({ schema: SCHEMA });
  answer();
  await second;
  await settled();
  assert.deepEqual([told.length, supply.waiting], [2, undefined]);
});

test('who waits in line behind asks that hang is asked for in the end', async () => {
  const { clock, store, supply } = world();
  void supply.get(byId(1)).catch(() => undefined);
  await settled();
  const release: (() => void)[] = [];
  let isHeld = true;
  const get = store.get.bind(store);
  store.get = async (wish) => {
    if (isHeld) await new Promise<void>((resolve) => void release.push(resolve));
    return get(wish);
  };
  store.judge = () => ({ schema: SCHEMA });
  const answers = Promise.all([2, 3, 4, 5, 6, 7].map((id) => supply.get(byId(id))));
  await clock.advance(20_000);
  isHeld = false;
  for (const answer of release) answer();
  await clock.advance(20_000);
  assert.equal((await answers).length, 6);
  assert.equal(supply.waiting, undefined);
});

test('closing turns away whoever waits and whoever comes', async () => {
  const { clock, store, supply, told } = world();
  const waiting = [1, 2, 3, 4, 5, 6, 7].map((id) => supply.get(byId(id)));
  await clock.advance(2000);
  supply.close();
  for (const each of waiting) await assert.rejects(each, { code: 'guest.closed' });
  await assert.rejects(supply.get(byId(1)), { code: 'guest.closed' });
  const asked = store.asked.length;
  await clock.advance(60_000);
  assert.equal(store.asked.length, asked);
  assert.deepEqual([supply.waiting, told.length], [undefined, 1]);
});

test('what is no fault of the registry is not waited for', async () => {
  const { store, supply, told } = world();
  store.judge = () => new TypeError('a bug');
  await assert.rejects(supply.get(byId(1)), { code: 'bug.unexpected' });
  assert.deepEqual(told, []);
});

test('the schema of a file is the one of this transform', async () => {
  const file = { schema: { type: 'AVRO', text: '"long"' }, autoRegister: true } as const;
  const { store, supply } = world({ file });
  store.judge = () => ({ schema: SCHEMA });
  await supply.get({ by: 'file', subject: 's' });
  assert.deepEqual(store.asked, [{ by: 'file', subject: 's', file }]);
});

test('a renewal waits for no registry, and stands in line behind nobody', async () => {
  const { clock, store, supply, told } = world();
  const waiters = Array.from({ length: 10 }, (_, id) => supply.get(byId(id)));
  await clock.advance(1000);
  assert.equal(told.length, 1);
  const renewal: SchemaWish = { by: 'subject', subject: 's', version: 'latest', renews: true };
  store.judge = (wish) => (wish.by === 'subject' ? { schema: SCHEMA } : down);
  assert.deepEqual(await supply.get(renewal), { schema: SCHEMA });
  assert.deepEqual(store.asked.at(-1), renewal);
  assert.notEqual(supply.waiting, undefined, 'it says nothing of the others');
  supply.close();
  for (const waiter of waiters) await assert.rejects(waiter, { code: 'guest.closed' });
  await assert.rejects(supply.get(renewal), { code: 'guest.closed' });
});
