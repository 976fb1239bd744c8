import { repeat, type Clock } from '../base/clock.ts';
import { toStreamlineError, type StreamlineError } from '../base/error.ts';
import type { PipelineMeasures } from './measures.ts';
import type { OffsetCommitter } from './offset-committer.ts';
import type { PartitionOffset } from './ports.ts';

export interface CommitPorts {
  readonly clock: Clock;
  readonly intervalMs: number;
  /** The ledgers' committable offsets, of assignments that have not ended. */
  readonly committable: () => readonly PartitionOffset[];
  /** Nothing is under way: until `wake`, nothing will be committable that is not by now. */
  readonly idle: () => boolean;
  readonly commit: (offsets: readonly PartitionOffset[]) => Promise<void>;
  readonly counts: PipelineMeasures['commits'];
  /** A refused commit is tried again with the next offsets; this is for the log. */
  readonly refused: (error: StreamlineError) => void;
  /** Not retriable: the transform restarts. */
  readonly fail: (error: StreamlineError) => void;
}

/** Commits what is settled, every interval while there may be anything, one commit at a time. I1 is the ledger's; this only never goes beyond it. */
export class Committer implements OffsetCommitter {
  readonly #ports: CommitPorts;
  readonly #committed = new Map<number, number>();
  /** Counts `forget`: a commit that began before one says nothing about assignments after it. */
  #forgotten = 0;
  #running: Promise<void> = Promise.resolve();
  #started = false;
  #endTimer: (() => void) | undefined;
  lastCommitMs: number | undefined;

  constructor(ports: CommitPorts) {
    this.#ports = ports;
  }

  start(): void {
    this.#started = true;
    this.wake();
  }

  wake(): void {
    if (this.#started) this.#endTimer ??= repeat(this.#ports.clock, this.#ports.intervalMs, () => this.#tick());
  }

  stop(): void {
    this.#started = false;
    this.#rest();
  }

  #rest(): void {
    this.#endTimer?.();
    this.#endTimer = undefined;
  }

  async #tick(): Promise<void> {
    await this.commitNow();
    // A transform where nothing comes is not looked at for ever; a commit that was refused is still due.
    if (this.#ports.idle() && this.#due().length === 0) this.#rest();
  }

  #due(): readonly PartitionOffset[] {
    return this.#ports.committable().filter((o) => this.#committed.get(o.partition) !== o.offset);
  }

  forget(partition: number): void {
    this.#committed.delete(partition);
    this.#forgotten += 1;
  }

  commitNow(): Promise<void> {
    this.#running = this.#running.then(() => this.#commit());
    return this.#running;
  }

  async #commit(): Promise<void> {
    const offsets = this.#due();
    if (offsets.length === 0) return;
    const forgotten = this.#forgotten;
    try {
      await this.#ports.commit(offsets);
      if (forgotten === this.#forgotten) for (const o of offsets) this.#committed.set(o.partition, o.offset);
      this.lastCommitMs = this.#ports.clock.wallMs();
      this.#ports.counts.ok += 1;
    } catch (thrown) {
      this.#ports.counts.failed += 1;
      const error = toStreamlineError(thrown);
      if (error.retriable) this.#ports.refused(error);
      else this.#ports.fail(error);
    }
  }
}
