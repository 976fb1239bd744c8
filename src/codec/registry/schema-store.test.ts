import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamlineError } from '../../base/error.ts';
import { settled, SimClock } from '../../pipeline/sim/sim-clock.ts';
import type { ReferencedSchema, SchemaAnswer, SchemaWish } from '../schema.ts';
import { SchemaStore, type SchemaFetcher } from './schema-store.ts';
import type { SchemaToRegister, SubjectSchema } from './registry-client.ts';

const LIMITS = { cachedSchemas: 10, cachedSchemaBytesMax: 100_000, subjectTtlMs: 60_000, unknownTtlMs: 5000 };
const latest: SchemaWish = { by: 'subject', subject: 's', version: 'latest' };

class CountingFetcher implements SchemaFetcher {
  readonly asked: string[] = [];
  atOnce = 0;
  atOnceMost = 0;
  /** Its answers are held back until it is called. */
  release: (() => void) | undefined;
  latest = 1;
  error: StreamlineError | undefined;
  readonly unknown = new Set<number>();
  /** Of each schema. */
  references: readonly ReferencedSchema[] = [];

  schema(id: number): Promise<SubjectSchema> {
    return this.#answer(`#${id}`, () => {
      if (this.unknown.has(id)) throw new StreamlineError('schema.unknown_id', `no ${id}`);
      return { ...schemaOf(id), references: this.references };
    });
  }
  subject(subject: string, version: number | 'latest'): Promise<SubjectSchema> {
    const schema = schemaOf(version === 'latest' ? this.latest : version);
    return this.#answer(`${subject}@${version}`, () => schema);
  }
  register(subject: string, { text }: SchemaToRegister): Promise<number> {
    return this.#answer(`register ${subject} ${text}`, () => 70);
  }
  registered(subject: string, { text }: SchemaToRegister): Promise<{ id: number; version: number } | undefined> {
    return this.#answer(`registered ${subject} ${text}`, () => (text === 'there' ? { id: 71, version: 1 } : undefined));
  }

  hold(): void {
    this.#held = new Promise((resolve) => {
      this.release = () => {
        this.#held = Promise.resolve();
        resolve();
      };
    });
  }
  #held = Promise.resolve();

  async #answer<T>(question: string, answer: () => T): Promise<T> {
    this.asked.push(question);
    this.atOnce += 1;
    this.atOnceMost = Math.max(this.atOnceMost, this.atOnce);
    try {
      await this.#held;
      await settled();
      if (this.error !== undefined) throw this.error;
      return answer();
    } finally {
      this.atOnce -= 1;
    }
  }
}

function schemaOf(id: number): SubjectSchema {
  return { id, type: 'AVRO', text: `"${id}"`, references: [], subject: 's', version: id };
}

function world(limits: Partial<typeof LIMITS> = {}) {
  const clock = new SimClock();
  const fetcher = new CountingFetcher();
  const warnings: string[] = [];
  const store = new SchemaStore(fetcher, { ...LIMITS, ...limits }, clock, (message) => void warnings.push(message));
  const idOf = async (wish: SchemaWish): Promise<number | string> => {
    assert.ok(wish.by !== 'file');
    const answer = await store.get(wish);
    return 'schema' in answer ? answer.schema.id : answer.fault.code;
  };
  return { clock, fetcher, store, warnings, idOf };
}

test('a thousand ids, each asked for by many at once, cost a thousand calls, a few at a time', async () => {
  const { fetcher, idOf } = world({ cachedSchemas: 1000 });
  const ids = Array.from({ length: 1000 }, (_, i) => i);
  const all = [...ids, ...ids.toReversed(), ...ids, ...ids, ...ids];
  const answers = await Promise.all(all.map((id) => idOf({ by: 'id', id })));
  assert.deepEqual(answers, all);
  assert.equal(fetcher.asked.length, 1000);
  assert.equal(new Set(fetcher.asked).size, 1000);
  assert.ok(fetcher.atOnceMost > 1 && fetcher.atOnceMost <= 8, `${fetcher.atOnceMost} at once`);
  await Promise.all(all.map((id) => idOf({ by: 'id', id })));
  assert.equal(fetcher.asked.length, 1000);
});

