import type { Clock } from '../../base/clock.ts';

interface Timer {
  readonly atMs: number;
  readonly order: number;
  readonly callback: () => void;
}

/** Time that passes only when everything has come to rest. */
export class SimClock implements Clock {
  #nowMs = 0;
  #wallSkewMs = 0;
  #order = 0;
  #timers: Timer[] = [];

  nowMs(): number {
    return this.#nowMs;
  }
  wallMs(): number {
    return 1_700_000_000_000 + this.#nowMs + this.#wallSkewMs;
  }
  /** The wall clock is set; monotonic time is not. */
  jumpWall(byMs: number): void {
    this.#wallSkewMs += byMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.#nowMs + Math.max(0, delayMs), order: (this.#order += 1), callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((t) => t !== timer);
    };
  }

  /** Lets promises settle, then fires the next timer. False when there is none. */
  async step(): Promise<boolean> {
    await settled();
    return this.#fireNext(Infinity);
  }

  /** Lets so much time pass, and everything that falls into it happen. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs;
    do await settled();
    while (this.#fireNext(untilMs));
    this.#nowMs = untilMs;
  }

  #fireNext(untilMs: number): boolean {
    let next = this.#timers[0];
    if (next === undefined) return false;
    for (const timer of this.#timers) {
      if (timer.atMs < next.atMs || (timer.atMs === next.atMs && timer.order < next.order)) next = timer;
    }
    if (next.atMs > untilMs) return false;
    this.#timers = this.#timers.filter((t) => t !== next);
    this.#nowMs = Math.max(this.#nowMs, next.atMs);
    next.callback();
    return true;
  }
}

/** All that can happen without time passing has happened. */
export function settled(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
