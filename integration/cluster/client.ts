import kafka from '@confluentinc/kafka-javascript';
import type { Message, MessageHeader, TopicPartitionOffset } from '@confluentinc/kafka-javascript/types/rdkafka.d.ts';
import { setTimeout as delay } from 'node:timers/promises';
import { Patience } from '../../src/base/patience.ts';

const { AdminClient, KafkaConsumer, Producer } = kafka.RdKafka;

const REQUEST_MS_MAX = 20_000;
const READ_MS_MAX = 90_000;
const CONSUME_COUNT = 1000;
const CONSUME_WAIT_MS = 20;
const FLUSH_MS_MAX = 60_000;
const EVENTUALLY_MS_MAX = 60_000;
const EVENTUALLY_PAUSE_MS = 50;

/** A record as it lies in a topic. A header name may occur more than once, in order. */
export interface PlainRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly (readonly [name: string, value: Buffer])[];
}

export interface RecordToProduce {
  readonly key?: Buffer | string | null;
  readonly value: Buffer | string | null;
  readonly headers?: readonly (readonly [name: string, value: Buffer | string])[];
  /** By the key's hash, or any, unless given. */
  readonly partition?: number;
  readonly timestamp?: number;
}

/** Creates a topic and returns once it has leaders; `config` as Kafka's topic settings, `{ 'retention.ms': '1000' }`. */
export async function createTopic(
  bootstrap: string,
  topic: string,
  partitions = 1,
  config: Readonly<Record<string, string>> = {},
): Promise<void> {
  const admin = AdminClient.create({ 'bootstrap.servers': bootstrap });
  try {
    await settled((done) =>
      admin.createTopic(
        { topic, num_partitions: partitions, replication_factor: 1, config: { ...config } },
        REQUEST_MS_MAX,
        done,
      ),
    );
  } finally {
    admin.disconnect();
  }
  await eventually(async () => {
    const leaders = await partitionLeaders(bootstrap, topic);
    if (leaders.length !== partitions || leaders.some((leader) => leader < 0)) {
      throw new Error(`${topic} has no leaders yet: ${leaders.join(', ')}`);
    }
  });
}

async function partitionLeaders(bootstrap: string, topic: string): Promise<number[]> {
  const producer = await connectedProducer(bootstrap);
  try {
    const { topics } = await settled<kafka.Metadata>((done) =>
      producer.getMetadata({ topic, timeout: REQUEST_MS_MAX }, done),
    );
    return topics.find(({ name }) => name === topic)?.partitions.map(({ leader }) => leader) ?? [];
  } finally {
    await disconnected(producer);
  }
}

/** Produces records in their order and returns once all are acknowledged; throws if one is not. */
export async function produceAll(
  bootstrap: string,
  topic: string,
  records: readonly RecordToProduce[],
  config: Readonly<Record<string, string | number | boolean>> = {},
): Promise<void> {
  const producer = await PlainProducer.open(bootstrap, config);
  try {
    await producer.send(topic, records);
  } finally {
    await producer.close();
  }
}

/** A producer that stays: for records that flow while something else happens. */
export class PlainProducer {
  readonly #producer: kafka.Producer;
  #produced = 0;
  #acknowledged = 0;
  readonly #failures: string[] = [];

  private constructor(producer: kafka.Producer) {
    this.#producer = producer;
    producer.on('delivery-report', (error) => {
      if (error) this.#failures.push(error.message);
      else this.#acknowledged += 1;
    });
    producer.setPollInterval(20);
  }

  static async open(
    bootstrap: string,
    config: Readonly<Record<string, string | number | boolean>> = {},
  ): Promise<PlainProducer> {
    return new PlainProducer(
      await connectedProducer(bootstrap, { dr_cb: true, 'enable.idempotence': true, ...config }),
    );
  }

