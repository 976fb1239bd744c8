import { assert } from '../base/assert.ts';
import { toStreamlineError, StreamlineError } from '../base/error.ts';
import type { Clock } from '../base/clock.ts';
import type { Rng } from '../base/rng.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';
import type { Breaker } from './breaker.ts';
import { sendDeadLetter, type DeadLetterContext } from './dead-letter.ts';
import { backoffMs, decide, isRecordsFault, type RecordFailure } from './failure-policy.ts';
import type { BatchTicket, InFlight } from './in-flight.ts';
import { PartitionLedger, type Receipt } from './ledger.ts';
import { BatchReader, type PlainRecord, type Segment } from './packed-batch.ts';
import { ResultReader } from './packed-results.ts';
import { cutPieces, keyOf, wholePiece, type CutRules, type FailedPiece, type Piece, type RangePiece } from './piece.ts';
import type {
  AssignmentToken,
  Executor,
  ProduceFailure,
  RecordSink,
  SegmentResult,
  TopicDirectory,
  WorkResult,
} from './ports.ts';
import { refusedTopics } from './refused-topics.ts';
import { retryRecord } from './retry.ts';
import type { TransformationStats } from './transformation-stats.ts';

/** Records that may wait for their own keys in one partition before the whole partition waits (ordering: key). */
const HELD_KEYS_MAX = 1000;
/** Batches of one partition with such records before it is not read any further: the rest of the memory is the others'. */
const KEY_HELD_SLOTS_MAX = 8;

/** What all lanes of a pipeline share. */
export interface LaneContext {
  readonly config: TransformationConfig;
  readonly executor: Executor;
  readonly sink: RecordSink;
  readonly topics: TopicDirectory;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly breaker: Breaker;
  readonly stats: TransformationStats;
  readonly inFlight: InFlight;
  readonly deadLetters: DeadLetterContext;
  readonly recordBytesMax: number;
  /** Stops reading a partition while one of its records retries, and goes on. */
  readonly setReading: (partition: number, reading: boolean) => void;
  /** The transform as a whole cannot go on. */
  readonly fail: (error: StreamlineError) => void;
}

/** One segment of one batch on its way through its lane. */
export interface Slot {
  readonly segment: Segment;
  readonly ticket: BatchTicket;
  /** Covers what has not been cut off as a piece of its own yet. */
  readonly receipt: Receipt;
  result: { readonly work: WorkResult; readonly segment: SegmentResult } | undefined;
  /** Pieces begun and not finished, plus one while the slot is being cut. */
  open: number;
  /** No longer counted as active in flight: waits behind a retry. */
  held: boolean;
}

/** Consuming → draining (revoked, stopping: nothing new) → ended (given up, lost: nothing may leave any more). */
type LaneState = 'consuming' | 'draining' | 'ended';

/**
 * One assignment of one partition: puts results back into the order their records were received in (I3), settles each record
 * exactly once (I2), and holds up only itself while a record retries.
 */
export class Lane implements AssignmentToken {
  readonly partition: number;
  readonly epoch: number;
  readonly ledger = new PartitionLedger();
  readonly #context: LaneContext;
  readonly #slots: Slot[] = [];
  #state: LaneState = 'consuming';
  /** A record stopped the transform: nothing after it may leave. */
  #halted = false;
  #emitting = false;
  #holding = false;
  #openPieces = 0;
  readonly #heldKeys = new Map<string, Promise<void>>();
  /** Slots with records that wait for their keys. */
  readonly #keyHeld = new Set<Slot>();
  readonly #backoffs = new Set<() => void>();
  readonly #drained = Promise.withResolvers<void>();

  constructor(partition: number, epoch: number, context: LaneContext) {
    this.partition = partition;
    this.epoch = epoch;
    this.#context = context;
  }

  get ended(): boolean {
    return this.#state === 'ended';
  }

  /** Whether records just polled may still be taken: I5. */
  get accepting(): boolean {
    return this.#state === 'consuming' && !this.#halted;
  }

