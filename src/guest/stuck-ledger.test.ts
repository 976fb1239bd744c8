import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StuckLedger } from './stuck-ledger.ts';

const MINUTE_MS = 60_000;

void test('more than the limit within ten minutes is too many', () => {
  const ledger = new StuckLedger<string>(2);
  const add = (name: string, minute: number): boolean => {
    const tooMany = ledger.add(name, minute * MINUTE_MS);
    ledger.ended(name);
    return tooMany;
  };
  assert.deepEqual(
    [add('a', 0), add('b', 5), add('c', 11), add('d', 14), add('e', 16)],
    [false, false, false, true, true],
  );
  assert.equal(ledger.notEnded, 0);
});

void test('a thread that has not ended counts for ever', () => {
  const ledger = new StuckLedger<string>(1);
  assert.equal(ledger.add('a', 0), false);
  assert.equal(ledger.add('b', 1000 * MINUTE_MS), true);
  assert.equal(ledger.notEnded, 2);
});
