/**
 * One assignment of one partition: what every task carries (I5). A partition that comes back gets a new one.
 */
export class Assignment {
  readonly partition: number;
  /** Grows with every assignment and every rewind in this process. */
  readonly epoch: number;
  /** One element, not 0 once it has ended. Shared memory: a thread outside JavaScript that produces sees the end at once. */
  readonly endedFlag = new Int32Array(new SharedArrayBuffer(4));

  constructor(partition: number, epoch: number) {
    this.partition = partition;
    this.epoch = epoch;
  }

  /** True once the partition was revoked or lost: nothing of it may be produced or committed any more. */
  get ended(): boolean {
    return Atomics.load(this.endedFlag, 0) !== 0;
  }

  end(): void {
    Atomics.store(this.endedFlag, 0, 1);
  }
}
