import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteBudget } from './byte-budget.ts';

test('a minute has its bytes and not one more; the next has them again', () => {
  const budget = new ByteBudget(100, 0);
  budget.take(60, 10);
  budget.take(40, 20_000);
  assert.throws(() => budget.take(1, 30_500), { code: 'request.too_many', headers: { 'retry-after': '30' } });
  assert.throws(() => budget.take(1, 59_999), { code: 'request.too_many' });
  budget.take(100, 60_000);
  assert.throws(() => budget.take(1, 60_001), { code: 'request.too_many' });
});
