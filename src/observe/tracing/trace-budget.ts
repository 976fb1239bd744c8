/**
 * Records traced a second, over all transforms of a sidecar. A record's spans take about 50 µs of this thread, export and all: where a hundredth
 * of 700,000 records a second is sampled, all of them would take a third of a core, and no collector asked for 35,000 spans a second.
 */
const RECORDS_PER_SECOND = 500;
/** What has been saved up. */
const RECORDS_MAX = 1000;

/** How many records may be traced by now. */
export class TraceBudget {
  readonly #nowMs: () => number;
  #left = RECORDS_MAX;
  #lookedMs: number;

  /** @param nowMs monotonic */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#lookedMs = nowMs();
  }

  get left(): number {
    const nowMs = this.#nowMs();
    this.#left = Math.min(RECORDS_MAX, this.#left + ((nowMs - this.#lookedMs) * RECORDS_PER_SECOND) / 1000);
    this.#lookedMs = nowMs;
    return Math.max(0, Math.floor(this.#left));
  }

  /** Of batches that were under way together, more may come back than there was left. */
  spend(records: number): void {
    this.#left -= records;
  }
}