test('an id and a numbered version never change, the latest is asked for again after its time', async () => {
  const { clock, fetcher, store, idOf } = world();
  const wishes: SchemaWish[] = [{ by: 'id', id: 4 }, { by: 'subject', subject: 's', version: 4 }, latest];
  for (const wish of wishes) await idOf(wish);
  assert.deepEqual(fetcher.asked, ['#4', 's@4', 's@latest']);
  assert.deepEqual(await store.get({ by: 'id', id: 4 }), { schema: schemaOf(4) });
  await clock.advance(59_000);
  assert.equal((await store.get({ ...latest })).freshForMs, 1000);
  for (const wish of wishes) await idOf(wish);
  assert.equal(fetcher.asked.length, 3);
  await clock.advance(1_000_000);
  for (const wish of wishes) await idOf(wish);
  await settled();
  assert.deepEqual(fetcher.asked.slice(3), ['s@latest']);
});

test('a latest version past its time is answered at once and refreshed behind, by one request', async () => {
  const { clock, fetcher, store, idOf } = world();
  assert.equal(await idOf(latest), 1);
  fetcher.latest = 2;
  await clock.advance(60_000);
  fetcher.hold();
  assert.deepEqual(await Promise.all([idOf(latest), idOf(latest), idOf(latest)]), [1, 1, 1]);
  const { freshForMs = 0 } = await store.get({ ...latest });
  assert.ok(freshForMs > 0 && freshForMs <= 1000, 'asked again soon, and not at once');
  assert.equal(fetcher.asked.length, 2);
  fetcher.release?.();
  await settled();
  await settled();
  assert.equal(await idOf(latest), 2);
  assert.equal(fetcher.asked.length, 2);
});

test('a subject that cannot be refreshed or was deleted stays as it was, said once per change', async () => {
  const { clock, fetcher, warnings, idOf } = world();
  await idOf(latest);
  fetcher.error = new StreamlineError('registry.unreachable', 'it is down');
  for (let i = 0; i < 10; i += 1) {
    await clock.advance(60_000);
    assert.equal(await idOf(latest), 1);
    await settled();
  }
  assert.equal(fetcher.asked.length, 11);
  assert.deepEqual(warnings, [
    's@latest cannot be looked up, schema id 1 stays in use: it is down [registry.unreachable]',
  ]);
  fetcher.error = new StreamlineError('schema.missing', 'deleted');
  for (let i = 0; i < 3; i += 1) {
    await clock.advance(60_000);
    assert.equal(await idOf(latest), 1);
    await settled();
  }
  assert.equal(warnings.length, 2);
  assert.match(warnings[1] ?? '', /deleted/);
  fetcher.error = undefined;
  fetcher.latest = 9;
  for (let i = 0; i < 3; i += 1) {
    await clock.advance(60_000);
    await idOf(latest);
    await settled();
  }
  assert.equal(await idOf(latest), 9);
  assert.deepEqual(warnings.slice(2), ['s@latest can be looked up again: it is schema id 9']);
});

test('an old latest whose refresh fails is not asked for at every question', async () => {
  const { clock, fetcher, idOf } = world();
  await idOf(latest);
  fetcher.error = new StreamlineError('registry.failed', '500');
  await clock.advance(60_000);
  for (let i = 0; i < 90; i += 1) {
    await idOf(latest);
    await clock.advance(100);
  }
  assert.equal(fetcher.asked.length, 2);
  await clock.advance(2000);
  await idOf(latest);
  await settled();
  assert.equal(fetcher.asked.length, 3);
});

test('an id that nobody knows is asked for again after its own time, and one that came since is found', async () => {
  const { clock, fetcher, store, idOf } = world();
  fetcher.unknown.add(5);
  assert.equal(await idOf({ by: 'id', id: 5 }), 'schema.unknown_id');
  assert.deepEqual(await store.get({ by: 'id', id: 5 }), {
    fault: { code: 'schema.unknown_id', message: 'no 5' },
    freshForMs: 5000,
  });
  fetcher.unknown.clear();
  await clock.advance(4999);
  assert.equal(await idOf({ by: 'id', id: 5 }), 'schema.unknown_id');
  assert.equal(fetcher.asked.length, 1);
  await clock.advance(1);
  assert.equal(await idOf({ by: 'id', id: 5 }), 5);
  assert.equal(fetcher.asked.length, 2);
});

test('a registry that cannot be asked is no answer, and nothing of it is kept', async () => {
  const { fetcher, store, idOf } = world();
  fetcher.error = new StreamlineError('registry.unauthorized', 'no');
  const both = [store.get({ by: 'id', id: 1 }), store.get({ by: 'id', id: 1 })];
  for (const asked of both) await assert.rejects(asked, { code: 'registry.unauthorized' });
  assert.equal(fetcher.asked.length, 1);
  fetcher.error = undefined;
  assert.equal(await idOf({ by: 'id', id: 1 }), 1);
});

