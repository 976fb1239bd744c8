import type { TransformationConfig } from '../spec/transformation-config.ts';
import { isSecretProperty } from '../spec/kafka-settings.ts';

/** librdkafka properties as the user writes them under `kafka:` in sidecar.yaml, secrets already filled in. */
export type KafkaProperties = Readonly<Record<string, string | number | boolean>>;

type Conf = Record<string, unknown>;

export interface ClientIdentity {
  readonly kafka: KafkaProperties;
  readonly clientId: string;
}

export function bootstrapOf(kafka: KafkaProperties): string {
  return String(kafka['bootstrap.servers'] ?? kafka['metadata.broker.list'] ?? '');
}

/** Takes the values of secret properties out of any text on its way to a log or an error. */
export function redactor(kafka: KafkaProperties): (text: string) => string {
  const secrets = Object.entries(kafka)
    .filter(([name, value]) => isSecretProperty(name) && typeof value !== 'boolean' && value !== '')
    // A password of digits alone is a number to YAML.
    .map(([, value]) => String(value));
  return (text) => secrets.reduce((result, secret) => result.replaceAll(secret, '***'), text);
}

function shared({ kafka, clientId }: ClientIdentity): Conf {
  return {
    'client.id': clientId,
    // A name that resolves to two addresses should not cost a log line for the one that is down.
    'broker.address.family': 'any',
    ...kafka,
  };
}

/**
 * The consumer. Bounds on what it fetches ahead keep memory flat whatever the lag: librdkafka's own defaults allow 64 MB of
 * payload and 100,000 messages a partition, and above them it would wait a whole second before it fetches again.
 */
export function consumerConfig(
  identity: ClientIdentity,
  groupId: string,
  callbacks: Conf,
  delivery: TransformationConfig['delivery'] = 'at_least_once',
): Conf {
  return {
    // The start is pinned by a commit before the group is joined (start-offset.ts); so a partition without one is new, and its
    // first record is ours too.
    'auto.offset.reset': 'earliest',
    'allow.auto.create.topics': false,
    'queued.max.messages.kbytes': 16_384,
    'queued.min.messages': 20_000,
    'fetch.queue.backoff.ms': 10,
    'fetch.max.bytes': 16_777_216,
    // Eager: while partitions move no commit is refused (librdkafka #3306, #4220); the drain on revoke covers all of them.
    'partition.assignment.strategy': 'range,roundrobin',
    ...shared(identity),
    'group.id': groupId,
    'enable.auto.commit': false,
    'enable.auto.offset.store': false,
    // I4: what an aborted transaction left in the input was never there.
    ...(delivery === 'exactly_once' ? { 'isolation.level': 'read_committed' } : {}),
    ...callbacks,
  };
}

const QUEUE_BYTES_MAX = 32 * 1024 * 1024;
const QUEUE_RECORDS_MAX = 100_000;

export interface ProducerLimits {
  /** Largest record the sidecar takes on, bytes with its headers. */
  readonly recordBytesMax: number;
  readonly queueBytesMax?: number | undefined;
  readonly queueRecordsMax?: number | undefined;
}

/** Exactly once. */
export interface TransactionSettings {
  /** The same for a producer and whatever takes its place: the later one fences the earlier. */
  readonly id: string;
  /** After so long without an end the cluster aborts a transaction. */
  readonly timeoutMs: number;
}

/** The producer. Whatever the cluster does, a queued record is tried for ever: an outage is back-pressure, not a failure. */
export function producerConfig(
  identity: ClientIdentity,
  { recordBytesMax, queueBytesMax = QUEUE_BYTES_MAX, queueRecordsMax = QUEUE_RECORDS_MAX }: ProducerLimits,
  transactions?: TransactionSettings,
): Conf {
  return {
    'linger.ms': 2,
    // As the Java clients place keys, so that a transform's output is partitioned as its input was.
    partitioner: 'murmur2_random',
    // A batch above a topic's max.message.bytes is refused as a whole: stay well under the broker's default of 1 MiB.
    'batch.size': 262_144,
    'batch.num.messages': 10_000,
    'queue.buffering.max.messages': queueRecordsMax,
    // A record above the bound would wait for room for ever.
    'queue.buffering.max.kbytes': Math.ceil(Math.max(queueBytesMax, recordBytesMax * 2) / 1024),
    ...shared(identity),
    'enable.idempotence': true,
    acks: -1,
    ...(transactions === undefined
      ? { 'message.timeout.ms': 0 }
      : // A record outlives no transaction: librdkafka sets its timeout to this.
        { 'transactional.id': transactions.id, 'transaction.timeout.ms': transactions.timeoutMs }),
    'message.max.bytes': recordBytesMax,
    // A JavaScript delivery report for each record would cost more than producing it: only failures are reported.
    'delivery.report.only.error': true,
    dr_msg_cb: true,
  };
}

export function adminConfig(identity: ClientIdentity): Conf {
  return { ...shared(identity) };
}
