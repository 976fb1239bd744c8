import { after, test } from 'node:test';
import { contractTransport } from '../src/kafka/contract-transport.ts';
import { transactionContract } from '../src/kafka/transaction.contract.ts';
import type { TopicName } from '../src/spec/transformation-config.ts';
import { startCluster } from '../testcontainers.config.ts';
import { createTopic } from './cluster/client.ts';
import { ClusterUnavailable } from './cluster/cluster.ts';

const ADAPTERS = ['confluent', 'bridge'] as const;
/** A member that polls no more is out of its group after so long. */
const MAX_POLL_MS = 6_000;

const cluster = await startCluster().catch((error: unknown) => {
  if (error instanceof ClusterUnavailable && process.env['CI'] !== 'true') return error;
  throw error;
});

if (cluster instanceof Error) {
  test('transactions on a real broker', { skip: cluster.message }, () => {});
} else {
  const { bootstrap } = cluster;
  after(() => cluster.stop());
  let narrow = 0;
  const narrowTopic = async (): Promise<TopicName> => {
    const topic = `narrow-${process.pid}-${(narrow += 1)}` as TopicName;
    await createTopic(bootstrap, topic, 1, { 'max.message.bytes': '20000' });
    return topic;
  };
  const kafka = { 'session.timeout.ms': MAX_POLL_MS, 'max.poll.interval.ms': MAX_POLL_MS };
  for (const adapter of ADAPTERS) {
    transactionContract(
      `${adapter}: transactions on a real broker`,
      () => contractTransport(adapter, bootstrap, { kafka }),
      narrowTopic,
    );
  }
}
