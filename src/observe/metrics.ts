import { setImmediate as nextTurn } from 'node:timers/promises';
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { DistributionView } from '../pipeline/distribution.ts';
import { SIDECAR_METRICS, TRANSFORM_METRICS } from './metric-names.ts';
import { ReadMetric, type Samples } from './read-metric.ts';
import { Show, TRANSFORM_READS, type TransformReading } from './transform-reading.ts';

/** What the metrics show of the schema registry. */
export interface RegistryReading {
  readonly results: Readonly<Record<string, number>>;
  /** Nanoseconds. */
  readonly latency: DistributionView;
}

export interface MetricSource {
  readonly transforms: () => readonly TransformReading[];
  readonly specErrors: () => number;
  /** undefined: there is none. */
  readonly schemaRegistry: () => RegistryReading | undefined;
  /** undefined: they go to no topic. */
  readonly logTopic: () => { readonly sent: number; readonly dropped: number } | undefined;
  readonly version: string;
  readonly transport: string;
}

/** So long the page may be written before others get their turn. */
const TURN_MS = 5;

/** Everything is read at the moment it is asked for: counting costs the data path nothing beyond its counts. */
export class Metrics {
  readonly #source: MetricSource;
  readonly #registry = new Registry();
  #transforms: readonly TransformReading[] = [];
  #writing: Promise<string> | undefined;

  constructor(source: MetricSource) {
    this.#source = source;
    collectDefaultMetrics({ register: this.#registry });
    for (const key of keysOf(TRANSFORM_METRICS)) this.#addOfTransforms(key);
    for (const key of keysOf(SIDECAR_METRICS)) this.#addOfSidecar(key);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The page, of one moment. Whoever asks while it is written gets the same. */
  text(): Promise<string> {
    this.#writing ??= this.#write().finally(() => (this.#writing = undefined));
    return this.#writing;
  }

  /** I7: metric by metric, and the event loop goes on in between. */
  async #write(): Promise<string> {
    this.#transforms = this.#source.transforms();
    const parts: string[] = [];
    let turnMs = performance.now();
    for (const { name } of this.#registry.getMetricsAsArray()) {
      parts.push(await this.#registry.getSingleMetricAsString(name));
      if (performance.now() - turnMs < TURN_MS) continue;
      await nextTurn();
      turnMs = performance.now();
    }
    this.#transforms = [];
    return `${parts.join('\n\n')}\n`;
  }

  #addOfTransforms(key: keyof typeof TRANSFORM_METRICS): void {
    const definition = TRANSFORM_METRICS[key];
    const read = TRANSFORM_READS[key];
    const metric = new ReadMetric(definition, (samples) => {
      for (const transform of this.#transforms) read(transform, new Show(samples, definition, transform.name));
    });
    this.#registry.registerMetric(metric);
  }

  #addOfSidecar(key: keyof typeof SIDECAR_METRICS): void {
    const metric = new ReadMetric(SIDECAR_METRICS[key], (samples) => SIDECAR_READS[key](this.#source, samples));
    this.#registry.registerMetric(metric);
  }
}

const SIDECAR_READS: Readonly<Record<keyof typeof SIDECAR_METRICS, (source: MetricSource, samples: Samples) => void>> =
  {
    sidecarInfo: ({ version, transport }, samples) => samples.add(1, { version, transport }),
    specErrors: ({ specErrors }, samples) => samples.add(specErrors(), {}),
    registryRequests: ({ schemaRegistry }, samples) => {
      for (const [result, count] of Object.entries(schemaRegistry()?.results ?? {})) samples.add(count, { result });
    },
    registryLatency: ({ schemaRegistry }, samples) => {
      const { bounds = [] } = SIDECAR_METRICS.registryLatency;
      const reading = schemaRegistry();
      if (reading !== undefined) samples.distribution(bounds, reading.latency, 1e9, {});
    },
    logTopicLines: ({ logTopic }, samples) => {
      for (const [outcome, count] of Object.entries(logTopic() ?? {})) samples.add(count, { outcome });
    },
  };

function keysOf<T extends object>(table: T): (keyof T)[] {
  return Object.keys(table) as (keyof T)[];
}
