import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { createTopic, PlainProducer, type RecordToProduce } from '../cluster/client.ts';
import { Ledger } from './ledger.ts';
import type { SidecarHome } from './sidecar-home.ts';
import { specText, uniqueName, withIds } from './spec.ts';

const BATCH = 200;

/**
 * A well-behaved transform in the sidecar of others (I7): mask-pii on a topic that records flow into all the while. Its records
 * all come out, masked, in order, whatever the others do.
 */
export class Neighbour {
  readonly name: string;
  readonly #bootstrap: string;
  #flowing = false;
  #produced = 0;
  #producing: Promise<void> = Promise.resolve();

  private constructor(bootstrap: string, name: string) {
    this.#bootstrap = bootstrap;
    this.name = name;
  }

  /** Its records stop flowing with the test, at the latest. */
  static async create(t: TestContext, bootstrap: string, home: SidecarHome): Promise<Neighbour> {
    const name = uniqueName('neighbour');
    await createTopic(bootstrap, name, 2);
    const spec = {
      ...{ name, input_topic: name, output_topic: `${name}.out`, input: { start: 'earliest' } },
      ...{ wasm_module: 'transforms/mask_pii.wasm', config: { fields_to_mask: ['email'] } },
    };
    home.writeSpec(`${name}.yaml`, specText(spec));
    const neighbour = new Neighbour(bootstrap, name);
    t.after(() => neighbour.end());
    return neighbour;
  }

  /** Produces batch after batch until `end`. */
  begin(): void {
    this.#flowing = true;
    this.#producing = this.#flow();
  }

  /** How many records were produced. */
  async end(): Promise<number> {
    this.#flowing = false;
    await this.#producing;
    return this.#produced;
  }

  async assertUnharmed(): Promise<void> {
    const topics = { input: this.name, outputs: [`${this.name}.out`], deadLetters: [`${this.name}.dlq`] };
    const ledger = await Ledger.read(this.#bootstrap, topics);
    ledger.assertAccounted(() => 'output');
    ledger.assertOrdered();
    assert.equal(ledger.entries.length, this.#produced);
    for (const { id } of ledger.entries) {
      assert.equal(ledger.output(id).value?.toString(), `{"n":${id},"email":"***REDACTED***"}`);
    }
  }

  async #flow(): Promise<void> {
    const producer = await PlainProducer.open(this.#bootstrap);
    while (this.#flowing) {
      const first = this.#produced;
      const batch = Array.from({ length: BATCH }, (_, i): RecordToProduce => {
        const n = first + i;
        return { key: `k${n % 10}`, value: `{"n":${n},"email":"a${n}@example.com"}` };
      });
      await producer.send(this.name, withIds(batch, first));
      this.#produced += BATCH;
    }
    await producer.close();
  }
}
