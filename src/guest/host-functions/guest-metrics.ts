/** As Prometheus has it; what a guest may call a metric. */
const NAME = /^[a-z_][a-z0-9_]{0,63}$/;
export const METRIC_NAME_BYTES_MAX = 64;
export const METRIC_FUEL = 1000;
/** Why a call about a metric is ended. */
export const NO_METRIC = 'a name is up to 64 lower-case letters, digits and _, not a digit first; a counter only grows';
/** Of one transform: each is a time series for as long as the process lives. */
export const GUEST_METRICS_MAX = 64;

/** Changes since the last `take`. */
export interface GuestMetricChanges {
  /** Name → how much it was counted up. */
  readonly counters: Iterable<readonly [string, number]>;
  /** Name → what it is now. */
  readonly gauges: Iterable<readonly [string, number]>;
}

/** All that the guests of a transform have counted, over all of their threads. */
export class GuestMetricTotals {
  readonly counters = new Map<string, number>();
  readonly gauges = new Map<string, number>();

  absorb(changes: GuestMetricChanges | undefined): void {
    for (const [name, by] of changes?.counters ?? []) {
      if (hasRoom(this.counters, name)) this.counters.set(name, sum(this.counters.get(name), by));
    }
    for (const [name, value] of changes?.gauges ?? []) {
      if (hasRoom(this.gauges, name)) this.gauges.set(name, value);
    }
  }
}

/** A counter that has come to its end stays there: infinity is no number that could be counted on from, or told as JSON. */
function sum(count: number | undefined, by: number): number {
  return Math.min((count ?? 0) + by, Number.MAX_VALUE);
}

/** Threads, and versions one after the other, may each have names of their own. */
function hasRoom(metrics: ReadonlyMap<string, number>, name: string): boolean {
  return metrics.size < GUEST_METRICS_MAX || metrics.has(name);
}

/**
 * Metrics that a guest keeps, held until the batch is answered. Names are few for good, as each is a time series: beyond that they are not
 * counted, for no record fails over a number.
 */
export class GuestMetrics {
  readonly #onTooMany: (name: string) => void;
  readonly #counters = new Map<string, number>();
  readonly #gauges = new Map<string, number>();
  /** Ever named in this thread. */
  readonly #names = new Set<string>();
  #told = false;

  /** @param onTooMany told of the first name that is one too many */
  constructor(onTooMany: (name: string) => void = () => undefined) {
    this.#onTooMany = onTooMany;
  }

  /** False: no name of a metric, or an amount that no counter can grow by. */
  add(name: string, by: number): boolean {
    if (!NAME.test(name) || !(by >= 0) || !Number.isFinite(by)) return false;
    if (this.#admits(`c${name}`, name)) this.#counters.set(name, sum(this.#counters.get(name), by));
    return true;
  }

  /** False: no name of a metric, or no number. */
  set(name: string, value: number): boolean {
    if (!NAME.test(name) || !Number.isFinite(value)) return false;
    if (this.#admits(`g${name}`, name)) this.#gauges.set(name, value);
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

  #admits(kind: string, name: string): boolean {
    if (this.#names.has(kind)) return true;
    if (this.#names.size >= GUEST_METRICS_MAX) {
      if (!this.#told) this.#onTooMany(name);
      this.#told = true;
      return false;
    }
    this.#names.add(kind);
    return true;
  }
}
