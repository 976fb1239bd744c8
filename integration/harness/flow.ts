import { setTimeout as delay } from 'node:timers/promises';
import { PlainProducer, type RecordToProduce } from '../cluster/client.ts';
import type { Scope } from './scope.ts';
import { withIds } from './spec.ts';

export interface FlowPace {
  /** Records at once, acknowledged before the next. */
  readonly batch: number;
  /** Between two batches: leaves the machine to others. */
  readonly pauseMs: number;
}

const STEADY: FlowPace = { batch: 100, pauseMs: 0 };

/** Records that flow into a topic, batch after batch, each acknowledged, while something else happens. */
export class Flow {
  readonly #bootstrap: string;
  readonly #topic: string;
  readonly #recordOf: (i: number) => RecordToProduce;
  readonly #pace: FlowPace;
  #recordsMin = Infinity;
  #produced = 0;
  #failure: unknown;
  readonly #done: Promise<void>;

  /** Flows until `end`, and with the test at the latest. */
  constructor(
    scope: Scope,
    bootstrap: string,
    topic: string,
    recordOf: (i: number) => RecordToProduce,
    pace: FlowPace = STEADY,
  ) {
    this.#pace = pace;
    this.#bootstrap = bootstrap;
    this.#topic = topic;
    this.#recordOf = recordOf;
    this.#done = this.#flow();
    // Thrown in end(); until then a failure is no unhandled one.
    this.#done.catch((thrown: unknown) => (this.#failure = thrown));
    scope.after(() => this.end().catch(() => undefined));
  }

  /** Why nothing flows any more. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Acknowledged so far. */
  get produced(): number {
    return this.#produced;
  }

  /** How many were produced in all: it flows on until there are at least `recordsMin`. */
  async end(recordsMin = 0): Promise<number> {
    this.#recordsMin = recordsMin;
    await this.#done;
    return this.#produced;
  }

  async #flow(): Promise<void> {
    const producer = await PlainProducer.open(this.#bootstrap);
    try {
      const { batch, pauseMs } = this.#pace;
      while (this.#produced < this.#recordsMin) {
        const records = Array.from({ length: batch }, (_, i) => this.#recordOf(this.#produced + i));
        await producer.send(this.#topic, withIds(records, this.#produced));
        this.#produced += batch;
        if (pauseMs > 0 && this.#produced < this.#recordsMin) await delay(pauseMs);
      }
    } finally {
      await producer.close();
    }
  }
}
