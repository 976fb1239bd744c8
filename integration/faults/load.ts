import type { RecordToProduce } from '../cluster/client.ts';
import type { Entry, Fate } from '../harness/ledger.ts';

/* What flows in: one record after another to each partition in turn, so that an id says where its record lies. */

export const PARTITIONS = 6;
/** Every so many records one traps, in each partition in turn: dead letters are under way whenever a fault comes. */
const POISON_EVERY = 49;
const POISONED = POISON_EVERY - 1;

export function recordOf(i: number): RecordToProduce {
  const poison = i % POISON_EVERY === POISONED ? ',"poison":"trap"' : '';
  return { key: `device-${i % 97}`, value: `{"device_id":"dev-${i}"${poison}}`, partition: i % PARTITIONS };
}

export function fateOf({ id }: Pick<Entry, 'id'>): Fate {
  return Number(id) % POISON_EVERY === POISONED ? ['guest.trap'] : 'output';
}

/** Where the record of this id lies in the input. */
export function placeOfId(id: string): { readonly partition: number; readonly offset: number } {
  const i = Number(id);
  return { partition: i % PARTITIONS, offset: Math.floor(i / PARTITIONS) };
}
