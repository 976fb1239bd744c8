import type { Rng } from '../../src/base/rng.ts';

/** Draws from a seeded source. */
export interface Pick {
  /** first ≤ n ≤ last. */
  int(first: number, last: number): number;
  of<T>(items: readonly T[]): T;
  /** True `share` times in a thousand. */
  perMille(share: number): boolean;
  digits(count: number): string;
  hex(count: number): string;
}

export function picker(rng: Rng): Pick {
  const int = (first: number, last: number): number => first + Math.floor(rng() * (last - first + 1));
  const text = (alphabet: string, count: number): string =>
    Array.from({ length: count }, () => alphabet[int(0, alphabet.length - 1)]).join('');
  return {
    int,
    of<T>(items: readonly T[]): T {
      const item = items[int(0, items.length - 1)];
      if (item === undefined) throw new RangeError('nothing to pick from');
      return item;
    },
    perMille: (share) => rng() * 1000 < share,
    digits: (count) => text('0123456789', count),
    hex: (count) => text('0123456789abcdef', count),
  };
}
