import kafka from '@confluentinc/kafka-javascript';
import type { Message } from '@confluentinc/kafka-javascript/types/rdkafka.d.ts';
import { disconnected, eventually, plainRecord, settled } from '../cluster/client.ts';
import { idOf } from '../harness/spec.ts';
import type { Scope } from '../harness/scope.ts';
import { placeOfId } from './load.ts';

const { KafkaConsumer } = kafka.RdKafka;

const REQUEST_MS_MAX = 20_000;
const CATCH_UP_MS_MAX = 60_000;
const COUNT_MS_MAX = 90_000;
const CONSUME_COUNT = 500;
const CONSUME_WAIT_MS = 5;

export interface WatchedTopics {
  readonly group: string;
  readonly input: string;
  /** What outcomes are written to. */
  readonly outcomes: readonly string[];
  readonly partitions: number;
  /** The ends may be transaction markers, which no reader sees. */
  readonly transactional: boolean;
}

interface Waiting {
  readonly count: number;
  readonly reached: () => void;
}

/**
 * Reads along in the output and dead-letter topics, whatever is committed or not: faults come at the record that makes a count. And it
 * asks what the group has committed, as a client that bears its name without ever joining it: at once, while a fault is fresh.
 */
export class OutputWatch {
  readonly #topics: WatchedTopics;
  readonly #consumer: kafka.KafkaConsumer;
  /** Next offset to read, by `topic/partition`. */
  readonly #positions = new Map<string, number>();
  /** Input partition → beyond the highest input offset that was written out. */
  readonly #beyond = new Map<number, number>();
  readonly #waiting = new Set<Waiting>();
  #count = 0;
  #open = true;
  #failure: Error | undefined;
  #done: Promise<void> = Promise.resolve();

  private constructor(bootstrap: string, topics: WatchedTopics) {
    this.#topics = topics;
    this.#consumer = new KafkaConsumer(
      {
        'bootstrap.servers': bootstrap,
        'group.id': topics.group,
        'enable.auto.commit': false,
        'fetch.wait.max.ms': 10,
        'isolation.level': 'read_uncommitted',
      },
      { 'auto.offset.reset': 'earliest' },
    );
  }

  static async open(scope: Scope, bootstrap: string, topics: WatchedTopics): Promise<OutputWatch> {
    const watch = new OutputWatch(bootstrap, topics);
    await settled<kafka.Metadata>((done) => watch.#consumer.connect({ timeout: REQUEST_MS_MAX }, done));
    scope.after(() => watch.#close());
    watch.#read();
    return watch;
  }

  /** Outcomes seen, repeats and what a transaction may yet drop included. */
  get count(): number {
    return this.#count;
  }

  /** Resolves at the record that makes so many more outcomes than now. */
  async further(count: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting = { count: this.#count + count, reached: resolve };
    this.#waiting.add(waiting);
    const timer = setTimeout(
      () => reject(new Error(`${waiting.count - this.#count} of ${count} further outcomes did not come`)),
      COUNT_MS_MAX,
    );
    await promise.finally(() => {
      clearTimeout(timer);
      this.#waiting.delete(waiting);
    });
    this.#assertWell();
  }

  /** Input partition → beyond the highest input offset written out by now; with transactions, by about now. */
  async written(): Promise<ReadonlyMap<number, number>> {
    this.#assertWell();
    if (this.#topics.transactional) return new Map(this.#beyond);
    const ends = await Promise.all(this.#assignment().map((place) => this.#endOf(place)));
    await eventually(() => {
      this.#assertWell();
      const behind = ends.filter(({ key, end }) => end > 0 && (this.#positions.get(key) ?? 0) < end);
      if (behind.length > 0) throw new Error(`the reader does not come to the end of ${behind[0]?.key}`);
    }, CATCH_UP_MS_MAX);
    return new Map(this.#beyond);
  }

  /** Partition → committed offset of the group; 0 where there is none. */
  async committed(): Promise<ReadonlyMap<number, number>> {
    const { input, partitions } = this.#topics;
    const asked = Array.from({ length: partitions }, (_, partition) => ({ topic: input, partition }));
    const answer = await settled<{ partition: number; offset?: number }[]>((done) =>
      this.#consumer.committed(asked, REQUEST_MS_MAX, done as never),
    );
    return new Map(answer.map(({ partition, offset }) => [partition, Math.max(0, offset ?? 0)]));
  }

  #read(): void {
    this.#consumer.setDefaultConsumeTimeout(CONSUME_WAIT_MS);
    this.#consumer.assign(this.#assignment().map((place) => ({ ...place, offset: -2 })));
    this.#done = this.#follow().catch((thrown: unknown) => {
      this.#failure = thrown instanceof Error ? thrown : new Error(String(thrown));
      for (const { reached } of this.#waiting) reached();
    });
  }

  async #follow(): Promise<void> {
    while (this.#open) {
      const messages = await settled<Message[]>((done) => this.#consumer.consume(CONSUME_COUNT, done));
      for (const message of messages) this.#see(message);
    }
  }

  #see(message: Message): void {
    this.#positions.set(`${message.topic}/${message.partition}`, message.offset + 1);
    const id = idOf(plainRecord(message));
    if (id === undefined) throw new Error(`an outcome without an id at ${message.topic}@${message.offset}`);
    const { partition, offset } = placeOfId(id);
    this.#beyond.set(partition, Math.max(this.#beyond.get(partition) ?? 0, offset + 1));
    this.#count += 1;
    for (const { count, reached } of this.#waiting) if (this.#count >= count) reached();
  }

  #assignment(): { topic: string; partition: number }[] {
    const { outcomes, partitions } = this.#topics;
    return outcomes.flatMap((topic) => Array.from({ length: partitions }, (_, partition) => ({ topic, partition })));
  }

  async #endOf({ topic, partition }: { topic: string; partition: number }): Promise<{ key: string; end: number }> {
    const { highOffset } = await settled<{ highOffset: number }>((done) =>
      this.#consumer.queryWatermarkOffsets(topic, partition, REQUEST_MS_MAX, done as never),
    );
    return { key: `${topic}/${partition}`, end: highOffset };
  }

  #assertWell(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #close(): Promise<void> {
    this.#open = false;
    await this.#done;
    await disconnected(this.#consumer);
  }
}
