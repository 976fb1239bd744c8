import type { Dice } from './dice.ts';

/** Counts and lengths as an attacker would write them: 2^31, 2^53, 2^63 - 1, -2^63, -1, and more bytes than a varint has. */
const LIES = [
  '8080808010',
  '808080808080808020',
  'feffffffffffffffff01',
  'ffffffffffffffffff01',
  '01',
  'ffffffffffffffffffffff7f',
].map((hex) => Buffer.from(hex, 'hex'));

/** Bytes that were valid, damaged. */
export function mutatedBytes(bytes: Buffer, dice: Dice): Buffer {
  let mutated: Buffer = Buffer.from(bytes);
  for (let left = 1 + dice.below(3); left > 0; left -= 1) mutated = mutatedOnce(mutated, dice);
  return mutated;
}

function mutatedOnce(bytes: Buffer, dice: Dice): Buffer {
  const at = dice.below(bytes.length + 1);
  switch (dice.below(7)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      return Buffer.concat([bytes, dice.bytes(1 + dice.below(4))]);
    case 2:
      return Buffer.concat([bytes.subarray(0, at), dice.pick(LIES), bytes.subarray(at)]);
    case 3:
      return Buffer.concat([
        bytes.subarray(0, at),
        dice.pick(LIES),
        bytes.subarray(Math.min(bytes.length, at + 1 + dice.below(4))),
      ]);
    case 4:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.min(bytes.length, at + 1 + dice.below(4)))]);
    default: {
      const changed = Buffer.from(bytes);
      if (at < changed.length) changed[at] = dice.below(256);
      return changed;
    }
  }
}
