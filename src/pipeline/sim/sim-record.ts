import type { Rng } from '../../base/rng.ts';
import type { PlainRecord } from '../packed-batch.ts';

/** What the fake guest does with a record: written in its value, so that a replay does the same. */
export type Fate =
  | 'map'
  | 'pass'
  | 'filter'
  | 'fail'
  | 'fail_once'
  | 'too_large'
  | 'refused'
  | 'route'
  | 'route_bad'
  | 'trap_then_ok'
  | 'fan'
  | 'fan_bad'
  | 'fan_large'
  | 'fan_refused';

const FATES: readonly [Fate, number][] = [
  ['map', 50],
  ['pass', 12],
  ['filter', 12],
  ['fail', 6],
  ['fail_once', 6],
  ['too_large', 2],
  ['refused', 1],
  ['route', 6],
  ['route_bad', 2],
  ['trap_then_ok', 4],
  ['fan', 5],
  ['fan_bad', 1],
  ['fan_large', 2],
  ['fan_refused', 1],
];

/** Outputs of a record that fans out. */
export const FAN = 3;

export function fansOut(record: PlainRecord): boolean {
  return fateOf(record).startsWith('fan');
}

export function fateOf(record: PlainRecord): Fate {
  return Buffer.from(record.value ?? new Uint8Array())
    .toString()
    .split(' ')[0] as Fate;
}

/** An input log with gaps in its offsets (I6): compaction and transaction markers leave them. */
export function simLog(rng: Rng, partition: number, recordCount: number): PlainRecord[] {
  const records: PlainRecord[] = [];
  let offset = Math.floor(rng() * 50);
  const total = FATES.reduce((sum, [, weight]) => sum + weight, 0);
  for (let i = 0; i < recordCount; i += 1) {
    let draw = rng() * total;
    const fate = FATES.find(([, weight]) => (draw -= weight) < 0)?.[0] ?? 'map';
    const key = rng() < 0.1 ? null : Buffer.from(`k${Math.floor(rng() * 4)}`);
    records.push({
      partition,
      offset,
      timestampMs: i,
      key,
      value: Buffer.from(`${fate} ${partition}@${offset}`),
      headers: [],
    });
    offset += rng() < 0.15 ? 1 + Math.ceil(rng() * 7) : 1;
  }
  return records;
}
