import confluent from '@confluentinc/kafka-javascript';

/*
 * The one place that names the client library. Its low-level API only: the KafkaJS-style one is slower and hides rebalances.
 */
export const RdKafka = confluent.RdKafka;

/** Numbers of librdkafka (rdkafka.h) this adapter decides by. Negative ones are made locally, positive ones come from a broker. */
export const RD = {
  TRANSPORT: -195,
  RESOLVE: -193,
  MSG_TIMED_OUT: -192,
  UNKNOWN_PARTITION: -190,
  UNKNOWN_TOPIC: -188,
  ALL_BROKERS_DOWN: -187,
  TIMED_OUT: -185,
  QUEUE_FULL: -184,
  SSL: -181,
  ASSIGN_PARTITIONS: -175,
  REVOKE_PARTITIONS: -174,
  STATE: -172,
  AUTHENTICATION: -169,
  FATAL: -150,
  MAX_POLL_EXCEEDED: -147,
  FENCED: -144,
  INVALID_DIFFERENT_RECORD: -138,
  UNKNOWN_TOPIC_OR_PART: 3,
  MSG_SIZE_TOO_LARGE: 10,
  COORDINATOR_LOADING: 14,
  COORDINATOR_NOT_AVAILABLE: 15,
  NOT_COORDINATOR: 16,
  UNKNOWN_MEMBER_ID: 25,
  TOPIC_AUTHORIZATION_FAILED: 29,
  GROUP_AUTHORIZATION_FAILED: 30,
  CLUSTER_AUTHORIZATION_FAILED: 31,
  INVALID_TIMESTAMP: 32,
  TOPIC_ALREADY_EXISTS: 36,
  INVALID_PRODUCER_EPOCH: 47,
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 53,
  SASL_AUTHENTICATION_FAILED: 58,
  FENCED_INSTANCE_ID: 82,
  INVALID_RECORD: 87,
  PRODUCER_FENCED: 90,
} as const;

/** What the client hands to callbacks; events carry no usable code, only the text (codeOf in client-error.ts). */
export interface ClientError {
  readonly message: string;
  readonly code?: number;
}

/** A consumed message as the client builds it. */
export interface ClientMessage {
  readonly partition: number;
  readonly offset: number;
  readonly timestamp?: number;
  readonly key?: Uint8Array | string | null;
  readonly value: Uint8Array | null;
  /** One own property each: name → value. */
  readonly headers?: readonly object[];
}

/** A failed message as its delivery report describes it. */
export interface ClientDeliveryReport {
  readonly topic: string;
  readonly key?: Uint8Array | string | null;
  readonly value?: Uint8Array | null;
}

export interface ClientTopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/**
 * The binding's produce, without the wrapper's checks: it answers a number instead of throwing, so that a full queue, which is
 * ordinary, costs no exception. Views on shared memory are fine: librdkafka copies.
 */
export interface NativeProducer {
  produce(
    topic: string,
    partition: number,
    value: Uint8Array | null,
    key: Uint8Array | null,
    timestampMs: number | undefined,
    opaque: undefined,
    headers: object[] | undefined,
  ): number;
}

/** What the consumer has beyond its published types (lib/kafka-consumer.js). */
export interface ConsumerExtras {
  assignmentLost(): boolean;
  rebalanceProtocol(): string;
  incrementalAssign(partitions: readonly ClientTopicPartition[]): void;
  incrementalUnassign(partitions: readonly ClientTopicPartition[]): void;
}

/** Runs a client call that ends in `(error, value)`. */
export function promised<T>(
  call: (done: (error: ClientError | null | undefined, value: T) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, value) => {
      // oxlint-disable-next-line prefer-promise-reject-errors -- the client's errors are plain objects at times; toBrokerError reads them
      if (error) reject(error);
      else resolve(value);
    });
  });
}
