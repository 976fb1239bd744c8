import type { TopicName } from '../spec/transformation-config.ts';
import type { KafkaProperties } from './client-config.ts';
import { KafkaAdmin } from './kafka-admin.ts';
import { silentLogger, type Logger } from './log.ts';
import type { Transport } from './transport.contract.ts';
import { chooseTransport, type TransportName } from './transport.ts';

/** An adapter as the contract suite wants it. */
export async function contractTransport(
  adapter: TransportName,
  bootstrap: string,
  { kafka = {}, logger = silentLogger }: { kafka?: KafkaProperties; logger?: Logger } = {},
): Promise<Transport> {
  // A member learns of a rebalance by a heartbeat: by default one in three seconds.
  const quick = { 'bootstrap.servers': bootstrap, 'heartbeat.interval.ms': 300, ...kafka };
  const identity = { kafka: quick, clientId: 'contract', logger };
  const transport = chooseTransport(adapter);
  const admin = new KafkaAdmin(identity);
  await admin.start();
  let topics = 0;
  const open: (() => Promise<void>)[] = [];
  return {
    commitsWhileRebalancing: true,
    async createTopic(partitions) {
      topics += 1;
      const topic = `contract-${process.pid}-${Date.now()}-${topics}` as TopicName;
      await admin.createTopic(topic, partitions);
      return topic;
    },
    createSource(options) {
      const source = transport.source({ ...identity, ...options });
      open.push(() => source.close());
      return source;
    },
    createSink({ lingerMs, ...options }) {
      const kafka = lingerMs === undefined ? identity.kafka : { ...identity.kafka, 'linger.ms': lingerMs };
      const sink = transport.sink({ ...identity, kafka, recordBytesMax: 1_000_000, ...options });
      open.push(() => sink.close(0));
      return sink;
    },
    pinStartOffsets: (...args) => admin.pinStartOffsets(...args),
    // A test that failed leaves clients behind, and they would keep the process alive.
    async stop() {
      await Promise.all(open.map((close) => close()));
      await admin.close();
    },
  };
}
