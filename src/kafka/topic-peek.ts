import { randomUUID } from 'node:crypto';
import { systemClock, type Clock } from '../base/clock.ts';
import { StreamlineError } from '../base/error.ts';
import { BatchReader, type PlainRecord } from '../pipeline/packed-batch.ts';
import type { StartOffset, TopicName } from '../spec/transformation-config.ts';
import { consumerConfig, redactor, type ClientIdentity } from './client-config.ts';
import { toBrokerError } from './client-error.ts';
import { RdKafka, promised, type ClientError, type ClientMessage, type ClientTopicPartition } from './client.ts';
import { connectClient, forgetClient, makeClient } from './connection.ts';
import { ClientLog, silentLogger, type Logger } from './log.ts';
import { packMessages } from './message-packer.ts';
import { offsetsAt, startOffset, type OffsetClient } from './start-offset.ts';

export interface PeekOptions extends ClientIdentity {
  readonly topic: TopicName;
  readonly start: StartOffset;
  /** Of all partitions together. */
  readonly recordsMax: number;
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly connectTimeoutMs?: number;
  /** So long without a record, and whoever waits is told so. */
  readonly readTimeoutMs?: number;
}

type Assignable = OffsetClient &
  Parameters<typeof connectClient>[0] & {
    assign(partitions: readonly (ClientTopicPartition & { offset: number })[]): unknown;
    consume(countMax: number, done: (error: ClientError | null, messages: ClientMessage[]) => void): void;
    setDefaultConsumeTimeout(timeoutMs: number): void;
    on(event: 'partition.eof', listener: (position: ClientTopicPartition) => void): unknown;
    disconnect(done: () => void): unknown;
    isConnected(): boolean;
  };

interface TopicMetadata {
  readonly topics: readonly { readonly name: string; readonly partitions: readonly { readonly id: number }[] }[];
}

/** Special times of a ListOffsets request (KIP-79). */
const [LATEST_MS, EARLIEST_MS] = [-1, -2];
/** The client waits so long for each record of a call. */
const CONSUME_WAIT_MS = 100;
const RECORDS_PER_CALL = 500;

/**
 * Reads what is in a topic and leaves no trace: partitions are assigned and no group is joined, nothing is committed, and what comes after it
 * began is not waited for. Rejects with broker.*.
 */
export async function* peekTopic(options: PeekOptions): AsyncGenerator<PlainRecord> {
  const { kafka, topic, recordsMax, clock = systemClock, logger = silentLogger } = options;
  const properties = { 'enable.partition.eof': true, 'auto.offset.reset': 'error' };
  // A consumer has to name a group, and this one never asks it for anything.
  const config = consumerConfig(options, `streamline-peek.${randomUUID()}`, properties);
  const client = makeClient(kafka, () => new RdKafka.KafkaConsumer(config) as unknown as Assignable);
  const log = new ClientLog(logger, clock, options.clientId, redactor(kafka));
  const connecting = connectClient(client, kafka, options.connectTimeoutMs ?? 10_000, log, topic);
  try {
    await connecting.ready;
    client.on('event.error', (error) => log.trouble('peek', error.message));
    yield* readAll(client, options, recordsMax, clock);
  } finally {
    connecting.abandon();
    await connecting.ended;
    if (client.isConnected()) await new Promise<void>((resolve) => void client.disconnect(() => resolve()));
    forgetClient(client);
  }
}

async function* readAll(
  client: Assignable,
  { topic, start, readTimeoutMs = 10_000 }: PeekOptions,
  recordsMax: number,
  clock: Clock,
): AsyncGenerator<PlainRecord> {
  const ranges = await rangesOf(client, topic, start, readTimeoutMs);
  const ends = new Map(ranges.map(({ partition, end }) => [partition, end]));
  /** Partitions that are not at their end yet. */
  const open = new Set(ends.keys());
  if (open.size === 0) return;
  client.on('partition.eof', ({ partition }) => void open.delete(partition));
  client.setDefaultConsumeTimeout(CONSUME_WAIT_MS);
  client.assign(ranges.map(({ partition, begin }) => ({ topic, partition, offset: begin })));
  let left = recordsMax;
  let lastMs = clock.nowMs();
  while (open.size > 0 && left > 0) {
    const messages = await promised<ClientMessage[]>((done) =>
      client.consume(Math.min(left, RECORDS_PER_CALL), done),
    ).catch((thrown: unknown) => {
      throw toBrokerError(thrown, 'broker.client', `cannot read ${topic}`);
    });
    if (messages.length > 0) lastMs = clock.nowMs();
    else if (clock.nowMs() - lastMs > readTimeoutMs) {
      throw new StreamlineError('broker.unreachable', `${topic} gave no record for ${readTimeoutMs} ms`);
    }
    for (const record of plainRecords(messages)) {
      const end = ends.get(record.partition) ?? 0;
      if (record.offset + 1 >= end) open.delete(record.partition);
      // Written since it began.
      if (record.offset >= end) continue;
      left -= 1;
      yield record;
    }
  }
}

interface Range {
  readonly partition: number;
  readonly begin: number;
  readonly end: number;
}

/** What there is to read of each partition; one without anything is left out. */
async function rangesOf(
  client: Assignable,
  topic: TopicName,
  start: StartOffset,
  timeoutMs: number,
): Promise<readonly Range[]> {
  const metadata = await promised<TopicMetadata>((done) =>
    client.getMetadata({ topic, allTopics: false, timeout: timeoutMs }, done),
  ).catch((thrown: unknown) => {
    throw toBrokerError(thrown, 'broker.client', `cannot read the topic ${topic}`);
  });
  const partitions = metadata.topics.find(({ name }) => name === topic)?.partitions.map(({ id }) => id) ?? [];
  if (partitions.length === 0) {
    throw new StreamlineError('broker.topic_missing', `the topic ${topic} does not exist`, {
      suggestion: 'Correct its name, or the address of the cluster.',
    });
  }
  const timeMs = start.at === 'timestamp' ? start.timestampMs : undefined;
  const [earliest, latest, atTime] = await Promise.all([
    offsetsAt(client, topic, partitions, EARLIEST_MS, timeoutMs),
    offsetsAt(client, topic, partitions, LATEST_MS, timeoutMs),
    timeMs === undefined ? undefined : offsetsAt(client, topic, partitions, timeMs, timeoutMs),
  ]);
  return partitions.flatMap((partition) => {
    const marks = { earliest: earliest.get(partition) ?? 0, latest: latest.get(partition) ?? 0 };
    const begin = startOffset(start, { ...marks, atTime: atTime?.get(partition) ?? -1 });
    return begin < marks.latest ? [{ partition, begin, end: marks.latest }] : [];
  });
}

/** Through the packed batch, as a transform gets them: the client's own headers and keys have several forms. */
function* plainRecords(messages: readonly ClientMessage[]): Generator<PlainRecord> {
  const accepts: boolean[] = [];
  for (const { partition } of messages) accepts[partition] = true;
  const batch = packMessages(messages, accepts, (bytes) => new SharedArrayBuffer(bytes));
  if (batch === undefined) return;
  const reader = new BatchReader(batch.buffer);
  for (let i = 0; i < reader.recordCount; i++) yield reader.plain(i);
}