test('no more is kept than its bound, the longest unused goes first, and unknown ids push out nothing', async () => {
  const { fetcher, idOf } = world({ cachedSchemas: 3 });
  for (const id of [1, 2, 3]) await idOf({ by: 'id', id });
  await idOf({ by: 'id', id: 1 });
  await idOf({ by: 'id', id: 4 });
  fetcher.asked.length = 0;
  for (const id of [1, 3, 4]) await idOf({ by: 'id', id });
  assert.deepEqual(fetcher.asked, []);
  await idOf({ by: 'id', id: 2 });
  assert.deepEqual(fetcher.asked, ['#2']);
  for (let id = 100; id < 200; id += 1) fetcher.unknown.add(id);
  for (let id = 100; id < 200; id += 1) await idOf({ by: 'id', id });
  fetcher.asked.length = 0;
  for (const id of [3, 4, 2]) await idOf({ by: 'id', id });
  assert.deepEqual(fetcher.asked, []);
});

test('texts together are no more than their bound, those of what they refer to as well', async () => {
  const { fetcher, store, idOf } = world({ cachedSchemaBytesMax: 100 });
  const file = (subject: string, bytes: number) =>
    ({
      by: 'file',
      subject,
      file: { schema: { type: 'AVRO', text: 'é'.repeat(bytes / 2) }, autoRegister: true },
    }) as const;
  const asks = async (...wishes: readonly ReturnType<typeof file>[]): Promise<readonly string[]> => {
    fetcher.asked.length = 0;
    for (const wish of wishes) await store.get(wish);
    return fetcher.asked.map((asked) => asked.split(' ')[1] ?? '');
  };
  const [a, b, c] = [file('a', 60), file('b', 40), file('c', 2)];
  assert.deepEqual(await asks(a, b, a, b), ['a', 'b'], 'as much as the bound');
  assert.deepEqual(await asks(c, b, c), ['c'], 'a byte more');
  assert.deepEqual(await asks(a), ['a']);

  fetcher.references = [{ name: 'r', text: 'x'.repeat(97) }];
  fetcher.asked.length = 0;
  for (const id of [1, 1, 2, 1]) await idOf({ by: 'id', id });
  assert.deepEqual(fetcher.asked, ['#1', '#2', '#1']);
});

test('what is renewed is asked for anew, whatever is known and whatever is under way', async () => {
  const { fetcher, store, idOf } = world();
  const renewed = async (): Promise<unknown> => {
    const answer = await store.renew({ by: 'subject', subject: 's', version: 'latest' });
    return 'schema' in answer ? answer.schema.id : answer.fault.code;
  };
  fetcher.hold();
  const before = idOf(latest);
  await settled();
  const after = [renewed(), renewed()];
  fetcher.release?.();
  assert.equal(await before, 1);
  fetcher.latest = 2;
  assert.deepEqual(await Promise.all(after), [2, 2]);
  assert.deepEqual(fetcher.asked, ['s@latest', 's@latest']);
  fetcher.latest = 3;
  assert.deepEqual([await renewed(), await idOf(latest)], [3, 3]);
});

test('what is renewed while the registry does not answer stays as it was, and as fresh', async () => {
  const { clock, fetcher, store, warnings, idOf } = world();
  const file = { schema: { type: 'AVRO', text: 'there' } as const, autoRegister: false };
  const wish = { by: 'file', subject: 's', file } as const;
  const known = await store.get(wish);
  await idOf(latest);
  fetcher.error = new StreamlineError('registry.unreachable', 'down');
  assert.deepEqual(await store.renew(wish), known);
  assert.equal((await store.renew({ by: 'subject', subject: 's', version: 'latest' })).freshForMs, 60_000);
  assert.equal(warnings.length, 2);
  assert.match(warnings[0] ?? '', /^s@file cannot be looked up, schema id 71 stays in use: down/);
  await clock.advance(120_000);
  assert.deepEqual(await store.get(wish), known);
  assert.equal(fetcher.asked.length, 4, 'a schema of a file never changes');
  await assert.rejects(store.renew({ by: 'id', id: 9 }), { code: 'registry.unreachable' });
});

test('the schema of a file is found under the subject, or registered, or a fault', async () => {
  const { fetcher, store } = world();
  const wish = (text: string, autoRegister: boolean) => {
    const file = { schema: { type: 'AVRO', text } as const, autoRegister };
    return store.get({ by: 'file', subject: 's', file });
  };
  assert.deepEqual(await wish('there', false), { schema: { id: 71, type: 'AVRO', text: 'there', references: [] } });
  const absent = await wish('absent', false);
  assert.ok('fault' in absent);
  assert.equal(absent.fault.code, 'schema.not_registered');
  assert.deepEqual(await wish('absent', true), { schema: { id: 70, type: 'AVRO', text: 'absent', references: [] } });
  await Promise.all([wish('there', false), wish('absent', false), wish('absent', true)]);
  assert.deepEqual(fetcher.asked, ['registered s there', 'registered s absent', 'register s absent']);
});

