import { assert } from '../base/assert.ts';
import { StreamlineError } from '../base/error.ts';
import type { PreparedModule } from '../catalog/prepared-module.ts';
import { Misfit } from '../codec/misfit.ts';
import { SchemaNeeded } from '../codec/schema-needed.ts';
import type { SchemaAnswer, SchemaWish } from '../codec/schema.ts';
import { BatchReader, packBatch, type Segment } from '../pipeline/packed-batch.ts';
import { KIND_FILTERED, KIND_OUTPUT, RESULT, ResultWriter } from '../pipeline/packed-results.ts';
import type { Condemned, SegmentResult, WorkResult } from '../pipeline/ports.ts';
import type { TraceOrder } from '../pipeline/tracing.ts';
import { latencyBucket, latencyBucketOfHalf } from '../pipeline/transformation-stats.ts';
import { byteView, type ByteView } from './byte-view.ts';
import type { FormattedRecords } from './formatted-records.ts';
import type { GuestConfig } from './guest-config.ts';
import type { BatchContext, Guest } from './guest.ts';
import { Chain } from './chain.ts';
import type { GuestCounts } from './guest-stats.ts';
import { RecordTracer } from './record-tracer.ts';
import { Stage, type StageEvents } from './stage.ts';
import { GuestMetrics } from './host-functions/guest-metrics.ts';
import { LogBuffer } from './host-functions/log-buffer.ts';
import {
  PHASE_INITIALISING,
  PHASE_RUNNING,
  PHASE_WAITING,
  type ControlBlock,
  type RecordSums,
} from './thread/control-block.ts';
import { TopicTable } from './topic-table.ts';

/** What to run: a builtin has no module. */
export interface GuestSource {
  /** Of the transform, and of its first stage. */
  readonly config: GuestConfig;
  readonly module: PreparedModule | undefined;
  /** The stages of a chain that come after it. */
  readonly following?: readonly StageSource[];
}

export interface StageSource extends Pick<GuestConfig, 'builtin' | 'configJson' | 'timeoutMs'> {
  readonly module: PreparedModule | undefined;
}

/** The codecs take memory in each thread: only threads that have use for them load them. */
export async function loadFormats({ config }: GuestSource): Promise<typeof FormattedRecords | undefined> {
  if (config.formats === undefined) return undefined;
  return (await import('./formatted-records.ts')).FormattedRecords;
}

/** The batch stands still: what it needs, all that is known by now. */
export interface SchemasNeeded {
  readonly wishes: readonly SchemaWish[];
}

export function needsSchemas(step: WorkResult | SchemasNeeded): step is SchemasNeeded {
  return 'wishes' in step;
}

/** How far a segment is. */
interface Progress extends Mutable<RecordSums> {
  readonly startByte: number;
  records: number;
  filtered: number;
  failed: number;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function emptyProgress(startByte: number): Progress {
  return { startByte, records: 0, filtered: 0, failed: 0, elapsedMs: 0, fuelUsed: 0, inputBytes: 0, outputBytes: 0 };
}

class Work implements BatchContext {
  readonly topics = new TopicTable();
  readonly writer = new ResultWriter(new SharedArrayBuffer(0));
  reader: BatchReader;
  input: ByteView;
  #output: ByteView;
  segments: readonly Segment[] = [];
  sentences: ReadonlyMap<number, Condemned> = new Map();
  /** Of the segments that are done. */
  results: SegmentResult[] = [];
  /** Of the segment under way. */
  progress = emptyProgress(0);
  /** Named by the records that are done. */
  topicCount = 0;
  beganMs = 0;

  constructor() {
    const empty = new SharedArrayBuffer(0);
    this.input = byteView(empty);
    this.#output = this.input;
    this.reader = new BatchReader(packBatch([]).buffer);
  }

  begin(batch: SharedArrayBuffer, result: SharedArrayBuffer, condemned: readonly Condemned[]): void {
    this.beganMs = performance.now();
    this.reader = new BatchReader(batch);
    this.segments = this.reader.segments();
    this.sentences = new Map(condemned.map((sentence) => [sentence.recordIndex, sentence]));
    this.results = [];
    if (this.input.bytes.buffer !== batch) this.input = byteView(batch);
    this.writer.reset(result);
    this.topics.reset();
    this.topicCount = 0;
    this.#beginSegment();
  }

  #beginSegment(): void {
    this.progress = emptyProgress(this.writer.byteLength);
  }

  endSegment(recordCount: number): void {
    const { startByte, filtered, failed } = this.progress;
    const outputs = recordCount - filtered - failed;
    this.results.push({ startByte, endByte: this.writer.byteLength, outputs, filtered, failed });
    this.#beginSegment();
  }

