import { seededRng, type Rng } from '../../src/base/rng.ts';

/** Choices that a seed decides. */
export class Dice {
  readonly #rng: Rng;

  constructor(seed: number) {
    this.#rng = seededRng(seed);
  }

  /** 0 <= n < end */
  below(end: number): number {
    return Math.floor(this.#rng() * end);
  }

  chance(probability: number): boolean {
    return this.#rng() < probability;
  }

  pick<T>(list: readonly T[]): T {
    const choice = list[this.below(list.length)];
    if (choice === undefined) throw new Error('nothing to choose from');
    return choice;
  }

  /** In another order, up to `count` of them. */
  some<T>(list: readonly T[], count: number): T[] {
    const left = [...list];
    const chosen: T[] = [];
    while (chosen.length < count && left.length > 0) chosen.push(...left.splice(this.below(left.length), 1));
    return chosen;
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }

  /** `bits` random bits, not negative. */
  big(bits: number): bigint {
    return BigInt(`0x${this.bytes(Math.ceil(bits / 8) + 1).toString('hex')}`) & ((1n << BigInt(bits)) - 1n);
  }
}
