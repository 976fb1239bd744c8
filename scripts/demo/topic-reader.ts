import confluent from '@confluentinc/kafka-javascript';
import type { Message, WatermarkOffsets } from '@confluentinc/kafka-javascript/types/rdkafka.d.ts';
import { DemoError } from './demo-error.ts';
import type { ReadRecord } from './record.ts';

const CONNECT_MS = 10_000;
const REQUEST_MS = 10_000;
const CONSUME_COUNT = 2000;
const CONSUME_WAIT_MS = 50;

/** Reads topics partition by partition, without a group of its own: nothing of it stays on the cluster. */
export class TopicReader {
  readonly #consumer: confluent.KafkaConsumer;
  readonly #topics = new Set<string>();
  /** topic/partition → next offset to read. */
  readonly #positions = new Map<string, { readonly topic: string; readonly partition: number; offset: number }>();
  /** Of the partitions, those whose end was not seen since the last assignment. */
  readonly #open = new Set<string>();

  /** How the value of a topic is read as text. */
  readonly #textOf: (topic: string, value: Buffer) => string;

  constructor(bootstrap: string, name: string, textOf: (topic: string, value: Buffer) => string) {
    this.#textOf = textOf;
    this.#consumer = new confluent.RdKafka.KafkaConsumer(
      {
        'bootstrap.servers': bootstrap,
        'group.id': name,
        'enable.auto.commit': false,
        'enable.partition.eof': true,
        'fetch.wait.max.ms': 50,
      },
      { 'auto.offset.reset': 'earliest' },
    );
    this.#consumer.setDefaultConsumeTimeout(CONSUME_WAIT_MS);
    this.#consumer.on('partition.eof', ({ topic, partition }) => void this.#open.delete(keyOf(topic, partition)));
  }

  connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#consumer.connect({ timeout: CONNECT_MS }, (error) =>
        error ? reject(new DemoError(`the outputs cannot be read: ${error.message}`)) : resolve(),
      );
    });
  }

  /** Follows topics from where they end now. */
  async followFromEnd(topics: ReadonlyMap<string, number>): Promise<void> {
    for (const [topic, partitions] of topics) {
      for (let partition = 0; partition < partitions; partition += 1) {
        this.#add(topic, partition, (await this.#watermarks(topic, partition)).highOffset);
      }
    }
    this.#assign();
  }

  /** Follows topics that came after the start, whole. Ones that are followed already stay as they are. */
  followWhole(topics: ReadonlyMap<string, number>): void {
    const fresh = [...topics].filter(([topic, partitions]) => partitions > 0 && !this.#topics.has(topic));
    if (fresh.length === 0) return;
    for (const [topic, partitions] of fresh) {
      for (let partition = 0; partition < partitions; partition += 1) this.#add(topic, partition, 0);
    }
    this.#assign();
  }

  /** What has come since the last call; waits a moment when there is nothing. */
  async read(): Promise<ReadRecord[]> {
    if (this.#positions.size === 0) return [];
    const messages = await new Promise<Message[]>((resolve, reject) => {
      this.#consumer.consume(CONSUME_COUNT, (error, batch) =>
        error ? reject(new DemoError(`reading the outputs failed: ${error.message}`)) : resolve(batch),
      );
    });
    const records: ReadRecord[] = [];
    for (const message of messages) {
      const position = this.#positions.get(keyOf(message.topic, message.partition));
      // A new assignment may bring again what was read before it.
      if (position === undefined || message.offset < position.offset) continue;
      position.offset = message.offset + 1;
      records.push(this.#recordOf(message));
    }
    return records;
  }

  /** Everything up to the ends as they are now. */
  async readToEnd(timeoutMs: number): Promise<ReadRecord[]> {
    this.#assign();
    const records: ReadRecord[] = [];
    const deadline = performance.now() + timeoutMs;
    while (this.#open.size > 0) {
      if (performance.now() > deadline) throw new DemoError('the outputs could not be read to their ends in time');
      records.push(...(await this.read()));
    }
    return records;
  }

  close(): Promise<void> {
    return new Promise((resolve) => void this.#consumer.disconnect(() => resolve()));
  }

  #add(topic: string, partition: number, offset: number): void {
    this.#topics.add(topic);
    this.#positions.set(keyOf(topic, partition), { topic, partition, offset });
  }

  #assign(): void {
    for (const key of this.#positions.keys()) this.#open.add(key);
    this.#consumer.assign([...this.#positions.values()].map((position) => ({ ...position })));
  }

  #recordOf({ topic, partition, offset, timestamp, key, value, headers }: Message): ReadRecord {
    return {
      ...{ topic, partition, offset },
      timestampMs: timestamp ?? -1,
      key: key === null || key === undefined ? null : key.toString(),
      value: value === null ? null : this.#textOf(topic, value),
      headers: (headers ?? []).flatMap((header) =>
        Object.entries(header).map(([name, content]) => ({ name, value: content.toString() })),
      ),
    };
  }

  #watermarks(topic: string, partition: number): Promise<WatermarkOffsets> {
    return new Promise((resolve, reject) => {
      this.#consumer.queryWatermarkOffsets(topic, partition, REQUEST_MS, (error, offsets) =>
        error ? reject(new DemoError(`the end of ${topic} cannot be found: ${error.message}`)) : resolve(offsets),
      );
    });
  }
}

const keyOf = (topic: string, partition: number): string => `${topic}/${String(partition)}`;