  get output(): ByteView {
    if (this.#output.bytes.buffer !== this.writer.buffer) this.#output = byteView(this.writer.buffer);
    return this.#output;
  }
}

/**
 * Runs batches through one guest, a record after the other; lives as long as a guest thread. After a trap the guest is replaced
 * by a fresh one for the next record, so a record's failure is its own affair.
 */
export class BatchRunner {
  readonly #control: ControlBlock;
  readonly #log: LogBuffer;
  readonly #metrics = new GuestMetrics();
  /** In the order that records pass them. */
  readonly #stages: readonly [Stage, ...Stage[]];
  readonly #chain: Chain | undefined;
  readonly #work = new Work();
  /** Made when the first batch comes that may be traced. */
  #tracer: RecordTracer | undefined;
  /** The same, of the batch under way. */
  #tracing: RecordTracer | undefined;
  /** undefined: records are bytes on both sides, and the guest has them as they are. */
  readonly #formatted: FormattedRecords | undefined;
  /** All of a chain, so that none is made once its record has been read: a new instance begins without one. */
  readonly #current = (): Guest => {
    for (const stage of this.#stages) stage.revive();
    return this.#chain ?? this.#stages[0].guest;
  };

  /** @param formatted see loadFormats */
  constructor(source: GuestSource, control: ControlBlock, formatted?: typeof FormattedRecords) {
    const { limits } = source.config;
    this.#control = control;
    this.#log = new LogBuffer(limits.logLinesPerSecond, limits.logLineBytesMax);
    this.#log.nowMs = performance.now();
    const events: StageEvents = {
      making: (make) => {
        control.enterPhase(PHASE_INITIALISING);
        const made = make();
        control.enterPhase(PHASE_RUNNING);
        return made;
      },
      replaced: () => control.restarted(),
    };
    const stage = (config: GuestConfig, module: PreparedModule | undefined, number = 0): Stage =>
      new Stage(config, module, this.#log, this.#metrics, events, number);
    // What is dropped are tombstones of the input: one that a stage emits goes on.
    const tombstones = source.config.tombstones === 'drop' ? 'forward' : source.config.tombstones;
    const following = (source.following ?? []).map(({ module, ...own }, i) =>
      stage({ ...source.config, ...own, tombstones }, module, i + 1),
    );
    const first = stage(source.config, source.module);
    this.#stages = [first, ...following];
    const { topics } = this.#work;
    this.#chain = following.length === 0 ? undefined : new Chain(this.#stages, topics, limits);
    const { formats } = source.config;
    assert(formats === undefined || formatted !== undefined, 'formats that were not loaded');
    if (formats !== undefined && formatted !== undefined) {
      this.#formatted = new formatted(
        formats,
        topics,
        this.#stages.map(({ host }) => host),
        limits.outputBytesMax,
      );
    }
  }

  /**
   * Makes the first guest, and compiles the schemas known by then. What the guest logged stays in `log`.
   * Throws StreamlineError guest.init_failed, guest.init_rejected or schema.*.
   */
  open(): void {
    try {
      this.#formatted?.open(performance.now());
    } catch (thrown) {
      throw thrown instanceof Misfit ? new StreamlineError(thrown.code, thrown.message) : thrown;
    }
    for (const stage of this.#stages) stage.open();
  }

  /** What has been counted since the last batch: by the guest itself, and of each stage of a chain. undefined: nothing. */
  takeCounts(): GuestCounts | undefined {
    const metrics = this.#metrics.take();
    const stages = this.#chain?.take();
    return metrics === undefined && stages === undefined ? undefined : { metrics, stages };
  }

  /** What the guest has logged, to be taken after each batch. */
  get log(): LogBuffer {
    return this.#log;
  }

  /**
   * Answers every record of the batch, in order.
   * @param condemned records the guest is not shown: they are answered with the failure given
   * @param result where to write; replaced by a larger buffer when needed
   * @param trace undefined: nothing of it is traced
   * @returns the results, or the schemas it needs to go on: then `supply` them and call `resume`.
   * Throws StreamlineError guest.init_* when a fresh guest could not be made: the transform cannot go on.
   */
  run(
    batchId: number,
    batch: SharedArrayBuffer,
    condemned: readonly Condemned[],
    result: SharedArrayBuffer,
    trace?: TraceOrder,
  ): WorkResult | SchemasNeeded {
    const work = this.#work;
    work.begin(batch, result, condemned);
    this.#tracing = trace === undefined ? undefined : this.#trace(trace, work.reader.recordCount);
    this.#control.beginBatch(batchId);
    const wishes = this.#formatted?.wishesOf(work.reader, work.input.bytes, performance.now()) ?? [];
    return wishes.length > 0 ? this.#wait(wishes) : this.resume();
  }

  /** Goes on with the batch that waited for schemas. As `run`. */
  resume(): WorkResult | SchemasNeeded {
    const work = this.#work;
    this.#control.enterPhase(PHASE_RUNNING);
    try {
      while (work.results.length < work.segments.length) this.#runSegment();
    } catch (thrown) {
      if (thrown instanceof SchemaNeeded) return this.#wait([thrown.wish]);
      throw thrown;
    }
    const elapsedMs = performance.now() - work.beganMs;
    const report = this.#tracing?.report;
    const result = { buffer: work.writer.buffer, segments: work.results, topics: work.topics.names, elapsedMs };
    return report === undefined ? result : { ...result, ...report };
  }

  /** Takes in what was needed, or asked for anew. */
  supply(answers: readonly (readonly [SchemaWish, SchemaAnswer])[]): void {
    const nowMs = performance.now();
    for (const [wish, answer] of answers) this.#formatted?.supply(wish, answer, nowMs);
  }

  /** What is in use and may have changed: to be asked for, without waiting. */
  staleWishes(): readonly SchemaWish[] {
    return this.#formatted?.staleWishes() ?? [];
  }

  #trace(order: TraceOrder, recordCount: number): RecordTracer {
    this.#tracer ??= new RecordTracer(this.#stages.map(({ host }) => host));
    this.#tracer.beginBatch(order, recordCount);
    return this.#tracer;
  }

