import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brokerReady } from './broker-ready.ts';
import type { Cluster, ClusterOptions } from './cluster.ts';
import { freePorts } from './free-port.ts';
import { JavaProcess, requireJava } from './java-process.ts';
import { resolveJars, type Coordinate } from './jars.ts';
import { lastLines, runProgram } from './process-output.ts';

/** 4.4.0 is incomplete on Maven Central. */
const KAFKA_VERSION = '4.3.1';
export const KAFKA_JARS: readonly Coordinate[] = [
  `org.apache.kafka:kafka_2.13:${KAFKA_VERSION}`,
  `org.apache.kafka:kafka-tools:${KAFKA_VERSION}`,
  'org.apache.logging.log4j:log4j-slf4j-impl:2.25.5',
];
const JAVA_OPTIONS = ['-Xmx512m', '-XX:+UseSerialGC'];
const FORMAT_MS_MAX = 30_000;
const READY_MS_MAX = 90_000;
/** Any 16 bytes, as Kafka writes them: the cluster lives in one folder. */
const CLUSTER_ID = 'c3RyZWFtbGluZS10ZXN0cw';

/** A real Apache Kafka as a process on this machine, its data in a temporary folder. */
export async function startLocalKafka(options: ClusterOptions = {}): Promise<Cluster> {
  await requireJava();
  const jars = await resolveJars('kafka', KAFKA_JARS);
  const broker = await JavaProcess.start('kafka', async (folder) => {
    const [port = 0, controllerPort = 0] = await freePorts(2);
    const address = `127.0.0.1:${port}`;
    const config = join(folder, 'server.properties');
    writeFileSync(config, propertiesOf(folder, port, controllerPort, options));
    const java = [...JAVA_OPTIONS, '-cp', join(jars, '*')];
    await format([...java, 'kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', config]);
    return {
      address,
      args: [...java, 'kafka.Kafka', config],
      ready: (isRunning) => brokerReady(address, READY_MS_MAX, isRunning),
    };
  });
  return {
    bootstrap: broker.address,
    provider: 'local-kafka',
    stop: () => broker.remove(),
    kill: () => broker.kill(),
    restart: async () => {
      await broker.stopCleanly();
      await broker.start();
    },
  };
}

async function format(args: readonly string[]): Promise<void> {
  const { ok, output } = await runProgram('java', args, FORMAT_MS_MAX);
  if (!ok) throw new Error(`Kafka's storage could not be formatted:\n${lastLines(output)}`);
}

function propertiesOf(folder: string, port: number, controllerPort: number, options: ClusterOptions): string {
  return [
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.voters=1@127.0.0.1:${controllerPort}`,
    `listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    `advertised.listeners=PLAINTEXT://127.0.0.1:${port}`,
    'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'controller.listener.names=CONTROLLER',
    `log.dirs=${join(folder, 'data')}`,
    ...Object.entries(brokerProperties(options)).map(([name, value]) => `${name}=${value}`),
    '',
  ].join('\n');
}

/**
 * What every Apache Kafka of the tests is set to, as a process or in a container. One that is killed is let in again once its old session has
 * ended; one that is not must not lose its session: after a stall of the machine that long, a broker whose controller stalled with it is shut
 * out, and answers nobody for as long again.
 */
export function brokerProperties({ own = false }: ClusterOptions): Readonly<Record<string, string>> {
  return { ...BROKER_PROPERTIES, 'broker.session.timeout.ms': own ? '4000' : '60000' };
}

const BROKER_PROPERTIES: Readonly<Record<string, string>> = {
  'auto.create.topics.enable': 'false',
  'group.initial.rebalance.delay.ms': '0',
  // A test that kills a member waits for its session to end.
  'group.min.session.timeout.ms': '1000',
  // Records of tests carry times of years ago. Kafka looks for what is too old half a minute after its start and every five minutes then, and
  // would delete them under a test's hands.
  'log.retention.ms': '-1',
  'broker.heartbeat.interval.ms': '500',
  'offsets.topic.num.partitions': '4',
  'offsets.topic.replication.factor': '1',
  'transaction.state.log.num.partitions': '4',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  // A transaction whose producer was killed is looked for this often, once it has timed out: 10 s unless told otherwise.
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': '500',
  'share.coordinator.state.topic.num.partitions': '1',
  'share.coordinator.state.topic.replication.factor': '1',
  'share.coordinator.state.topic.min.isr': '1',
};
