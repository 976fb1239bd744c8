import { RdKafka } from '../../src/kafka/client.ts';

const REQUEST_MS_MAX = 20_000;
const RETRY_MS = 100;

type Done<T> = (error: unknown, value?: T) => void;

/** One callback of the client as a promise. */
export function promise<T>(call: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, value) => {
      if (error === null || error === undefined) resolve(value as T);
      else reject(error instanceof Error ? error : new Error(JSON.stringify(error)));
    });
  });
}

type Client = InstanceType<typeof RdKafka.Producer> | InstanceType<typeof RdKafka.KafkaConsumer>;

export async function connected(client: Client): Promise<void> {
  await promise((done) => void client.connect({ timeout: REQUEST_MS_MAX }, done));
}

export function disconnected(client: Client): Promise<void> {
  return new Promise((resolve) => void client.disconnect(() => resolve()));
}

/** Gone from the disk soon after it is deleted, so that rounds do not pile up. */
const TOPIC_CONFIG = { 'file.delete.delay.ms': '1000' };

/** Makes, deletes and measures topics; light enough to run beside what is measured. */
export class TopicClient {
  readonly #admin: ReturnType<typeof RdKafka.AdminClient.create>;
  readonly #consumer: InstanceType<typeof RdKafka.KafkaConsumer>;

  private constructor(bootstrap: string) {
    this.#admin = RdKafka.AdminClient.create({ 'bootstrap.servers': bootstrap });
    this.#consumer = new RdKafka.KafkaConsumer({ 'bootstrap.servers': bootstrap, 'group.id': 'bench-watch' }, {});
  }

  static async open(bootstrap: string): Promise<TopicClient> {
    const client = new TopicClient(bootstrap);
    await connected(client.#consumer);
    return client;
  }

  async create(topic: string, partitions: number): Promise<void> {
    const request = { topic, num_partitions: partitions, replication_factor: 1, config: TOPIC_CONFIG };
    await promise<void>((done) => this.#admin.createTopic(request, REQUEST_MS_MAX, done));
    await this.endOffset(topic, partitions);
  }

  async delete(topic: string): Promise<void> {
    await promise<void>((done) => this.#admin.deleteTopic(topic, REQUEST_MS_MAX, done));
  }

  /** Records in the topic: its high watermarks, summed. A topic that was just made has no leaders for a moment. */
  async endOffset(topic: string, partitions: number): Promise<number> {
    const deadline = performance.now() + REQUEST_MS_MAX;
    for (;;) {
      try {
        return await this.#endOffset(topic, partitions);
      } catch (error) {
        if (performance.now() > deadline) throw error;
        await new Promise((resolve) => void setTimeout(resolve, RETRY_MS));
      }
    }
  }

  async #endOffset(topic: string, partitions: number): Promise<number> {
    const ends = Array.from({ length: partitions }, (_, partition) =>
      promise<{ highOffset: number }>((done) =>
        this.#consumer.queryWatermarkOffsets(topic, partition, REQUEST_MS_MAX, done),
      ),
    );
    return (await Promise.all(ends)).reduce((sum, { highOffset }) => sum + highOffset, 0);
  }

  async close(): Promise<void> {
    this.#admin.disconnect();
    await disconnected(this.#consumer);
  }
}
