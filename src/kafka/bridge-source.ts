import { assert } from '../base/assert.ts';
import { systemClock, within, type Clock } from '../base/clock.ts';
import { StreamlineError } from '../base/error.ts';
import { BatchReader, type PackedBatch } from '../pipeline/packed-batch.ts';
import type { PartitionOffset, RecordSource, SourceHandlers } from '../pipeline/ports.ts';
import type { TopicName } from '../spec/transformation-config.ts';
import { ASSIGN, type BridgeAddon, type BridgeConsumer, type BridgeEvent } from './bridge-addon.ts';
import { BridgeConnection, closedWhileStarting, properties } from './bridge-connection.ts';
import { consumerConfig, redactor } from './client-config.ts';
import { endsClient, toBrokerError } from './client-error.ts';
import type { BridgeMembership } from './bridge-transactions.ts';
import type { ClientTopicPartition } from './client.ts';
import type { ConfluentSourceOptions } from './confluent-source.ts';
import { makeClient } from './connection.ts';
import { ClientLog } from './log.ts';
import { Positions, type PartitionLag } from './positions.ts';
import { Rebalancer, type RebalanceClient } from './rebalancer.ts';
import { SharedBufferPool } from './shared-buffer-pool.ts';
import type { TransactionMember } from './transactions.ts';

const BUFFER_BYTES_MIN = 64 * 1024;
/** Larger only for a record that needs it. */
const BUFFER_BYTES_MAX = 4 * 1024 * 1024;

/**
 * One consumer-group member on the native addon: its thread fetches, packs and answers; what comes here is a whole batch, of which
 * JavaScript reads the segment table only.
 */
export class BridgeSource implements RecordSource {
  readonly #options: ConfluentSourceOptions;
  readonly #addon: BridgeAddon;
  readonly #clock: Clock;
  readonly #log: ClientLog;
  readonly #topic: TopicName;
  readonly #pool: SharedBufferPool;
  readonly #connection: BridgeConnection;
  #consumer: BridgeConsumer | undefined;
  #rebalancer: Rebalancer | undefined;
  /** What librdkafka said of the rebalance that is being answered. */
  #rebalance = { lost: false, protocol: '' };
  /** Set while the consumer runs, taken when it fails: told once. */
  #failed: SourceHandlers['failed'] | undefined;
  readonly #positions: Positions;
  #bufferBytes = BUFFER_BYTES_MIN;
  #polling = false;
  readonly #commits = new Set<Promise<unknown>>();
  #closed: Promise<void> | undefined;

  constructor(addon: BridgeAddon, options: ConfluentSourceOptions) {
    this.#addon = addon;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#topic = options.topic;
    this.#positions = new Positions(options.topic);
    this.#log = new ClientLog(options.logger, this.#clock, options.clientId, redactor(options.kafka));
    this.#pool = new SharedBufferPool(options.pooledBytesMax ?? 32 * 1024 * 1024);
    this.#connection = new BridgeConnection(options.kafka, this.#log, (code, text) => this.#trouble(code, text));
  }

