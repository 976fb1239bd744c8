import { StreamlineError } from '../../base/error.ts';
import type { ErrorCode } from '../../base/error-code.ts';
import type { ErrorPolicy, TransformationConfig } from '../../spec/transformation-config.ts';
import { isRecordsFault } from '../failure-policy.ts';
import { BatchReader, packBatch, type PackedBatch, type PlainRecord } from '../packed-batch.ts';
import {
  ALL_FROM_INPUT,
  CONTINUES,
  DEFAULT_TOPIC,
  KIND_FILTERED,
  KIND_OUTPUT,
  ResultReader,
  ResultWriter,
} from '../packed-results.ts';
import type { Refusal } from '../piece.ts';
import { Pipeline, type PipelineLimits } from '../pipeline.ts';
import type {
  Executor,
  GroupMember,
  OutputRange,
  PartitionOffset,
  ProduceFailure,
  ProduceRecord,
  RecordSink,
  RecordSource,
  SegmentResult,
  SourceHandlers,
  Transactions,
  WorkResult,
} from '../ports.ts';
import { BufferWatch } from './buffer-watch.ts';
import { settled, SimClock } from './sim-clock.ts';
import type { TraceOrder, Tracing } from '../tracing.ts';
import { simConfig } from './sim-config.ts';

/** A record by hand; its value says nothing to the guest, its place does (HandExecutor.fates). */
export function record(partition: number, offset: number, key: string | null = null): PlainRecord {
  const text = (s: string): Uint8Array => new TextEncoder().encode(s);
  return { partition, offset, timestampMs: 1, key: key === null ? null : text(key), value: text('v'), headers: [] };
}

const placeOf = ({ partition, offset }: PlainRecord): string => `${partition}@${offset}`;

/** Hands out what it is given, batch by batch, and notes what it is told. */
class HandSource implements RecordSource {
  readonly commits: PartitionOffset[] = [];
  readonly seeks: PartitionOffset[] = [];
  readonly paused = new Set<number>();
  /** When each poll began, ms. */
  readonly pollsAtMs: number[] = [];
  /** Records each poll asked for at most. */
  readonly pollsMax: number[] = [];
  handlers: SourceHandlers | undefined;
  startGate: Promise<void> = Promise.resolve();
  pollGate: Promise<void> = Promise.resolve();
  commitError: StreamlineError | undefined;
  closed = false;
  readonly #clock: SimClock;
  readonly #buffers: BufferWatch;
  readonly #batches: (readonly PlainRecord[])[] = [];
  #given: (() => void) | undefined;

  constructor(clock: SimClock, buffers: BufferWatch) {
    this.#clock = clock;
    this.#buffers = buffers;
  }

  give(...records: PlainRecord[]): void {
    this.#batches.push(records);
    this.#given?.();
  }

  /** Batches nobody has polled yet. */
  get waiting(): number {
    return this.#batches.length;
  }

  async start(handlers: SourceHandlers): Promise<void> {
    await this.startGate;
    this.handlers = handlers;
  }

  async poll(recordsMax: number, waitMs: number): Promise<PackedBatch | undefined> {
    this.pollsMax.push(recordsMax);
    this.pollsAtMs.push(this.#clock.nowMs());
    await this.pollGate;
    if (this.#next() === undefined) await this.#wait(waitMs);
    const next = this.#next();
    if (next === undefined) return undefined;
    this.#batches.splice(this.#batches.indexOf(next), 1);
    const batch = packBatch(next);
    this.#buffers.lend(batch.buffer);
    return batch;
  }

  #next(): readonly PlainRecord[] | undefined {
    return this.#batches.find((records) => records.every((r) => !this.paused.has(r.partition)));
  }

  #wait(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(waitMs, resolve);
      this.#given = () => {
        cancel();
        resolve();
      };
    });
  }

  release(batch: PackedBatch): void {
    this.#buffers.release('batch', batch.buffer);
  }
  pause(partitions: readonly number[]): void {
    for (const partition of partitions) this.paused.add(partition);
  }
  resume(partitions: readonly number[]): void {
    for (const partition of partitions) this.paused.delete(partition);
    this.#given?.();
  }
  async commit(offsets: readonly PartitionOffset[]): Promise<void> {
    if (this.commitError !== undefined) throw this.commitError;
    this.commits.push(...offsets);
  }
  async member(): Promise<GroupMember> {
    return { adapter: 'hand' };
  }
  /** What was asked to be read again; the test gives it again. */
  async seek(offsets: readonly PartitionOffset[]): Promise<void> {
    this.seeks.push(...offsets);
    this.#batches.length = 0;
  }
  async close(): Promise<void> {
    this.closed = true;
    // As the real ones do.
    this.#given?.();
  }

  /** The last offset committed for a partition. */
  committed(partition: number): number | undefined {
    return this.commits.findLast((o) => o.partition === partition)?.offset;
  }
}

