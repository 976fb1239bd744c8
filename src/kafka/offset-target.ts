import { StreamlineError } from '../base/error.ts';
import type { StartOffset, TopicName } from '../spec/transformation-config.ts';
import { startOffset } from './start-offset.ts';

/** Where offsets are put. `shift` is counted from what is committed, and kept within the topic. */
export type OffsetTarget =
  | { readonly to: 'earliest' }
  | { readonly to: 'latest' }
  | { readonly to: 'timestamp'; readonly timestampMs: number }
  | { readonly to: 'shift'; readonly records: number }
  | { readonly to: 'exact'; readonly offsets: readonly { readonly partition: number; readonly offset: number }[] };

export interface GroupPartition {
  readonly partition: number;
  /** undefined: nothing is. */
  readonly committed: number | undefined;
  readonly earliest: number;
  readonly latest: number;
}

/** A partition, and the first offset at or after the time the target or the start names; -1 = none. */
export type TargetMarks = GroupPartition & { readonly atTime: number };

/**
 * Where a target puts one partition, within what the topic has. undefined: it is left alone, for `exact` does not name it.
 * @param start from where `shift` counts where nothing is committed
 */
export function targetOffset(target: OffsetTarget, marks: TargetMarks, start: StartOffset): number | undefined {
  switch (target.to) {
    case 'earliest':
      return marks.earliest;
    case 'latest':
      return marks.latest;
    case 'timestamp':
      return startOffset({ at: 'timestamp', timestampMs: target.timestampMs }, marks);
    case 'shift': {
      const from = marks.committed ?? startOffset(start, marks);
      return Math.min(marks.latest, Math.max(marks.earliest, from + target.records));
    }
    case 'exact':
      return target.offsets.find(({ partition }) => partition === marks.partition)?.offset;
  }
}

/** What is wrong with a target; undefined: nothing. */
export function targetFault(
  target: OffsetTarget,
  topic: TopicName,
  rows: readonly GroupPartition[],
): StreamlineError | undefined {
  if (target.to === 'shift' && !Number.isSafeInteger(target.records)) {
    return new StreamlineError('offsets.invalid', `${target.records} is no whole number of records`);
  }
  if (target.to !== 'exact') return undefined;
  const seen = new Set<number>();
  for (const { partition, offset } of target.offsets) {
    const row = rows.find((candidate) => candidate.partition === partition);
    if (row === undefined) {
      const numbers = rows.map((known) => known.partition);
      const range = `it has ${numbers.length}: ${Math.min(...numbers)} to ${Math.max(...numbers)}`;
      return new StreamlineError('offsets.invalid', `${topic} has no partition ${partition}; ${range}`);
    }
    if (seen.has(partition)) {
      return new StreamlineError('offsets.invalid', `partition ${partition} of ${topic} is named twice`);
    }
    seen.add(partition);
    if (!Number.isSafeInteger(offset) || offset < row.earliest || offset > row.latest) {
      const range = `it has offsets from ${row.earliest} to its end at ${row.latest}`;
      return new StreamlineError(
        'offsets.invalid',
        `offset ${offset} of partition ${partition} is not in ${topic}: ${range}`,
      );
    }
  }
  return undefined;
}
