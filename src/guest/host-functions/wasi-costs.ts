/* Clocks, random bytes and output are the same in both versions of WASI. */

/** A look at the clock moves it by this much, so that no runtime divides by an interval of zero. */
export const CLOCK_STEP_NS = 1000n;
export const NS_PER_MS = 1_000_000n;
/** Of one call. */
export const RANDOM_BYTES_MAX = 65536;
/** What calls take beyond CALL_FUEL, measured: the system's generator is slow to ask and then gives 2 bytes a nanosecond. */
export const RANDOM_FUEL = 20_000;
export const RANDOM_BYTE_FUEL = 3;
export const LISTED_FUEL = 2500;
export const WRITTEN_BYTE_FUEL = 5;
/** Of what a call may list: buffers to write, events to wait for. */
export const LISTED_MAX = 64;
