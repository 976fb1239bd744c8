import {
  ALL_FROM_INPUT,
  DEFAULT_TOPIC,
  KIND_FILTERED,
  KIND_OUTPUT,
  type ResultWriter,
} from '../pipeline/packed-results.ts';
import type { GuestConfig } from './guest-config.ts';

/** The entry of a tombstone that a guest is not shown: it goes on as it is, or is dropped. */
export function writeUnshownTombstone(
  writer: ResultWriter,
  recordIndex: number,
  tombstones: GuestConfig['tombstones'],
  partition: number,
): void {
  if (tombstones === 'drop') writer.plain(recordIndex, KIND_FILTERED, 0, DEFAULT_TOPIC, partition, 0);
  else writer.plain(recordIndex, KIND_OUTPUT, ALL_FROM_INPUT, DEFAULT_TOPIC, partition, 0);
}
