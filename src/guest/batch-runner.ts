import { assert } from '../base/assert.ts';
import type { PreparedModule } from '../catalog/prepared-module.ts';
import { BatchReader, packBatch, type Segment } from '../pipeline/packed-batch.ts';
import { KIND_FAILED, KIND_FILTERED, RESULT, ResultWriter } from '../pipeline/packed-results.ts';
import type { Condemned, SegmentResult, WorkResult } from '../pipeline/ports.ts';
import { latencyBucket } from '../pipeline/transformation-stats.ts';
import { createBuiltin } from './builtin/builtin.ts';
import { byteView, type ByteView } from './byte-view.ts';
import type { GuestConfig } from './guest-config.ts';
import { GuestInstance } from './guest-instance.ts';
import type { BatchContext, Guest } from './guest.ts';
import { HostContext } from './host-functions/host-context.ts';
import { hostImports } from './host-functions/host-imports.ts';
import { LogBuffer } from './host-functions/log-buffer.ts';
import { PHASE_INITIALISING, PHASE_RUNNING, type ControlBlock } from './thread/control-block.ts';
import { TopicTable } from './topic-table.ts';

/** What to run: a builtin has no module. */
export interface GuestSource {
  readonly config: GuestConfig;
  readonly module: PreparedModule | undefined;
}

class Work implements BatchContext {
  readonly topics = new TopicTable();
  readonly writer = new ResultWriter(new SharedArrayBuffer(0));
  reader: BatchReader;
  input: ByteView;
  #output: ByteView;

  constructor() {
    const empty = new SharedArrayBuffer(0);
    this.input = byteView(empty);
    this.#output = this.input;
    this.reader = new BatchReader(packBatch([]).buffer);
  }

  begin(batch: SharedArrayBuffer, result: SharedArrayBuffer): void {
    this.reader = new BatchReader(batch);
    if (this.input.bytes.buffer !== batch) this.input = byteView(batch);
    this.writer.reset(result);
    this.topics.reset();
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
  readonly #source: GuestSource;
  readonly #control: ControlBlock;
  readonly #log: LogBuffer;
  readonly #host: HostContext;
  readonly #imports: Record<string, Record<string, unknown>>;
  readonly #work = new Work();
  #guest: Guest | undefined;

  constructor(source: GuestSource, control: ControlBlock) {
    const { limits, inputTopic } = source.config;
    this.#source = source;
    this.#control = control;
    this.#log = new LogBuffer(limits.logLinesPerSecond, limits.logLineBytesMax);
    this.#log.nowMs = performance.now();
    this.#host = new HostContext(inputTopic, this.#log);
    this.#imports = hostImports(this.#host);
  }

  /** Makes the first guest. Throws StreamlineError guest.init_failed or guest.init_rejected; what it logged stays in `log`. */
  open(): void {
    this.#guest = this.#create();
  }

  /** What the guest has logged, to be taken after each batch. */
  get log(): LogBuffer {
    return this.#log;
  }

  /**
   * Answers every record of the batch with one entry, in order.
   * @param condemned records the guest is not shown: they are answered with the failure given
   * @param result where to write; replaced by a larger buffer when needed
   * Throws StreamlineError guest.init_* when a fresh guest could not be made: the transform cannot go on.
   */
  run(
    batchId: number,
    batch: SharedArrayBuffer,
    condemned: readonly Condemned[],
    result: SharedArrayBuffer,
  ): WorkResult {
    const work = this.#work;
    work.begin(batch, result);
    this.#control.beginBatch(batchId);
    const sentences = new Map(condemned.map((sentence) => [sentence.recordIndex, sentence]));
    const segments = work.reader.segments().map((segment) => this.#runSegment(segment, sentences));
    return { buffer: work.writer.buffer, segments, topics: work.topics.names };
  }

  #runSegment(segment: Segment, sentences: ReadonlyMap<number, Condemned>): SegmentResult {
    const work = this.#work;
    const { reader, writer } = work;
    const control = this.#control;
    const latencies = control.latencies;
    const startByte = writer.byteLength;
    let filtered = 0;
    let failed = 0;
    let fuelUsed = 0;
    // One look at the clock a record (75 ns): the end of one is the beginning of the next.
    let beganMs = performance.now();
    const end = segment.firstRecord + segment.recordCount;
    for (let i = segment.firstRecord; i < end; i += 1) {
      control.progressed(i);
      this.#log.nowMs = beganMs;
      const entryAt = writer.byteLength;
      const sentence = sentences.size === 0 ? undefined : sentences.get(i);
      if (sentence !== undefined) writer.failed(i, sentence.code, sentence.message, 0);
      else if (!(this.#guest ?? this.#replace()).run(work, reader.recordAt(i), i)) this.#guest = undefined;
      const kind = writer.view.getUint8(entryAt + RESULT.kind);
      fuelUsed += writer.view.getFloat64(entryAt + RESULT.fuelUsed, true);
      if (kind === KIND_FILTERED) filtered += 1;
      else if (kind === KIND_FAILED) failed += 1;
      const endedMs = performance.now();
      const bucket = latencyBucket((endedMs - beganMs) * 1e6);
      latencies[bucket] = (latencies[bucket] ?? 0) + 1;
      beganMs = endedMs;
    }
    control.progressed(end);
    control.useFuel(fuelUsed);
    return {
      startByte,
      endByte: writer.byteLength,
      outputs: segment.recordCount - filtered - failed,
      filtered,
      failed,
    };
  }

  #replace(): Guest {
    this.#control.restarted();
    this.#guest = this.#create();
    return this.#guest;
  }

  #create(): Guest {
    const { config, module } = this.#source;
    this.#control.enterPhase(PHASE_INITIALISING);
    const guest =
      config.builtin === undefined ? this.#instance(module) : createBuiltin(config.builtin, config, this.#log);
    this.#control.enterPhase(PHASE_RUNNING);
    return guest;
  }

  #instance(module: PreparedModule | undefined): Guest {
    assert(module !== undefined, 'a guest that is no builtin needs a module');
    return GuestInstance.create(module, this.#source.config, this.#host, this.#imports);
  }
}
