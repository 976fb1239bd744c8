import { assert } from '../base/assert.ts';
import { within, type Clock } from '../base/clock.ts';
import { StreamlineError, toStreamlineError } from '../base/error.ts';
import type { Rng } from '../base/rng.ts';
import { groupChanges } from '../spec/group-changes.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';
import { Committer } from './committer.ts';
import { InFlight, type BatchTicket } from './in-flight.ts';
import { Lane, type LaneContext, type LaneTransaction, type QueuedRecords } from './lane.ts';
import { PipelineMeasures } from './measures.ts';
import type { OffsetCommitter } from './offset-committer.ts';
import type { PackedBatch } from './packed-batch.ts';
import type {
  Executor,
  PartitionOffset,
  RecordSink,
  RecordSource,
  TopicDirectory,
  Transactions,
  WorkResult,
} from './ports.ts';
import { RefusedRecords } from './refused-records.ts';
import type { Slot } from './slot.ts';
import type { Tracing } from './tracing.ts';
import { TransactionCommitter } from './transaction-committer.ts';
import { emptyStats, type TransformationStats } from './transformation-stats.ts';
import { UnitGate } from './unit-gate.ts';
import type { Version, VersionParts } from './version.ts';
import { Versions, type Switch, type TakeOver } from './versions.ts';

export interface PipelineLimits {
  /** Records per poll. */
  readonly pollRecordsMax: number;
  /** Batches polled and not settled, not counting what waits behind a retry. */
  readonly inFlightBatchesMax: number;
  /** Bytes of records held at once. */
  readonly inFlightBytesMax: number;
  readonly commitIntervalMs: number;
  /** Exactly once: how often a transaction is committed. */
  readonly transactionIntervalMs: number;
  /** How long a revoke or a stop waits for records under way. */
  readonly drainTimeoutMs: number;
  /** Largest record produced, bytes. */
  readonly recordBytesMax: number;
}

export interface PipelineParts {
  readonly config: TransformationConfig;
  readonly limits: PipelineLimits;
  readonly source: RecordSource;
  readonly executor: Executor;
  readonly sink: RecordSink;
  readonly topics: TopicDirectory;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly moduleSha256: string;
  /** Of the first version; those that follow have higher ones. */
  readonly versionNumber?: number;
  readonly workerId: string;
  readonly log: PipelineLog;
  /** undefined: there are no spans. */
  readonly tracing?: Tracing | undefined;
  /** A version is done and its guests are gone; not called for those that `stop` closes. */
  readonly closed?: (executor: Executor) => void;
}

export interface PipelineLog {
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
}

/** How long one poll waits for a record, ms: bounds how late a stop is noticed. */
const POLL_WAIT_MS = 100;
/** Of a topic where nothing comes: fifty of those are not to take a core with looking. Whatever comes ends the wait at once. */
const IDLE_POLL_WAIT_MS = 2_000;
const IDLE_AFTER_POLLS = 20;
/** A pipeline without room still polls (with everything parked) this often. */
const KEEP_ALIVE_MS = 1000;

/**
 * THE DATA PATH of one transform. One record, top to bottom:
 * `#poll` takes a packed batch from the source → `#dispatch` enters it into its partition's lane and ledger and hands it to a
 * guest thread → the lane puts results back in order, produces them or applies the error policy, and settles the record when
 * the cluster has acknowledged its outcome → the committer commits what is settled. Exactly once: outputs and offsets are committed
 * together (TransactionCommitter); when that cannot be, all lanes end, and `#readAgain` begins new ones at what is committed.
 */