  accept(segment: Segment, ticket: BatchTicket): Slot {
    const receipt = this.ledger.accept(segment.recordCount, segment.firstOffset, segment.lastOffset);
    const slot: Slot = { segment, ticket, receipt, result: undefined, open: 1, held: this.#holding };
    if (slot.held) this.#context.inFlight.hold(ticket);
    this.#slots.push(slot);
    this.#context.stats.received += segment.recordCount;
    this.#context.stats.inFlight += segment.recordCount;
    return slot;
  }

  /** Results come in any order; they leave in the order of `accept`. */
  deliver(slot: Slot, work: WorkResult, segment: SegmentResult): void {
    slot.result = { work, segment };
    if (this.ended) {
      this.#finish(slot);
      return;
    }
    if (!this.#emitting) void this.#emitInOrder();
  }

  /** The slot's results will never come: the guests are lost. What follows it must not overtake it. */
  abandon(slot: Slot): void {
    this.#halted = true;
    const index = this.#slots.indexOf(slot);
    if (index >= 0) this.#slots.splice(index, 1);
    this.#finish(slot);
    this.#checkDrained();
  }

  /** Nothing new is taken; resolves when all that can settle has settled. Retries are not waited for. */
  drain(): Promise<void> {
    if (this.#state === 'consuming') this.#state = 'draining';
    for (const cancel of [...this.#backoffs]) cancel();
    this.#checkDrained();
    return this.#drained.promise;
  }

  /** The transform has failed elsewhere: what is produced may still be acknowledged, nothing more leaves. */
  halt(): void {
    this.#halted = true;
    for (const cancel of [...this.#backoffs]) cancel();
    this.#checkDrained();
  }

  /** The assignment is over. What is unsettled is returned: its next owner reads it again. */
  end(): void {
    if (this.ended) return;
    this.#state = 'ended';
    for (const cancel of [...this.#backoffs]) cancel();
    this.#context.stats.returned += this.ledger.unsettled;
    this.#context.stats.inFlight -= this.ledger.unsettled;
    // Slots whose results are still out finish in deliver(); the one being emitted notices by itself.
    const waiting = this.#slots.splice(this.#emitting ? 1 : 0);
    for (const slot of waiting) if (slot.result !== undefined) this.#finish(slot);
    this.#drained.resolve();
  }

  async #emitInOrder(): Promise<void> {
    this.#emitting = true;
    try {
      for (;;) {
        const slot = this.#slots[0];
        if (slot?.result === undefined || this.#halted || this.ended) break;
        try {
          await this.#emit(slot, slot.result.work, slot.result.segment);
        } finally {
          this.#slots.shift();
          this.#finish(slot);
        }
      }
    } catch (thrown) {
      this.#halt(toStreamlineError(thrown));
    } finally {
      this.#emitting = false;
      this.#checkDrained();
    }
  }

  /** One segment: cut into pieces, each produced, dropped or given to the error policy, in order. */
  async #emit(slot: Slot, work: WorkResult, segment: SegmentResult): Promise<void> {
    for (const piece of await this.#cut(slot, work, segment)) {
      if (this.ended || this.#halted) return;
      const receipt = this.#receiptOf(slot, piece, slot.receipt);
      const held = piece.kind === 'range' ? piece.key : this.#keyToHold(slot, piece);
      if (held !== undefined) {
        this.#afterKey(held, slot, () => this.#process(slot, work, piece, receipt));
        if (this.#heldKeys.size >= HELD_KEYS_MAX) await Promise.race(this.#heldKeys.values());
      } else if (piece.kind === 'range') {
        void this.#track(slot, this.#emitRange(slot, work, piece, receipt));
      } else if (this.#verdict(piece.failure, 1) === 'retry') {
        await this.#track(
          slot,
          this.#holdWhile(() => this.#resolveFailure(slot, piece, receipt)),
        );
      } else {
        void this.#track(slot, this.#resolveFailure(slot, piece, receipt));
      }
    }
  }

  #process(slot: Slot, work: WorkResult, piece: Piece, receipt: Receipt): Promise<void> {
    return piece.kind === 'range'
      ? this.#emitRange(slot, work, piece, receipt)
      : this.#resolveFailure(slot, piece, receipt);
  }

  async #cut(slot: Slot, work: WorkResult, segment: SegmentResult): Promise<Iterable<Piece>> {
    const { firstRecord, recordCount } = slot.segment;
    const entries = segment.outputs + segment.filtered + segment.failed;
    assert(entries === recordCount, 'lane: a result for each record of the segment');
    const { topics, config } = this.#context;
    const refused = await refusedTopics(topics, config.outputTopic, work.topics);
    if (segment.failed === 0 && refused.size === 0 && this.#heldKeys.size === 0) {
      return [wholePiece(segment, recordCount, firstRecord + recordCount - 1)];
    }
    const batch = config.ordering === 'partition' ? undefined : new BatchReader(slot.ticket.batch.buffer);
    const rules: CutRules = {
      outputFailure: (topic) => refused.get(topic),
      heldKey: (record) => {
        const key = batch === undefined ? undefined : keyOf(batch, record);
        return key !== undefined && this.#heldKeys.has(key) ? key : undefined;
      },
    };
    return cutPieces(new ResultReader(work.buffer), segment, rules);
  }

  /** The piece's part of a run that is wholly unsettled: cut off its head, or all that is left of it. */
  #receiptOf(slot: Slot, piece: Piece, run: Receipt): Receipt {
    if (piece.recordCount === run.unsettled) return run;
    const batch = new BatchReader(slot.ticket.batch.buffer);
    return this.ledger.splitHead(run, piece.recordCount, batch.offset(batch.recordAt(piece.lastRecord)));
  }

  async #emitRange(slot: Slot, work: WorkResult, piece: RangePiece, receipt: Receipt): Promise<void> {
    const { config, breaker, sink } = this.#context;
    breaker.passed(piece.recordCount);
    if (piece.outputs === 0) {
      this.#settle(receipt, piece.recordCount, { filtered: piece.filtered });
      return;
    }
    const produced = sink.produce({
      batch: slot.ticket.batch,
      result: work,
      startByte: piece.startByte,
      endByte: piece.endByte,
      defaultTopic: config.outputTopic,
      timestamp: config.output.timestamp,
      assignment: this,
    });
    this.#hurryIfDraining();
    const failures = await produced;
    // Of an ended assignment nothing counts, and nothing may follow: it was returned as a whole (I5).
    if (this.ended) return;
    const cluster = failures.find((failure) => !isRecordsFault(failure.code));
    if (cluster !== undefined) {
      // The cluster's fault: what else of the range arrived is unsure, so none of it settles and all of it is read again.
      this.#halt(new StreamlineError(cluster.code, cluster.message));
    } else if (failures.length === 0) {
      this.#settle(receipt, piece.recordCount, { output: piece.outputs, filtered: piece.filtered });
    } else {
      this.#settleAround(failures, slot, work, piece, receipt);
    }
  }

  /** Some records of a range were refused one by one: what came before them settles by itself, so that it can be committed. */
  #settleAround(
    failures: readonly ProduceFailure[],
    slot: Slot,
    work: WorkResult,
    range: RangePiece,
    receipt: Receipt,
  ): void {
    const refused = new Map(failures.map((failure) => [failure.recordIndex, failure]));
    const rules: CutRules = { outputFailure: (_, record) => refused.get(record), heldKey: () => undefined };
    for (const piece of cutPieces(new ResultReader(work.buffer), range, rules)) {
      if (this.ended) return;
      const own = this.#receiptOf(slot, piece, receipt);
      if (piece.kind === 'failed') void this.#track(slot, this.#resolveFailure(slot, piece, own));
      else this.#settle(own, piece.recordCount, { output: piece.outputs, filtered: piece.filtered });
    }
  }

  /** A failed record: retried while the policy allows, then dead-lettered, skipped, or the end of the transform. */
  async #resolveFailure(slot: Slot, piece: FailedPiece, receipt: Receipt): Promise<void> {
    const record = new BatchReader(slot.ticket.batch.buffer).plain(piece.lastRecord);
    let failure = piece.failure;
    for (let attempt = 1; ; attempt += 1) {
      this.#countFailure(failure);
      if (this.#verdict(failure, attempt) !== 'retry') break;
      // Draining or ended while it waited: the record stays unsettled, its next owner tries again (I1).
      if (!(await this.#backoff(backoffMs(attempt, this.#context.config.errors, this.#context.rng)))) return;
      const again = await this.#retry(record, receipt);
      if (again === undefined) return;
      failure = again;
    }
    await this.#giveUp(record, failure, receipt);
  }

  /** Runs one record again. undefined = it settled, or was ended on the way. */
  async #retry(record: PlainRecord, receipt: Receipt): Promise<RecordFailure | undefined> {
    this.#context.stats.retries += 1;
    const outcome = await retryRecord(this.#context, record, this);
    switch (outcome.kind) {
      case 'failed':
        return outcome.failure;
      case 'unsure':
        this.#halt(outcome.error);
        return undefined;
      case 'ended':
        return undefined;
      case 'output':
      case 'filtered':
        this.#context.breaker.passed(1);
        this.#settle(receipt, 1, { [outcome.kind]: 1 });
        return undefined;
    }
  }

  async #giveUp(record: PlainRecord, failure: RecordFailure, receipt: Receipt): Promise<void> {
    if (this.ended) return;
    const { config, breaker, sink, deadLetters, recordBytesMax } = this.#context;
    const place = `${config.inputTopic}/${record.partition}@${record.offset}`;
    if (config.errors.onFailure === 'stop') {
      this.#halt(new StreamlineError(failure.code, failure.message, { place, suggestion: STOP_SUGGESTION }));
      return;
    }
    if (breaker.failed()) {
      const { failures, window } = config.errors.stopAfter;
      const message = `${failures} of the last ${window} records failed, the last with ${failure.code}: ${failure.message}`;
      this.#halt(new StreamlineError('breaker.open', message, { place, configPath: '/errors/stop_after' }));
      return;
    }
    if (config.errors.onFailure === 'skip') {
      this.#settle(receipt, 1, { skipped: 1 });
      return;
    }
    // Only when the dead letter is acknowledged may the offset move.
    const sent = sendDeadLetter(sink, record, failure, deadLetters, recordBytesMax, this);
    this.#hurryIfDraining();
    await sent;
    this.#settle(receipt, 1, { deadLettered: 1 });
  }

  /** What leaves after the drain began must not wait for the producer's next look: a revoke or a stop waits for it (I8). */
  #hurryIfDraining(): void {
    if (this.#state === 'draining') this.#context.sink.hurry();
  }

  /** I2: the one place where a record settles. Of an ended assignment nothing is counted: it was returned as a whole. */
  #settle(receipt: Receipt, records: number, outcome: Partial<Outcome>): void {
    if (this.ended) return;
    this.ledger.settle(receipt, records);
    const { stats } = this.#context;
    stats.inFlight -= records;
    stats.output += outcome.output ?? 0;
    stats.filtered += outcome.filtered ?? 0;
    stats.skipped += outcome.skipped ?? 0;
    stats.deadLettered += outcome.deadLettered ?? 0;
  }

  #verdict(failure: RecordFailure, attempt: number): ReturnType<typeof decide> {
    return decide(failure, attempt, this.#context.config.errors);
  }

  #countFailure(failure: RecordFailure): void {
    const { errors } = this.#context.stats;
    errors.set(failure.code, (errors.get(failure.code) ?? 0) + 1);
  }

  #keyToHold(slot: Slot, piece: FailedPiece): string | undefined {
    if (this.#context.config.ordering !== 'key') return undefined;
    const key = keyOf(new BatchReader(slot.ticket.batch.buffer), piece.lastRecord);
    if (key !== undefined && this.#heldKeys.has(key)) return key;
    if (this.#verdict(piece.failure, 1) !== 'retry') return undefined;
    // Nobody waits for a record without a key: a name of its own.
    return key ?? `\u0000${slot.segment.firstOffset}:${piece.lastRecord}`;
  }

  /** ordering: key. Runs `work` after what is held up for the same key; everything else flows on. */
  #afterKey(key: string, slot: Slot, work: () => Promise<void>): void {
    if (!slot.held) {
      slot.held = true;
      this.#context.inFlight.hold(slot.ticket);
      this.#keyHeld.add(slot);
      if (this.#keyHeld.size === KEY_HELD_SLOTS_MAX) this.#context.setReading(this.partition, false);
    }
    const before = this.#heldKeys.get(key) ?? Promise.resolve();
    const run = async (): Promise<void> => {
      await before;
      if (!this.ended && !this.#halted) await work();
    };
    const tail: Promise<void> = this.#track(slot, run()).then(() => {
      if (this.#heldKeys.get(key) === tail) this.#heldKeys.delete(key);
    });
    this.#heldKeys.set(key, tail);
  }

  /** ordering: partition. While a record retries its partition is neither read nor counted as active; the others flow on. */
  async #holdWhile(work: () => Promise<void>): Promise<void> {
    this.#holding = true;
    this.#context.setReading(this.partition, false);
    for (const slot of this.#slots) {
      if (slot.held) continue;
      slot.held = true;
      this.#context.inFlight.hold(slot.ticket);
    }
    try {
      await work();
    } finally {
      this.#holding = false;
      for (const slot of this.#slots) {
        if (!slot.held || slot.open === 0) continue;
        slot.held = false;
        this.#context.inFlight.unhold(slot.ticket);
      }
      if (this.accepting) this.#context.setReading(this.partition, true);
    }
  }

  /** False when draining or ended before the time was up. */
  #backoff(delayMs: number): Promise<boolean> {
    if (this.#state !== 'consuming' || this.#halted) {
      this.#halted = true;
      return Promise.resolve(false);
    }
    return new Promise((resolve) => {
      const done = (elapsed: boolean): void => {
        cancelTimer();
        this.#backoffs.delete(cancel);
        // Nothing after an abandoned record may leave before it: it will be read again.
        if (!elapsed) this.#halted = true;
        resolve(elapsed);
      };
      const cancel = (): void => done(false);
      const cancelTimer = this.#context.clock.after(delayMs, () => done(true));
      this.#backoffs.add(cancel);
    });
  }

  /** Follows one piece to its end; whatever it throws ends the transform, not the process. */
  async #track(slot: Slot, work: Promise<void>): Promise<void> {
    slot.open += 1;
    this.#openPieces += 1;
    try {
      await work;
    } catch (thrown) {
      this.#halt(toStreamlineError(thrown));
    } finally {
      this.#openPieces -= 1;
      this.#finish(slot);
      this.#checkDrained();
    }
  }

  #finish(slot: Slot): void {
    slot.open -= 1;
    if (slot.open > 0) return;
    if (this.#keyHeld.delete(slot) && this.#keyHeld.size === KEY_HELD_SLOTS_MAX - 1 && this.accepting) {
      this.#context.setReading(this.partition, true);
    }
    this.#context.inFlight.close(slot.ticket, slot.held);
  }

  #halt(error: StreamlineError): void {
    this.halt();
    if (!this.ended) this.#context.fail(error);
  }

  #checkDrained(): void {
    if (this.#state !== 'draining' || this.#openPieces > 0 || this.#emitting) return;
    if (this.#slots.length === 0 || this.#halted) this.#drained.resolve();
  }
}

interface Outcome {
  output: number;
  filtered: number;
  skipped: number;
  deadLettered: number;
}

const STOP_SUGGESTION = 'mend the record or the module and restart the transform: it goes on at this record';
