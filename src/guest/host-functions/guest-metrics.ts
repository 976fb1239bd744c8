import type { GuestLimits } from '../guest-config.ts';
import { LogBuffer, type GuestLog } from './log-buffer.ts';

/** As Prometheus has it; what a guest may call a metric. */
const NAME = /^[a-z_][a-z0-9_]{0,63}$/;
export const METRIC_NAME_BYTES_MAX = 64;
export const METRIC_FUEL = 1000;
/** Why a call about a metric is ended. */
export const NO_METRIC = 'a name is up to 64 lower-case letters, digits and _, not a digit first; a counter only grows';
/** Of one transform, counters and gauges together: each is a time series for as long as the process lives. */
const GUEST_METRICS_MAX = 64;
/**
 * Held for one batch by one thread. Which 64 a transform has is only known where its threads come together, and a thread that dropped
 * names by itself might drop one of those: so it takes more than there can be, and no end of them.
 */
const BATCH_METRICS_MAX = 4 * GUEST_METRICS_MAX;

/** Changes since the last `take`. */
export interface GuestMetricChanges {
  /** Name → how much it was counted up. */
  readonly counters: Iterable<readonly [string, number]>;
  /** Name → what it is now. */
  readonly gauges: Iterable<readonly [string, number]>;
}

/**
 * All that the guests of a transform have counted, over all of their threads: the first 64 names, and no others. A record fails over none
 * that is one too many.
 */
export class GuestMetricTotals {
  readonly counters = new Map<string, number>();
  readonly gauges = new Map<string, number>();
  readonly #onTooMany: (name: string) => void;
  #told = false;

  /** @param onTooMany told once, of the first name that is not counted */
  constructor(onTooMany: (name: string) => void = () => undefined) {
    this.#onTooMany = onTooMany;
  }

  absorb(changes: GuestMetricChanges | undefined): void {
    for (const [name, by] of changes?.counters ?? []) {
      if (this.#admits(this.counters, name)) this.counters.set(name, sum(this.counters.get(name), by));
    }
    for (const [name, value] of changes?.gauges ?? []) {
      if (this.#admits(this.gauges, name)) this.gauges.set(name, value);
    }
  }

  #admits(metrics: ReadonlyMap<string, number>, name: string): boolean {
    if (metrics.has(name) || this.counters.size + this.gauges.size < GUEST_METRICS_MAX) return true;
    if (!this.#told) this.#onTooMany(name);
    this.#told = true;
    return false;
  }
}

/** What the log says of a metric that is one too many: a line of the guest's, within the limits of its lines. */
export function tooManyMetrics(
  name: string,
  limits: Pick<GuestLimits, 'logLinesPerSecond' | 'logLineBytesMax'>,
): GuestLog {
  const log = new LogBuffer(limits.logLinesPerSecond, limits.logLineBytesMax);
  const text = `metric ${name} is not counted: a transform names at most ${String(GUEST_METRICS_MAX)}`;
  if (log.admit()) log.addText('warn', text);
  return log.take();
}

/** A counter that has come to its end stays there: infinity is no number that could be counted on from, or told as JSON. */
function sum(count: number | undefined, by: number): number {
  return Math.min((count ?? 0) + by, Number.MAX_VALUE);
}

/** Metrics that the guests of one thread keep, held until the batch is answered. */
export class GuestMetrics {
  readonly #counters = new Map<string, number>();
  readonly #gauges = new Map<string, number>();

  /** False: no name of a metric, or an amount that no counter can grow by. */
  add(name: string, by: number): boolean {
    if (!NAME.test(name) || !(by >= 0) || !Number.isFinite(by)) return false;
    if (this.#admits(this.#counters, name)) this.#counters.set(name, sum(this.#counters.get(name), by));
    return true;
  }

  /** False: no name of a metric, or no number. */
  set(name: string, value: number): boolean {
    if (!NAME.test(name) || !Number.isFinite(value)) return false;
    if (this.#admits(this.#gauges, name)) this.#gauges.set(name, value);
    return true;
  }

  /** undefined: nothing has changed. */
  take(): GuestMetricChanges | undefined {
    if (this.#counters.size === 0 && this.#gauges.size === 0) return undefined;
    const changes = { counters: [...this.#counters], gauges: [...this.#gauges] };
    this.#counters.clear();
    this.#gauges.clear();
    return changes;
  }

  #admits(metrics: ReadonlyMap<string, number>, name: string): boolean {
    return metrics.has(name) || this.#counters.size + this.#gauges.size < BATCH_METRICS_MAX;
  }
}
