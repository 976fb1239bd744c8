import { assert } from '../base/assert.ts';
import type { ErrorCode } from '../base/error-code.ts';
import { toStreamlineError, StreamlineError } from '../base/error.ts';
import type { Clock } from '../base/clock.ts';
import type { Rng } from '../base/rng.ts';
import { Assignment } from './assignment.ts';
import { FailedRecord, type FailingLane, type RefusedRecord } from './failed-record.ts';
import { decide, type RecordFailure } from './failure-policy.ts';
import type { BatchTicket, InFlight } from './in-flight.ts';
import { KeyHold } from './key-hold.ts';
import type { PipelineMeasures } from './measures.ts';
import { PartitionLedger, type Receipt } from './ledger.ts';
import { BatchReader, type Segment } from './packed-batch.ts';
import { ResultReader } from './packed-results.ts';
import { cutPieces, keyOf, wholePiece, type CutRules, type FailedPiece, type Piece, type RangePiece } from './piece.ts';
import type { ProduceFailure, RecordSink, SegmentResult, WorkResult } from './ports.ts';
import { judge, mayPass } from './produce-verdict.ts';
import type { RefusedRecords } from './refused-records.ts';
import { refusedTopics } from './refused-topics.ts';
import { SlotHold, type Slot } from './slot.ts';
import { Tally, type Outcome } from './tally.ts';
import { untilSent } from './tracing.ts';
import type { TransformationStats } from './transformation-stats.ts';
import { NO_UNIT, type Unit, type UnitGate } from './unit-gate.ts';

/** What all lanes of a pipeline share. */
export interface LaneContext {
  readonly sink: RecordSink;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly stats: TransformationStats;
  readonly measures: PipelineMeasures;
  readonly inFlight: InFlight;
  readonly recordBytesMax: number;
  /** Stops reading a partition while one of its records retries, and goes on. */
  readonly setReading: (partition: number, reading: boolean) => void;
  /** The transform as a whole cannot go on. */
  readonly fail: (error: StreamlineError) => void;
  /** Exactly once; undefined = at least once. */
  readonly transaction: LaneTransaction | undefined;
}

/** The open transaction as the lanes see it. */
export interface LaneTransaction {
  readonly gate: UnitGate;
  readonly refused: RefusedRecords;
  /** Ends each lane; what they handed over since the last commit is read again. */
  readonly abort: (why: StreamlineError, kind: 'stumble' | 'insight') => void;
}

/** Where the records of a lane are that are in flight. */
export interface QueuedRecords {
  /** With a guest, or before one. */
  readonly guest: number;
  /** Waiting for their turn, for a retry or a transaction; failed ones on their way to an outcome. */
  readonly order: number;
  /** Not acknowledged yet. */
  readonly produce: number;
  /** Settled in a transaction that is open. */
  readonly commit: number;
}

/** Consuming → draining (revoked, stopping: nothing new) → ended (given up, lost: nothing may leave any more). */
type LaneState = 'consuming' | 'draining' | 'ended';

/**
 * One assignment of one partition: puts results back into the order their records were received in (I3), settles each record
 * exactly once (I2), and holds up only itself while a record retries.
 */
export class Lane {
  readonly partition: number;
  readonly assignment: Assignment;
  readonly ledger = new PartitionLedger();
  readonly #context: LaneContext;
  readonly #tally: Tally;
  readonly #slots: Slot[] = [];
  readonly #hold: SlotHold;
  readonly #keys = new KeyHold();
  #state: LaneState = 'consuming';
  /** A record stopped the transform: nothing after it may leave. */
  #halted = false;
  #emitting = false;
  #openPieces = 0;
  /** Records whose results are not there. */
  #atGuest = 0;
  /** Records handed to the producer with their piece. */
  #atProducer = 0;
  #openUnits = 0;
  #from: number | undefined;
  readonly #backoffs = new Set<() => void>();
  readonly #drained = Promise.withResolvers<void>();

