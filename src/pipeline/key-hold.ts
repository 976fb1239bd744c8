/** Records that may wait for their own keys in one partition before the whole partition waits. */
const HELD_KEYS_MAX = 1000;

/** ordering: key. What waits in one partition because an earlier record of its key is held up by a retry; all else flows on. */
export class KeyHold {
  /** The last piece of work of each key. */
  readonly #tails = new Map<string, Promise<void>>();

  get any(): boolean {
    return this.#tails.size > 0;
  }

  has(key: string): boolean {
    return this.#tails.has(key);
  }

  /** Has `work` wait for what is held up for the same key. It never rejects. */
  after(key: string, work: (before: Promise<void>) => Promise<void>): void {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const tail: Promise<void> = work(before).then(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    });
    this.#tails.set(key, tail);
  }

  /** Resolves when one more key may be held up. */
  async room(): Promise<void> {
    if (this.#tails.size >= HELD_KEYS_MAX) await Promise.race(this.#tails.values());
  }
}
