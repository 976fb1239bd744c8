import { assert } from '../base/assert.ts';
import { repeat, within, type Clock } from '../base/clock.ts';
import { StreamlineError, toStreamlineError } from '../base/error.ts';
import type { PipelineMeasures } from './measures.ts';
import type { OffsetCommitter } from './offset-committer.ts';
import type { GroupMember, Transactions } from './ports.ts';
import type { RefusedRecords } from './refused-records.ts';
import type { UnitGate } from './unit-gate.ts';

/** A lane as the transaction sees it. */
export interface TransactionLane {
  readonly partition: number;
  readonly ended: boolean;
  /** Where a replay begins: what was committed within the assignment, else its first record. */
  readonly replayFrom: number | undefined;
  readonly ledger: { readonly committable: number | undefined; readonly settledAhead: number };
  /** Its outcomes in the transaction are final; the next one begins at `offset`. */
  committed(offset: number): void;
}

export interface TransactionPorts {
  readonly clock: Clock;
  readonly intervalMs: number;
  readonly gate: UnitGate;
  readonly refused: RefusedRecords;
  readonly transactions: Transactions;
  readonly counts: PipelineMeasures['commits'];
  readonly member: () => Promise<GroupMember>;
  readonly lanes: () => readonly TransactionLane[];
  /** Asks that what was handed over be acknowledged soon. */
  readonly hurry: () => void;
  /** Ends each assignment, at once: nothing more of it is handed over, and nothing is read. */
  readonly endAll: () => void;
  /** Reads again from `replayFrom` under new assignments. Resolves when that has begun, or the transform is over. */
  readonly replay: () => Promise<void>;
  /** For the log. */
  readonly aborted: (error: StreamlineError) => void;
  /** The transform restarts: a new producer, a new member. */
  readonly fail: (error: StreamlineError) => void;
}

/** Aborts one after another without a commit or an insight between them: then the transform restarts. */
const ABORTS_IN_A_ROW_MAX = 6;
/** Wait before a replay after the first abort in a row; doubles with each further one. */
const REPLAY_PAUSE_MS = 50;

/**
 * Commits outputs and offsets together, every interval (I4).
 *
 * Each lane emits in the order it received, and each piece it emits is a unit of the gate. A commit closes the gate and waits until nobody
 * is inside: then all that was handed over has settled, nothing behind it was handed over, and so each lane's committable offset stands
 * right behind its last record in the transaction. What waits to be retried is outside, and so is all behind it. An output without its
 * offset would come twice, an offset without its output never: so what was handed over and does not settle dooms the transaction, which is
 * aborted and read again.
 */
export class TransactionCommitter implements OffsetCommitter {
  readonly #ports: TransactionPorts;
  /** Commits and aborts, one at a time. */
  #running: Promise<void> = Promise.resolve();
  #endTimer: (() => void) | undefined;
  /** The broker is deciding. */
  #committing = false;
  /** Why the open transaction is to be aborted; until the replay has begun. */
  #doomed: StreamlineError | undefined;
  #over = false;
  /** Resolves when there is no use in waiting for the units inside. */
  #cut = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();
  #abortsInARow = 0;
  lastCommitMs: number | undefined;

  constructor(ports: TransactionPorts) {
    this.#ports = ports;
  }

  start(): void {
    this.#endTimer = repeat(this.#ports.clock, this.#ports.intervalMs, () => this.commitNow());
  }

  /** It looks every interval, whatever comes. */
  wake(): void {}

  stop(): void {
    this.#endTimer?.();
    this.#giveUp();
  }

  forget(partition: number): void {
    this.#ports.refused.forget(partition);
  }

