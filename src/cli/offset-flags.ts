import { usageError } from './command-error.ts';
import { parseStartOffset } from '../spec/start-offset.ts';
import { startOf } from './spec-flags.ts';

export interface ResetFlags {
  readonly to?: string;
  readonly offset?: readonly string[];
}

export type ResetTarget =
  { readonly to: string } | { readonly exact: readonly { readonly partition: number; readonly offset: number }[] };

/** Where `offsets reset` is to put them. */
export function resetTargetOf({ to, offset = [] }: ResetFlags): ResetTarget {
  if ((to === undefined) === (offset.length === 0))
    throw usageError(
      'give either --to or --offset',
      'Such as --to earliest, --to @2026-01-31T12:00:00Z, --to -100, --offset 0=1234.',
    );
  if (to === undefined) return { exact: offset.map(parsePartitionOffset) };
  const target = startOf(to);
  // +N and -N: from what is committed; how far that goes is the sidecar's to say.
  const start = parseStartOffset(target);
  if ('suggestion' in start) throw usageError(`--to cannot be ${to}`, 'Write earliest, latest, @MS, @DATE, +N or -N.');
  return { to: target };
}

/** `3=1200`: partition and offset. */
export function parsePartitionOffset(text: string): { readonly partition: number; readonly offset: number } {
  const [, partition, offset] = /^(\d{1,9})[=:](\d{1,16})$/.exec(text) ?? [];
  if (partition === undefined || !Number.isSafeInteger(Number(offset)))
    throw usageError(`--offset cannot be ${text}`, 'Write PARTITION=OFFSET, such as --offset 0=1234.');
  return { partition: Number(partition), offset: Number(offset) };
}