export class Pipeline {
  readonly stats: TransformationStats = emptyStats();
  readonly measures = new PipelineMeasures();
  readonly #parts: PipelineParts;
  readonly #lanes = new Map<number, Lane>();
  readonly #inFlight: InFlight;
  readonly #versions: Versions;
  readonly #results = new Map<PackedBatch, WorkResult>();
  readonly #laneContext: LaneContext;
  readonly #committer: OffsetCommitter;
  /** The same, when it is one of transactions. */
  readonly #transactions: TransactionCommitter | undefined;
  readonly #failed: (error: StreamlineError) => void;
  /** Partitions not read for now: their record retries. */
  readonly #notReading = new Set<number>();
  /** Partitions not read for now: there is no room. Stays paused until there is, as a client drops what it prefetched. */
  readonly #parked = new Set<number>();
  /** Grows with every assignment. */
  #epoch = 0;
  /** Exactly once: all lanes have ended, nothing is read until they begin anew. */
  #replaying = false;
  /** Who waits for `#readAgain`. */
  #replay: PromiseWithResolvers<void> | undefined;
  /** Set while there is no room: a poll is due then, or the group would throw this member out. */
  #pollByMs: number | undefined;
  #executing = 0;
  #paused = false;
  #stopping = false;
  #failure: StreamlineError | undefined;
  #stopped: Promise<void> | undefined;
  #loop: Promise<void> = Promise.resolve();
  /** In a poll of IDLE_POLL_WAIT_MS. */
  #pollsIdly = false;
  #wake: (() => void) | undefined;

