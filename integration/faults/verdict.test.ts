import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PlainRecord } from '../cluster/client.ts';
import { Ledger } from '../harness/ledger.ts';
import { ID_HEADER } from '../harness/spec.ts';
import { fateOf, PARTITIONS, placeOfId, recordOf } from './load.ts';
import { describeTail, judge, type Delivery, type Tail, type Verdict } from './verdict.ts';

/* The judge can condemn: each fault a group may have is put in front of it. 40 records, all of partition 0, some of them poisoned. */

const RECORDS = 40;
/** Ids of partition 0, in order: the n-th lies at offset n. */
const IDS = Array.from({ length: RECORDS }, (_, offset) => String(offset * PARTITIONS));
const isBad = (id: string): boolean => fateOf({ id }) !== 'output';
const GOOD = IDS.filter((id) => !isBad(id));
/** Ids of the good records at these offsets. */
const good = (from: number, to: number): string[] => IDS.slice(from, to).filter((id) => !isBad(id));

function records(topic: string, ids: readonly string[], code?: string): PlainRecord[] {
  const codes = code === undefined ? [] : [['streamline.error.code', Buffer.from(code)] as const];
  return ids.map((id, offset) => ({
    ...{ topic, partition: 0, offset, timestamp: 0, key: null, value: null },
    headers: [[ID_HEADER, Buffer.from(id)], ...codes],
  }));
}

interface Facts {
  readonly outputs?: readonly string[];
  readonly deadLetters?: readonly string[];
  readonly delivery?: Delivery;
  readonly tails?: readonly Tail[];
  readonly committed?: number;
  readonly inFlightMax?: number;
}

function ledgerOf({ outputs = GOOD, deadLetters = IDS.filter(isBad) }: Facts): Ledger {
  return new Ledger({
    inputs: records('in', IDS),
    outputs: records('out', outputs),
    deadLetters: records('dlq', deadLetters, 'guest.trap'),
  });
}

function verdict(facts: Facts): Verdict {
  const { delivery = 'at_least_once', tails = [], committed = RECORDS, inFlightMax = 100 } = facts;
  return judge({ ledger: ledgerOf(facts), fateOf, delivery, tails, inFlightMax, committed: new Map([[0, committed]]) });
}

const killed = (from: number, to: number): Tail => ({
  ...{ member: '#1', fault: 'killed' },
  ranges: new Map([[0, { from, written: to, to }]]),
});
const frozen = (from: number, written: number, to: number): Tail => ({
  ...{ member: '#2', fault: 'frozen' },
  ranges: new Map([[0, { from, written, to }]]),
});
const BOTH: readonly Delivery[] = ['at_least_once', 'exactly_once'];

test('an id says where its record lies, and some records are poisoned in each partition', () => {
  for (const id of ['0', '7', '611']) {
    assert.equal(placeOfId(id).partition, recordOf(Number(id)).partition);
    assert.equal(placeOfId(id).offset * PARTITIONS + placeOfId(id).partition, Number(id));
  }
  const poisoned = Array.from({ length: 600 }, (_, i) => i).filter((i) => isBad(String(i)));
  assert.equal(new Set(poisoned.map((i) => i % PARTITIONS)).size, PARTITIONS);
});

test('nothing to say where nothing is wrong', () => {
  for (const delivery of BOTH) {
    assert.deepEqual(verdict({ delivery }), { records: RECORDS, lost: 0, duplicates: 0, violations: [] });
  }
});

test('one record dropped, output or dead letter, is lost under either delivery', () => {
  for (const delivery of BOTH) {
    const output = verdict({ delivery, outputs: GOOD.toSpliced(10, 1), tails: [killed(0, RECORDS)] });
    assert.equal(output.lost, 1);
    assert.match(output.violations.join(), /should be an output: 0 outputs/);
    const deadLetter = verdict({ delivery, deadLetters: [], tails: [killed(0, RECORDS)] });
    assert.equal(deadLetter.lost, IDS.filter(isBad).length);
    assert.match(deadLetter.violations.join(), /should be a dead letter/);
  }
});

test('one record twice is a fault unless a tail explains it, and always under exactly once', () => {
  const outputs = GOOD.toSpliced(10, 0, GOOD[10]!);
  const place = placeOfId(GOOD[10]!).offset;
  assert.equal(verdict({ outputs }).duplicates, 1);
  assert.match(verdict({ outputs }).violations.join(), /may come 1 times/);
  assert.match(verdict({ outputs, tails: [killed(place + 1, RECORDS)] }).violations.join(), /may come 1 times/);
  assert.match(verdict({ outputs, tails: [killed(0, place)] }).violations.join(), /may come 1 times/);
  assert.deepEqual(verdict({ outputs, tails: [killed(place, place + 1)] }).violations, []);
  const once = verdict({ outputs, delivery: 'exactly_once', tails: [killed(0, RECORDS)] });
  assert.match(once.violations.join(), /may come 1 times/);
});

test('a record comes once more for each tail it lies in, no oftener', () => {
  const at = placeOfId(GOOD[10]!).offset;
  const outputs = GOOD.toSpliced(11, 0, GOOD[10]!, GOOD[10]!);
  assert.match(verdict({ outputs, tails: [killed(at, at + 1)] }).violations.join(), /may come 2 times/);
  assert.deepEqual(verdict({ outputs, tails: [killed(at, at + 1), killed(at, at + 1)] }).violations, []);
});

test('two records swapped are out of order, kill or no kill', () => {
  const outputs = [...good(0, 20), ...good(21, 22), ...good(20, 21), ...good(22, RECORDS)];
  for (const delivery of BOTH) {
    for (const tails of [[], [killed(0, RECORDS)]]) {
      assert.match(verdict({ outputs, delivery, tails }).violations.join(), /0 → out\/0: 20 after 21/);
    }
  }
});

test('a replay in order is none; two records swapped inside it are', () => {
  const tails = [killed(5, RECORDS)];
  const replayed = [...good(0, 20), ...good(10, RECORDS)];
  assert.deepEqual(verdict({ outputs: replayed, tails }).violations, []);
  const swapped = replayed.with(22, replayed[23]!).with(23, replayed[22]!);
  assert.match(verdict({ outputs: swapped, tails }).violations.join(), /written in 3 runs, not in 2/);
});

test('two owners at a time are two runs: the one that was out writes what it had, and no more', () => {
  // The new owner is at 20 when the old one goes on with what it had read: 12 to 14.
  const outputs = [...good(0, 12), ...good(5, 20), ...good(12, 15), ...good(20, RECORDS)];
  const tails = [frozen(5, 12, 30)];
  assert.deepEqual(verdict({ outputs, tails }).violations, []);
  assert.match(verdict({ outputs, tails, inFlightMax: 2 }).violations.join(), /#2 wrote 3 records after it was out/);
  assert.match(
    describeTail(ledgerOf({ outputs }), tails[0]!),
    /7 uncommitted \[0@5–11\]: 6 came again, 3 written by it/,
  );
});

test('what is committed in the end is the end', () => {
  for (const delivery of BOTH) {
    for (const committed of [RECORDS - 1, RECORDS + 1]) {
      assert.match(verdict({ delivery, committed }).violations.join(), /partition 0 is committed at/);
    }
  }
});
