import { loadBridge } from './bridge-addon.ts';
import { contractTransport } from './contract-transport.ts';
import { startMockCluster } from './mock-cluster.ts';
import { transportContract, skippedContract } from './transport.contract.ts';

for (const adapter of ['confluent', 'bridge'] as const) {
  const title = `${adapter} on the mock cluster`;
  const bridge = loadBridge();
  if (adapter === 'bridge' && bridge.addon === undefined) {
    skippedContract(title, bridge.reason);
    continue;
  }
  transportContract(title, async () => {
    const mock = await startMockCluster();
    const transport = await contractTransport(adapter, mock.bootstrap, {
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
}
