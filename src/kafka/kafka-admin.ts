import { assert } from '../base/assert.ts';
import { systemClock, type Clock } from '../base/clock.ts';
import { StreamlineError } from '../base/error.ts';
import type { StartOffset, TopicName } from '../spec/transformation-config.ts';
import { adminConfig, bootstrapOf, consumerConfig, redactor, type ClientIdentity } from './client-config.ts';
import { codeOf, toBrokerError } from './client-error.ts';
import { RD, RdKafka, promised, type ClientError } from './client.ts';
import { connectClient, forgetClient, makeClient, type Connecting } from './connection.ts';
import type { ConsumerGroup, PartitionAnswer } from './consumer-group.ts';
import { GroupOffsets, type GroupRequests } from './group-offsets.ts';
import { ClientLog, type Logger } from './log.ts';
import type { GroupPartition, OffsetTarget } from './offset-target.ts';
import { pinStartOffsets, type OffsetClient } from './start-offset.ts';

export interface KafkaAdminOptions extends ClientIdentity {
  readonly logger: Logger;
  readonly clock?: Clock;
  readonly connectTimeoutMs?: number;
  readonly requestTimeoutMs?: number;
  /** Of topics it creates; -1 = the broker's default. */
  readonly replicationFactor?: number;
}

type Done<T> = (error: ClientError | null | undefined, value: T) => void;

interface TopicDescription {
  readonly name: string;
  readonly partitions: readonly unknown[];
  readonly error?: ClientError;
}

interface AdminRequests extends GroupRequests {
  describeTopics(topics: readonly string[], options: { timeout: number }, done: Done<TopicDescription[]>): void;
  createTopic(
    topic: { topic: string; num_partitions: number; replication_factor: number },
    timeoutMs: number,
    done: (error?: ClientError) => void,
  ): void;
}

interface Metadata {
  readonly topics: readonly { readonly name: string; readonly partitions: readonly unknown[] }[];
}

type MetadataClient = Parameters<typeof connectClient>[0] & {
  disconnect(flushTimeoutMs: number, done: () => void): unknown;
  isConnected(): boolean;
};

export interface TopicPartitions {
  readonly name: string;
  readonly partitions: number;
}

/**
 * librdkafka's mock cluster has no controller, and admin requests to it time out. A controller that does not answer the first one
 * in this time is taken for absent; then all is asked by metadata requests, which any cluster answers.
 */
const CONTROLLER_MS = 1_000;

/** Questions about topics, for all transforms together: one connection. */
export class KafkaAdmin {
  readonly #options: KafkaAdminOptions;
  readonly #clock: Clock;
  readonly #log: ClientLog;
  readonly #timeoutMs: number;
  #client: MetadataClient | undefined;
  #requests: AdminRequests | undefined;
  #hasController = true;
  readonly #connecting = new Set<Connecting>();
  readonly #underWay = new Set<Promise<unknown>>();
  #closed: Promise<void> | undefined;

  constructor(options: KafkaAdminOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#timeoutMs = options.requestTimeoutMs ?? 10_000;
    this.#log = new ClientLog(options.logger, this.#clock, options.clientId, redactor(options.kafka));
  }

