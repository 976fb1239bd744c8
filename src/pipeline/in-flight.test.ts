import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InFlight } from './in-flight.ts';
import { packBatch, type PackedBatch } from './packed-batch.ts';
import { record } from './sim/hand-world.ts';
import type { Version } from './version.ts';

function setUp(batchesMax: number, bytesMax: number): { inFlight: InFlight; released: PackedBatch[] } {
  const released: PackedBatch[] = [];
  return { inFlight: new InFlight({ batchesMax, bytesMax }, (ticket) => void released.push(ticket.batch)), released };
}

// Only carried along.
const version = {} as Version;

const batch = (): PackedBatch => packBatch([record(0, 1), record(1, 1)]);

void test('a batch counts until its last segment is done, then it is released once', () => {
  const { inFlight, released } = setUp(1, 10_000);
  const given = batch();
  const ticket = inFlight.open(given, 2, version, 0);
  assert.equal(inFlight.hasRoom(), false);
  assert.equal(inFlight.bytes, given.byteLength);
  inFlight.close(ticket, false);
  assert.deepEqual(released, []);
  assert.equal(inFlight.hasRoom(), false);
  inFlight.close(ticket, false);
  assert.deepEqual(released, [given]);
  assert.equal(inFlight.bytes, 0);
  assert.equal(inFlight.hasRoom(), true);
});

void test('a batch that only waits behind a retry does not count as a batch, but its bytes do', () => {
  const { inFlight, released } = setUp(1, 10_000);
  const given = batch();
  const ticket = inFlight.open(given, 2, version, 0);
  inFlight.hold(ticket);
  assert.equal(inFlight.hasRoom(), false, 'the other segment is active');
  inFlight.close(ticket, false);
  assert.equal(inFlight.hasRoom(), true);
  assert.equal(inFlight.bytes, given.byteLength);
  inFlight.unhold(ticket);
  assert.equal(inFlight.hasRoom(), false);
  inFlight.close(ticket, false);
  assert.equal(inFlight.hasRoom(), true);
  assert.equal(released.length, 1);
});

void test('a held segment may be closed as it is', () => {
  const { inFlight, released } = setUp(1, 10_000);
  const ticket = inFlight.open(batch(), 1, version, 0);
  inFlight.hold(ticket);
  inFlight.close(ticket, true);
  assert.equal(released.length, 1);
  inFlight.open(batch(), 1, version, 0);
  assert.equal(inFlight.hasRoom(), false, 'the count has not gone below zero');
});

void test('bytes bound too, those of results included', () => {
  const { inFlight } = setUp(10, 1000);
  const ticket = inFlight.open(batch(), 1, version, 0);
  assert.equal(inFlight.hasRoom(), true);
  inFlight.grow(ticket, 1000);
  assert.equal(inFlight.hasRoom(), false);
  inFlight.close(ticket, false);
  assert.equal(inFlight.bytes, 0);
});

void test('whoever waits is called once, when something is released or held', () => {
  const { inFlight } = setUp(1, 10_000);
  let calls = 0;
  const ticket = inFlight.open(batch(), 2, version, 0);
  inFlight.onChange(() => (calls += 1));
  inFlight.hold(ticket);
  assert.equal(calls, 1);
  inFlight.close(ticket, true);
  assert.equal(calls, 1);
  inFlight.onChange(() => (calls += 1));
  inFlight.close(ticket, false);
  assert.equal(calls, 2);
});
