import { StreamlineError } from '../base/error.ts';
import { isSecretProperty } from '../spec/kafka-settings.ts';

/** librdkafka properties as the user writes them under `kafka:` in sidecar.yaml, secrets already filled in. */
export type KafkaProperties = Readonly<Record<string, string | number | boolean>>;

type Conf = Record<string, unknown>;

/** Properties the delivery guarantees stand on: a user's value would break them silently, so it is refused. */
const OURS = [
  'enable.auto.commit',
  'auto.commit.interval.ms',
  'enable.auto.offset.store',
  'enable.partition.eof',
  'group.id',
  'enable.idempotence',
  'acks',
  'request.required.acks',
  'delivery.report.only.error',
  'transactional.id',
  'enable.gapless.guarantee',
  'message.timeout.ms',
  'delivery.timeout.ms',
  'message.max.bytes',
  'test.mock.num.brokers',
];

export interface ClientIdentity {
  readonly kafka: KafkaProperties;
  readonly clientId: string;
}

/** Refuses what is ours to set; the rest is checked by librdkafka when a client is made. */
export function checkProperties(kafka: KafkaProperties): void {
  for (const name of Object.keys(kafka)) {
    if (!OURS.includes(name)) continue;
    throw new StreamlineError('config.invalid', `the property ${name} is set by the sidecar and cannot be changed`, {
      configPath: `/kafka/${name}`,
      suggestion: 'Remove the line.',
    });
  }
  if (bootstrapOf(kafka) === '') {
    throw new StreamlineError('config.invalid', 'kafka.bootstrap.servers is missing', {
      configPath: '/kafka',
      suggestion: 'Name at least one broker: bootstrap.servers: "localhost:9092".',
    });
  }
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
export function consumerConfig(identity: ClientIdentity, groupId: string, callbacks: Conf): Conf {
  const kip848 = identity.kafka['group.protocol'] === 'consumer';
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
    ...(kip848 ? {} : { 'partition.assignment.strategy': 'range,roundrobin' }),
    ...shared(identity),
    'group.id': groupId,
    'enable.auto.commit': false,
    'enable.auto.offset.store': false,
    ...callbacks,
  };
}

export interface ProducerLimits {
  /** Largest record the sidecar takes on, bytes with its headers. */
  readonly recordBytesMax: number;
  readonly queueBytesMax: number;
  readonly queueRecordsMax: number;
}

/** The producer. Whatever the cluster does, a queued record is tried for ever: an outage is back-pressure, not a failure. */
export function producerConfig(identity: ClientIdentity, limits: ProducerLimits): Conf {
  return {
    'linger.ms': 2,
    // As the Java clients place keys, so that a transform's output is partitioned as its input was.
    partitioner: 'murmur2_random',
    // A batch above a topic's max.message.bytes is refused as a whole: stay well under the broker's default of 1 MiB.
    'batch.size': 262_144,
    'batch.num.messages': 10_000,
    'queue.buffering.max.messages': limits.queueRecordsMax,
    'queue.buffering.max.kbytes': Math.ceil(limits.queueBytesMax / 1024),
    ...shared(identity),
    'enable.idempotence': true,
    acks: -1,
    'message.timeout.ms': 0,
    'message.max.bytes': limits.recordBytesMax,
    // A JavaScript delivery report for each record would cost more than producing it: only failures are reported.
    'delivery.report.only.error': true,
    dr_msg_cb: true,
  };
}

export function adminConfig(identity: ClientIdentity): Conf {
  return { ...shared(identity) };
}
