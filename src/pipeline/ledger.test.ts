import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRng } from '../base/rng.ts';
import { PartitionLedger, type Receipt } from './ledger.ts';

void test('nothing is committable before something settled', () => {
  const ledger = new PartitionLedger();
  assert.equal(ledger.committable, undefined);
  ledger.accept(2, 10, 11);
  assert.equal(ledger.committable, undefined);
  assert.equal(ledger.unsettled, 2);
});

void test('committable waits for the lowest unsettled run, then passes everything settled (I1)', () => {
  const ledger = new PartitionLedger();
  const first = ledger.accept(1, 5, 5);
  const second = ledger.accept(1, 6, 6);
  ledger.settle(second, 1);
  assert.equal(ledger.committable, undefined);
  ledger.settle(first, 1);
  assert.equal(ledger.committable, 7);
});

void test('a run counts only when all of it is settled', () => {
  const ledger = new PartitionLedger();
  const run = ledger.accept(3, 1, 3);
  ledger.settle(run, 2);
  assert.equal(ledger.committable, undefined);
  ledger.settle(run, 0);
  assert.equal(ledger.committable, undefined);
  ledger.settle(run, 1);
  assert.equal(ledger.committable, 4);
});

void test('gaps in offsets are no missing records (I6)', () => {
  const ledger = new PartitionLedger();
  ledger.settle(ledger.accept(2, 10, 90), 2);
  assert.equal(ledger.committable, 91);
  ledger.settle(ledger.accept(1, 500, 500), 1);
  assert.equal(ledger.committable, 501);
});

void test('a head cut off a run can be committed before the rest', () => {
  const ledger = new PartitionLedger();
  const run = ledger.accept(5, 10, 14);
  const head = ledger.splitHead(run, 2, 11);
  assert.equal(run.unsettled, 3);
  ledger.settle(head, 2);
  assert.equal(ledger.committable, 12);
  assert.equal(ledger.unsettled, 3);
  ledger.settle(run, 3);
  assert.equal(ledger.committable, 15);
});

void test('what cannot be is refused: empty runs, offsets going back, more settled than received (I2)', () => {
  const ledger = new PartitionLedger();
  const bug = { code: 'bug.assertion' };
  assert.throws(() => ledger.accept(0, 1, 1), bug);
  assert.throws(() => ledger.accept(1, 2, 1), bug);
  const run = ledger.accept(2, 5, 6);
  assert.throws(() => ledger.accept(1, 6, 6), bug);
  assert.throws(() => ledger.settle(run, 3), bug);
  assert.throws(() => ledger.settle(run, -1), bug);
  assert.throws(() => ledger.splitHead(run, 2, 5), bug);
  assert.throws(() => ledger.splitHead(run, 1, 6), bug);
  assert.throws(() => ledger.splitHead(new PartitionLedger().accept(2, 5, 6), 1, 5), bug);
  ledger.settle(run, 2);
  assert.throws(() => ledger.settle(run, 1), bug);
});

void test('against a plain list of records, over seeds: committable is exactly the end of the settled head (I1, I6)', () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const rng = seededRng(seed);
    const ledger = new PartitionLedger();
    const open: { receipt: Receipt; offsets: number[] }[] = [];
    const received: number[] = [];
    const settled = new Set<number>();
    let offset = 0;
    for (let step = 0; step < 300; step += 1) {
      const draw = rng();
      const any = open[Math.floor(rng() * open.length)];
      if (draw < 0.4) {
        const offsets = Array.from({ length: 1 + Math.floor(rng() * 6) }, () => (offset += 1 + Math.floor(rng() * 3)));
        received.push(...offsets);
        open.push({ receipt: ledger.accept(offsets.length, offsets[0]!, offsets.at(-1)!), offsets });
      } else if (draw < 0.6 && any !== undefined && any.offsets.length > 1) {
        const offsets = any.offsets.splice(0, 1 + Math.floor(rng() * (any.offsets.length - 1)));
        open.push({ receipt: ledger.splitHead(any.receipt, offsets.length, offsets.at(-1)!), offsets });
      } else if (any !== undefined) {
        ledger.settle(any.receipt, any.offsets.length);
        for (const o of any.offsets) settled.add(o);
        open.splice(open.indexOf(any), 1);
      }
      const lowest = received.findIndex((o) => !settled.has(o));
      const head = lowest < 0 ? received : received.slice(0, lowest);
      const committable = ledger.committable;
      const allowed = (head.at(-1) ?? -1) + 1;
      assert.equal(committable ?? 0, allowed, `seed ${seed}, step ${step}`);
      assert.equal(ledger.unsettled, received.length - settled.size);
    }
  }
});
