import { Worker } from 'node:worker_threads';
import { assert, unreachable } from '../base/assert.ts';
import type { StreamlineError } from '../base/error.ts';
import type { SchemaAnswer, SchemaWish } from '../codec/schema.ts';
import type { PackedBatch } from '../pipeline/packed-batch.ts';
import type { Condemned, WorkResult } from '../pipeline/ports.ts';
import type { TraceOrder } from '../pipeline/tracing.ts';
import type { GuestSource } from './batch-runner.ts';
import { CountsSeen, type GuestCounts, type RecordTotals } from './guest-stats.ts';
import type { GuestLog } from './host-functions/log-buffer.ts';
import { ControlBlock, PHASE_INITIALISING, PHASE_WAITING } from './thread/control-block.ts';
import type { ThreadData, ThreadInput } from './thread/input.ts';
import { unpackError, type ThreadOutput } from './thread/output.ts';

/** A batch on its way through the threads. */
export interface Work {
  readonly batch: PackedBatch;
  readonly trace: TraceOrder | undefined;
  /** Grows by one with each thread the batch has cost. */
  readonly condemned: Condemned[];
  /** Threads that ended with this batch without having begun it: no record to blame. */
  lost: number;
  readonly resolve: (result: WorkResult) => void;
  readonly reject: (error: StreamlineError) => void;
}

export interface SlotEvents {
  ready(slot: GuestSlot): void;
  done(slot: GuestSlot, work: Work, result: WorkResult): void;
  /** Schemas the thread needs: to be answered with `supply`. */
  wishes(slot: GuestSlot, wishes: readonly SchemaWish[]): void;
  log(log: GuestLog): void;
  counts(counts: GuestCounts): void;
  /** The guest cannot go on, in this thread or in any. */
  failed(slot: GuestSlot, error: StreamlineError): void;
  /** The thread ended by itself, with work outstanding or not. */
  died(slot: GuestSlot, reason: string): void;
  /** The thread is gone for good, after retire or kill too. */
  exited(slot: GuestSlot): void;
}

/** One batch under way and one posted behind it, so that the thread need not wait for the main thread in between. */
const OUTSTANDING_MAX = 2;

/**
 * JavaScript heap and stack of a guest thread; linear memory is not in it (the module's maximum bounds that). The engine's own
 * needs are about 8 MB; the stack is what a guest's recursion gets.
 */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 8, stackSizeMb: 4 };
/** Of one that also compiles schemas, whose records become JavaScript values on their way. */
const FORMATS_HEAP_MB = 512;

/** .ts from the sources, .js from the build: the name is not rewritten there. */
const THREAD_URL = new URL(`./thread/guest-thread${import.meta.url.slice(-3)}`, import.meta.url);

/** Where a slot's thread was when it was looked at, to see whether it has moved since. */
interface Standpoint {
  batch: number;
  progress: number;
  phase: number;
}

/** One guest thread and the work it has, seen from the main thread. */
export class GuestSlot {
  readonly #worker: Worker;
  readonly #events: SlotEvents;
  readonly #control = new ControlBlock();
  readonly #seen = new CountsSeen();
  readonly #outstanding: { readonly id: number; readonly work: Work }[] = [];
  readonly #standpoint: Standpoint = { batch: -1, progress: -1, phase: -1 };
  readonly exited: Promise<void>;
  #batches = 0;
  #standingMs = 0;
  #leaving = false;
  state: 'starting' | 'ready' | 'gone' = 'starting';
  /** Since when it has had nothing to do; read when outstanding is 0. */
  idleSinceMs = 0;