  #wait(wishes: readonly SchemaWish[]): SchemasNeeded {
    // The watch over this thread is patient meanwhile: it is not the guest that takes its time.
    this.#control.enterPhase(PHASE_WAITING);
    return { wishes };
  }

  /** The segment under way, from the record it is at. */
  #runSegment(): void {
    const work = this.#work;
    const { reader, writer, sentences } = work;
    const segment = work.segments[work.results.length];
    assert(segment !== undefined, 'a segment of the batch');
    const control = this.#control;
    const { latencies, fuels } = control;
    const progress = work.progress;
    const tracing = this.#tracing;
    // One look at the clock a record (75 ns): the end of one is the beginning of the next.
    const startedMs = performance.now();
    let beganMs = startedMs;
    // Not in place: a number of an object's that is no integer is written to memory each time.
    let [fuelUsed, inputBytes, outputBytes] = [0, 0, 0];
    const end = segment.firstRecord + segment.recordCount;
    try {
      for (let i = segment.firstRecord + progress.records; i < end; i += 1) {
        control.progressed(i);
        this.#log.nowMs = beganMs;
        const entryAt = writer.byteLength;
        const recordAt = reader.recordAt(i);
        const bodyBytes = reader.bodyBytes(recordAt);
        const sentence = sentences.size === 0 ? undefined : sentences.get(i);
        const traced = tracing?.begin(reader, recordAt, i) === true;
        if (sentence !== undefined) writer.failed(i, sentence.code, sentence.message, 0);
        else if (!this.#runRecord(recordAt, i, beganMs)) this.#stages[0].drop();
        if (traced) tracing?.end(reader, recordAt, writer, entryAt);
        const kind = writer.view.getUint8(entryAt + RESULT.kind);
        const fuel = writer.view.getFloat64(entryAt + RESULT.fuelUsed, true);
        fuelUsed += fuel;
        inputBytes += bodyBytes;
        const fuelBucket = latencyBucketOfHalf(writer.view.getUint32(entryAt + RESULT.fuelUsed + 4, true));
        fuels[fuelBucket] = (fuels[fuelBucket] ?? 0) + 1;
        if (kind === KIND_OUTPUT) outputBytes += writer.bodyBytes(entryAt, reader, recordAt, bodyBytes);
        else if (kind === KIND_FILTERED) progress.filtered += 1;
        else progress.failed += 1;
        // Each name is looked up in the cluster, and may be created there: not for outputs that were taken back.
        if (kind !== KIND_OUTPUT) work.topics.rewind(work.topicCount);
        work.topicCount = work.topics.names.length;
        progress.records += 1;
        const endedMs = performance.now();
        const bucket = latencyBucket((endedMs - beganMs) * 1e6);
        latencies[bucket] = (latencies[bucket] ?? 0) + 1;
        beganMs = endedMs;
      }
    } finally {
      progress.elapsedMs += beganMs - startedMs;
      progress.fuelUsed += fuelUsed;
      progress.inputBytes += inputBytes;
      progress.outputBytes += outputBytes;
    }
    control.progressed(end);
    control.count(progress);
    work.endSegment(segment.recordCount);
  }

  #runRecord(at: number, recordIndex: number, nowMs: number): boolean {
    const formatted = this.#formatted;
    if (formatted === undefined) return this.#current().run(this.#work, at, recordIndex);
    return formatted.run(this.#current, this.#work, at, recordIndex, nowMs);
  }
}
