import type { GroupResults, ListOffsetsResult } from '@confluentinc/kafka-javascript/types/rdkafka.d.ts';
import { createTopic, eventually } from '../../integration/cluster/client.ts';
import { RdKafka } from '../../src/kafka/client.ts';

const REQUEST_MS_MAX = 20_000;

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
  readonly #bootstrap: string;
  readonly #admin: ReturnType<typeof RdKafka.AdminClient.create>;

  constructor(bootstrap: string) {
    this.#bootstrap = bootstrap;
    this.#admin = RdKafka.AdminClient.create({ 'bootstrap.servers': bootstrap });
  }

  /**
   * Returns once other clients see its leaders: this one, asked too early, would remember for half a minute that there is no such
   * topic. And once the leaders know that they are: a busy broker's do not for a moment.
   */
  async create(topic: string, partitions: number): Promise<void> {
    await createTopic(this.#bootstrap, topic, partitions, TOPIC_CONFIG);
    await eventually(() => this.endOffset(topic, partitions));
  }

  async delete(topic: string): Promise<void> {
    await promise<void>((done) => this.#admin.deleteTopic(topic, REQUEST_MS_MAX, done));
  }

  /** Records in the topic: its end offsets, summed. */
  async endOffset(topic: string, partitions: number): Promise<number> {
    const latest = RdKafka.OffsetSpec.LATEST;
    const wanted = Array.from({ length: partitions }, (_, partition) => ({ topic, partition, offset: latest }));
    const ends = await promise<readonly ListOffsetsResult[]>((done) =>
      this.#admin.listOffsets(wanted, { timeout: REQUEST_MS_MAX }, done),
    );
    return ends.reduce((sum, { offset, error }) => {
      if (offset < 0) throw new Error(`no end offset of ${topic}: ${error?.message ?? 'unknown'}`);
      return sum + offset;
    }, 0);
  }

  /** Records of the topic that the group is done with: its committed offsets, summed. */
  async committedOffset(groupId: string, topic: string, partitions: number): Promise<number> {
    const wanted = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));
    const [group] = await promise<readonly GroupResults[]>((done) =>
      this.#admin.listConsumerGroupOffsets([{ groupId, partitions: wanted }], { timeout: REQUEST_MS_MAX }, done),
    );
    if (group === undefined || group.error !== undefined)
      throw new Error(`no committed offsets of ${groupId}: ${group?.error?.message ?? 'no answer'}`);
    return group.partitions.reduce((sum, { offset }) => sum + Math.max(0, offset), 0);
  }

  close(): void {
    this.#admin.disconnect();
  }
}