  /** @param failed called once, when the transform cannot go on: the owner stops it, and may start a new one */
  constructor(parts: PipelineParts, failed: (error: StreamlineError) => void) {
    this.#parts = parts;
    this.#failed = failed;
    const { config, limits, clock } = parts;
    const { versionNumber = 1, workerId, closed = () => {} } = parts;
    this.#versions = new Versions(parts, versionNumber, workerId, closed);
    this.#inFlight = new InFlight(
      { batchesMax: limits.inFlightBatchesMax, bytesMax: limits.inFlightBytesMax },
      (ticket) => this.#release(ticket),
    );
    const { transactions } = parts.sink;
    assert((transactions !== undefined) === (config.delivery === 'exactly_once'), 'a sink made for another delivery');
    const transaction = transactions === undefined ? undefined : this.#transaction();
    this.#laneContext = {
      sink: parts.sink,
      clock,
      rng: parts.rng,
      stats: this.stats,
      measures: this.measures,
      inFlight: this.#inFlight,
      recordBytesMax: limits.recordBytesMax,
      setReading: (partition, reading) => this.#setReading(partition, reading),
      fail: (error) => this.#fail(error),
      transaction,
    };
    if (transactions === undefined || transaction === undefined) {
      this.#committer = this.#offsetCommitter();
    } else {
      this.#committer = this.#transactions = this.#transactionCommitter(transactions, transaction);
    }
  }

  #transaction(): LaneTransaction {
    assert(this.#parts.config.ordering === 'partition', 'exactly once: order by key leaves holes in the offsets');
    const abort: LaneTransaction['abort'] = (why, kind) => this.#transactions?.abort(why, kind);
    return { gate: new UnitGate(), refused: new RefusedRecords(), abort };
  }

  #offsetCommitter(): Committer {
    const { clock, limits, source, log, tracing } = this.#parts;
    return new Committer({
      clock,
      intervalMs: limits.commitIntervalMs,
      committable: () => this.#committable([...this.#lanes.values()]),
      idle: () => this.#isIdle,
      commit: (offsets) => spanOf(tracing?.committing(offsets), () => source.commit(offsets)),
      counts: this.measures.commits,
      refused: (error) => log.warn({ code: error.code, err: error.message }, 'commit refused, will be tried again'),
      fail: (error) => this.#fail(error),
    });
  }

  #transactionCommitter(transactions: Transactions, { gate, refused }: LaneTransaction): TransactionCommitter {
    const { clock, limits, source, sink, log, tracing } = this.#parts;
    return new TransactionCommitter({
      clock,
      intervalMs: limits.transactionIntervalMs,
      gate,
      refused,
      transactions: {
        commit: (offsets, member) => spanOf(tracing?.committing(offsets), () => transactions.commit(offsets, member)),
        abort: () => transactions.abort(),
      },
      counts: this.measures.commits,
      member: () => source.member(),
      lanes: () => [...this.#lanes.values()],
      hurry: () => sink.hurry(),
      endAll: () => {
        this.#replaying = true;
        for (const lane of this.#lanes.values()) lane.end();
      },
      replay: () => {
        if (this.#over) return Promise.resolve();
        this.#replay = Promise.withResolvers();
        this.#wakeUp();
        return this.#replay.promise;
      },
      aborted: (error) => log.warn({ code: error.code, err: error.message }, 'transaction aborted, will be read again'),
      fail: (error) => this.#fail(error),
    });
  }

  /**
   * Joins the group and starts to read. Rejects when the cluster cannot be reached or refuses, or when stopped meanwhile;
   * what was opened by then stays open until `stop`.
   */
  async start(): Promise<void> {
    const { sink, source } = this.#parts;
    this.#assertWanted();
    await sink.start((error) => this.#fail(error));
    this.#assertWanted();
    await source.start({
      assigned: (partitions) => this.#assigned(partitions),
      revoked: (partitions) => this.#revoked(partitions),
      lost: (partitions) => this.#lost(partitions),
      failed: (error) => this.#fail(error),
    });
    this.#assertWanted();
    this.#committer.start();
    this.#loop = this.#poll();
  }

  /** A start that goes on after a stop would join the group with nobody left to leave it. */
  #assertWanted(): void {
    if (this.#stopping) throw new StreamlineError('broker.client', 'the transform was stopped while it started');
  }

  /** Drains within its bound, commits, leaves the group, releases everything (I8). Idempotent; never rejects. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#stopping = true;
    this.#wakeUp();
    const { source, sink, limits, clock } = this.#parts;
    await this.#drain([...this.#lanes.values()]);
    // A poll that waits for what may never come is ended by the close; what it brings until then finds no lane that takes it.
    const pollsIdly = this.#pollsIdly;
    if (!pollsIdly) await within(clock, limits.drainTimeoutMs, this.#loop);
    this.#committer.stop();
    for (const lane of this.#lanes.values()) lane.end();
    // I5: what the drain could not get acknowledged is dropped before the partitions are given up: nobody counts it any more.
    await this.#close('producer', () => sink.close(0));
    await this.#close('consumer', () => source.close());
    if (pollsIdly) await within(clock, limits.drainTimeoutMs, this.#loop);
    await this.#close('guests', () => this.#versions.close());
    this.#lanes.clear();
  }

  async #close(what: string, close: () => Promise<void>): Promise<void> {
    const { clock, limits, log } = this.#parts;
    try {
      if (await within(clock, limits.drainTimeoutMs, close())) return;
      log.warn({ what }, 'does not close, left behind');
    } catch (thrown) {
      log.warn({ what, err: toStreamlineError(thrown).message }, 'close failed');
    }
  }

  /** Nothing more is polled. */
  get #over(): boolean {
    return this.#stopping || this.#failure !== undefined;
  }

  /**
   * From the next batch on it is this version's; what is under way is finished by the version it was given to (I10). The group notices nothing: input
   * topic, group, delivery and ordering are as they were.
   */
  adopt(next: VersionParts, number: number, events: TakeOver): void {
    const changes = groupChanges(this.#versions.serving.config, next.config);
    assert(changes.length === 0, 'another group takes another pipeline');
    this.#versions.adopt(next, number, next.config.rollout.canary, events);
    this.#wakeUp();
  }

  /** The version on trial, if there is one, is not wanted any more: the one before goes on. */
  withdraw(): void {
    this.#versions.withdraw();
    this.#wakeUp();
  }

  /** Reads nothing and stays in the group; what is under way is finished. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#wakeUp();
  }

  get serving(): Version {
    return this.#versions.serving;
  }

  get trial(): { readonly version: Version; readonly done: number; readonly of: number } | undefined {
    return this.#versions.trial;
  }

  /** Where the version that serves took over on a partition; undefined when it has had nothing of it. */
  switchOf(partition: number): Switch | undefined {
    return this.#versions.switchOf(partition);
  }

  get lastCommitMs(): number | undefined {
    return this.#committer.lastCommitMs;
  }
  /** Where what is in flight is. */
  get queued(): QueuedRecords {
    const sum = { guest: 0, order: 0, produce: 0, commit: 0 };
    for (const { queued } of this.#lanes.values()) {
      sum.guest += queued.guest;
      sum.order += queued.order;
      sum.produce += queued.produce;
      sum.commit += queued.commit;
    }
    return sum;
  }
  get inFlightBytes(): number {
    return this.#inFlight.bytes;
  }
  /** The group has given this member its share, which may be none. */
  get joined(): boolean {
    return this.#epoch > 0;
  }
  get partitions(): number[] {
    return [...this.#lanes.keys()].sort((a, b) => a - b);
  }

  // ---- records ---------------------------------------------------------------------------------------------

  async #poll(): Promise<void> {
    const { source, limits, clock } = this.#parts;
    let emptyPolls = 0;
    try {
      while (!this.#over) {
        if (this.#replay !== undefined) await this.#readAgain();
        if (!this.#hasRoom()) await this.#room();
        if (this.#over) break;
        if (this.#replay !== undefined) continue;
        const beganMs = clock.nowMs();
        // What is under way may want its poll back: transactions that abort read again.
        this.#pollsIdly = emptyPolls >= IDLE_AFTER_POLLS && this.#isIdle;
        const waitMs = this.#pollsIdly ? IDLE_POLL_WAIT_MS : POLL_WAIT_MS;
        const batch = await source.poll(this.#versions.recordsMax(limits.pollRecordsMax), waitMs);
        this.#pollsIdly = false;
        emptyPolls = batch === undefined ? emptyPolls + 1 : 0;
        this.#pollByMs = undefined;
        if (batch !== undefined) this.#dispatch(batch, beganMs);
      }
    } catch (thrown) {
      this.#fail(toStreamlineError(thrown));
    }
    this.#replay?.resolve();
  }

  /** @param pollBeganMs by the clock */
  #dispatch(batch: PackedBatch, pollBeganMs: number): void {
    // I5: records of a partition that is draining, or was given up while the poll was under way, are not ours any more.
    const lanes = batch.segments.map((segment) => {
      const lane = this.#lanes.get(segment.partition);
      if (lane?.ended === true) lane.passOver(segment);
      return lane?.accepting === true ? lane : undefined;
    });
    const accepted = lanes.filter((lane) => lane !== undefined).length;
    if (accepted === 0) {
      this.#parts.source.release(batch);
      return;
    }
    this.measures.polled(batch.recordCount);
    const polledMs = this.#parts.clock.nowMs();
    const version = this.#versions.current;
    const trace = this.#parts.tracing?.polled(batch, version.config, pollBeganMs);
    this.#committer.wake();
    const ticket = this.#inFlight.open(batch, accepted, version, polledMs, trace);
    this.#versions.opened(ticket);
    const slots = batch.segments.map((segment, i): Slot | undefined => lanes[i]?.accept(segment, ticket));
    this.#executing += 1;
    void this.#execute(ticket, lanes, slots);
  }

  async #execute(
    ticket: BatchTicket,
    lanes: readonly (Lane | undefined)[],
    slots: readonly (Slot | undefined)[],
  ): Promise<void> {
    const { batch, trace } = ticket;
    trace?.dispatched();
    try {
      const work = await this.#versions.execute(ticket);
      assert(work.segments.length === batch.segments.length, 'executor: a result for each segment');
      this.#results.set(batch, work);
      this.#measure(ticket, slots, work);
      this.#inFlight.grow(ticket, work.segments.at(-1)?.endByte ?? 0);
    } catch (thrown) {
      this.#fail(toStreamlineError(thrown));
    }
    this.#executing -= 1;
    const work = this.#results.get(batch);
    trace?.answered(work);
    for (const [i, slot] of slots.entries()) {
      const segment = work?.segments[i];
      if (slot === undefined) continue;
      this.#versions.delivered(slot.segment.partition, slot.segment.firstOffset, ticket.version);
      if (work !== undefined && segment !== undefined) lanes[i]?.deliver(slot, work, segment);
      else lanes[i]?.abandon(slot);
    }
    this.#wakeUp();
  }

  #measure(ticket: BatchTicket, slots: readonly (Slot | undefined)[], { elapsedMs = 0 }: WorkResult): void {
    const executedMs = this.#parts.clock.nowMs();
    ticket.executedMs = executedMs;
    const records = slots.reduce((sum, slot) => sum + (slot?.segment.recordCount ?? 0), 0);
    this.measures.took('queue', executedMs - ticket.polledMs - elapsedMs, records);
    this.measures.took('guest', elapsedMs, records);
  }

  /** The last segment of a batch is done: nothing points into its buffers any more. */
  #release(ticket: BatchTicket): void {
    const { batch, version, trace } = ticket;
    const work = this.#results.get(batch);
    this.#results.delete(batch);
    trace?.ended();
    try {
      if (work !== undefined) version.executor.release(work);
      this.#parts.source.release(batch);
      this.#versions.done(ticket);
    } catch (thrown) {
      // Comes at the end of a piece's life, where nobody waits for it any more: a rejection there would end the process.
      this.#fail(toStreamlineError(thrown));
    }
  }

  // ---- back-pressure ---------------------------------------------------------------------------------------

  /** Every record that was received has its outcome. */
  get #isIdle(): boolean {
    return this.stats.inFlight === 0;
  }

  #hasRoom(): boolean {
    return !this.#paused && !this.#replaying && this.#versions.hasRoom(this.#executing) && this.#inFlight.hasRoom();
  }

  /** Waits until there is room for another batch. When that takes long, polls nothing now and then: the group keeps this member. */
  async #room(): Promise<void> {
    const { clock, source, sink, limits } = this.#parts;
    this.#pollByMs ??= clock.nowMs() + KEEP_ALIVE_MS;
    while (!this.#hasRoom() && !this.#over && this.#replay === undefined) {
      // Room comes with acknowledgements: at low rates many small batches fill it long before the producer would look by itself.
      if (!this.#inFlight.hasRoom() || this.#paused) sink.hurry();
      const leftMs = this.#pollByMs - clock.nowMs();
      if (leftMs > 0) {
        await this.#change(leftMs);
        continue;
      }
      this.#park();
      const beganMs = clock.nowMs();
      const batch = await source.poll(this.#versions.recordsMax(limits.pollRecordsMax), 0);
      if (batch !== undefined) this.#dispatch(batch, beganMs);
      this.#pollByMs = clock.nowMs() + KEEP_ALIVE_MS;
    }
    this.#unpark();
  }

  /** Resolves when something was released, held or executed, or the time is up. */
  #change(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        cancel();
        resolve();
      };
      const cancel = this.#parts.clock.after(waitMs, wake);
      this.#wake = wake;
      this.#inFlight.onChange(wake);
    });
  }

  #wakeUp(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  #setReading(partition: number, reading: boolean): void {
    if (reading) this.#notReading.delete(partition);
    else this.#notReading.add(partition);
    if (!this.#lanes.has(partition) || this.#parked.has(partition)) return;
    if (reading) this.#parts.source.resume([partition]);
    else this.#parts.source.pause([partition]);
  }

  #park(): void {
    const reading = this.partitions.filter((p) => !this.#notReading.has(p) && !this.#parked.has(p));
    for (const partition of reading) this.#parked.add(partition);
    if (reading.length > 0) this.#parts.source.pause(reading);
  }

  #unpark(): void {
    const reading = [...this.#parked].filter((p) => this.#lanes.has(p) && !this.#notReading.has(p));
    this.#parked.clear();
    if (reading.length > 0) this.#parts.source.resume(reading);
  }

  // ---- assignment ------------------------------------------------------------------------------------------

  #assigned(partitions: readonly number[]): void {
    this.#epoch += 1;
    this.measures.rebalances.assigned += 1;
    for (const partition of partitions) {
      const before = this.#lanes.get(partition);
      if (before !== undefined) this.#end(before);
      this.#notReading.delete(partition);
      this.#parked.delete(partition);
      this.#committer.forget(partition);
      this.#lanes.set(partition, new Lane(partition, this.#epoch, this.#laneContext));
    }
    this.#parts.log.info({ partitions: [...partitions] }, 'partitions assigned');
  }

  /** Consuming → draining → ended, within the drain bound; then the adapter gives the partitions up. */
  async #revoked(partitions: readonly number[]): Promise<void> {
    const lanes = this.#lanesOf(partitions);
    this.measures.rebalances.revoked += 1;
    await this.#drain(lanes);
    for (const lane of lanes) this.#end(lane);
    this.#parts.log.info({ partitions: [...partitions] }, 'partitions revoked');
  }

  #lost(partitions: readonly number[]): void {
    this.measures.rebalances.lost += 1;
    for (const lane of this.#lanesOf(partitions)) this.#end(lane);
    this.#parts.log.warn({ partitions: [...partitions] }, 'partitions lost');
  }

  async #drain(lanes: readonly Lane[]): Promise<void> {
    const { clock, limits, sink } = this.#parts;
    const drained = Promise.all(lanes.map((lane) => lane.drain()));
    sink.hurry();
    await within(clock, limits.drainTimeoutMs, drained);
    await within(clock, limits.drainTimeoutMs, this.#committer.commitNow());
  }

  #end(lane: Lane): void {
    const { inTransaction } = lane;
    lane.end();
    // I4: its outputs are in there, and its offsets are nobody's here to commit any more.
    if (inTransaction) this.#transactions?.lost(lane.partition);
    if (this.#lanes.get(lane.partition) === lane) this.#lanes.delete(lane.partition);
    this.#notReading.delete(lane.partition);
    this.#parked.delete(lane.partition);
  }

  /** Between two polls, so that nothing read before comes after it: the same partitions from what is committed, as new assignments (I5). */
  async #readAgain(): Promise<void> {
    const { source } = this.#parts;
    const ended = [...this.#lanes.values()].filter((lane) => lane.ended);
    // Before the seek: librdkafka resumes where it was when it paused.
    for (const { partition } of ended) if (this.#notReading.has(partition)) this.#setReading(partition, true);
    const offsets = ended.flatMap(({ partition, replayFrom: offset }): PartitionOffset[] =>
      offset === undefined ? [] : [{ partition, offset }],
    );
    if (offsets.length > 0) await source.seek(offsets);
    this.#epoch += 1;
    for (const lane of ended) {
      const { partition, replayFrom } = lane;
      // Given up meanwhile, perhaps assigned anew.
      if (this.#lanes.get(partition) !== lane) continue;
      this.#lanes.set(partition, new Lane(partition, this.#epoch, this.#laneContext, replayFrom));
    }
    this.#replaying = false;
    this.#replay?.resolve();
    this.#replay = undefined;
  }

  #lanesOf(partitions: readonly number[]): Lane[] {
    return partitions.flatMap((partition) => this.#lanes.get(partition) ?? []);
  }

  #committable(lanes: readonly Lane[]): PartitionOffset[] {
    const offsets: PartitionOffset[] = [];
    for (const lane of lanes) {
      // I5: an ended assignment commits nothing.
      if (lane.ended || lane.ledger.committable === undefined) continue;
      offsets.push({ partition: lane.partition, offset: lane.ledger.committable });
    }
    return offsets;
  }

  #fail(error: StreamlineError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    for (const lane of this.#lanes.values()) lane.halt();
    this.#wakeUp();
    // Nobody is told of what breaks while it is taken down on purpose: its owner would start it again.
    if (this.#stopping) this.#parts.log.warn({ code: error.code, err: error.message }, 'failed while stopping');
    else this.#failed(error);
  }
}

/** Ends a span, if there is one, with what comes of the work. */
async function spanOf(end: ReturnType<Tracing['committing']> | undefined, work: () => Promise<void>): Promise<void> {
  if (end === undefined) return work();
  try {
    await work();
    end();
  } catch (thrown) {
    end(toStreamlineError(thrown));
    throw thrown;
  }
}
