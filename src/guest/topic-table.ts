import { DEFAULT_TOPIC } from '../pipeline/packed-results.ts';

/** Indexes are u16 with 0xFFFF taken; below it with room to spare. */
export const TOPICS_PER_BATCH_MAX = 65_000;

/** The topic names of one batch's results: each name travels once, its entries carry its index. */
export class TopicTable {
  readonly #indexes = new Map<string, number>();
  #names: string[] = [];

  reset(): void {
    if (this.#names.length === 0) return;
    this.#indexes.clear();
    this.#names = [];
  }

  /** DEFAULT_TOPIC when the table is full: the caller has to fail the record. */
  intern(name: string): number {
    const known = this.#indexes.get(name);
    if (known !== undefined) return known;
    const index = this.#names.length;
    if (index >= TOPICS_PER_BATCH_MAX) return DEFAULT_TOPIC;
    this.#names.push(name);
    this.#indexes.set(name, index);
    return index;
  }

  /** Forgets all but the first `count`: what a record named that has come to nothing. */
  rewind(count: number): void {
    for (const name of this.#names.splice(count)) this.#indexes.delete(name);
  }

  get names(): readonly string[] {
    return this.#names;
  }
}
