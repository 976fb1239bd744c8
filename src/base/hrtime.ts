/** `process.hrtime` counts on for all threads alike, `performance` from the start of each. */
const ORIGIN_MS = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** Monotonic, ms, and the same in all threads. @param nowMs of this thread's `performance`; now, unless given */
export function hrtimeMs(nowMs = performance.now()): number {
  return ORIGIN_MS + nowMs;
}
