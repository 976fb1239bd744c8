import { assert } from '../base/assert.ts';
import { systemClock, type Clock } from '../base/clock.ts';
import { StreamlineError } from '../base/error.ts';
import type { PackedBatch } from '../pipeline/packed-batch.ts';
import type { PartitionOffset, RecordSource, SourceHandlers } from '../pipeline/ports.ts';
import type { TopicName, TransformationConfig } from '../spec/transformation-config.ts';
import { consumerConfig, redactor, type ClientIdentity } from './client-config.ts';
import { clientErrorOf, codeOf, endsClient, toBrokerError } from './client-error.ts';
import { RdKafka, promised, type ClientError, type ClientMessage, type ClientTopicPartition } from './client.ts';
import { connectClient, forgetClient, makeClient, type Connecting } from './connection.ts';
import { ClientLog, type Logger } from './log.ts';
import { packMessages } from './message-packer.ts';
import { Positions, type PartitionLag } from './positions.ts';
import { Rebalancer, type RebalanceClient } from './rebalancer.ts';
import { SharedBufferPool } from './shared-buffer-pool.ts';
import { commitOffsets, type OffsetClient } from './start-offset.ts';
import type { TransactionMember } from './transactions.ts';

export interface ConfluentSourceOptions extends ClientIdentity {
  readonly topic: TopicName;
  readonly groupId: string;
  readonly delivery?: TransformationConfig['delivery'];
  readonly logger: Logger;
  readonly clock?: Clock;
  /** Until a broker has to answer at start. */
  readonly connectTimeoutMs?: number;
  /** Until a commit has to be confirmed. */
  readonly commitTimeoutMs?: number;
  /** Until the group is left; beyond that the client goes on leaving by itself. */
  readonly closeTimeoutMs?: number;
  /** Buffers kept for reuse. */
  readonly pooledBytesMax?: number;
}

type SeekDone = (error: ClientError | null | undefined, nothing: void) => void;

/** The client's consumer as this file uses it. */
type Consumer = RebalanceClient &
  OffsetClient & {
    subscribe(topics: string[]): unknown;
    consume(countMax: number, done: (error: ClientError | null, messages: ClientMessage[]) => void): void;
    setDefaultConsumeTimeout(timeoutMs: number): void;
    pause(partitions: readonly ClientTopicPartition[]): unknown;
    seek(position: ClientTopicPartition & { offset: number }, timeoutMs: number, done: SeekDone): unknown;
    getClient(): unknown;
    getWatermarkOffsets(topic: string, partition: number): { lowOffset: number; highOffset: number };
    disconnect(done: () => void): unknown;
    isConnected(): boolean;
  } & Parameters<typeof connectClient>[0];

/** A seek is an order to a thread of the client's own, not to the cluster. */
const SEEK_MS_MAX = 5_000;
const NO_MESSAGES: readonly ClientMessage[] = [];

/** All that the client's callbacks hold on to: it keeps them for ever, and a closed source must not stay with them. */
interface CallbackLink {
  rebalance?: Rebalancer['onEvent'] | undefined;
  signal?: (() => void) | undefined;
}

function callbacksTo(link: CallbackLink): Record<string, unknown> {
  return {
    rebalance_cb: (error: ClientError, partitions: ClientTopicPartition[]) => link.rebalance?.(error, partitions),
    queue_non_empty_cb: () => link.signal?.(),
  };
}

