import type { TestContext } from 'node:test';
import { PlainProducer, type RecordToProduce } from '../cluster/client.ts';
import { withIds } from './spec.ts';

const BATCH = 100;

/** Records that flow into a topic, batch after batch, each acknowledged, while something else happens. */
export class Flow {
  readonly #bootstrap: string;
  readonly #topic: string;
  readonly #recordOf: (i: number) => RecordToProduce;
  #flowing = true;
  #produced = 0;
  readonly #done: Promise<void>;

  /** Flows until `end`, and with the test at the latest. */
  constructor(t: TestContext, bootstrap: string, topic: string, recordOf: (i: number) => RecordToProduce) {
    this.#bootstrap = bootstrap;
    this.#topic = topic;
    this.#recordOf = recordOf;
    this.#done = this.#flow();
    // Looked at in end(); until then a failure is no unhandled one.
    this.#done.catch(() => undefined);
    t.after(() => this.end().catch(() => undefined));
  }

  /** Acknowledged so far. */
  get produced(): number {
    return this.#produced;
  }

  /** How many were produced in all. */
  async end(): Promise<number> {
    this.#flowing = false;
    await this.#done;
    return this.#produced;
  }

  async #flow(): Promise<void> {
    const producer = await PlainProducer.open(this.#bootstrap);
    try {
      while (this.#flowing) {
        const records = Array.from({ length: BATCH }, (_, i) => this.#recordOf(this.#produced + i));
        await producer.send(this.#topic, withIds(records, this.#produced));
        this.#produced += BATCH;
      }
    } finally {
      await producer.close();
    }
  }
}
