import { METRICS } from '../../src/observe/metric-names.ts';

type Labels = Readonly<Record<string, string>>;

interface Sample {
  readonly name: string;
  readonly labels: Labels;
  readonly value: number;
}

/** Records of a transform by outcome, as /metrics shows them. */
export interface Outcomes {
  readonly received: number;
  readonly output: number;
  readonly deadLettered: number;
  readonly filtered: number;
  readonly skipped: number;
  readonly returned: number;
  readonly inFlight: number;
  readonly unaccounted: number;
}

/** One reading of /metrics. */
export class MetricsPage {
  readonly #samples: readonly Sample[];

  constructor(text: string) {
    this.#samples = text.split('\n').flatMap((line) => sampleOf(line) ?? []);
  }

  outcomes(transform: string): Outcomes {
    const settled = (outcome: string): number => this.#value(METRICS.settled.name, { transform, outcome });
    return {
      received: this.#value(METRICS.received.name, { transform }),
      output: settled('output'),
      deadLettered: settled('dead_lettered'),
      filtered: settled('filtered'),
      skipped: settled('skipped'),
      returned: settled('returned'),
      inFlight: this.#value(METRICS.inFlight.name, { transform }),
      unaccounted: this.#value(METRICS.unaccounted.name, { transform }),
    };
  }

  stateOf(transform: string): string | undefined {
    const wanted = METRICS.state.name;
    const states = this.#samples.filter(({ name, labels }) => name === wanted && labels['transform'] === transform);
    return states.find(({ value }) => value === 1)?.labels['state'];
  }

  /** The bound below which `quantile` of the records stayed in the guest, seconds; undefined when there were none. */
  latencyBoundS(transform: string, quantile: number): number | undefined {
    const bucket = `${METRICS.latency.name}_bucket`;
    const buckets = this.#samples.filter(({ name, labels }) => name === bucket && labels['transform'] === transform);
    const total = buckets.at(-1)?.value ?? 0;
    if (total === 0) return undefined;
    const bound = buckets.find(({ value }) => value >= total * quantile)?.labels['le'];
    return bound === undefined || bound === '+Inf' ? Infinity : Number(bound);
  }

  #value(wanted: string, labels: Labels): number {
    const matches = (sample: Sample): boolean =>
      sample.name === wanted && Object.entries(labels).every(([name, value]) => sample.labels[name] === value);
    return this.#samples.find(matches)?.value ?? 0;
  }
}

function sampleOf(line: string): Sample | undefined {
  const match = /^([a-z_:][\w:]*)(?:\{(.*)\})? (\S+)/i.exec(line);
  if (match === null) return undefined;
  const labels: Record<string, string> = {};
  for (const [, name = '', value = ''] of (match[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) labels[name] = value;
  return { name: match[1] ?? '', labels, value: Number(match[3]) };
}
