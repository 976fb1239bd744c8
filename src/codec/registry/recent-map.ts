interface Entry<V> {
  readonly value: V;
  readonly weight: number;
}

/** A map of at most `max` entries, and of so much weight together: the one that was not asked for the longest goes first. */
export class RecentMap<V> {
  readonly #max: number;
  readonly #weightMax: number;
  readonly #weigh: (value: V) => number;
  // A Map keeps the order in which its keys came.
  readonly #entries = new Map<string, Entry<V>>();
  #weight = 0;

  constructor(max: number, weightMax = Infinity, weigh: (value: V) => number = () => 0) {
    this.#max = max;
    this.#weightMax = weightMax;
    this.#weigh = weigh;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.value;
  }

  /** The newest one stays, whatever it weighs. */
  set(key: string, value: V): void {
    this.delete(key);
    const weight = this.#weigh(value);
    this.#entries.set(key, { value, weight });
    this.#weight += weight;
    for (const oldest of this.#entries.keys()) {
      if (oldest === key || (this.#entries.size <= this.#max && this.#weight <= this.#weightMax)) return;
      this.delete(oldest);
    }
  }

  delete(key: string): void {
    this.#weight -= this.#entries.get(key)?.weight ?? 0;
    this.#entries.delete(key);
  }
}
