import type { ProduceFailure } from './ports.ts';

interface Refused {
  /** Why, once it was refused by itself; until then it may have been a neighbour. */
  failure: ProduceFailure | undefined;
  /** How often its dead letter was refused all by itself. */
  deadLetters: number;
}

/**
 * Exactly once: records the cluster refused, whose transaction was aborted for it. They are read again, and must not end the next one the
 * same way: each is produced by itself, as one refused record takes the others of its batch with it; refused once more, it has failed.
 */
export class RefusedRecords {
  readonly #partitions = new Map<number, Map<number, Refused>>();

  get(partition: number, offset: number): Readonly<Refused> | undefined {
    return this.#partitions.get(partition)?.get(offset);
  }

  any(partition: number): boolean {
    return this.#partitions.has(partition);
  }

  /** @param itself it was no neighbour's doing: nothing else was produced meanwhile, or the client did not take it */
  add(partition: number, offset: number, failure: ProduceFailure, itself: boolean): void {
    const refused = this.#entry(partition, offset);
    if (itself) refused.failure = failure;
  }

  addDeadLetter(partition: number, offset: number, alone: boolean): void {
    const refused = this.#entry(partition, offset);
    if (alone) refused.deadLetters += 1;
  }

  /** They are committed, or somebody else's. */
  forget(partition: number, belowOffset = Infinity): void {
    const offsets = this.#partitions.get(partition);
    if (offsets === undefined) return;
    for (const offset of offsets.keys()) if (offset < belowOffset) offsets.delete(offset);
    if (offsets.size === 0) this.#partitions.delete(partition);
  }

  #entry(partition: number, offset: number): Refused {
    let offsets = this.#partitions.get(partition);
    if (offsets === undefined) this.#partitions.set(partition, (offsets = new Map()));
    let refused = offsets.get(offset);
    if (refused === undefined) offsets.set(offset, (refused = { failure: undefined, deadLetters: 0 }));
    return refused;
  }
}
