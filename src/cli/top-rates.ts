import type { Metrics, Status } from '../api/rest-shapes.ts';

/** One look at every transform. */
export interface Sample {
  /** Of a clock that only goes forward. */
  readonly atMs: number;
  readonly transforms: ReadonlyMap<string, { readonly status: Status; readonly metrics: Metrics }>;
}

export interface Rates {
  readonly name: string;
  readonly state: string;
  readonly waiting?: NonNullable<Status['waiting']>;
  readonly in_per_s: number;
  readonly out_per_s: number;
  readonly filtered_per_s: number;
  readonly dead_lettered_per_s: number;
  readonly fuel_per_s: number;
  readonly p50_us: number;
  readonly p99_us: number;
  readonly lag: number;
}

/** What went on between two looks, busiest first. One that was not there at the first has no rates yet: 0. */
export function ratesBetween(before: Sample, after: Sample): Rates[] {
  const seconds = (after.atMs - before.atMs) / 1000;
  const rates = [...after.transforms].map(([name, { status, metrics }]): Rates => {
    const old = before.transforms.get(name)?.metrics;
    const perSecond = (read: (metrics: Metrics) => number): number => {
      // Fewer than before: the sidecar was started anew, and counts from 0.
      const grown = old === undefined ? 0 : read(metrics) - read(old);
      return seconds > 0 ? (grown < 0 ? read(metrics) : grown) / seconds : 0;
    };
    return {
      name,
      state: status.connector.state,
      ...(status.waiting === undefined ? {} : { waiting: status.waiting }),
      in_per_s: perSecond(({ records }) => records.received),
      out_per_s: perSecond(({ records }) => records.output),
      filtered_per_s: perSecond(({ records }) => records.filtered),
      dead_lettered_per_s: perSecond(({ records }) => records.dead_lettered),
      fuel_per_s: perSecond(({ fuel_units: fuel }) => fuel),
      p50_us: metrics.latency_us.p50,
      p99_us: metrics.latency_us.p99,
      lag: metrics.lag.total,
    };
  });
  return rates.toSorted((a, b) => b.in_per_s - a.in_per_s || (a.name < b.name ? -1 : 1));
}
