import { StreamlineError } from '../../base/error.ts';
import type { Assignment } from '../assignment.ts';
import type { Rng } from '../../base/rng.ts';
import { BatchReader, packBatch, type PackedBatch, type PlainRecord } from '../packed-batch.ts';
import { DEFAULT_TOPIC, KIND_OUTPUT, ResultReader } from '../packed-results.ts';
import type { TransformationConfig } from '../../spec/transformation-config.ts';
import type {
  GroupMember,
  OutputRange,
  PartitionOffset,
  ProduceFailure,
  ProduceRecord,
  RecordSink,
  RecordSource,
  SourceHandlers,
} from '../ports.ts';
import type { BufferWatch } from './buffer-watch.ts';
import type { SimClock } from './sim-clock.ts';
import { SIM_DEAD_LETTERS } from './sim-config.ts';
import { FAN, fansOut, fateOf } from './sim-record.ts';
import { SimTransactions, type SimTransaction } from './sim-transactions.ts';

export interface Faults {
  readonly produceFails: number;
  /** Chance that the cluster does not say whether a topic is there. */
  readonly topicFails: number;
  readonly ackLost: number;
  readonly commitRefused: number;
  readonly pollFails: number;
  readonly startFails: number;
  /** Chance that what is produced gets stuck, for good or for a while. */
  readonly sinkStalls: number;
  /** Exactly once: chance that nobody is told how a commit ended. */
  readonly commitLost: number;
  /** Exactly once: chance that another producer has taken this one's name. */
  readonly fenced: number;
  /** Largest simulated latency of an operation, ms. */
  readonly delayMaxMs: number;
}

/** Something that reached the cluster. */
export interface Arrival {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly key: string | undefined;
  /** One of several outputs of its record. */
  readonly fans: boolean;
  readonly member: number;
  readonly epoch: number;
  /** Seen only when it is committed; undefined = seen at once. */
  readonly transaction: SimTransaction | undefined;
}

/** The cluster: input logs, what arrived on outputs, committed offsets, who owns what. Judges nothing: see ledger-check. */
export class SimCluster {
  readonly logs: readonly (readonly PlainRecord[])[];
  readonly arrivals: Arrival[] = [];
  /** partition@offset of what has arrived anywhere. */
  readonly arrived = new Set<string>();
  readonly #outputs = new Map<string, number>();
  readonly committed = new Map<number, number>();
  readonly #pending = new Map<number, Promise<void>>();
  readonly owners = new Map<number, SimMember>();
  readonly onCommit: (partition: number, offset: number) => void;
  readonly violations: string[] = [];
  readonly buffers: BufferWatch;
  /** Records somebody has mended: the cluster takes them. */
  readonly mended: ReadonlySet<string>;

  constructor(
    logs: readonly (readonly PlainRecord[])[],
    buffers: BufferWatch,
    mended: ReadonlySet<string>,
    onCommit: (partition: number, offset: number) => void,
  ) {
    this.logs = logs;
    this.buffers = buffers;
    this.mended = mended;
    this.onCommit = onCommit;
  }

  arrive(arrival: Arrival, token: Assignment, member: SimMember): void {
    // I5, judged by the cluster's own books, not by the token the pipeline holds.
    if (this.owners.get(token.partition) !== member) {
      this.violations.push(`I5: ${arrival.partition}@${arrival.offset} produced by a member that had given it up`);
    }
    this.arrivals.push(arrival);
    if (arrival.transaction === undefined) this.#hasArrived(arrival);
    else arrival.transaction.arrivals.push(arrival);
  }

  /** Of a record with several outputs all must be there; its dead letter is one. */
  #hasArrived({ topic, partition, offset, fans }: Arrival): void {
    const id = `${partition}@${offset}`;
    const outputs = (this.#outputs.get(id) ?? 0) + 1;
    this.#outputs.set(id, outputs);
    if (!fans || topic === SIM_DEAD_LETTERS || outputs >= FAN) this.arrived.add(id);
  }

  /** What a reader sees, in the order of the log; of a transaction only when it is committed. */
  get visible(): Arrival[] {
    return this.arrivals.filter(({ transaction }) => transaction === undefined || transaction.state === 'committed');
  }

  commitTransaction(transaction: SimTransaction, offsets: readonly PartitionOffset[]): void {
    const covered = new Map(offsets.map(({ partition, offset }) => [partition, offset]));
    for (const arrival of transaction.arrivals) {
      const { partition, offset } = arrival;
      if (offset >= (covered.get(partition) ?? 0))
        this.violations.push(`I4: ${partition}@${offset} without its offset`);
      if (offset < (this.committed.get(partition) ?? 0)) this.violations.push(`I4: ${partition}@${offset} once more`);
      this.#hasArrived(arrival);
    }
    transaction.state = 'committed';
    for (const { partition, offset } of offsets) {
      this.onCommit(partition, offset);
      this.committed.set(partition, offset);
    }
  }