/** Does with each record what `fates` says, by its place: `0@17`. Without a word: output as it came. */
export class HandExecutor implements Executor {
  parallelism = 4;
  /** filter, an error code, or a function of the attempt (1 = first). */
  readonly fates = new Map<string, 'filter' | ErrorCode | ((attempt: number) => ErrorCode | undefined)>();
  readonly attempts = new Map<string, number>();
  /** What every output names; undefined = the spec's. */
  topic: string | undefined;
  /** Outputs of a record, by place; without a word one. */
  readonly outputs = new Map<string, number>();
  gate: Promise<void> = Promise.resolve();
  lost: StreamlineError | undefined;
  readonly closing = Promise.withResolvers<never>();
  closed = false;
  /** Bytes each result is made larger by. */
  padding = 0;
  readonly #buffers: BufferWatch;

  constructor(buffers: BufferWatch) {
    this.#buffers = buffers;
    this.closing.promise.catch(() => undefined);
  }

  /** What each batch was to be traced by. */
  readonly orders: (TraceOrder | undefined)[] = [];

  execute(batch: PackedBatch, trace?: TraceOrder): Promise<WorkResult> {
    this.orders.push(trace);
    return this.#buffers.reading([batch.buffer], this.#execute(batch));
  }

  async #execute(batch: PackedBatch): Promise<WorkResult> {
    await Promise.race([this.gate, this.closing.promise]);
    if (this.lost !== undefined) throw this.lost;
    const reader = new BatchReader(batch.buffer);
    const writer = new ResultWriter(new SharedArrayBuffer(4096));
    const segments: SegmentResult[] = [];
    for (const segment of batch.segments) {
      const startByte = writer.byteLength;
      const counts = { outputs: 0, filtered: 0, failed: 0 };
      for (let i = 0; i < segment.recordCount; i += 1) {
        counts[this.#write(writer, reader.plain(segment.firstRecord + i), segment.firstRecord + i)] += 1;
      }
      segments.push({ startByte, endByte: writer.byteLength, ...counts });
    }
    this.#buffers.lend(writer.buffer);
    return { buffer: writer.buffer, segments, topics: this.topic === undefined ? [] : [this.topic] };
  }

  #write(writer: ResultWriter, plain: PlainRecord, index: number): 'outputs' | 'filtered' | 'failed' {
    const place = placeOf(plain);
    const attempt = (this.attempts.get(place) ?? 0) + 1;
    this.attempts.set(place, attempt);
    const said = this.fates.get(place);
    const fate = typeof said === 'function' ? said(attempt) : said;
    if (fate === 'filter') {
      writer.plain(index, KIND_FILTERED, 0, DEFAULT_TOPIC, -1, 1);
      return 'filtered';
    }
    if (fate !== undefined) {
      writer.failed(index, fate, `by hand: ${place}`, 1);
      return 'failed';
    }
    const topic = this.topic === undefined ? DEFAULT_TOPIC : 0;
    writer.begin(index, KIND_OUTPUT, ALL_FROM_INPUT, topic, -1, 1, this.padding);
    writer.end(0, 0, this.padding);
    for (let i = 1; i < (this.outputs.get(place) ?? 1); i += 1)
      writer.plain(index, KIND_OUTPUT, ALL_FROM_INPUT | CONTINUES, topic, -1, 0);
    return 'outputs';
  }

  release(result: WorkResult): void {
    this.#buffers.release('result', result.buffer);
  }
  async close(): Promise<void> {
    this.closed = true;
    this.closing.reject(new StreamlineError('guest.closed', 'closed by hand'));
  }
}

