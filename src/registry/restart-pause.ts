import type { Clock } from '../base/clock.ts';
import type { Rng } from '../base/rng.ts';

export interface RestartLimits {
  readonly restartBackoffMs: number;
  readonly restartBackoffMaxMs: number;
  readonly clock: Clock;
  readonly rng: Rng;
}

/** How long a transform waits before it is brought up again: exponential, jittered, never hot. */
export class RestartPause {
  readonly #limits: RestartLimits;
  /** Failures in a row: the next pause. */
  #failures = 0;
  #startedAtMs: number | undefined;

  constructor(limits: RestartLimits) {
    this.#limits = limits;
  }

  /** It runs. */
  running(): void {
    this.#startedAtMs = this.#limits.clock.nowMs();
  }

  /** A person has looked after it. */
  reset(): void {
    this.#failures = 0;
  }

  /** It has failed. Starts over once it has run for longer than the longest pause. */
  nextMs(): number {
    const { clock, rng, restartBackoffMs, restartBackoffMaxMs } = this.#limits;
    const ranMs = this.#startedAtMs === undefined ? 0 : clock.nowMs() - this.#startedAtMs;
    this.#failures = ranMs > restartBackoffMaxMs ? 1 : this.#failures + 1;
    this.#startedAtMs = undefined;
    const ceiling = Math.min(restartBackoffMaxMs, restartBackoffMs * 2 ** Math.min(this.#failures - 1, 30));
    return ceiling * (0.5 + 0.5 * rng());
  }
}