const doubted = { by: 'subject', subject: 's', version: 'latest', renews: true } as const;
const idIn = (answer: SchemaAnswer): number | string => ('schema' in answer ? answer.schema.id : answer.fault.code);

test('a latest in doubt is asked for once a second, however many doubt it, and is the answer to all', async () => {
  const { clock, fetcher, store, idOf } = world();
  assert.equal(await idOf(latest), 1);
  fetcher.latest = 2;
  await clock.advance(999);
  const recent = await store.get(doubted);
  assert.deepEqual([idIn(recent), recent.believedForMs], [1, 1], 'it was looked up a moment ago');
  assert.equal(fetcher.asked.length, 1);
  await clock.advance(1);
  const many = await Promise.all(Array.from({ length: 100 }, () => store.get(doubted)));
  assert.deepEqual(new Set(many.map(idIn)), new Set([2]));
  assert.equal(fetcher.asked.length, 2);
  assert.deepEqual([many[0]?.freshForMs, many[0]?.believedForMs], [60_000, 1000]);
  assert.equal(await idOf(latest), 2);
  // A topic full of misfits.
  fetcher.asked.length = 0;
  for (let i = 0; i < 1000; i += 1) {
    await store.get(doubted);
    await clock.advance(10);
  }
  assert.equal(fetcher.asked.length, 9);
  // Another subject has its own second.
  const other = { ...doubted, subject: 'other' };
  await store.get(other);
  assert.equal(fetcher.asked.at(-1), 'other@latest');
});

test('a registry that cannot be asked leaves a latest in doubt as it was, and is left alone for a while', async () => {
  const { clock, fetcher, store, warnings, idOf } = world();
  await idOf(latest);
  fetcher.latest = 2;
  fetcher.error = new StreamlineError('registry.unreachable', 'down');
  await clock.advance(1000);
  for (let i = 0; i < 100; i += 1) {
    assert.equal(idIn(await store.get(doubted)), 1);
    await clock.advance(100);
  }
  assert.equal(fetcher.asked.length, 2);
  assert.equal(warnings.length, 1);
  fetcher.error = undefined;
  assert.equal(idIn(await store.get(doubted)), 2);
  // Whoever doubts has a schema, also where it was pushed out here.
  fetcher.error = new StreamlineError('registry.failed', '500');
  for (let i = 0; i < 2; i += 1) {
    assert.equal(idIn(await store.get({ ...doubted, subject: 'other' })), 'registry.unreachable');
  }
  assert.equal(fetcher.asked.length, 4);
  fetcher.error = new StreamlineError('guest.closed', 'closed');
  await assert.rejects(store.get({ ...doubted, subject: 'third' }), { code: 'guest.closed' });
});

test('a registry that hangs is waited for two seconds, and what it says later is not lost', async () => {
  const { clock, fetcher, store, idOf } = world();
  await idOf(latest);
  fetcher.latest = 2;
  await clock.advance(1000);
  fetcher.hold();
  let answer: number | string | undefined;
  const ask = async (): Promise<void> => void (answer = idIn(await store.get(doubted)));
  void ask();
  await clock.advance(1999);
  assert.equal(answer, undefined);
  await clock.advance(1);
  await settled();
  assert.equal(answer, 1);
  assert.equal((await store.get(doubted)).believedForMs, 10_000);
  for (let i = 0; i < 99; i += 1) {
    assert.equal(idIn(await store.get(doubted)), 1, 'at once');
    await clock.advance(100);
  }
  assert.equal(fetcher.asked.length, 2);
  fetcher.release?.();
  await settled();
  await settled();
  assert.equal(idIn(await store.get(doubted)), 2);
  assert.equal(fetcher.asked.length, 2);
});

test('a slow registry is asked so rarely that a fifth of the time at most is spent on it', async () => {
  const { clock, fetcher, store, idOf } = world();
  await idOf(latest);
  await clock.advance(1000);
  fetcher.hold();
  const asked = store.get(doubted);
  await clock.advance(500);
  fetcher.release?.();
  await asked;
  await clock.advance(1999);
  await store.get(doubted);
  assert.equal(fetcher.asked.length, 2);
  await clock.advance(1);
  await store.get(doubted);
  assert.equal(fetcher.asked.length, 3);
});
