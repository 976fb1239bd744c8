import type { HrTime } from '@opentelemetry/api';
import { hrtimeMs } from '../../base/hrtime.ts';

/** Moments of one trace: all are counted from one look at both clocks, so a wall clock that is set meanwhile tears nothing apart. */
export class SpanClock {
  readonly #offsetMs: number;

  constructor() {
    this.#offsetMs = Date.now() - hrtimeMs();
  }

  now(): HrTime {
    return this.of(hrtimeMs());
  }

  /** @param ms of process.hrtime */
  of(ms: number): HrTime {
    const epochMs = this.#offsetMs + ms;
    const seconds = Math.floor(epochMs / 1000);
    return [seconds, Math.round((epochMs - seconds * 1000) * 1e6)];
  }

  /** @param nowMs of this thread's `performance` */
  ofThread(nowMs: number): HrTime {
    return this.of(hrtimeMs(nowMs));
  }
}
