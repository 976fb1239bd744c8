import { confluentTransport } from './confluent-transport.ts';
import { startMockCluster } from './mock-cluster.ts';
import { transportContract } from './transport.contract.ts';

transportContract('confluent on the mock cluster', async () => {
  const mock = await startMockCluster();
  const transport = await confluentTransport(mock.bootstrap, {
    // The mock cluster does not see a member leave: its session has to end.
    kafka: { 'session.timeout.ms': 6_000, 'heartbeat.interval.ms': 1_000 },
  });
  return {
    ...transport,
    commitsWhileRebalancing: false,
    async stop() {
      await transport.stop();
      await mock.stop();
    },
  };
});
