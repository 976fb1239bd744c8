import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fetchSchemas, wishKey, type SchemaSource, type SchemaWish } from './schema.ts';

const WISHES: readonly SchemaWish[] = [
  { by: 'id', id: 1 },
  { by: 'id', id: 12 },
  { by: 'subject', subject: '1', version: 1 },
  { by: 'subject', subject: '#1', version: 1 },
  { by: 'subject', subject: '1', version: 12 },
  { by: 'subject', subject: '1@1', version: 2 },
  { by: 'subject', subject: '1', version: 'latest' },
  { by: 'file', subject: '1' },
  { by: 'file', subject: '1@latest' },
  { by: 'subject', subject: '1@file', version: 1 },
];

test('each wish has a text of its own', () => {
  assert.equal(new Set(WISHES.map(wishKey)).size, WISHES.length);
});

test('everything wished for is fetched at once, and told in order', async () => {
  const asked: SchemaWish[] = [];
  const gates: (() => void)[] = [];
  const source: SchemaSource = {
    async get(wish) {
      asked.push(wish);
      await new Promise<void>((resolve) => gates.push(resolve));
      return { fault: { code: 'schema.missing', message: wishKey(wish) } };
    },
    close: () => undefined,
  };
  const fetched = fetchSchemas(source, WISHES);
  assert.deepEqual(asked, WISHES);
  for (const open of gates.toReversed()) open();
  const answers = await fetched;
  assert.deepEqual(
    answers.map(([wish]) => wish),
    WISHES,
  );
  for (const [wish, answer] of answers) assert.equal('fault' in answer && answer.fault.message, wishKey(wish));
});

test('a source that is closed turns away all, and where there is none there are no schemas', async () => {
  const closed: SchemaSource = { get: () => Promise.reject(new Error('closed')), close: () => undefined };
  await assert.rejects(fetchSchemas(closed, WISHES), /closed/);
  for (const [, answer] of await fetchSchemas(undefined, WISHES)) {
    assert.ok('fault' in answer && answer.fault.code === 'registry.not_configured');
  }
});
