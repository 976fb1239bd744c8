import { LATENCY_BUCKETS } from '../../pipeline/transformation-stats.ts';

/*
 * Memory a guest thread shares with the main thread, so that progress and latencies need no message. Written by the guest
 * thread only, one word at a time; the reader sees each word whole, a little late.
 */

const WORD_BATCH = 0;
const WORD_PROGRESS = 1;
const WORD_PHASE = 2;
const WORD_RESTARTS = 3;
const HEADER_WORDS = 12;
/** The last eight words of the header, as four numbers: SUM_… */
const SUMS_BYTE = 16;
const SUM_ELAPSED_MS = 0;
const SUM_FUEL = 1;
const SUM_INPUT_BYTES = 2;
const SUM_OUTPUT_BYTES = 3;
const SUMS = 4;

/** What the thread is at: decides how long the watchdog is patient. */
export const PHASE_RUNNING = 0;
export const PHASE_INITIALISING = 1;
/** For schemas, which the main thread is to fetch: takes as long as it takes. */
export const PHASE_WAITING = 2;

/** What records have taken and come to, summed up. */
export interface RecordSums {
  /** Of the thread's time. */
  readonly elapsedMs: number;
  /** Units. */
  readonly fuelUsed: number;
  /** Keys, values and headers, as are those of outputs. */
  readonly inputBytes: number;
  readonly outputBytes: number;
}

export class ControlBlock implements RecordSums {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #sums: Float64Array;
  /** Records by latencyBucket of their time. They wrap at 2^32, as does the next: readers take differences. */
  readonly latencies: Uint32Array;
  /** Records by latencyBucket of their fuel. */
  readonly fuels: Uint32Array;

  constructor(buffer = new SharedArrayBuffer((HEADER_WORDS + 2 * LATENCY_BUCKETS) * 4)) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer, 0, HEADER_WORDS);
    this.#sums = new Float64Array(buffer, SUMS_BYTE, SUMS);
    this.latencies = new Uint32Array(buffer, HEADER_WORDS * 4, LATENCY_BUCKETS);
    this.fuels = new Uint32Array(buffer, (HEADER_WORDS + LATENCY_BUCKETS) * 4, LATENCY_BUCKETS);
  }

  /** Id of the batch under way or last finished. */
  get batch(): number {
    return Atomics.load(this.#words, WORD_BATCH);
  }
  /** Records of it that are done: also the index of the record under way. */
  get progress(): number {
    return Atomics.load(this.#words, WORD_PROGRESS);
  }
  get phase(): number {
    return Atomics.load(this.#words, WORD_PHASE);
  }
  /** Instances made because one before had failed. */
  get restarts(): number {
    return Atomics.load(this.#words, WORD_RESTARTS);
  }

  get elapsedMs(): number {
    return this.#sums[SUM_ELAPSED_MS] ?? 0;
  }
  get fuelUsed(): number {
    return this.#sums[SUM_FUEL] ?? 0;
  }
  get inputBytes(): number {
    return this.#sums[SUM_INPUT_BYTES] ?? 0;
  }
  get outputBytes(): number {
    return this.#sums[SUM_OUTPUT_BYTES] ?? 0;
  }

  /** Records that are done. */
  count({ elapsedMs, fuelUsed, inputBytes, outputBytes }: RecordSums): void {
    const sums = this.#sums;
    sums[SUM_ELAPSED_MS] = this.elapsedMs + elapsedMs;
    sums[SUM_FUEL] = this.fuelUsed + fuelUsed;
    sums[SUM_INPUT_BYTES] = this.inputBytes + inputBytes;
    sums[SUM_OUTPUT_BYTES] = this.outputBytes + outputBytes;
  }
  beginBatch(id: number): void {
    Atomics.store(this.#words, WORD_PROGRESS, 0);
    Atomics.store(this.#words, WORD_BATCH, id);
  }
  /**
   * A plain store: 1 ns where an atomic one takes 12, once a record. The call into the guest that follows keeps the compiler
   * from moving it, and a reader that is patient for seconds can wait for the cache.
   */
  progressed(records: number): void {
    this.#words[WORD_PROGRESS] = records;
  }
  enterPhase(phase: number): void {
    Atomics.store(this.#words, WORD_PHASE, phase);
  }
  restarted(): void {
    Atomics.add(this.#words, WORD_RESTARTS, 1);
  }
}