  /** Rejects with broker.unreachable or broker.authentication within the bound. */
  async start(): Promise<void> {
    assert(this.#client === undefined && this.#closed === undefined, 'an admin client starts once');
    const { kafka, connectTimeoutMs } = this.#options;
    const client = makeClient(
      kafka,
      () => new RdKafka.Producer(adminConfig(this.#options)) as unknown as MetadataClient,
    );
    this.#client = client;
    client.on('event.error', (error) => this.#log.trouble(`admin ${codeOf(error)}`, error.message));
    const connecting = connectClient(client, kafka, connectTimeoutMs ?? 10_000, this.#log);
    this.#connecting.add(connecting);
    await connecting.ready;
    const requests = RdKafka.AdminClient.createFrom(client as never) as unknown as AdminRequests;
    this.#requests = requests;
    await new Promise<void>((resolve) => {
      requests.describeTopics(['_'], { timeout: CONTROLLER_MS }, (error) => {
        this.#hasController = !error;
        resolve();
      });
    });
  }

  /** Every topic there is. */
  async topics(): Promise<readonly TopicPartitions[]> {
    const metadata = await this.#metadata({ allTopics: true }, 'cannot list the topics');
    return metadata.topics.map(({ name, partitions }) => ({ name, partitions: partitions.length }));
  }

  /** How many partitions a topic has; undefined when there is no such topic. */
  async partitionCount(topic: string): Promise<number | undefined> {
    if (!this.#hasController) return (await this.topics()).find(({ name }) => name === topic)?.partitions;
    const doing = `cannot read the topic ${topic}`;
    const [description] = await this.#request<TopicDescription[]>(doing, (requests, done) =>
      requests.describeTopics([topic], { timeout: this.#timeoutMs }, done),
    );
    if (description?.error !== undefined && description.error.code !== 0) {
      const code = codeOf(description.error);
      if (code === RD.UNKNOWN_TOPIC_OR_PART || code === RD.UNKNOWN_TOPIC) return undefined;
      throw toBrokerError(description.error, 'broker.client', doing);
    }
    return description === undefined || description.partitions.length === 0 ? undefined : description.partitions.length;
  }

  /** Where the partitions end, as the cluster says. One that it cannot tell of is left out. */
  async endOffsets(topic: string, partitions: readonly number[]): Promise<ReadonlyMap<number, number>> {
    const latest = RdKafka.OffsetSpec.LATEST;
    const asked = partitions.map((partition) => ({ topic, partition, offset: latest }));
    const answers = await this.#request<PartitionAnswer[]>(`cannot read the ends of ${topic}`, (requests, done) =>
      requests.listOffsets(asked, { timeout: this.#timeoutMs }, done),
    );
    return new Map(answers.flatMap(({ partition, offset }) => (offset >= 0 ? [[partition, offset]] : [])));
  }

  /** Creates a topic; one that exists by now is fine. */
  async createTopic(topic: string, partitions: number): Promise<void> {
    const doing = `cannot create the topic ${topic}`;
    if (!this.#hasController) {
      // Asking for it by name makes it, where the cluster makes topics at first use.
      await this.#metadata({ topic, allTopics: false }, doing);
      if ((await this.partitionCount(topic)) !== undefined) return;
    }
    const newTopic = { topic, num_partitions: partitions, replication_factor: this.#options.replicationFactor ?? -1 };
    await this.#request<undefined>(doing, (requests, done) =>
      requests.createTopic(newTopic, this.#timeoutMs, (error) => {
        const exists = error !== undefined && codeOf(error) === RD.TOPIC_ALREADY_EXISTS;
        done(exists ? undefined : error, undefined);
      }),
    );
    this.#options.logger.info({ topic, partitions }, 'topic created');
  }

  /** See pinStartOffsets in start-offset.ts. Uses a consumer of its own that never joins. */
  async pinStartOffsets(groupId: string, topic: TopicName, partitions: number, start: StartOffset): Promise<void> {
    const numbers = Array.from({ length: partitions }, (_, partition) => partition);
    const { logger } = this.#options;
    await this.#withConsumer(groupId, topic, {}, (client) =>
      pinStartOffsets(client, topic, numbers, start, this.#timeoutMs, logger, this.#clock),
    );
  }

  /** What a group has committed of a topic, and what there is. */
  groupOffsets(groupId: string, topic: TopicName, partitions: readonly number[]): Promise<readonly GroupPartition[]> {
    return this.#groups().read(groupId, topic, partitions);
  }

  /** Who is in a group, with the partitions of this topic. */
  describeGroup(groupId: string, topic: TopicName): Promise<ConsumerGroup> {
    return this.#groups().describe(groupId, topic);
  }

  /**
   * Moves the committed offsets of a group without members; else rejects with transform.not_stopped. offsets.invalid: the target is not
   * in the topic. Where nothing is committed, `shift` counts from `start`.
   */
  moveOffsets(
    groupId: string,
    topic: TopicName,
    partitions: readonly number[],
    target: OffsetTarget,
    start: StartOffset,
  ): Promise<readonly GroupPartition[]> {
    return this.#groups().move(groupId, topic, partitions, target, start);
  }

  /** Makes a group without members begin at `start`. at_start: by a commit, for it cannot be deleted alone (GroupOffsets.delete). */
  deleteOffsets(
    groupId: string,
    topic: TopicName,
    partitions: readonly number[],
    start: StartOffset,
  ): Promise<'deleted' | 'at_start'> {
    return this.#groups().delete(groupId, topic, partitions, start);
  }

  #groups(): GroupOffsets {
    return new GroupOffsets({
      hasController: this.#hasController,
      timeoutMs: this.#timeoutMs,
      clock: this.#clock,
      logger: this.#options.logger,
      request: (doing, work) => this.#asked(doing, work),
      // What a transaction that is still open has in store for the group is none of our concern: whoever joins waits for its end.
      withConsumer: (groupId, topic, work) =>
        this.#withConsumer(groupId, topic, { 'isolation.level': 'read_uncommitted' }, work),
    });
  }

  #withConsumer<T>(
    groupId: string,
    topic: TopicName,
    properties: Record<string, unknown>,
    work: (client: OffsetClient) => Promise<T>,
  ): Promise<T> {
    if (this.#closed !== undefined) return Promise.reject(this.#notConnected(`cannot ask about the group ${groupId}`));
    return this.#tracked(this.#consumerWork(groupId, topic, properties, work));
  }

  async #consumerWork<T>(
    groupId: string,
    topic: TopicName,
    properties: Record<string, unknown>,
    work: (client: OffsetClient) => Promise<T>,
  ): Promise<T> {
    const { kafka, clientId, connectTimeoutMs } = this.#options;
    const identity = { kafka, clientId: `${clientId}-pin` };
    type Pinner = OffsetClient &
      Parameters<typeof connectClient>[0] & { disconnect(done: () => void): unknown; isConnected(): boolean };
    const client = makeClient(
      kafka,
      () => new RdKafka.KafkaConsumer(consumerConfig(identity, groupId, properties)) as unknown as Pinner,
    );
    const connecting = connectClient(client, kafka, connectTimeoutMs ?? 10_000, this.#log, topic);
    this.#connecting.add(connecting);
    try {
      await connecting.ready;
      return await work(client);
    } finally {
      await connecting.ended;
      this.#connecting.delete(connecting);
      if (client.isConnected()) await new Promise<void>((resolve) => void client.disconnect(() => resolve()));
      forgetClient(client);
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#shutDown();
    return this.#closed;
  }

  async #shutDown(): Promise<void> {
    for (const connecting of this.#connecting) connecting.abandon();
    await Promise.all([...this.#connecting].map(({ ended }) => ended));
    await Promise.allSettled(this.#underWay);
    const client = this.#client;
    if (client?.isConnected() === true) {
      await new Promise<void>((resolve) => void client.disconnect(0, () => resolve()));
    }
  }

  #metadata(options: { topic?: string; allTopics: boolean }, doing: string): Promise<Metadata> {
    const client = this.#client;
    return this.#request<Metadata>(doing, (_requests, done) =>
      client?.getMetadata({ ...options, timeout: this.#timeoutMs }, done),
    );
  }

  #request<T>(doing: string, call: (requests: AdminRequests, done: Done<T>) => void): Promise<T> {
    return this.#asked(doing, (requests) => promised<T>((done) => call(requests, done)));
  }

  async #asked<T>(doing: string, work: (requests: AdminRequests) => Promise<T>): Promise<T> {
    const requests = this.#requests;
    if (requests === undefined || this.#closed !== undefined) throw this.#notConnected(doing);
    try {
      return await this.#tracked(work(requests));
    } catch (thrown) {
      throw toBrokerError(thrown, 'broker.client', doing);
    }
  }

  #notConnected(doing: string): StreamlineError {
    return new StreamlineError('broker.client', `${doing}: not connected to ${bootstrapOf(this.#options.kafka)}`);
  }

  /** A close waits for it. */
  async #tracked<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work);
    try {
      return await work;
    } finally {
      this.#underWay.delete(work);
    }
  }
}
