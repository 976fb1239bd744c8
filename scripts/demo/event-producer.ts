import confluent from '@confluentinc/kafka-javascript';
import type { SampleRecord } from '../../examples/data/generate.ts';
import { DemoError } from './demo-error.ts';

const CONNECT_MS = 10_000;
const FLUSH_MS = 30_000;

/** Produces sample records, keys placed as Java clients place them. */
export class EventProducer {
  readonly #producer: InstanceType<typeof confluent.RdKafka.Producer>;
  #refused: string | undefined;

  private constructor(bootstrap: string) {
    this.#producer = new confluent.RdKafka.Producer(
      {
        'bootstrap.servers': bootstrap,
        'enable.idempotence': true,
        partitioner: 'murmur2_random',
        'linger.ms': 5,
        dr_cb: true,
        'delivery.report.only.error': true,
      },
      {},
    );
    this.#producer.on('delivery-report', (error) => {
      this.#refused ??= error?.message;
    });
  }

  static async connect(bootstrap: string): Promise<EventProducer> {
    const self = new EventProducer(bootstrap);
    await new Promise<void>((resolve, reject) => {
      self.#producer.connect({ timeout: CONNECT_MS }, (error) =>
        error ? reject(new DemoError(`the feed cannot connect: ${error.message}`)) : resolve(),
      );
    });
    return self;
  }

  produce(topic: string, sample: SampleRecord, headers: readonly (readonly [string, string])[] = []): void {
    this.#producer.produce(
      topic,
      null,
      sample.value === null ? null : Buffer.from(sample.value),
      sample.key,
      sample.timestampMs,
      undefined,
      [...sample.headers, ...headers].map(([name, value]) => ({ [name]: Buffer.from(value) })),
    );
  }

  /** Resolves when all that was produced is acknowledged; rejects when one of it was refused. */
  async flush(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#producer.flush(FLUSH_MS, (error) => {
        // Reports of failures wait for a poll.
        this.#producer.poll();
        if (error) reject(new DemoError(`the cluster did not take the events: ${error.message}`));
        else resolve();
      });
    });
    if (this.#refused !== undefined) throw new DemoError(`the cluster refused an event: ${this.#refused}`);
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => void this.#producer.disconnect(() => resolve()));
  }
}