  commitNow(): Promise<void> {
    // Nothing of it will be committed, and a revoke must not wait for the replay.
    if (this.#doomed !== undefined) return Promise.resolve();
    return this.#enqueue(() => this.#commit());
  }

  /** An assignment has ended with records in the open transaction. */
  lost(partition: number): void {
    // What the broker is deciding on is whole, offsets and all, and it knows whose the partition is.
    if (this.#committing) return;
    this.abort(abortedBecause(`partition ${partition} was given up with records in the transaction`), 'stumble');
  }

  /** The open transaction cannot be committed. `insight`: the replay will go another way, so the count of aborts begins anew. */
  abort(why: StreamlineError, kind: 'stumble' | 'insight'): void {
    if (this.#doomed !== undefined || this.#over) return;
    this.#doomed = why;
    this.#abortsInARow = kind === 'stumble' ? this.#abortsInARow + 1 : 0;
    const { gate, endAll } = this.#ports;
    gate.close();
    endAll();
    gate.abandon();
    this.#cut.resolve();
    void this.#enqueue(() => this.#abort(why));
  }

  #enqueue(step: () => Promise<void>): Promise<void> {
    this.#running = this.#running.then(step).catch((thrown: unknown) => this.#fail(toStreamlineError(thrown)));
    return this.#running;
  }

  /** Read after each wait: anything may have happened meanwhile. */
  #mayCommit(): boolean {
    return this.#doomed === undefined && !this.#over;
  }

  async #commit(): Promise<void> {
    if (!this.#mayCommit()) return;
    const { gate, lanes, hurry } = this.#ports;
    gate.close();
    hurry();
    await Promise.race([gate.empty(), this.#cut.promise]);
    if (!this.#mayCommit()) return;
    if (gate.broken) {
      this.abort(abortedBecause('a record was produced and could not be settled'), 'stumble');
      return;
    }
    // Before the lanes are looked at: of a membership that ends from here on the broker takes no offsets.
    const member = await this.#ports.member();
    if (!this.#mayCommit()) return;
    const moved = lanes().filter((lane) => {
      assert(lane.ended || lane.ledger.settledAhead === 0, 'transaction: settled behind an unsettled record');
      return !lane.ended && lane.ledger.committable !== undefined && lane.ledger.committable !== lane.replayFrom;
    });
    assert(moved.length > 0 || !gate.produced, 'transaction: outputs without offsets');
    if (moved.length > 0) await this.#commitOf(moved, member);
    if (this.#mayCommit()) gate.open();
  }

  async #commitOf(lanes: readonly TransactionLane[], member: GroupMember): Promise<void> {
    const { gate, refused, transactions, clock } = this.#ports;
    const offsets = lanes.map(({ partition, ledger }) => ({ partition, offset: ledger.committable ?? 0 }));
    this.#committing = true;
    try {
      await transactions.commit(offsets, member);
    } catch (thrown) {
      this.#committing = false;
      const error = toStreamlineError(thrown);
      if (error.code === 'broker.transaction_aborted') this.abort(error, 'stumble');
      else {
        this.#ports.counts.failed += 1;
        this.#fail(error);
      }
      return;
    }
    this.#committing = false;
    this.#abortsInARow = 0;
    this.lastCommitMs = clock.wallMs();
    this.#ports.counts.ok += 1;
    gate.reset();
    for (const [i, { partition, offset }] of offsets.entries()) {
      lanes[i]?.committed(offset);
      refused.forget(partition, offset);
    }
  }

  async #abort(why: StreamlineError): Promise<void> {
    const { gate, transactions, replay, aborted, clock } = this.#ports;
    if (this.#over) return;
    this.#ports.counts.failed += 1;
    aborted(why);
    await transactions.abort();
    if (this.#abortsInARow > ABORTS_IN_A_ROW_MAX) {
      this.#fail(why);
      return;
    }
    const pauseMs = this.#abortsInARow === 0 ? 0 : REPLAY_PAUSE_MS * 2 ** (this.#abortsInARow - 1);
    if (pauseMs > 0) await within(clock, pauseMs, this.#ended.promise);
    await replay();
    this.#doomed = undefined;
    this.#cut = Promise.withResolvers();
    gate.open();
  }

  #fail(error: StreamlineError): void {
    if (this.#over) return;
    this.#ports.fail(error);
    this.#giveUp();
  }

  /** Nothing is committed or aborted any more. Who waits at the gate is let in, to find that nothing may leave. */
  #giveUp(): void {
    this.#over = true;
    this.#cut.resolve();
    this.#ended.resolve();
    this.#ports.gate.open();
  }
}

function abortedBecause(message: string): StreamlineError {
  return new StreamlineError('broker.transaction_aborted', message);
}