  /** Until the transaction with these offsets has ended, nobody is told where its partitions begin. */
  pendingOffsets(offsets: readonly PartitionOffset[]): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    for (const { partition } of offsets) this.#pending.set(partition, promise);
    return resolve;
  }

  async stable(partition: number): Promise<void> {
    await this.#pending.get(partition);
  }
}

export interface SimGroupMember extends GroupMember {
  readonly generation: number;
}

/** How much more often one of several outputs meets the cluster's trouble than a record's only one: there is more to see. */
const FAN_TROUBLE = 10;

const NEVER = new Promise<never>(() => undefined);

/**
 * A batch is refused as a whole for one record in it, and its transaction takes no more.
 * @param stateAt from here on the client knew
 */
function refusedWith(range: OutputRange, stateAt: number): ProduceFailure[] {
  const results = new ResultReader(range.result.buffer);
  const batch: ProduceFailure[] = [];
  const after: ProduceFailure[] = [];
  for (let at = range.startByte; at < range.endByte; at = results.next(at)) {
    if (results.kind(at) !== KIND_OUTPUT) continue;
    const recordIndex = results.recordIndex(at);
    if (at >= stateAt) after.push({ recordIndex, code: 'broker.produce_failed', message: 'simulated: state' });
    else batch.push({ recordIndex, code: 'record.rejected', message: 'simulated', endsTransaction: true });
  }
  // What the client does not take is known before the cluster's answer is.
  return [...after, ...batch];
}

/** One group member: the source and the sink of one pipeline. */
export class SimMember implements RecordSource, RecordSink {
  readonly transactions: SimTransactions | undefined;
  readonly id: number;
  readonly #cluster: SimCluster;
  readonly #clock: SimClock;
  readonly #rng: Rng;
  readonly #faults: Faults;
  readonly #positions = new Map<number, number>();
  readonly #paused = new Set<number>();
  /** By partition the first record with an output that the cluster was in no state to take. */
  readonly #troubled = new Map<number, number>();
  /** The generation in which a partition was last given up. */
  readonly #given = new Map<number, number>();
  #handlers: SourceHandlers | undefined;
  #sinkFailed: (error: StreamlineError) => void = () => undefined;
  /** One wire: what is produced arrives in the order it was handed over. */
  #wire: Promise<void> = Promise.resolve();
  #polling: Promise<unknown> = Promise.resolve();
  #assigning: Promise<unknown> = Promise.resolve();
  #closed = false;
  readonly #closing = Promise.withResolvers<never>();
  /** Grows with each rebalance: what was handed out under an earlier one proves nothing. */
  generation = 0;
  /** When the group last heard from this member; undefined before the first poll. */
  lastPollMs: number | undefined;

