import { hrtimeMs } from '../base/hrtime.ts';
import type { Phase } from '../pipeline/tracing.ts';

/** Of one record: a guest that emits much to a long chain would fill a trace with calls. */
const PHASES_MAX = 32;

/** The calls into the guests that one traced record takes, one after the other. */
export class PhaseTimes {
  #phases: Phase[] = [];
  #beganMs = 0;
  /** Since it began. */
  #last = '';

  begin(): void {
    this.#last = '';
    this.#beganMs = performance.now();
  }

  /** The next one begins where this one ends. What a call that came back is blamed for is a part of it. */
  end(name: string, stage: number): void {
    if (name === this.#last) return;
    this.#last = name;
    const endedMs = performance.now();
    if (this.#phases.length < PHASES_MAX) {
      this.#phases.push({ name, stage, beganMs: hrtimeMs(this.#beganMs), endedMs: hrtimeMs(endedMs) });
    }
    this.#beganMs = endedMs;
  }

  take(): readonly Phase[] {
    const phases = this.#phases;
    this.#phases = [];
    return phases;
  }
}
