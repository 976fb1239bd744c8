import { toStreamlineError, StreamlineError } from '../base/error.ts';
import type { ErrorCode } from '../base/error-code.ts';
import type { Clock } from '../base/clock.ts';
import type { Rng } from '../base/rng.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';
import type { Breaker } from './breaker.ts';
import { deadLetter, TRUNCATIONS, type DeadLetterContext } from './dead-letter.ts';
import { backoffMs, decide, type RecordFailure } from './failure-policy.ts';
import type { BatchTicket, InFlight } from './in-flight.ts';
import { PartitionLedger, type Receipt } from './ledger.ts';
import { BatchReader, packBatch, type PlainRecord, type Segment } from './packed-batch.ts';
import { DEFAULT_TOPIC, KIND_FAILED, KIND_FILTERED, ResultReader } from './packed-results.ts';
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
import type { TransformationStats } from './transformation-stats.ts';

/** Records that may wait for their own keys in one partition before the whole partition waits (ordering: key). */
const HELD_KEYS_MAX = 1000;

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
      const receipt = this.#receiptOf(slot, piece);
      const held = piece.kind === 'range' ? piece.key : this.#keyToHold(slot, piece);
      if (held !== undefined) {
        this.#afterKey(held, slot, () => this.#process(slot, work, piece, receipt));
        if (this.#heldKeys.size >= HELD_KEYS_MAX) await Promise.race(this.#heldKeys.values());
      } else if (piece.kind === 'range') {
        this.#track(slot, this.#emitRange(slot, work, piece, receipt));
      } else if (this.#verdict(piece.failure, 1) === 'retry') {
        await this.#track(slot, this.#holdWhile(() => this.#resolveFailure(slot, piece, receipt)));
      } else {
        this.#track(slot, this.#resolveFailure(slot, piece, receipt));
      }
    }
  }

  #process(slot: Slot, work: WorkResult, piece: Piece, receipt: Receipt): Promise<void> {
    return piece.kind === 'range'
      ? this.#emitRange(slot, work, piece, receipt)
      : this.#resolveFailure(slot, piece, receipt);
  }

  async #cut(slot: Slot, work: WorkResult, segment: SegmentResult): Promise<Iterable<Piece>> {
    const lastRecord = slot.segment.firstRecord + slot.segment.recordCount - 1;
    const refused = await this.#refusedTopics(work.topics);
    if (segment.failed === 0 && refused.size === 0 && this.#heldKeys.size === 0) {
      return [wholePiece(segment, slot.segment.recordCount, lastRecord)];
    }
    const batch = this.#context.config.ordering === 'partition' ? undefined : new BatchReader(slot.ticket.batch.buffer);
    const rules: CutRules = {
      topicFailure: (topic) => refused.get(topic),
      heldKey: (record) => {
        const key = batch === undefined ? undefined : keyOf(batch, record);
        return key !== undefined && this.#heldKeys.has(key) ? key : undefined;
      },
    };
    return cutPieces(new ResultReader(work.buffer), segment, rules);
  }

  /** What may not be produced to, by topic index. Asks the cluster only for names not seen before. */
  async #refusedTopics(topics: readonly string[]): Promise<Map<number, { code: ErrorCode; message: string }>> {
    const refused = new Map<number, { code: ErrorCode; message: string }>();
    if (this.#context.config.outputTopic === undefined) {
      const message = 'output_topic is "" and route() named no topic for this record';
      refused.set(DEFAULT_TOPIC, { code: 'route.missing', message });
    }
    for (const [index, topic] of topics.entries()) {
      if (this.#context.topics.known(topic) === 'ok') continue;
      const wrong = await this.#context.topics.check(topic);
      if (wrong !== undefined) refused.set(index, wrong);
    }
    return refused;
  }

  #receiptOf(slot: Slot, piece: Piece): Receipt {
    if (piece.recordCount === slot.receipt.unsettled) return slot.receipt;
    const batch = new BatchReader(slot.ticket.batch.buffer);
    return this.ledger.splitHead(slot.receipt, piece.recordCount, batch.offset(batch.recordAt(piece.lastRecord)));
  }

  async #emitRange(slot: Slot, work: WorkResult, piece: RangePiece, receipt: Receipt): Promise<void> {
    const { config, breaker, sink } = this.#context;
    breaker.passed(piece.recordCount);
    if (piece.outputs === 0) {
      this.#settle(receipt, piece.recordCount, { filtered: piece.filtered });
      return;
    }
    const failures = await sink.produce({
      batch: slot.ticket.batch,
      result: work,
      startByte: piece.startByte,
      endByte: piece.endByte,
      defaultTopic: config.outputTopic,
      timestamp: config.output.timestamp,
      assignment: this,
    });
    const refused = firstOfEachRecord(failures);
    const cluster = refused.find((failure) => failure.code !== 'record.too_large');
    if (cluster !== undefined) {
      // The cluster's fault: what else of the range arrived is unsure, so none of it settles and all of it is read again.
      this.#halt(new StreamlineError(cluster.code, cluster.message));
      return;
    }
    const outputs = piece.outputs - refused.length;
    this.#settle(receipt, piece.recordCount - refused.length, { output: outputs, filtered: piece.filtered });
    for (const { code, message, recordIndex } of refused) {
      const failure = { code, message, fuelUsed: 0 };
      await this.#resolveFailure(slot, { kind: 'failed', recordCount: 1, lastRecord: recordIndex, failure }, receipt);
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
    const { config, executor, sink, stats, breaker } = this.#context;
    stats.retries += 1;
    const batch = packBatch([record]);
    const work = await executor.execute(batch);
    const segment = work.segments[0];
    if (segment === undefined || this.ended) return undefined;
    try {
      const results = new ResultReader(work.buffer);
      if (results.kind(segment.startByte) === KIND_FAILED) return results.failure(segment.startByte);
      const topic = results.topic(segment.startByte);
      const refused = (await this.#refusedTopics(work.topics)).get(topic);
      if (refused !== undefined) return { ...refused, fuelUsed: results.fuelUsed(segment.startByte) };
      breaker.passed(1);
      if (results.kind(segment.startByte) === KIND_FILTERED) {
        this.#settle(receipt, 1, { filtered: 1 });
        return undefined;
      }
      const failures = await sink.produce({
        batch,
        result: work,
        startByte: segment.startByte,
        endByte: segment.endByte,
        defaultTopic: config.outputTopic,
        timestamp: config.output.timestamp,
        assignment: this,
      });
      const failure = failures[0];
      if (failure === undefined) this.#settle(receipt, 1, { output: 1 });
      else if (failure.code === 'record.too_large') return { ...failure, fuelUsed: 0 };
      else this.#halt(new StreamlineError(failure.code, failure.message));
      return undefined;
    } finally {
      executor.release(work);
    }
  }

  async #giveUp(record: PlainRecord, failure: RecordFailure, receipt: Receipt): Promise<void> {
    const { config, breaker } = this.#context;
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
    await this.#deadLetter(record, failure);
    this.#settle(receipt, 1, { deadLettered: 1 });
  }

  /** Resolves when the dead letter is acknowledged: only then may the offset move. */
  async #deadLetter(record: PlainRecord, failure: RecordFailure): Promise<void> {
    const { deadLetters, recordBytesMax, sink } = this.#context;
    for (const truncation of TRUNCATIONS) {
      try {
        await sink.produceOne(deadLetter(record, failure, deadLetters, truncation, recordBytesMax, this));
        return;
      } catch (thrown) {
        const error = toStreamlineError(thrown);
        if (error.code !== 'record.too_large') throw error;
      }
    }
    throw new StreamlineError('broker.produce_failed', 'the dead-letter topic does not even take the headers of a record', {
      suggestion: `raise max.message.bytes of ${deadLetters.config.errors.deadLetterTopic}`,
    });
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
      if (this.#state === 'consuming' && !this.#halted) this.#context.setReading(this.partition, true);
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
    if (slot.open === 0) this.#context.inFlight.close(slot.ticket, slot.held);
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

/** A record with several outputs fails once. */
function firstOfEachRecord(failures: readonly ProduceFailure[]): ProduceFailure[] {
  if (failures.length < 2) return [...failures];
  const first = new Map<number, ProduceFailure>();
  for (const failure of failures) if (!first.has(failure.recordIndex)) first.set(failure.recordIndex, failure);
  return [...first.values()];
}