/** What a transaction was asked to do, and what it answers. */
export class HandTransactions implements Transactions {
  /** Offsets with the places produced since the last commit or abort. */
  readonly commits: { readonly offsets: readonly PartitionOffset[]; readonly places: readonly string[] }[] = [];
  /** Places whose transaction was aborted. */
  readonly aborts: (readonly string[])[] = [];
  /** Failures of the next commits, one each. */
  readonly commitErrors: StreamlineError[] = [];
  abortError: StreamlineError | undefined;
  commitGate: Promise<void> = Promise.resolve();
  readonly open: string[] = [];
  readonly #dropped: () => void;

  constructor(dropped: () => void) {
    this.#dropped = dropped;
  }

  async commit(offsets: readonly PartitionOffset[]): Promise<void> {
    await this.commitGate;
    const error = this.commitErrors.shift();
    if (error !== undefined) throw error;
    this.commits.push({ offsets, places: this.open.splice(0) });
  }

  async abort(): Promise<void> {
    if (this.abortError !== undefined) throw this.abortError;
    this.aborts.push(this.open.splice(0));
    this.#dropped();
  }
}

/** Notes what is produced. Acknowledges at once, or when `acknowledge` is opened. */
export class HandSink implements RecordSink {
  readonly transactions: HandTransactions | undefined;
  /** Places in the order they were handed over. */
  readonly produced: string[] = [];
  /** The header each range was stamped with. */
  readonly stamps: (string | undefined)[] = [];
  readonly deadLetters: ProduceRecord[] = [];
  /** What a record fails with when it is produced, by place; of several outputs each in turn, undefined = not. */
  readonly refusals = new Map<string, ErrorCode | readonly (ErrorCode | undefined)[]>();
  /** Exactly once: a record's fault among the refusals is the cluster's word, which the transaction does not survive. */
  refusalsEndTransaction = false;
  /** Exactly once: what the cluster itself refuses, and with it the range it is in. */
  readonly refusedByCluster = new Set<string>();
  acknowledge: Promise<void> = Promise.resolve();
  startError: StreamlineError | undefined;
  startGate: Promise<void> = Promise.resolve();
  closed = false;
  failed: (error: StreamlineError) => void = () => undefined;
  hurriedWith = 0;
  readonly #closing = Promise.withResolvers<never>();
  readonly #buffers: BufferWatch;

  #dropped = Promise.withResolvers<void>();

  constructor(buffers: BufferWatch, delivery: TransformationConfig['delivery']) {
    this.#buffers = buffers;
    this.#closing.promise.catch(() => undefined);
    if (delivery === 'exactly_once') {
      this.transactions = new HandTransactions(() => {
        this.#dropped.resolve();
        this.#dropped = Promise.withResolvers();
      });
    }
  }

  async start(failed: (error: StreamlineError) => void): Promise<void> {
    await this.startGate;
    if (this.startError !== undefined) throw this.startError;
    this.failed = failed;
  }

  produce(range: OutputRange): Promise<readonly ProduceFailure[]> {
    this.stamps.push(range.stamp?.value);
    const failures: ProduceFailure[] = [];
    let nth = 0;
    const results = new ResultReader(range.result.buffer);
    const batch = new BatchReader(range.batch.buffer);
    for (let at = range.startByte; at < range.endByte; at = results.next(at)) {
      if (results.kind(at) !== KIND_OUTPUT || range.assignment.ended) continue;
      const recordIndex = results.recordIndex(at);
      const place = placeOf(batch.plain(recordIndex));
      nth = results.continues(at) ? nth + 1 : 0;
      const refusal = this.refusals.get(place);
      const code = typeof refusal === 'object' ? refusal[nth] : refusal;
      if (code === undefined) {
        this.produced.push(place);
        this.transactions?.open.push(place);
      } else {
        const endsTransaction = this.refusalsEndTransaction && isRecordsFault(code);
        failures.push({ recordIndex, code, message: 'by hand', endsTransaction });
      }
    }
    const refused = this.#refused(range);
    const acknowledged = this.#acknowledged().then(() => (refused.length > 0 ? refused : failures));
    return this.#buffers.reading([range.batch.buffer, range.result.buffer], acknowledged);
  }

