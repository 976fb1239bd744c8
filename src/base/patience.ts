import { systemClock, type Clock } from './clock.ts';

/** Longer than one look takes. */
const LOOK_MS_MAX = 5_000;

/**
 * A deadline of somebody who looks again and again, counted in the time that passed between looks. A machine that stood still meanwhile, as a
 * virtual one does while it is moved, has used up one look, not all of it: what is waited for stood still as well.
 */
export class Patience {
  readonly #clock: Clock;
  #leftMs: number;
  #lookedMs: number;

  constructor(forMs: number, clock: Clock = systemClock) {
    this.#clock = clock;
    this.#leftMs = forMs;
    this.#lookedMs = clock.nowMs();
  }

  /** To be asked at each look. */
  isOver(): boolean {
    const nowMs = this.#clock.nowMs();
    this.#leftMs -= Math.min(nowMs - this.#lookedMs, LOOK_MS_MAX);
    this.#lookedMs = nowMs;
    return this.#leftMs < 0;
  }
}
