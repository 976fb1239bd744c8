import { systemClock } from '../base/clock.ts';
import { redactor } from './client-config.ts';
import { RdKafka, promised } from './client.ts';
import { connectClient } from './connection.ts';
import { ClientLog, silentLogger } from './log.ts';

export interface MockCluster {
  readonly bootstrap: string;
  stop(): Promise<void>;
}

export interface MockClusterOptions {
  /** Default 1. */
  readonly brokers?: number;
}

interface MockProducer {
  getMetadata(options: object, done: (error: null, metadata: Metadata) => void): unknown;
  disconnect(flushTimeoutMs: number, done: () => void): unknown;
}

interface Metadata {
  readonly brokers: readonly { readonly host: string; readonly port: number }[];
}

/**
 * librdkafka's mock cluster, in this process: other clients reach it over loopback. It makes topics at first use (4 partitions), keeps about the last
 * 5 MB of a partition, and forgets all at stop: for demos and tests, not for lag and not for load.
 */
export async function startMockCluster(options: MockClusterOptions = {}): Promise<MockCluster> {
  const producer = new RdKafka.Producer({
    'test.mock.num.brokers': options.brokers ?? 1,
    'client.id': 'mock-cluster',
    log_level: 3,
  } as object) as unknown as MockProducer & Parameters<typeof connectClient>[0];
  const log = new ClientLog(silentLogger, systemClock, 'mock-cluster', redactor({}));
  await connectClient(producer, { 'bootstrap.servers': 'the mock cluster' }, 10_000, log).ready;
  const metadata = await promised<Metadata>((done) =>
    producer.getMetadata({ allTopics: false, timeout: 10_000 }, done),
  );
  let stopped: Promise<void> | undefined;
  return {
    bootstrap: metadata.brokers.map(({ host, port }) => `${host}:${port}`).join(','),
    stop() {
      stopped ??= new Promise((resolve) => void producer.disconnect(0, () => resolve()));
      return stopped;
    },
  };
}
