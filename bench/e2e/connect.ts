import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts } from '../../integration/cluster/free-port.ts';
import { resolveJars, type Coordinate } from '../../integration/cluster/jars.ts';
import { KAFKA_JARS } from '../../integration/cluster/local-kafka.ts';
import { Subject } from './subject.ts';

/** Of the broker's own version. */
const VERSION = KAFKA_JARS[0]?.split(':').at(-1) ?? '';
const CONNECT_JARS: readonly Coordinate[] = [
  ...KAFKA_JARS,
  `org.apache.kafka:connect-runtime:${VERSION}`,
  `org.apache.kafka:connect-mirror:${VERSION}`,
  `org.apache.kafka:connect-mirror-client:${VERSION}`,
  `org.apache.kafka:connect-transforms:${VERSION}`,
  `org.apache.kafka:connect-json:${VERSION}`,
];
const JAVA_OPTIONS = ['-Xms512m', '-Xmx1g'];
/** One consumer and one producer are ahead of four on two cores. */
const TASKS = 1;

/** The folder of Kafka Connect's jars, fetched once; throws ClusterUnavailable where they cannot be had. */
export function connectJars(): Promise<string> {
  return resolveJars('connect', CONNECT_JARS);
}

/** Under which name the connector writes what it copies. */
export function mirroredTopic(alias: string, input: string): string {
  return `${alias}.${input}`;
}

/**
 * Kafka Connect's own copy, records as bytes, from the cluster to itself: MirrorSourceConnector in a standalone worker, large polls
 * and batches, nothing but the copy switched on.
 */
export async function startConnect(
  jars: string,
  bootstrap: string,
  input: string,
  alias: string,
  folder: string,
): Promise<Subject> {
  const home = join(folder, alias);
  mkdirSync(home, { recursive: true });
  const [port = 0] = await freePorts(1);
  const worker = join(home, 'worker.properties');
  const connector = join(home, 'connector.properties');
  const bytes = 'org.apache.kafka.connect.converters.ByteArrayConverter';
  writeProperties(worker, {
    'bootstrap.servers': bootstrap,
    'key.converter': bytes,
    'value.converter': bytes,
    'offset.storage.file.filename': join(home, 'offsets'),
    listeners: `HTTP://127.0.0.1:${port}`,
    'plugin.discovery': 'service_load',
    'plugin.path': jars,
  });
  writeProperties(connector, {
    name: alias,
    'connector.class': 'org.apache.kafka.connect.mirror.MirrorSourceConnector',
    'tasks.max': TASKS,
    'source.cluster.alias': alias,
    'target.cluster.alias': 'local',
    'source.cluster.bootstrap.servers': bootstrap,
    'target.cluster.bootstrap.servers': bootstrap,
    topics: input,
    'replication.factor': 1,
    'sync.topic.configs.enabled': false,
    'sync.topic.acls.enabled': false,
    'emit.offset-syncs.enabled': false,
    'refresh.topics.enabled': false,
    'refresh.groups.enabled': false,
    'source.consumer.max.poll.records': 5000,
    'source.consumer.fetch.min.bytes': 65_536,
    'source.consumer.max.partition.fetch.bytes': 4_194_304,
    'producer.override.batch.size': 262_144,
    'producer.override.linger.ms': 5,
    'producer.override.buffer.memory': 67_108_864,
    'producer.override.acks': 'all',
  });
  const classPath = join(jars, '*');
  const main = 'org.apache.kafka.connect.cli.ConnectStandalone';
  return new Subject('java', [...JAVA_OPTIONS, '-cp', classPath, main, worker, connector]);
}

function writeProperties(file: string, properties: Readonly<Record<string, string | number | boolean>>): void {
  const lines = Object.entries(properties).map(([name, value]) => `${name}=${value}`);
  writeFileSync(file, `${lines.join('\n')}\n`);
}
