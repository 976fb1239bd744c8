import { ERROR_CODES, type ErrorCode } from '../../src/base/error-code.ts';
import type { TransformReading } from '../../src/observe/transform-reading.ts';
import { Distribution } from '../../src/pipeline/distribution.ts';
import { PipelineMeasures, STEPS } from '../../src/pipeline/measures.ts';
import { countCode, emptyStats, type TransformationStats } from '../../src/pipeline/transformation-stats.ts';
import { addGuests, addPipeline, emptyTotals, type GuestTotals } from '../../src/registry/transform-totals.ts';
import { parseSpec } from '../../src/spec/parse-spec.ts';
import type { TransformationConfig } from '../../src/spec/transformation-config.ts';

const CODES = Object.keys(ERROR_CODES)
  .filter((code) => /^(?:guest|record|route)\./.test(code))
  .slice(0, 12) as ErrorCode[];
const SPREAD_NS = [3e3, 2e4, 4e5, 6e6, 9e7];

/** A transform that has done all there is to count, put together as a run of the registry puts it together when it is looked at. */
export class BusyTransform {
  readonly #name: string;
  readonly #partitions: number;
  readonly #config: TransformationConfig;
  readonly #pipeline = { stats: emptyStats(), measures: new PipelineMeasures() };
  readonly #guests: GuestTotals & { readonly latency: Distribution; readonly fuel: Distribution };

  constructor(name: string, partitions: number) {
    this.#name = name;
    this.#partitions = partitions;
    this.#config = specOf(name);
    this.#guests = {
      latency: new Distribution(),
      fuel: new Distribution(),
      inputBytes: 1e9,
      outputBytes: 9e8,
      instanceRestarts: 12,
      logLinesDropped: 3,
      guestMetrics: { counters: new Map([['hits', 12]]), gauges: new Map([['entries', 3]]) },
      stages: [],
    };
  }

  /** More records, so that no two pages are the same. */
  goOn(): void {
    const { stats, measures } = this.#pipeline;
    stats.received += 2000;
    stats.output += 2000;
    for (const code of CODES) for (const counts of codesOf(stats)) countCode(counts, code);
    measures.polled(2000);
    for (const ns of SPREAD_NS) {
      for (const step of STEPS) measures.took(step, ns / 1e6, 400);
      measures.endToEnd.add(2 * ns, 400);
      this.#guests.latency.add(ns, 400);
      this.#guests.fuel.add(ns * 5, 400);
    }
  }

  snapshot(): TransformReading {
    const partitions = Array.from({ length: this.#partitions }, (_, partition) => partition);
    return {
      name: this.#name,
      state: 'RUNNING',
      totals: addGuests(addPipeline(emptyTotals(), this.#pipeline), [this.#guests, this.#guests]),
      lag: partitions.map((partition) => ({ partition, lag: 1000 + partition })),
      partitions,
      instances: { busy: 1, idle: 0, starting: 0 },
      stuckThreads: 0,
      inFlightBytes: 4e6,
      queued: { guest: 2000, order: 0, produce: 4000, commit: 0 },
      fuelBudget: 5e7,
      lastCommitMs: Date.now(),
      restarts: 1,
      reloads: { served: 1, refused: 1 },
      version: { number: 2, moduleSha256: 'a'.repeat(64), config: this.#config },
      candidate: undefined,
      waiting: undefined,
    };
  }
}

function codesOf({ errors, deadLetters, skips }: TransformationStats): readonly Map<ErrorCode, number>[] {
  return [errors, deadLetters, skips];
}

function specOf(name: string): TransformationConfig {
  const text = `name: ${name}\ninput_topic: in\noutput_topic: out\nwasm_module: builtin:pass-through\n`;
  const outcome = parseSpec(text, `${name}.yaml`);
  if ('errors' in outcome) throw outcome.errors[0];
  return outcome.config;
}