  async start(handlers: SourceHandlers): Promise<void> {
    assert(this.#consumer === undefined && this.#closed === undefined, 'a source starts once');
    const { kafka, groupId, connectTimeoutMs, logger } = this.#options;
    const conf = properties(consumerConfig(this.#options, groupId, {}, this.#options.delivery));
    const consumer = makeClient(
      kafka,
      () => new this.#addon.Consumer(conf, this.#topic, (...event) => this.#onEvent(event)),
    );
    this.#consumer = consumer;
    const assigned = (partitions: readonly number[]): void => {
      this.#positions.forget(partitions);
      handlers.assigned(partitions);
    };
    // A poll under way needs no waiting for: the addon's thread gives up a partition's records the moment it is revoked, and reads
    // none of a new assignment before `assign` reaches it, which is after the handlers were told.
    this.#rebalancer = new Rebalancer(this.#answers(consumer), { ...handlers, assigned }, logger, () =>
      Promise.resolve(),
    );
    await this.#connection.connect(consumer, this.#topic, connectTimeoutMs ?? 10_000);
    if (this.#closed !== undefined) throw closedWhileStarting('source');
    this.#failed = (error) => handlers.failed(error);
    this.#check(await consumer.subscribe(), 'cannot subscribe');
  }

  async poll(recordsMax: number, waitMs: number): Promise<PackedBatch | undefined> {
    assert(!this.#polling, 'one poll at a time');
    this.#polling = true;
    try {
      const deadlineMs = this.#clock.nowMs() + waitMs;
      for (;;) {
        if (this.#closed !== undefined) return undefined;
        assert(this.#consumer !== undefined, 'poll before start');
        const buffer = this.#pool.take(this.#bufferBytes);
        const leftMs = Math.max(0, deadlineMs - this.#clock.nowMs());
        const length = await this.#consumer.poll(new Uint8Array(buffer), recordsMax, leftMs);
        if (length > 0) return this.#batch(buffer, length);
        this.#pool.give(buffer);
        if (length < 0) this.#bufferBytes = -length;
        else if (this.#clock.nowMs() >= deadlineMs) return undefined;
      }
    } finally {
      this.#polling = false;
    }
  }

  release(batch: PackedBatch): void {
    this.#pool.give(batch.buffer);
  }

  pause(partitions: readonly number[]): void {
    this.#consumer?.pause(Int32Array.from(partitions), true);
  }

  resume(partitions: readonly number[]): void {
    this.#consumer?.pause(Int32Array.from(partitions), false);
  }

  async commit(offsets: readonly PartitionOffset[]): Promise<void> {
    if (offsets.length === 0) return;
    const consumer = this.#consumer;
    if (consumer === undefined || this.#closed !== undefined) {
      throw new StreamlineError('broker.commit_failed', 'the source is closed');
    }
    const commit = consumer.commit(...columns(offsets));
    this.#commits.add(commit);
    // The broker's own answer: unlike the JavaScript client's it needs no reading back.
    const [code = 0, ...refused] = await commit.finally(() => this.#commits.delete(commit));
    if (code === 0 && refused.length === 0) return;
    const text = this.#addon.errorText(refused[1] ?? code);
    throw toBrokerError(
      { message: text, code: refused[1] ?? code },
      'broker.commit_failed',
      'the offsets were not committed',
    );
  }

  async member(): Promise<TransactionMember<BridgeMembership>> {
    const consumer = this.#consumer;
    if (consumer === undefined || this.#closed !== undefined) {
      throw new StreamlineError('broker.transaction_aborted', 'the source is closed');
    }
    // A copy of the member's id and generation: it needs no consumer any more, and a later generation fences it.
    const membership = { topic: this.#topic, metadata: await consumer.groupMetadata() };
    if (membership.metadata.length === 0) {
      throw new StreamlineError('broker.transaction_aborted', 'the consumer is no member of its group any more');
    }
    return { adapter: 'bridge', topic: this.#topic, use: (work) => work(membership) };
  }

  async seek(offsets: readonly PartitionOffset[]): Promise<void> {
    const consumer = this.#consumer;
    const held = offsets.filter(({ partition }) => this.#rebalancer?.active[partition] === true);
    if (consumer === undefined || held.length === 0) return;
    const code = await consumer.seek(...columns(held));
    for (const offset of held) this.#positions.moveTo(offset);
    this.#check(code, `cannot read ${this.#topic} again`);
  }

  /** For metrics. Partitions whose end is not known yet are left out. */
  lag(): readonly PartitionLag[] {
    const consumer = this.#consumer;
    if (consumer === undefined || this.#closed !== undefined) return [];
    return this.#positions.lag(this.#rebalancer?.active ?? [], (partition) => {
      const end = consumer.highOffset(partition);
      return end < 0 ? undefined : end;
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#leaveInTime();
    return this.#closed;
  }

  /** A broker that accepts and never answers would keep librdkafka for a minute: more than a drain may take (I8). */
  async #leaveInTime(): Promise<void> {
    if (await within(this.#clock, this.#options.closeTimeoutMs ?? 10_000, this.#shutDown())) return;
    this.#options.logger.warn(
      { topic: this.#topic },
      'the cluster does not answer; the consumer is left to close by itself',
    );
  }

  async #shutDown(): Promise<void> {
    this.#failed = undefined;
    await this.#rebalancer?.close();
    await Promise.allSettled(this.#commits);
    await this.#consumer?.close();
    this.#pool.clear();
  }

  #onEvent(event: BridgeEvent): void {
    if (event[0] !== 'rebalance') {
      this.#connection.onEvent(event);
      return;
    }
    const [, code, partitions, lost, protocol] = event;
    this.#rebalance = { lost, protocol };
    const list = partitions.map((partition) => ({ topic: this.#topic, partition }));
    this.#rebalancer?.onEvent({ message: '', code }, list);
  }

  /** How the rebalancer answers librdkafka: orders to the addon's thread, kept in their order. */
  #answers(consumer: BridgeConsumer): RebalanceClient {
    const answer = (how: number, partitions: readonly ClientTopicPartition[]): void => {
      const numbers = Int32Array.from(partitions, ({ partition }) => partition);
      void consumer.assign(how, numbers).then((code) => this.#check(code, 'a rebalance was not answered'));
    };
    return {
      assign: (partitions) => answer(ASSIGN.all, partitions),
      unassign: () => answer(ASSIGN.none, []),
      incrementalAssign: (partitions) => answer(ASSIGN.add, partitions),
      incrementalUnassign: (partitions) => answer(ASSIGN.remove, partitions),
      // The addon does so itself with each assignment.
      resume: () => {},
      assignmentLost: () => this.#rebalance.lost,
      rebalanceProtocol: () => this.#rebalance.protocol,
    };
  }

  #batch(buffer: SharedArrayBuffer, byteLength: number): PackedBatch {
    this.#fitBuffers(byteLength, buffer.byteLength);
    const reader = new BatchReader(buffer);
    const segments = reader.segments();
    this.#positions.advance(segments);
    return { buffer, byteLength, recordCount: reader.recordCount, segments };
  }

  /** Buffers follow the size of batches: full ones double, those three quarters empty halve. */
  #fitBuffers(usedBytes: number, bufferBytes: number): void {
    let bytes = bufferBytes;
    if (usedBytes > bufferBytes * 0.75) bytes = bufferBytes * 2;
    else if (usedBytes < bufferBytes * 0.25) bytes = bufferBytes / 2;
    this.#bufferBytes = Math.min(BUFFER_BYTES_MAX, Math.max(BUFFER_BYTES_MIN, bytes));
  }

  #check(code: number, doing: string): void {
    if (code === 0 || this.#closed !== undefined) return;
    this.#fail(toBrokerError({ message: this.#addon.errorText(code), code }, 'broker.client', doing));
  }

  #trouble(code: number, text: string): void {
    if (this.#closed !== undefined) return;
    if (!endsClient(code)) {
      this.#log.trouble(`consumer ${code}`, text);
      return;
    }
    this.#fail(toBrokerError({ message: text, code }, 'broker.fatal', `the consumer of ${this.#topic} cannot go on`));
  }

  #fail(error: StreamlineError): void {
    const failed = this.#failed;
    this.#failed = undefined;
    failed?.(error);
  }
}

function columns(offsets: readonly PartitionOffset[]): [Int32Array, Float64Array] {
  return [Int32Array.from(offsets, (o) => o.partition), Float64Array.from(offsets, (o) => o.offset)];
}
