import { InvalidArgumentError } from 'commander';

/** For an option that rpk knows more than once: the last one alone would be a surprise. */
export function onlyOnce(value: string, before: string | undefined): string {
  if (before === undefined) return value;
  throw new InvalidArgumentError('One output only; --route lets the module name the topic of each record.');
}

/** For an option that may be given more than once: all of its values, in their order. */
export function repeated(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}
