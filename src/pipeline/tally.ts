import type { ErrorCode } from '../base/error-code.ts';
import { countCode, type TransformationStats } from './transformation-stats.ts';

export interface Outcome {
  readonly output: number;
  readonly filtered: number;
  readonly skipped: number;
  readonly deadLettered: number;
}

/** What is told of records that settle, beside their outcome. */
export interface Settling {
  /** When they were polled, on the pipeline's clock. */
  readonly polledMs: number;
  /** Why they were given up. */
  readonly code?: ErrorCode | undefined;
}

const OUTCOMES = ['output', 'filtered', 'skipped', 'deadLettered'] as const;

/**
 * Counts the outcomes of one lane into the transform's stats, each record once (I2). Exactly once: an outcome counts when its transaction
 * is committed, and is in flight until then.
 */
export class Tally {
  readonly #stats: TransformationStats;
  readonly #transactional: boolean;
  /** Told of records whose outcome counts. */
  readonly #final: (polledMs: number, records: number) => void;
  #held = 0;
  #heldSettlings: (Settling & { readonly records: number; readonly skipped: boolean })[] = [];
  readonly #outcomes = { output: 0, filtered: 0, skipped: 0, deadLettered: 0 };

  constructor(
    stats: TransformationStats,
    transactional: boolean,
    final: (polledMs: number, records: number) => void = () => undefined,
  ) {
    this.#stats = stats;
    this.#transactional = transactional;
    this.#final = final;
  }

  /** Records settled in a transaction that is still open. */
  get held(): number {
    return this.#held;
  }

  received(records: number): void {
    this.#stats.received += records;
    this.#stats.inFlight += records;
  }

  settled(records: number, outcome: Partial<Outcome>, settling: Settling): void {
    this.#held += records;
    this.#heldSettlings.push({ ...settling, records, skipped: outcome.skipped !== undefined });
    for (const name of OUTCOMES) this.#outcomes[name] += outcome[name] ?? 0;
    if (!this.#transactional) this.committed();
  }

  /** What has settled is final. */
  committed(): void {
    this.#stats.inFlight -= this.#held;
    this.#held = 0;
    for (const { polledMs, records, code, skipped } of this.#heldSettlings.splice(0)) {
      this.#final(polledMs, records);
      if (code !== undefined) countCode(skipped ? this.#stats.skips : this.#stats.deadLetters, code, records);
    }
    for (const name of OUTCOMES) {
      this.#stats[name] += this.#outcomes[name];
      this.#outcomes[name] = 0;
    }
  }

  /** Given back: what has not settled, and what has settled in a transaction that was not committed. */
  returned(unsettled: number): void {
    const records = unsettled + this.#held;
    this.#held = 0;
    this.#heldSettlings = [];
    for (const name of OUTCOMES) this.#outcomes[name] = 0;
    this.#stats.returned += records;
    this.#stats.inFlight -= records;
  }
}
