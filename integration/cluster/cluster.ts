export type ProviderName = 'redpanda' | 'apache-kafka' | 'local-kafka' | 'external';

/** A Kafka-protocol cluster for tests: one broker, topics are not created by themselves. */
export interface Cluster {
  /** `127.0.0.1:9092` */
  readonly bootstrap: string;
  readonly provider: ProviderName;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
  /** kill -9 of the broker; its data stay. Only on a cluster of one's own (`own: true`). */
  kill(): Promise<void>;
  /** Starts the broker again on its data and address, after a kill or a clean stop of its own; resolves when it serves. */
  restart(): Promise<void>;
}

export interface ClusterOptions {
  /** Not the one that the files of a run share: for tests that kill it. */
  readonly own?: boolean;
}

/** Why there is no broker to test on: the tests that need one are skipped with this reason. */
export class ClusterUnavailable extends Error {
  override readonly name = 'ClusterUnavailable';
}