  /** @param from the first record to come, when that is known: a replay */
  constructor(partition: number, epoch: number, context: LaneContext, from?: number) {
    this.partition = partition;
    this.assignment = new Assignment(partition, epoch);
    this.#context = context;
    const { clock, measures, stats, transaction } = context;
    this.#tally = new Tally(stats, transaction !== undefined, (polledMs, records) =>
      measures.endToEnd.add((clock.nowMs() - polledMs) * 1e6, records),
    );
    this.#from = from;
    this.#hold = new SlotHold(context.inFlight, (reading) => {
      if (!reading || this.accepting) context.setReading(partition, reading);
    });
  }

  get ended(): boolean {
    return this.#state === 'ended';
  }

  /** Whether records just polled may still be taken: I5. */
  get accepting(): boolean {
    return this.#state === 'consuming' && !this.#halted;
  }

  /** Exactly once: the open transaction may hold outputs of it. */
  get inTransaction(): boolean {
    return !this.ended && (this.#openUnits > 0 || this.#tally.held > 0);
  }

  get queued(): QueuedRecords {
    if (this.ended) return { guest: 0, order: 0, produce: 0, commit: 0 };
    const order = this.ledger.unsettled - this.#atGuest - this.#atProducer;
    return { guest: this.#atGuest, order, produce: this.#atProducer, commit: this.#tally.held };
  }

  /** Where a replay begins: what was committed within the assignment, else its first record; undefined before that. */
  get replayFrom(): number | undefined {
    return this.#from ?? this.ledger.firstReceived;
  }

  /** Records that came when it had ended and waits for its replay: they are a part of that, even when they are its first. */
  passOver(segment: Segment): void {
    this.#from ??= this.ledger.firstReceived ?? segment.firstOffset;
  }

  accept(segment: Segment, ticket: BatchTicket): Slot {
    const receipt = this.ledger.accept(segment.recordCount, segment.firstOffset, segment.lastOffset);
    const slot: Slot = { segment, ticket, receipt, result: undefined, open: 1, held: false };
    this.#hold.entered(slot);
    this.#slots.push(slot);
    this.#atGuest += segment.recordCount;
    this.#tally.received(segment.recordCount);
    return slot;
  }

  /** Results come in any order; they leave in the order of `accept`. */
  deliver(slot: Slot, work: WorkResult, segment: SegmentResult): void {
    slot.result = { work, segment };
    this.#atGuest -= slot.segment.recordCount;
    if (this.ended) {
      this.#finish(slot);
      return;
    }
    if (!this.#emitting) void this.#emitInOrder();
  }

  /** The slot's results will never come: the guests are lost. What follows it must not overtake it. */
  abandon(slot: Slot): void {
    this.#halted = true;
    this.#atGuest -= slot.segment.recordCount;
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
    this.assignment.end();
    for (const cancel of [...this.#backoffs]) cancel();
    this.#tally.returned(this.ledger.unsettled);
    // Slots whose results are still out finish in deliver(); the one being emitted notices by itself.
    const waiting = this.#slots.splice(this.#emitting ? 1 : 0);
    for (const slot of waiting) if (slot.result !== undefined) this.#finish(slot);
    this.#drained.resolve();
  }

  /** Exactly once: what has settled is committed, up to `offset`. */
  committed(offset: number): void {
    if (this.ended) return;
    this.#tally.committed();
    this.#from = offset;
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
      const process = (): Promise<void> => this.#process(slot, work, piece, receipt);
      const key = piece.kind === 'range' ? piece.key : this.#keyToHold(slot, piece);
      if (key !== undefined) {
        this.#hold.waitsForKey(slot);
        const afterwards = async (before: Promise<void>): Promise<void> => {
          await before;
          if (!this.ended && !this.#halted) await process();
        };
        this.#keys.after(key, (before) => this.#track(slot, afterwards(before)));
        await this.#keys.room();
      } else if (piece.kind === 'failed' && this.#retries(slot, piece)) {
        await this.#track(slot, this.#hold.holdWhile(this.#slots, process));
      } else {
        void this.#track(slot, process());
      }
    }
  }

  async #process(slot: Slot, work: WorkResult, piece: Piece, receipt: Receipt): Promise<void> {
    if (piece.kind === 'failed') {
      await this.#failedRecord(slot, piece, receipt).resolve(piece.failure);
    } else {
      slot.ticket.version.breaker.passed(piece.recordCount);
      await this.#inUnit(piece.alone, (unit) => this.#emitRange(slot, work, piece, receipt, unit));
    }
  }

  async #cut(slot: Slot, work: WorkResult, segment: SegmentResult): Promise<Iterable<Piece>> {
    const { partition, firstRecord, recordCount } = slot.segment;
    const entries = segment.outputs + segment.filtered + segment.failed;
    assert(entries === recordCount, 'lane: a result for each record of the segment');
    const { transaction } = this.#context;
    const { topics, config } = slot.ticket.version;
    const refused = await refusedTopics(topics, config.outputTopic, work.topics);
    const suspects = transaction?.refused.any(partition) === true ? transaction.refused : undefined;
    if (segment.failed === 0 && refused.size === 0 && !this.#keys.any && suspects === undefined) {
      return [wholePiece(segment, recordCount, firstRecord + recordCount - 1)];
    }
    const batch = new BatchReader(slot.ticket.batch.buffer);
    const suspect = (record: number) => suspects?.get(partition, batch.offset(batch.recordAt(record)));
    const rules: CutRules = {
      outputFailure: (topic, record) => refused.get(topic) ?? suspect(record)?.failure,
      heldKey: (record) => {
        const key = this.#keys.any ? keyOf(batch, record) : undefined;
        return key !== undefined && this.#keys.has(key) ? key : undefined;
      },
      alone: (record) => suspect(record) !== undefined,
    };
    return cutPieces(new ResultReader(work.buffer), segment, rules);
  }

  /** The piece's part of a run that is wholly unsettled: cut off its head, or all that is left of it. */
  #receiptOf(slot: Slot, piece: Piece, run: Receipt): Receipt {
    if (piece.recordCount === run.unsettled) return run;
    const batch = new BatchReader(slot.ticket.batch.buffer);
    return this.ledger.splitHead(run, piece.recordCount, batch.offset(batch.recordAt(piece.lastRecord)));
  }

  /**
   * Runs work that hands something to the sink. Exactly once: all of it belongs to one transaction. Not at all when the lane has ended or
   * halted by its turn.
   * @param work true when all it handed over has settled
   */
  async #inUnit(alone: boolean, work: (unit: Unit) => Promise<boolean>): Promise<void> {
    const { transaction, sink } = this.#context;
    if (transaction === undefined) {
      await work(NO_UNIT);
      return;
    }
    const entering = transaction.gate.enter(alone);
    // What it waits for is in the producer's hands.
    if (alone) sink.hurry();
    const unit = await entering;
    let settled = false;
    this.#openUnits += 1;
    try {
      if (!this.ended && !this.#halted) settled = await work(unit);
    } finally {
      this.#openUnits -= 1;
      unit.leave(settled);
    }
  }

  async #emitRange(slot: Slot, work: WorkResult, piece: RangePiece, receipt: Receipt, unit: Unit): Promise<boolean> {
    const { sink, clock, measures } = this.#context;
    const { recordCount } = piece;
    const { version, executedMs } = slot.ticket;
    const { config, stamp } = version;
    const handedMs = clock.nowMs();
    measures.took('order', handedMs - executedMs, recordCount);
    const sent = slot.ticket.trace?.sending(piece);
    if (piece.outputs === 0) {
      sent?.([]);
      this.#settle(slot, receipt, recordCount, { filtered: piece.filtered });
      return true;
    }
    unit.handed();
    const produced = sink.produce({
      batch: slot.ticket.batch,
      result: work,
      startByte: piece.startByte,
      endByte: piece.endByte,
      defaultTopic: config.outputTopic,
      timestamp: config.output.timestamp,
      stamp,
      assignment: this.assignment,
    });
    if (piece.alone) sink.hurry();
    else this.#hurryIfDraining();
    this.#atProducer += recordCount;
    let failures: readonly ProduceFailure[];
    try {
      failures = await untilSent(produced, sent);
    } finally {
      this.#atProducer -= recordCount;
    }
    measures.took('produce', clock.nowMs() - handedMs, recordCount);
    // Of an ended assignment nothing counts, and nothing may follow: it was returned as a whole (I5).
    if (this.ended) return false;
    if (failures.length > 0) return this.#settleAround(failures, slot, work, piece, receipt, unit);
    this.#settle(slot, receipt, recordCount, { output: piece.outputs, filtered: piece.filtered });
    return true;
  }

  /** Some records of a range were refused one by one: what came before them settles by itself, so that it can be committed. */
  async #settleAround(
    failures: readonly ProduceFailure[],
    slot: Slot,
    work: WorkResult,
    range: RangePiece,
    receipt: Receipt,
    unit: Unit,
  ): Promise<boolean> {
    const batch = new BatchReader(slot.ticket.batch.buffer);
    const several = recordsWithSeveral(new ResultReader(work.buffer), range);
    const own = this.#refused(failures, range.alone, (recordIndex) => ({
      offset: batch.offset(batch.recordAt(recordIndex)),
      several: several.has(recordIndex),
    }));
    // What of the range arrived is unsure, so none of it settles and all of it is read again.
    if (own === undefined) return false;
    const rules: CutRules = {
      outputFailure: (_, record) => own.get(record),
      heldKey: () => undefined,
      alone: () => false,
    };
    const resolving: Promise<boolean>[] = [];
    for (const piece of cutPieces(new ResultReader(work.buffer), range, rules)) {
      if (this.ended) return false;
      const part = this.#receiptOf(slot, piece, receipt);
      if (piece.kind === 'failed') resolving.push(this.#failedRecord(slot, piece, part).resolve(piece.failure, unit));
      else this.#settle(slot, part, piece.recordCount, { output: piece.outputs, filtered: piece.filtered });
    }
    return (await Promise.all(resolving)).every((settled) => settled);
  }

  /**
   * What the cluster or its client would not take of a range.
   * @returns by record its own failure; undefined: what became of the range is unsure
   */
  #refused(
    failures: readonly ProduceFailure[],
    alone: boolean,
    recordOf: (recordIndex: number) => RefusedRecord,
  ): ReadonlyMap<number, RecordFailure> | undefined {
    const { transaction } = this.#context;
    const { trouble, faults } = judge(failures);
    const own = new Map<number, RecordFailure>();
    let ending: ProduceFailure | undefined;
    for (const [recordIndex, fault] of faults) {
      const { code, message } = fault;
      const { offset, several } = recordOf(recordIndex);
      own.set(recordIndex, { code, message, fuelUsed: 0 });
      // I4: a record is dead-lettered whole. Others of its outputs are in the transaction, which cannot be committed with them.
      if (transaction === undefined || (fault.endsTransaction !== true && !several)) continue;
      // What the client itself refuses is no neighbour's doing.
      transaction.refused.add(this.partition, offset, fault, alone || fault.endsTransaction !== true);
      ending ??= fault;
    }
    if (trouble !== undefined && (transaction === undefined || !mayPass(trouble))) {
      this.#halt(new StreamlineError(trouble.code, trouble.message));
      return undefined;
    }
    // A transaction that the cluster refused a record of takes no more: trouble with what came after it says nothing by itself.
    if (ending !== undefined) {
      const message = `the cluster refused a record: ${ending.message}`;
      transaction?.abort(new StreamlineError('broker.transaction_aborted', message), 'insight');
      return undefined;
    }
    if (trouble !== undefined) {
      const cause = new StreamlineError(trouble.code, trouble.message);
      this.#halt(new StreamlineError('broker.transaction_aborted', trouble.message, { cause }));
      return undefined;
    }
    return own;
  }

  #failedRecord(slot: Slot, piece: FailedPiece, receipt: Receipt): FailedRecord {
    const { version, trace: batchTrace } = slot.ticket;
    const trace = batchTrace?.record(piece.lastRecord);
    const lane: FailingLane = {
      assignment: this.assignment,
      trace,
      inUnit: (alone, work) => this.#inUnit(alone, work),
      settle: (outcome, code) => {
        trace?.settled(outcome);
        this.#settle(slot, receipt, 1, outcome, code);
      },
      refused: (failures, alone, recordOf) => this.#refused(failures, alone, recordOf),
      hurryIfDraining: () => this.#hurryIfDraining(),
      halt: (error) => this.#halt(error),
      backoff: (delayMs) => this.#backoff(delayMs),
    };
    const record = new BatchReader(slot.ticket.batch.buffer).plain(piece.lastRecord);
    return new FailedRecord(this.#context, version, lane, record);
  }

  /** What leaves after the drain began must not wait for the producer's next look: a revoke or a stop waits for it (I8). */
  #hurryIfDraining(): void {
    if (this.#state === 'draining') this.#context.sink.hurry();
  }

  /** I2: the one place where a record settles. Of an ended assignment nothing is counted: it was returned as a whole. */
  #settle(slot: Slot, receipt: Receipt, records: number, outcome: Partial<Outcome>, code?: ErrorCode): void {
    if (this.ended) return;
    const { version, polledMs } = slot.ticket;
    version.settled += records;
    this.ledger.settle(receipt, records);
    this.#tally.settled(records, outcome, { polledMs, code });
  }

  #retries(slot: Slot, piece: FailedPiece): boolean {
    return decide(piece.failure, 1, slot.ticket.version.config.errors) === 'retry';
  }

  #keyToHold(slot: Slot, piece: FailedPiece): string | undefined {
    if (slot.ticket.version.config.ordering !== 'key') return undefined;
    const key = keyOf(new BatchReader(slot.ticket.batch.buffer), piece.lastRecord);
    if (key !== undefined && this.#keys.has(key)) return key;
    if (!this.#retries(slot, piece)) return undefined;
    // Nobody waits for a record without a key: a name of its own.
    return key ?? `\u0000${slot.segment.firstOffset}:${piece.lastRecord}`;
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
    if (slot.open === 0) this.#hold.left(slot);
  }

  #halt(error: StreamlineError): void {
    const { transaction, fail } = this.#context;
    this.halt();
    if (this.ended) return;
    if (transaction !== undefined && error.code === 'broker.transaction_aborted') transaction.abort(error, 'stumble');
    else fail(error);
  }

  #checkDrained(): void {
    if (this.#state !== 'draining' || this.#openPieces > 0 || this.#emitting) return;
    if (this.#slots.length === 0 || this.#halted) this.#drained.resolve();
  }
}

function recordsWithSeveral(results: ResultReader, { startByte, endByte }: RangePiece): Set<number> {
  const several = new Set<number>();
  for (let at = startByte; at < endByte; at = results.next(at)) {
    if (results.continues(at)) several.add(results.recordIndex(at));
  }
  return several;
}
