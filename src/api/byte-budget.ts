import { RequestError } from './request-error.ts';

const MINUTE_MS = 60_000;

/**
 * So many bytes a minute, of all clients together: reading a spec takes the main thread microseconds for each of them, and records wait
 * meanwhile (I7).
 */
export class ByteBudget {
  readonly #bytesPerMinute: number;
  #left: number;
  #sinceMs: number;

  constructor(bytesPerMinute: number, nowMs = performance.now()) {
    this.#bytesPerMinute = bytesPerMinute;
    this.#left = bytesPerMinute;
    this.#sinceMs = nowMs;
  }

  /** Throws request.too_many when they are used up. */
  take(bytes: number, nowMs = performance.now()): void {
    if (nowMs - this.#sinceMs >= MINUTE_MS) {
      this.#left = this.#bytesPerMinute;
      this.#sinceMs = nowMs;
    }
    this.#left -= bytes;
    if (this.#left >= 0) return;
    const waitS = Math.ceil((this.#sinceMs + MINUTE_MS - nowMs) / 1000);
    throw new RequestError('request.too_many', 'more specs were sent in a minute than are read in one', {
      suggestion: 'Send fewer or smaller ones, or put them into the directory.',
      headers: { 'retry-after': String(Math.max(1, waitS)) },
    });
  }
}