  async produceOne(given: ProduceRecord): Promise<void> {
    if (!given.assignment.ended) this.deadLetters.push(given);
    await this.#acknowledged();
  }

  #acknowledged(): Promise<void> {
    return Promise.race([this.acknowledge, this.#dropped.promise, this.#closing.promise]);
  }

  /** One that the cluster refuses takes its neighbours with it. */
  #refused(range: OutputRange): ProduceFailure[] {
    const batch = new BatchReader(range.batch.buffer);
    const results = new ResultReader(range.result.buffer);
    const indexes: number[] = [];
    for (let at = range.startByte; at < range.endByte; at = results.next(at)) indexes.push(results.recordIndex(at));
    const refused = indexes.some((index) => this.refusedByCluster.has(placeOf(batch.plain(index))));
    if (!refused || range.assignment.ended) return [];
    return indexes.map((recordIndex) => ({
      recordIndex,
      code: 'record.rejected',
      message: 'by hand',
      endsTransaction: true,
    }));
  }

  /** Counts what it was asked to hurry with. */
  hurry(): void {
    this.hurriedWith = this.produced.length + this.deadLetters.length;
  }
  async close(): Promise<void> {
    this.closed = true;
    this.#closing.reject(new StreamlineError('broker.client', 'closed by hand'));
  }
}

export interface HandOptions {
  readonly errors?: Partial<ErrorPolicy>;
  readonly ordering?: 'partition' | 'key';
  readonly delivery?: TransformationConfig['delivery'];
  readonly limits?: Partial<PipelineLimits>;
  readonly tracing?: Tracing;
}

/** One pipeline whose whole surroundings the test moves by hand. */
export class HandWorld {
  readonly clock = new SimClock();
  readonly buffers = new BufferWatch();
  readonly source = new HandSource(this.clock, this.buffers);
  readonly executor = new HandExecutor(this.buffers);
  readonly sink: HandSink;
  /** What is wrong with every topic that is named. */
  topicFault: Refusal | undefined;
  readonly failures: StreamlineError[] = [];
  readonly warnings: string[] = [];
  readonly pipeline: Pipeline;

  constructor(options: HandOptions = {}) {
    const config = simConfig(options.errors, options.ordering, options.delivery);
    this.sink = new HandSink(this.buffers, config.delivery);
    this.pipeline = new Pipeline(
      {
        config,
        limits: {
          pollRecordsMax: 100,
          inFlightBatchesMax: 4,
          inFlightBytesMax: 100_000,
          commitIntervalMs: 50,
          transactionIntervalMs: 50,
          drainTimeoutMs: 500,
          recordBytesMax: 10_000,
          ...options.limits,
        },
        source: this.source,
        sink: this.sink,
        executor: this.executor,
        topics: { known: () => 'unknown', check: () => Promise.resolve(this.topicFault) },
        clock: this.clock,
        rng: () => 0.5,
        moduleSha256: 'ab12',
        workerId: 'w1',
        tracing: options.tracing,
        log: { info: () => undefined, warn: (_, message) => void this.warnings.push(message) },
      },
      (error) => void this.failures.push(error),
    );
  }

  /** Started, with partitions assigned. */
  static async running(partitions: readonly number[], options: HandOptions = {}): Promise<HandWorld> {
    const world = new HandWorld(options);
    await world.pipeline.start();
    world.source.handlers?.assigned(partitions);
    return world;
  }

  /** Everything that can happen without time passing happens. */
  async rest(): Promise<void> {
    for (let i = 0; i < 5; i += 1) await settled();
  }

  /** Lets time pass until a promise is there. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    void promise.then(
      () => (done = true),
      () => (done = true),
    );
    await this.rest();
    for (let i = 0; !done && i < 10_000; i += 1) {
      await this.clock.step();
      await this.rest();
    }
    return promise;
  }
}
