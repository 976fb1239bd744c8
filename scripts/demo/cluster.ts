import { KafkaAdmin } from '../../src/kafka/kafka-admin.ts';
import { silentLogger } from '../../src/kafka/log.ts';
import { startMockCluster } from '../../src/kafka/mock-cluster.ts';
import { DEMO_TRANSFORMS } from './plan.ts';

export interface DemoCluster {
  readonly bootstrap: string;
  readonly embedded: boolean;
  /** Name → partitions of every topic there is. */
  topics(): Promise<Map<string, number>>;
  close(): Promise<void>;
}

const INPUT_PARTITIONS = 4;

/** The cluster given, or an embedded one; with the input topics, made when they are missing. */
export async function openCluster(given: string | undefined): Promise<DemoCluster> {
  const embedded = given === undefined ? await startMockCluster() : undefined;
  const bootstrap = embedded?.bootstrap ?? given ?? '';
  const admin = new KafkaAdmin({
    kafka: { 'bootstrap.servers': bootstrap },
    clientId: 'streamline.demo',
    logger: silentLogger,
  });
  const close = async (): Promise<void> => {
    await admin.close();
    await embedded?.stop();
  };
  try {
    await admin.start();
    for (const { input } of DEMO_TRANSFORMS) {
      if ((await admin.partitionCount(input)) === undefined) await admin.createTopic(input, INPUT_PARTITIONS);
    }
  } catch (thrown) {
    await close();
    throw thrown;
  }
  return {
    bootstrap,
    embedded: embedded !== undefined,
    topics: async () => new Map((await admin.topics()).map(({ name, partitions }) => [name, partitions])),
    close,
  };
}
