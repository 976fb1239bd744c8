import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settled } from './sim/sim-clock.ts';
import { UnitGate, type Unit } from './unit-gate.ts';

function setUp() {
  const gate = new UnitGate();
  const order: string[] = [];
  const inside = new Map<string, Unit>();
  const enter = (name: string, alone = false): void => {
    void gate.enter(alone).then((unit) => {
      order.push(name);
      inside.set(name, unit);
    });
  };
  const leave = (name: string, hasSettled = true): void => inside.get(name)?.leave(hasSettled);
  return { gate, order, inside, enter, leave };
}

void test('who comes while it is closed waits, and goes in in the order of coming, before who comes later (I3)', async () => {
  const { gate, order, enter } = setUp();
  enter('a');
  gate.close();
  enter('b');
  enter('c');
  await settled();
  assert.deepEqual(order, ['a']);
  gate.open();
  enter('d');
  await settled();
  assert.deepEqual(order, ['a', 'b', 'c', 'd']);
});

void test('empty resolves when the last one has left', async () => {
  const { gate, enter, leave } = setUp();
  enter('a');
  enter('b');
  await settled();
  gate.close();
  let empty = false;
  void gate.empty().then(() => (empty = true));
  leave('a');
  await settled();
  assert.equal(empty, false);
  leave('b');
  await settled();
  assert.equal(empty, true);
});

void test('one that wants to be alone waits for who is inside, and who comes after it waits for it', async () => {
  const { order, enter, leave } = setUp();
  enter('a');
  enter('alone', true);
  enter('b');
  await settled();
  assert.deepEqual(order, ['a']);
  leave('a');
  await settled();
  assert.deepEqual(order, ['a', 'alone']);
  leave('alone');
  await settled();
  assert.deepEqual(order, ['a', 'alone', 'b']);
});

void test('what was handed over and did not settle breaks the transaction; what was not handed over does not', async () => {
  const { gate, inside, enter, leave } = setUp();
  enter('a');
  enter('b');
  await settled();
  leave('a', false);
  assert.deepEqual([gate.produced, gate.broken], [false, false]);
  inside.get('b')?.handed();
  assert.deepEqual([gate.produced, gate.broken], [true, false]);
  leave('b', false);
  assert.equal(gate.broken, true);
  gate.reset();
  assert.deepEqual([gate.produced, gate.broken], [false, false]);
});

void test('abandoned: those who wait are let in, and nobody of before counts any more', async () => {
  const { gate, inside, order, enter, leave } = setUp();
  enter('a', true);
  enter('b');
  await settled();
  gate.close();
  gate.abandon();
  await settled();
  assert.deepEqual(order, ['a', 'b']);
  inside.get('b')?.handed();
  leave('a', false);
  leave('b', false);
  assert.deepEqual([gate.produced, gate.broken], [false, false]);
  await gate.empty();
  enter('c');
  await settled();
  assert.deepEqual(order, ['a', 'b'], 'it stays closed');
});
