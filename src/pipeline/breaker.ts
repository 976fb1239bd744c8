/**
 * Opens when at least `failuresMax` of the last `window` records failed. 0 failures = never.
 * Records are counted in the order their fate is decided.
 */
export class Breaker {
  readonly #failuresMax: number;
  readonly #window: number;
  #seen = 0;
  /** Positions of the failures inside the window, ascending. */
  #failedAt: number[] = [];

  constructor(policy: { readonly failures: number; readonly window: number }) {
    this.#failuresMax = policy.failures;
    this.#window = policy.window;
  }

  passed(records: number): void {
    this.#seen += records;
  }

  /** Counts one failed record; true when that opens the breaker. */
  failed(): boolean {
    this.#seen += 1;
    if (this.#failuresMax === 0) return false;
    this.#failedAt.push(this.#seen);
    const oldest = this.#seen - this.#window;
    while ((this.#failedAt[0] ?? Infinity) <= oldest) this.#failedAt.shift();
    return this.#failedAt.length >= this.#failuresMax;
  }
}
