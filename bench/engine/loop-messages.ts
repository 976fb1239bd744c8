import type { BatchRunnerSource } from './source.ts';

export interface LoopData {
  readonly source: BatchRunnerSource;
  readonly batches: readonly SharedArrayBuffer[];
}

/** Go through the batches, again and again, for at least so long. */
export interface LoopOrder {
  readonly durationMs: number;
}

export interface LoopReport {
  /** That came out; a benchmark of guests that fail is none. */
  readonly records: number;
  readonly failed: number;
  readonly elapsedMs: number;
  /** Of this thread. */
  readonly cpuMs: number;
  /** Of packed results, with 40 to 48 bytes a record that are ours. */
  readonly outputBytes: number;
  /** Records by latencyBucket. */
  readonly latencies: Uint32Array;
}