  constructor(
    id: number,
    cluster: SimCluster,
    clock: SimClock,
    rng: Rng,
    faults: Faults,
    delivery: TransformationConfig['delivery'],
  ) {
    if (delivery === 'exactly_once') {
      this.transactions = new SimTransactions(cluster, this, rng, faults, (delayMs) => this.#delay(delayMs));
    }
    this.id = id;
    this.#cluster = cluster;
    this.#clock = clock;
    this.#rng = rng;
    this.#faults = faults;
    this.#closing.promise.catch(() => undefined);
  }

  // ---- what the coordinator does -----------------------------------------------------------------------------

  get joined(): boolean {
    return this.#handlers !== undefined && !this.#closed;
  }
  get closed(): boolean {
    return this.#closed;
  }

  /** As the port demands: not while a poll is under way. */
  async assign(partition: number): Promise<void> {
    this.#cluster.owners.set(partition, this);
    this.generation += 1;
    const { generation } = this;
    this.#assigning = this.#cluster.stable(partition).then(() => this.#polling);
    await this.#assigning;
    if (this.#closed || this.#cluster.owners.get(partition) !== this) return;
    // Lost and given back meanwhile: the later call answers.
    if ((this.#given.get(partition) ?? 0) > generation) return;
    this.#positions.set(partition, this.#cluster.committed.get(partition) ?? 0);
    this.#paused.delete(partition);
    this.#troubled.delete(partition);
    this.#handlers?.assigned([partition]);
  }

  /** A client handles one rebalance at a time. */
  async revoke(partition: number): Promise<void> {
    await this.#assigning;
    await this.#handlers?.revoked([partition]);
    this.#release(partition);
  }

  lose(partition: number): void {
    this.#handlers?.lost([partition]);
    this.#release(partition);
  }

  #release(partition: number): void {
    this.generation += 1;
    this.#given.set(partition, this.generation);
    this.#positions.delete(partition);
    if (this.#cluster.owners.get(partition) === this) this.#cluster.owners.delete(partition);
  }

  // ---- RecordSource and RecordSink: start and close are both ---------------------------------------------------

  async start(given: SourceHandlers | ((error: StreamlineError) => void)): Promise<void> {
    await this.#delay(this.#rng() * this.#faults.delayMaxMs);
    if (this.#closed) throw new StreamlineError('broker.client', 'simulated: closed while it started');
    if (this.#rng() < this.#faults.startFails) throw new StreamlineError('broker.unreachable', 'simulated: no broker');
    if (typeof given === 'function') this.#sinkFailed = given;
    else this.#handlers = given;
  }

  poll(recordsMax: number, waitMs: number): Promise<PackedBatch | undefined> {
    this.lastPollMs = this.#clock.nowMs();
    const polled = this.#poll(recordsMax, waitMs);
    this.#polling = polled.catch(() => undefined);
    return polled;
  }

  async #poll(recordsMax: number, waitMs: number): Promise<PackedBatch | undefined> {
    // Taken before the wait: the client may hand out records it fetched before a rebalance.
    const stale = this.#rng() < 0.3;
    const taken = stale ? this.#take(recordsMax) : undefined;
    await this.#delay(waitMs === 0 ? 1 : this.#rng() * this.#faults.delayMaxMs);
    if (this.#rng() < this.#faults.pollFails) throw new StreamlineError('broker.client', 'simulated: poll failed');
    const records = taken ?? this.#take(recordsMax);
    this.lastPollMs = this.#clock.nowMs();
    if (records.length === 0) {
      await this.#delay(waitMs);
      return undefined;
    }
    const batch = packBatch(records);
    this.#cluster.buffers.lend(batch.buffer);
    return batch;
  }

  #take(recordsMax: number): PlainRecord[] {
    const records: PlainRecord[] = [];
    for (const [partition, position] of this.#positions) {
      if (this.#paused.has(partition)) continue;
      const log = this.#cluster.logs[partition] ?? [];
      const from = log.filter((r) => r.offset >= position).slice(0, 1 + Math.floor(this.#rng() * recordsMax));
      const last = from.at(-1);
      if (last === undefined) continue;
      records.push(...from);
      this.#positions.set(partition, last.offset + 1);
    }
    return records;
  }

  seek(offsets: readonly PartitionOffset[]): Promise<void> {
    const sought = this.#seek(offsets);
    this.#polling = sought;
    return sought;
  }

  async #seek(offsets: readonly PartitionOffset[]): Promise<void> {
    await this.#delay(this.#rng() * this.#faults.delayMaxMs);
    for (const { partition, offset } of offsets) {
      if (!this.#positions.has(partition)) continue;
      this.#positions.set(partition, offset);
      this.#troubled.delete(partition);
    }
  }

  async member(): Promise<SimGroupMember> {
    return { adapter: 'sim', generation: this.generation };
  }

  release(batch: PackedBatch): void {
    this.#cluster.buffers.release('batch', batch.buffer);
  }
  pause(partitions: readonly number[]): void {
    for (const partition of partitions) this.#paused.add(partition);
  }
  resume(partitions: readonly number[]): void {
    for (const partition of partitions) this.#paused.delete(partition);
  }

  async commit(offsets: readonly PartitionOffset[]): Promise<void> {
    const refused = this.#rng() < this.#faults.commitRefused;
    await this.#delay(this.#rng() * this.#faults.delayMaxMs);
    for (const { partition } of offsets) {
      if (refused || this.#cluster.owners.get(partition) !== this) {
        throw new StreamlineError('broker.commit_failed', 'simulated: commit refused');
      }
    }
    this.checkTrouble(offsets);
    for (const { partition, offset } of offsets) {
      this.#cluster.onCommit(partition, offset);
      this.#cluster.committed.set(partition, offset);
    }
  }

  produce(range: OutputRange): Promise<readonly ProduceFailure[]> {
    const sent = this.#send(async (): Promise<readonly ProduceFailure[]> => {
      if (range.assignment.ended) return [];
      const failures: ProduceFailure[] = [];
      const results = new ResultReader(range.result.buffer);
      const batch = new BatchReader(range.batch.buffer);
      for (let at = range.startByte; at < range.endByte; at = results.next(at)) {
        if (results.kind(at) !== KIND_OUTPUT) continue;
        const record = batch.plain(results.recordIndex(at));
        const isLargeOne = fateOf(record) === 'fan_large' && results.continues(at);
        if (
          (fateOf(record) === 'too_large' || isLargeOne) &&
          !this.#cluster.mended.has(`${record.partition}@${record.offset}`)
        ) {
          failures.push({ recordIndex: results.recordIndex(at), code: 'record.too_large', message: 'simulated' });
          continue;
        }
        const isRefused = fateOf(record) === 'refused' || (fateOf(record) === 'fan_refused' && results.continues(at));
        if (isRefused && !this.#cluster.mended.has(`${record.partition}@${record.offset}`)) {
          if (this.transactions !== undefined) return refusedWith(range, results.next(at));
          failures.push({ recordIndex: results.recordIndex(at), code: 'record.rejected', message: 'simulated' });
          continue;
        }
        const topic = results.topic(at) === DEFAULT_TOPIC ? range.defaultTopic : range.result.topics[results.topic(at)];
        if (this.#rng() < this.#faults.produceFails * (fansOut(record) ? FAN_TROUBLE : 1)) {
          failures.push({ recordIndex: results.recordIndex(at), code: 'broker.produce_failed', message: 'simulated' });
          this.#inTrouble(record);
          continue;
        }
        this.#arrive(topic ?? 'none', record, range.assignment);
      }
      if (this.#rng() < this.#faults.ackLost) throw new StreamlineError('broker.fatal', 'simulated: ack lost');
      return failures;
    });
    return this.#cluster.buffers.reading([range.batch.buffer, range.result.buffer], sent);
  }

  produceOne(record: ProduceRecord): Promise<void> {
    return this.#send(async () => {
      if (record.assignment.ended) return;
      const text = (name: string): string =>
        Buffer.from(record.headers.find((h) => h.name === name)?.value ?? new Uint8Array()).toString();
      const partition = Number(text('__connect.errors.partition'));
      const offset = Number(text('__connect.errors.offset'));
      const original = this.#cluster.logs[partition]?.find((r) => r.offset === offset);
      if (original !== undefined) this.#arrive(record.topic, original, record.assignment);
      if (this.#rng() < this.#faults.ackLost) throw new StreamlineError('broker.fatal', 'simulated: ack lost');
    });
  }

  /** Until the partition is read anew, the record has no outcome, whatever became of its other outputs. */
  #inTrouble({ partition, offset }: PlainRecord): void {
    this.#troubled.set(partition, Math.min(offset, this.#troubled.get(partition) ?? Infinity));
  }

  /** I1: before a commit of this member. */
  checkTrouble(offsets: readonly PartitionOffset[]): void {
    for (const { partition, offset } of offsets) {
      const troubled = this.#troubled.get(partition) ?? Infinity;
      if (offset > troubled)
        this.#cluster.violations.push(`I1: ${partition}@${troubled} committed though the cluster could not take it`);
    }
  }

  #arrive(topic: string, record: PlainRecord, token: Assignment): void {
    const key = record.key === null ? undefined : Buffer.from(record.key).toString();
    const { partition, offset } = record;
    const transaction = this.transactions?.open;
    this.#cluster.arrive(
      { topic, partition, offset, key, fans: fansOut(record), member: this.id, epoch: token.epoch, transaction },
      token,
      this,
    );
  }

  /** In order on one wire, each with its latency; the answer comes later still. */
  #send<T>(work: () => Promise<T>): Promise<T> {
    const sent = this.#wire.then(async () => {
      await Promise.race([this.#delay(this.#rng() * this.#faults.delayMaxMs * 0.3), this.#closing.promise]);
      if (this.#rng() < this.#faults.sinkStalls) {
        await Promise.race([this.#stall(), this.#closing.promise, this.transactions?.dropped ?? NEVER]);
      }
      return work();
    });
    this.#wire = sent.then(
      () => undefined,
      () => undefined,
    );
    return this.#answered(sent);
  }

  async #answered<T>(sent: Promise<T>): Promise<T> {
    try {
      return await sent;
    } finally {
      await this.#delay(this.#rng() * this.#faults.delayMaxMs);
    }
  }

  hurry(): void {
    // Always in a hurry.
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#closing.reject(new StreamlineError('broker.client', 'simulated: closed before it was acknowledged'));
    this.transactions?.drop();
    for (const [partition, owner] of this.#cluster.owners) if (owner === this) this.#release(partition);
    void this.#sinkFailed;
  }

  /** Nothing moves for a while; one time in four, never again. */
  #stall(): Promise<void> {
    return this.#rng() < 0.25 ? new Promise(() => undefined) : this.#delay(this.#rng() * 2000);
  }

  #delay(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.after(delayMs, resolve));
  }
}
