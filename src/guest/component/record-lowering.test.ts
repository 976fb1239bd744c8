import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GuestMemory } from '../guest-memory.ts';
import { RecordLowering } from './record-lowering.ts';

function lowering(answer: number): RecordLowering {
  const memory = new GuestMemory(new WebAssembly.Memory({ initial: 1 }));
  return new RecordLowering(memory, () => answer, 'topic');
}

void test('room that is none: an address of 0, one that is not aligned, one outside of the memory', () => {
  assert.throws(() => lowering(0).allocate(8, 1), { code: 'guest.trap' });
  assert.throws(() => lowering(6).allocate(8, 4), { code: 'guest.abi_violation' });
  assert.throws(() => lowering(65_530).allocate(8, 1), { code: 'guest.abi_violation' });
  assert.throws(() => lowering(-1).allocate(8, 1), { code: 'guest.abi_violation' });
  assert.equal(lowering(65_528).allocate(8, 1), 65_528);
});

void test('nothing is asked for nothing', () => {
  assert.equal(lowering(0).allocate(0, 4), 4);
});
