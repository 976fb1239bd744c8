import type { TransformationStats } from './transformation-stats.ts';

export interface Outcome {
  readonly output: number;
  readonly filtered: number;
  readonly skipped: number;
  readonly deadLettered: number;
}

const OUTCOMES = ['output', 'filtered', 'skipped', 'deadLettered'] as const;

/**
 * Counts the outcomes of one lane into the transform's stats, each record once (I2). Exactly once: an outcome counts when its transaction
 * is committed, and is in flight until then.
 */
export class Tally {
  readonly #stats: TransformationStats;
  readonly #transactional: boolean;
  #held = 0;
  readonly #outcomes = { output: 0, filtered: 0, skipped: 0, deadLettered: 0 };

  constructor(stats: TransformationStats, transactional: boolean) {
    this.#stats = stats;
    this.#transactional = transactional;
  }

  /** Records settled in a transaction that is still open. */
  get held(): number {
    return this.#held;
  }

  received(records: number): void {
    this.#stats.received += records;
    this.#stats.inFlight += records;
  }

  settled(records: number, outcome: Partial<Outcome>): void {
    this.#held += records;
    for (const name of OUTCOMES) this.#outcomes[name] += outcome[name] ?? 0;
    if (!this.#transactional) this.committed();
  }

  /** What has settled is final. */
  committed(): void {
    this.#stats.inFlight -= this.#held;
    this.#held = 0;
    for (const name of OUTCOMES) {
      this.#stats[name] += this.#outcomes[name];
      this.#outcomes[name] = 0;
    }
  }

  /** Given back: what has not settled, and what has settled in a transaction that was not committed. */
  returned(unsettled: number): void {
    const records = unsettled + this.#held;
    this.#held = 0;
    for (const name of OUTCOMES) this.#outcomes[name] = 0;
    this.#stats.returned += records;
    this.#stats.inFlight -= records;
  }
}