  /** In their order; returns once all are acknowledged, throws if one is not. One call at a time. */
  async send(topic: string, records: readonly RecordToProduce[]): Promise<void> {
    for (const record of records) await enqueue(this.#producer, topic, record);
    this.#produced += records.length;
    await settled((done) => this.#producer.flush(FLUSH_MS_MAX, done));
    await eventually(() => {
      if (this.#failures.length > 0) return;
      const open = this.#produced - this.#acknowledged;
      if (open > 0) throw new Error(`${open} of ${records.length} are not acknowledged`);
    });
    if (this.#failures.length > 0) {
      throw new Error(`${this.#failures.length} records were not produced: ${this.#failures[0]}`);
    }
  }

  close(): Promise<void> {
    return disconnected(this.#producer);
  }
}

async function enqueue(producer: kafka.Producer, topic: string, record: RecordToProduce): Promise<void> {
  const value = typeof record.value === 'string' ? Buffer.from(record.value) : record.value;
  const headers = record.headers?.map(([name, content]): MessageHeader => ({ [name]: content }));
  for (;;) {
    try {
      producer.produce(topic, record.partition ?? null, value, record.key, record.timestamp, undefined, headers);
      return;
    } catch (error) {
      if (!(error instanceof Error) || !/queue full/i.test(error.message)) throw error;
      producer.poll();
      await delay(10);
    }
  }
}

export interface ReadOptions {
  /** A count of records, or everything up to where the partitions end when reading begins. */
  readonly until: number | 'end';
  readonly isolation?: 'read_committed' | 'read_uncommitted';
  readonly timeoutMs?: number;
  /** Called at the very record that makes `until` true, before anything is closed: for a kill at a counted record. */
  readonly onReached?: () => void;
}

/** Reads a topic from its beginning, without a group; sorted by partition and offset. Throws if `until` is not reached. */
export async function readAll(
  bootstrap: string,
  topic: string,
  { until, isolation = 'read_committed', timeoutMs = READ_MS_MAX, onReached }: ReadOptions,
): Promise<PlainRecord[]> {
  const partitions = (await partitionLeaders(bootstrap, topic)).map((_, partition) => partition);
  if (partitions.length === 0) throw new Error(`there is no topic ${topic}`);
  const consumer = new KafkaConsumer(
    {
      'bootstrap.servers': bootstrap,
      'group.id': `streamline-test-reader-${process.pid}`,
      'enable.auto.commit': false,
      'enable.partition.eof': true,
      // An end is told by a fetch that brings nothing: the default lets it wait for half a second, twice.
      'fetch.wait.max.ms': 10,
      'isolation.level': isolation,
    },
    { 'auto.offset.reset': 'earliest' },
  );
  await settled<kafka.Metadata>((done) => consumer.connect({ timeout: REQUEST_MS_MAX }, done));
  try {
    const open = new Set(partitions);
    // An end also comes after transaction markers and aborted records, where the highest offset is no record.
    consumer.on('partition.eof', ({ partition }) => void open.delete(partition));
    consumer.setDefaultConsumeTimeout(CONSUME_WAIT_MS);
    // -2: the earliest offset there is.
    consumer.assign(partitions.map((partition) => ({ topic, partition, offset: -2 })));
    const records: PlainRecord[] = [];
    const patience = new Patience(timeoutMs);
    const isDone = (): boolean => (until === 'end' ? open.size === 0 : records.length >= until);
    while (!isDone()) {
      if (patience.isOver()) {
        throw new Error(`${topic}: ${records.length} records, not ${until}, after ${timeoutMs / 1000} s`);
      }
      const count = until === 'end' ? CONSUME_COUNT : Math.min(CONSUME_COUNT, until - records.length);
      const messages = await settled<Message[]>((done) => consumer.consume(count, done));
      records.push(...messages.map(plainRecord));
    }
    onReached?.();
    return records.toSorted((left, right) => left.partition - right.partition || left.offset - right.offset);
  } finally {
    await disconnected(consumer);
  }
}

export function plainRecord({ topic, partition, offset, timestamp, key, value, headers }: Message): PlainRecord {
  return {
    ...{ topic, partition, offset, value, timestamp: timestamp ?? -1 },
    key: typeof key === 'string' ? Buffer.from(key) : (key ?? null),
    headers: (headers ?? []).flatMap((header) =>
      Object.entries(header).map(([name, content]): [string, Buffer] => [name, Buffer.from(content)]),
    ),
  };
}

/** Partition → offset a group has committed; partitions without one are left out. */
export async function committedOffsets(bootstrap: string, group: string, topic: string): Promise<Map<number, number>> {
  const partitions = (await partitionLeaders(bootstrap, topic)).map((_, partition) => ({ topic, partition }));
  const consumer = new KafkaConsumer({ 'bootstrap.servers': bootstrap, 'group.id': group }, {});
  await settled<kafka.Metadata>((done) => consumer.connect({ timeout: REQUEST_MS_MAX }, done));
  try {
    const committed = await settled<TopicPartitionOffset[]>((done) =>
      consumer.committed(partitions, REQUEST_MS_MAX, done),
    );
    return new Map(
      committed.filter(({ offset }) => offset !== undefined && offset >= 0).map((at) => [at.partition, at.offset]),
    );
  } finally {
    await disconnected(consumer);
  }
}

export async function partitionCount(bootstrap: string, topic: string): Promise<number> {
  return (await partitionLeaders(bootstrap, topic)).length;
}

export async function topicNames(bootstrap: string): Promise<string[]> {
  const producer = await connectedProducer(bootstrap);
  try {
    const { topics } = await settled<kafka.Metadata>((done) =>
      producer.getMetadata({ allTopics: true, timeout: REQUEST_MS_MAX }, done),
    );
    return topics.map(({ name }) => name);
  } finally {
    await disconnected(producer);
  }
}

/** Groups the cluster knows: those with members or committed offsets. */
export async function groupIds(bootstrap: string): Promise<string[]> {
  const admin = AdminClient.create({ 'bootstrap.servers': bootstrap });
  try {
    const { groups } = await settled<{ groups: { groupId: string }[] }>((done) =>
      admin.listGroups({ timeout: REQUEST_MS_MAX }, done),
    );
    return groups.map(({ groupId }) => groupId);
  } finally {
    admin.disconnect();
  }
}

/** Calls `attempt` until it throws no more, and returns what it returned; throws its last error when time is up. */
export async function eventually<T>(attempt: () => T | Promise<T>, timeoutMs = EVENTUALLY_MS_MAX): Promise<T> {
  const patience = new Patience(timeoutMs);
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (patience.isOver()) throw error;
    }
    await delay(EVENTUALLY_PAUSE_MS);
  }
}

async function connectedProducer(
  bootstrap: string,
  config: Readonly<Record<string, string | number | boolean>> = {},
): Promise<kafka.Producer> {
  const producer = new Producer({ 'bootstrap.servers': bootstrap, ...config }, {});
  await settled<kafka.Metadata>((done) => producer.connect({ timeout: REQUEST_MS_MAX }, done));
  return producer;
}

export function disconnected(client: kafka.Producer | kafka.KafkaConsumer): Promise<void> {
  return new Promise((resolve) => void client.disconnect(() => resolve()));
}

export type Callback<T> = (error: unknown, result?: T) => void;

/** One callback of the client as a promise. */
export function settled<T = void>(call: (done: Callback<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, result) => {
      if (error === null || error === undefined) resolve(result as T);
      else reject(error instanceof Error ? error : new Error(JSON.stringify(error)));
    });
  });
}