  constructor(source: GuestSource, events: SlotEvents) {
    this.#events = events;
    const data: ThreadData = { source, control: this.#control.buffer };
    // I9: no environment, arguments or standard streams of the process in a thread that runs guests.
    this.#worker = new Worker(THREAD_URL, {
      workerData: data,
      name: `guest ${source.config.transform}`.slice(0, 64),
      env: {},
      argv: [],
      execArgv: [],
      stdin: false,
      stdout: true,
      stderr: true,
      resourceLimits:
        source.config.formats === undefined
          ? RESOURCE_LIMITS
          : { ...RESOURCE_LIMITS, maxOldGenerationSizeMb: FORMATS_HEAP_MB },
    });
    let reason = 'it ended by itself';
    this.#worker.stdout.resume();
    this.#worker.stderr.resume();
    this.#worker.on('message', (output: ThreadOutput) => this.#receive(output));
    this.#worker.on('error', (error: unknown) => {
      reason = error instanceof Error ? error.message : String(error);
    });
    this.exited = new Promise((resolve) => {
      this.#worker.on('exit', () => {
        this.state = 'gone';
        resolve();
        if (!this.#leaving) events.died(this, reason);
        events.exited(this);
      });
    });
  }

  get outstanding(): number {
    return this.#outstanding.length;
  }

  get hasRoom(): boolean {
    return this.state === 'ready' && !this.#leaving && this.#outstanding.length < OUTSTANDING_MAX;
  }

  /** Records posted and not done. */
  get remainingRecords(): number {
    let records = 0;
    for (const { work } of this.#outstanding) records += work.batch.recordCount;
    return this.#outstanding[0]?.id === this.#control.batch ? records - this.#control.progress : records;
  }

  get restarts(): number {
    return this.#control.restarts;
  }

  /** What its records have taken since it was last asked. */
  countInto(totals: RecordTotals): void {
    totals.absorb(this.#control, this.#seen);
  }

  post(work: Work, result: SharedArrayBuffer): void {
    assert(this.hasRoom, 'a batch posted to a slot without room');
    this.#batches += 1;
    const id = this.#batches;
    if (this.#outstanding.length === 0) this.#standingMs = 0;
    this.#outstanding.push({ id, work });
    const { batch, condemned, trace } = work;
    this.#say({ kind: 'batch', id, batch: batch.buffer, condemned, result, trace });
  }

  /** Gives the thread what it asked for; one that is gone does not mind. */
  supply(answers: readonly (readonly [SchemaWish, SchemaAnswer])[]): void {
    this.#say({ kind: 'schemas', answers });
  }

  /** How long the thread has stood still over all looks, ms, of which `elapsedMs` passed since the last one. */
  standingStill(elapsedMs: number): number {
    const { batch, progress, phase } = this.#control;
    const seen = this.#standpoint;
    const idle = phase === PHASE_WAITING || (this.state === 'ready' && this.#outstanding.length === 0);
    if (idle || batch !== seen.batch || progress !== seen.progress || phase !== seen.phase) this.#standingMs = 0;
    else this.#standingMs += elapsedMs;
    this.#standpoint.batch = batch;
    this.#standpoint.progress = progress;
    this.#standpoint.phase = phase;
    return this.#standingMs;
  }

  get initialising(): boolean {
    return this.state === 'starting' || this.#control.phase === PHASE_INITIALISING;
  }

  /** The record the thread is at, in the first of `abandon`'s work; undefined when it has not begun that batch. */
  get currentRecord(): number | undefined {
    const head = this.#outstanding[0];
    if (head === undefined || head.id !== this.#control.batch) return undefined;
    const { progress } = this.#control;
    return progress < head.work.batch.recordCount ? progress : undefined;
  }

  /** Takes back what was posted and not answered, in order. */
  abandon(): Work[] {
    return this.#outstanding.splice(0).map(({ work }) => work);
  }

  /** Ends the thread as soon as it has nothing to do. */
  retire(): void {
    this.#leaving = true;
    this.#say({ kind: 'close' });
  }

  /**
   * Ends the thread now, and answers nothing more in its name. Not to be awaited: a guest in the midst of bulk-memory
   * instructions has been seen to hold on for seconds (I7).
   */
  kill(): void {
    this.#leaving = true;
    this.#worker.removeAllListeners('message');
    void this.#worker.terminate();
  }

  /** A thread that does not end must not keep the process from ending. */
  forget(): void {
    this.#worker.unref();
  }

  #say(input: ThreadInput): void {
    this.#worker.postMessage(input);
  }

  #receive(output: ThreadOutput): void {
    if (output.kind !== 'wishes' && (output.log.lines.length > 0 || output.log.dropped > 0)) {
      this.#events.log(output.log);
    }
    switch (output.kind) {
      case 'ready':
        this.state = 'ready';
        this.#events.ready(this);
        break;
      case 'wishes':
        this.#events.wishes(this, output.wishes);
        break;
      case 'refused':
      case 'failed':
        this.#leaving = true;
        this.#events.failed(this, unpackError(output.error));
        break;
      case 'done': {
        const head = this.#outstanding.shift();
        assert(head?.id === output.id, 'a guest thread answered out of order');
        if (output.counts !== undefined) this.#events.counts(output.counts);
        this.#events.done(this, head.work, output.result);
        break;
      }
      default:
        unreachable(output);
    }
  }
}
