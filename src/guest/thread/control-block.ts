import { LATENCY_BUCKETS } from '../../pipeline/transformation-stats.ts';

/*
 * Memory a guest thread shares with the main thread, so that progress and latencies need no message. Written by the guest
 * thread only, one word at a time; the reader sees each word whole, a little late.
 */

const WORD_BATCH = 0;
const WORD_PROGRESS = 1;
const WORD_PHASE = 2;
const WORD_RESTARTS = 3;
const HEADER_WORDS = 8;
/** The last two words of the header, as one number. */
const FUEL_BYTE = 24;

/** What the thread is at: decides how long the watchdog is patient. */
export const PHASE_RUNNING = 0;
export const PHASE_INITIALISING = 1;
/** For schemas, which the main thread is to fetch: takes as long as it takes. */
export const PHASE_WAITING = 2;

export class ControlBlock {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #fuel: Float64Array;
  /** Counts by latencyBucket. They wrap at 2^32: readers take differences. */
  readonly latencies: Uint32Array;

  constructor(buffer = new SharedArrayBuffer((HEADER_WORDS + LATENCY_BUCKETS) * 4)) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer, 0, HEADER_WORDS);
    this.#fuel = new Float64Array(buffer, FUEL_BYTE, 1);
    this.latencies = new Uint32Array(buffer, HEADER_WORDS * 4, LATENCY_BUCKETS);
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

  /** Units used by all records so far. */
  get fuelUsed(): number {
    return this.#fuel[0] ?? 0;
  }

  useFuel(units: number): void {
    this.#fuel[0] = this.fuelUsed + units;
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
