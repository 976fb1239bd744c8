import { Gauge } from 'prom-client';
import type { DistributionView } from '../pipeline/distribution.ts';
import { latencyBucketUpperNs } from '../pipeline/transformation-stats.ts';
import type { MetricDefinition, MetricLabel } from './metric-names.ts';

export type Labels = Readonly<Partial<Record<MetricLabel, string>>>;

/** A line of the page, as prom-client takes it. */
interface Sample {
  readonly metricName: string;
  readonly value: number;
  readonly labels: Readonly<Record<string, string>>;
  /** Written once for all samples that share the object. */
  readonly sharedLabels: Labels;
}

/** The lines of one metric, one look at it. */
export class Samples {
  readonly #name: string;
  readonly all: Sample[] = [];

  constructor(name: string) {
    this.#name = name;
  }

  add(value: number, sharedLabels: Labels): void {
    this.all.push({ metricName: this.#name, value, labels: {}, sharedLabels });
  }

  /**
   * @param bounds ascending
   * @param counts of values up to each bound and above the one before it, and of what is above the last
   */
  histogram(bounds: readonly number[], counts: ArrayLike<number>, sum: number, sharedLabels: Labels): void {
    let total = 0;
    for (const [i, bound] of [...bounds, '+Inf'].entries()) {
      total += counts[i] ?? 0;
      this.all.push({ metricName: `${this.#name}_bucket`, value: total, labels: { le: String(bound) }, sharedLabels });
    }
    this.all.push({ metricName: `${this.#name}_sum`, value: sum, labels: {}, sharedLabels });
    this.all.push({ metricName: `${this.#name}_count`, value: total, labels: {}, sharedLabels });
  }

  /**
   * A bucket that a bound goes through counts above it: so what is shown as below a bound is.
   * @param perUnit what the distribution counts, in one of the metric's unit: 1e9 nanoseconds in a second
   */
  distribution(
    bounds: readonly number[],
    { counts, sum }: DistributionView,
    perUnit: number,
    sharedLabels: Labels,
  ): void {
    const between: number[] = [];
    let bucket = 0;
    for (const bound of [...bounds.map((one) => one * perUnit), Infinity]) {
      let count = 0;
      for (; bucket < counts.length && latencyBucketUpperNs(bucket) <= bound; bucket += 1) count += counts[bucket] ?? 0;
      between.push(count);
    }
    this.histogram(bounds, between, sum / perUnit, sharedLabels);
  }
}

/**
 * A metric that is read at the moment it is shown, whatever its type: counts are kept where they are made. A gauge only to the types of
 * prom-client, which asks for this method first.
 */
export class ReadMetric extends Gauge {
  readonly #definition: MetricDefinition;
  readonly #read: (samples: Samples) => void;

  constructor(definition: MetricDefinition, read: (samples: Samples) => void) {
    const { name, help, labels } = definition;
    super({ name, help, labelNames: labels, registers: [] });
    this.#definition = definition;
    this.#read = read;
  }

  getForPromString(): Pick<MetricDefinition, 'name' | 'help' | 'type'> & { readonly values: readonly Sample[] } {
    const { name, help, type } = this.#definition;
    const samples = new Samples(name);
    this.#read(samples);
    return { name, help, type, values: samples.all };
  }
}
