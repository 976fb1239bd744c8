import type { Chosen } from './exact-union.ts';

/** How a value must fit a branch: just as it is; with defaults, or in another spelling; with fields left out. */
export const CARES = ['exact', 'strict', 'lax'] as const;
export type Care = (typeof CARES)[number];

/**
 * A search for the branch of a plain union, with the searches inside of it. What was found for a value is kept: values that look alike in
 * each other would else be tried anew with each branch around them, two to the power of their depth times.
 */
export class BranchSearch {
  care: Care = 'exact';
  readonly #known: Readonly<Record<Care, Map<unknown, Map<unknown, Chosen | null>>>> = {
    exact: new Map(),
    strict: new Map(),
    lax: new Map(),
  };

  /** The branch of a union that a value was found to be of; null: none; undefined: not known. */
  found(union: unknown, json: unknown): Chosen | null | undefined {
    return this.#known[this.care].get(union)?.get(json);
  }

  keep(union: unknown, json: unknown, branch: Chosen | null): void {
    // Others are nothing that a search could be nested in, and the same in many places.
    if (typeof json !== 'object') return;
    const known = this.#known[this.care];
    const ofUnion = known.get(union) ?? new Map<unknown, Chosen | null>();
    known.set(union, ofUnion.set(json, branch));
  }
}