/** One consumer-group member on the client's low-level API. */
export class ConfluentSource implements RecordSource {
  readonly #options: ConfluentSourceOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #log: ClientLog;
  readonly #topic: TopicName;
  readonly #pool: SharedBufferPool;
  #consumer: Consumer | undefined;
  #rebalancer: Rebalancer | undefined;
  readonly #link: CallbackLink = {};
  /** Set while the consumer runs, taken when it fails: told once. */
  #failed: SourceHandlers['failed'] | undefined;
  #connecting: Connecting | undefined;
  readonly #positions: Positions;
  #polling = false;
  #consuming: Promise<unknown> = Promise.resolve();
  readonly #uses = new Set<Promise<unknown>>();
  readonly #calls = new Set<Promise<unknown>>();
  /** librdkafka's queue got its first record since the last look. */
  #signalled = false;
  #wake: (() => void) | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: ConfluentSourceOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger;
    this.#topic = options.topic;
    this.#positions = new Positions(options.topic);
    this.#log = new ClientLog(options.logger, this.#clock, options.clientId, redactor(options.kafka));
    this.#pool = new SharedBufferPool(options.pooledBytesMax ?? 32 * 1024 * 1024);
  }

  async start(handlers: SourceHandlers): Promise<void> {
    assert(this.#consumer === undefined && this.#closed === undefined, 'a source starts once');
    const { kafka, groupId, delivery, connectTimeoutMs } = this.#options;
    const consumer = makeClient(
      kafka,
      () =>
        new RdKafka.KafkaConsumer(
          consumerConfig(this.#options, groupId, callbacksTo(this.#link), delivery),
        ) as unknown as Consumer,
    );
    this.#consumer = consumer;
    // The client waits this long for each message of a consume, not for the first one only: never let it wait (poll).
    consumer.setDefaultConsumeTimeout(0);
    const assigned = (partitions: readonly number[]): void => {
      this.#positions.forget(partitions);
      handlers.assigned(partitions);
    };
    this.#rebalancer = new Rebalancer(consumer, { ...handlers, assigned }, this.#logger, () => this.#consumeIdle());
    this.#link.rebalance = this.#rebalancer.onEvent;
    this.#link.signal = () => this.#signal();
    consumer.on('event.error', (error) => this.#trouble(error));
    const connecting = connectClient(consumer, kafka, connectTimeoutMs ?? 10_000, this.#log, this.#topic);
    this.#connecting = connecting;
    await connecting.ready;
    this.#failed = (error) => handlers.failed(error);
    if (this.#closed !== undefined)
      throw new StreamlineError('broker.client', 'the source was closed while it started');
    consumer.subscribe([this.#topic]);
  }

  /**
   * Takes what is there, and waits on the queue's signal only when there is nothing: the client's own wait applies to every
   * single message, which at low rates turns a batch of n into n waits, and holds one of libuv's four threads meanwhile.
   */
  async poll(recordsMax: number, waitMs: number): Promise<PackedBatch | undefined> {
    assert(!this.#polling, 'one poll at a time');
    this.#polling = true;
    try {
      const deadlineMs = this.#clock.nowMs() + waitMs;
      for (;;) {
        if (this.#closed !== undefined) return undefined;
        this.#signalled = false;
        const batch = this.#pack(await this.#consume(recordsMax));
        if (batch !== undefined) return batch;
        const leftMs = deadlineMs - this.#clock.nowMs();
        if (leftMs <= 0) return undefined;
        await this.#queueSignal(leftMs);
      }
    } finally {
      this.#polling = false;
    }
  }

  release(batch: PackedBatch): void {
    this.#pool.give(batch.buffer);
  }

  pause(partitions: readonly number[]): void {
    this.#onAssigned(partitions, (consumer, held) => consumer.pause(held));
  }

  resume(partitions: readonly number[]): void {
    this.#onAssigned(partitions, (consumer, held) => consumer.resume(held));
  }

  async commit(offsets: readonly PartitionOffset[]): Promise<void> {
    if (offsets.length === 0) return;
    const consumer = this.#consumer;
    if (consumer === undefined || this.#closed !== undefined) {
      throw new StreamlineError('broker.commit_failed', 'the source is closed');
    }
    const list = offsets.map(({ partition, offset }) => ({ topic: this.#topic, partition, offset }));
    const refused = await this.#during(commitOffsets(consumer, list, this.#options.commitTimeoutMs ?? 5_000));
    if (refused.length > 0) {
      throw new StreamlineError(
        'broker.commit_failed',
        `the group's coordinator did not take the offsets of ${this.#topic} [${refused.join(', ')}]`,
      );
    }
  }

  async member(): Promise<TransactionMember<unknown>> {
    return {
      adapter: 'confluent',
      topic: this.#topic,
      use: async (work) => {
        const consumer = this.#consumer;
        if (consumer === undefined || this.#closed !== undefined) {
          throw new StreamlineError('broker.transaction_aborted', 'the source is closed');
        }
        const use = this.#during(work(consumer));
        this.#uses.add(use);
        return use.finally(() => this.#uses.delete(use));
      },
    };
  }

  async seek(offsets: readonly PartitionOffset[]): Promise<void> {
    assert(!this.#polling, 'no seek under a poll');
    const seeking = this.#seek(offsets);
    // As a poll: no partition is assigned or given up meanwhile.
    this.#consuming = seeking.catch(() => undefined);
    await seeking;
  }

  async #seek(offsets: readonly PartitionOffset[]): Promise<void> {
    for (const { partition, offset } of offsets) {
      const consumer = this.#consumer;
      if (consumer === undefined || this.#closed !== undefined) return;
      if (this.#rebalancer?.active[partition] !== true) continue;
      const position = { topic: this.#topic, partition, offset };
      try {
        await promised<void>((done) => consumer.seek(position, SEEK_MS_MAX, done));
      } catch (thrown) {
        // Given up meanwhile: its next owner knows where to begin.
        if (this.#rebalancer.active[partition] !== true) continue;
        throw toBrokerError(thrown, 'broker.client', `cannot go back to ${offset} of ${this.#topic} [${partition}]`);
      }
      this.#positions.moveTo({ partition, offset });
    }
  }

  /** The binding crashes when a client goes away under a call of its own: `close` waits for it. */
  async #during<T>(call: Promise<T>): Promise<T> {
    this.#calls.add(call);
    try {
      return await call;
    } finally {
      this.#calls.delete(call);
    }
  }

  /** For metrics. Partitions the client knows no end of yet are left out. */
  lag(): readonly PartitionLag[] {
    const consumer = this.#consumer;
    if (consumer === undefined || this.#closed !== undefined) return [];
    return this.#positions.lag(this.#rebalancer?.active ?? [], (partition) => {
      try {
        const { highOffset } = consumer.getWatermarkOffsets(this.#topic, partition);
        return highOffset < 0 ? undefined : highOffset;
      } catch {
        // Nothing fetched of this partition yet.
        return undefined;
      }
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#leaveInTime();
    return this.#closed;
  }

  /**
   * A broker that accepts and never answers keeps librdkafka until its socket.timeout.ms, a minute: more than a drain may take (I8).
   * The group then learns of the leave by the end of the session.
   */
  #leaveInTime(): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(this.#options.closeTimeoutMs ?? 10_000, () => {
        this.#logger.warn(
          { topic: this.#topic },
          'the cluster does not answer; the consumer is left to close by itself',
        );
        resolve();
      });
      this.#shutDown().then(resolve, reject).finally(cancel);
    });
  }

  async #shutDown(): Promise<void> {
    this.#connecting?.abandon();
    this.#wake?.();
    await this.#rebalancer?.close();
    // The binding crashes when a client goes away under a call of its own.
    await this.#connecting?.ended;
    await this.#consuming;
    await Promise.allSettled(this.#calls);
    const consumer = this.#consumer;
    // Also when connecting failed: what is left of it is released.
    if (consumer?.isConnected() === true) {
      await new Promise<void>((resolve) => void consumer.disconnect(() => resolve()));
    }
    if (consumer !== undefined) forgetClient(consumer);
    this.#link.rebalance = undefined;
    this.#link.signal = undefined;
    this.#pool.clear();
  }

  async #consumeIdle(): Promise<void> {
    await this.#consuming;
    // I4: what a transaction proves its membership with must not become that of the next generation under its hands.
    await Promise.allSettled(this.#uses);
  }

  #consume(countMax: number): Promise<readonly ClientMessage[]> {
    const consumer = this.#consumer;
    assert(consumer !== undefined, 'poll before start');
    const consuming = new Promise<readonly ClientMessage[]>((resolve) => {
      consumer.consume(countMax, (error, messages) => {
        if (error) this.#trouble(error);
        resolve(error ? NO_MESSAGES : messages);
      });
    });
    this.#consuming = consuming;
    return consuming;
  }

  #pack(messages: readonly ClientMessage[]): PackedBatch | undefined {
    const active = this.#rebalancer?.active;
    if (messages.length === 0 || active === undefined) return undefined;
    const batch = packMessages(messages, active, this.#pool.take);
    this.#positions.advance(batch?.segments ?? []);
    return batch;
  }

  #signal(): void {
    this.#signalled = true;
    this.#wake?.();
  }

  #queueSignal(waitMs: number): Promise<void> {
    if (this.#signalled || this.#closed !== undefined) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#clock.after(waitMs, () => this.#wake?.());
      this.#wake = () => {
        this.#wake = undefined;
        cancel();
        resolve();
      };
    });
  }

  #onAssigned(
    partitions: readonly number[],
    act: (consumer: Consumer, held: readonly ClientTopicPartition[]) => unknown,
  ): void {
    const consumer = this.#consumer;
    if (consumer === undefined || this.#closed !== undefined) return;
    // One that was given up meanwhile has nothing to pause, and librdkafka would call it an error.
    const held = partitions.filter((partition) => this.#rebalancer?.active[partition] === true);
    if (held.length === 0) return;
    try {
      act(
        consumer,
        held.map((partition) => ({ topic: this.#topic, partition })),
      );
    } catch (thrown) {
      this.#log.trouble('pause', clientErrorOf(thrown).message);
    }
  }

  #trouble(error: ClientError): void {
    const code = codeOf(error);
    if (this.#closed !== undefined) return;
    if (!endsClient(code)) {
      this.#log.trouble(`consumer ${code}`, error.message);
      return;
    }
    const failed = this.#failed;
    this.#failed = undefined;
    const doing = `the consumer of ${this.#topic} cannot go on`;
    failed?.(toBrokerError({ ...error, code }, 'broker.fatal', doing));
  }
}
