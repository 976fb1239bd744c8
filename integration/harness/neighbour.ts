import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { createTopic } from '../cluster/client.ts';
import { Flow } from './flow.ts';
import { Ledger } from './ledger.ts';
import type { SidecarHome } from './sidecar-home.ts';
import { specText, uniqueName } from './spec.ts';

/**
 * A well-behaved transform in the sidecar of others (I7): mask-pii on a topic that records flow into all the while. Its records
 * all come out, masked, in order, whatever the others do.
 */
export class Neighbour {
  readonly name: string;
  readonly #bootstrap: string;
  readonly #flow: Flow;

  private constructor(t: TestContext, bootstrap: string, name: string) {
    this.#bootstrap = bootstrap;
    this.name = name;
    this.#flow = new Flow(t, bootstrap, name, (n) => ({
      key: `k${n % 10}`,
      value: `{"n":${n},"email":"a${n}@example.com"}`,
    }));
  }

  /** Its records flow from now on. */
  static async create(t: TestContext, bootstrap: string, home: SidecarHome): Promise<Neighbour> {
    const name = uniqueName('neighbour');
    await createTopic(bootstrap, name, 2);
    const spec = {
      ...{ name, input_topic: name, output_topic: `${name}.out`, input: { start: 'earliest' } },
      ...{ wasm_module: 'transforms/mask_pii.wasm', config: { fields_to_mask: ['email'] } },
    };
    home.writeSpec(`${name}.yaml`, specText(spec));
    return new Neighbour(t, bootstrap, name);
  }

  /** How many records were produced. */
  end(): Promise<number> {
    return this.#flow.end();
  }

  async assertUnharmed(): Promise<void> {
    const topics = { input: this.name, outputs: [`${this.name}.out`], deadLetters: [`${this.name}.dlq`] };
    const ledger = await Ledger.read(this.#bootstrap, topics);
    ledger.assertAccounted(() => 'output');
    ledger.assertOrdered();
    assert.equal(ledger.entries.length, this.#flow.produced);
    for (const { id } of ledger.entries) {
      assert.equal(ledger.output(id).value?.toString(), `{"n":${id},"email":"***REDACTED***"}`);
    }
  }
}
