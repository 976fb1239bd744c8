import { Distribution } from './distribution.ts';

/** Parts of a record's way, in their order. */
export const STEPS = ['queue', 'guest', 'order', 'produce'] as const;
export type Step = (typeof STEPS)[number];

/** Bounds, inclusive, by which batches are counted; what is larger than the last is one more. */
export const BATCH_RECORDS = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2000, 5000] as const;

/**
 * What a pipeline measures beside its counts of records: by batch, by piece and by event, never by record. Times are nanoseconds, each as
 * often as there are records that took it.
 */
export class PipelineMeasures {
  /**
   * `queue`: polled, until a guest begins with its batch. `guest`: its batch is with the guest. `order`: the results are there, until its
   * piece is handed to the producer. `produce`: until all of the piece is acknowledged. Of retries and dead letters only `endToEnd` tells.
   */
  readonly steps: Readonly<Record<Step, Distribution>> = {
    queue: new Distribution(),
    guest: new Distribution(),
    order: new Distribution(),
    produce: new Distribution(),
  };
  /** Polled, until its outcome counts. */
  readonly endToEnd = new Distribution();
  /** Batches by BATCH_RECORDS. */
  readonly batches = new Float64Array(BATCH_RECORDS.length + 1);
  batchRecords = 0;
  readonly rebalances = { assigned: 0, revoked: 0, lost: 0 };
  readonly commits = { ok: 0, failed: 0 };

  polled(records: number): void {
    const bound = BATCH_RECORDS.findIndex((most) => records <= most);
    const at = bound < 0 ? BATCH_RECORDS.length : bound;
    this.batches[at] = (this.batches[at] ?? 0) + 1;
    this.batchRecords += records;
  }

  took(step: Step, elapsedMs: number, records: number): void {
    this.steps[step].add(Math.max(0, elapsedMs) * 1e6, records);
  }

  absorb(other: PipelineMeasures): void {
    for (const step of STEPS) this.steps[step].absorb(other.steps[step]);
    this.endToEnd.absorb(other.endToEnd);
    for (const [i, count] of other.batches.entries()) this.batches[i] = (this.batches[i] ?? 0) + count;
    this.batchRecords += other.batchRecords;
    for (const event of ['assigned', 'revoked', 'lost'] as const) this.rebalances[event] += other.rebalances[event];
    for (const result of ['ok', 'failed'] as const) this.commits[result] += other.commits[result];
  }
}
