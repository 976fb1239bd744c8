import { mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { lastLines, runProgram } from '../../integration/cluster/process-output.ts';
import { freePorts } from '../../integration/cluster/free-port.ts';
import { resolveJars, type Coordinate } from '../../integration/cluster/jars.ts';
import { KAFKA_JARS } from '../../integration/cluster/local-kafka.ts';
import { MASK_CONFIG } from './input.ts';
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
const PARSE_JSON = 'streamline.bench.ParseJson';
const COMPILE_MS_MAX = 60_000;

/** The folder of Kafka Connect's jars, fetched once; throws ClusterUnavailable where they cannot be had. */
export function connectJars(): Promise<string> {
  return resolveJars('connect', CONNECT_JARS);
}

/**
 * MaskField wants a Map, records come as bytes: our small ParseJson goes in front of it. Throws, with what the compiler said, without
 * a JDK.
 * @returns what a class path needs of it
 */
export async function compileParseJson(jars: string, folder: string): Promise<string> {
  const classes = join(folder, 'parse-json');
  const services = join(classes, 'META-INF', 'services');
  mkdirSync(services, { recursive: true });
  writeFileSync(join(services, 'org.apache.kafka.connect.transforms.Transformation'), `${PARSE_JSON}\n`);
  const source = join(import.meta.dirname, '..', 'bridge', 'ParseJson.java');
  const { ok, output } = await runProgram('javac', ['-cp', join(jars, '*'), '-d', classes, source], COMPILE_MS_MAX);
  if (!ok) throw new Error(`ParseJson.java cannot be compiled:\n${lastLines(output)}`);
  return classes;
}

/** Under which name the connector writes what it copies. */
export function mirroredTopic(alias: string, input: string): string {
  return `${alias}.${input}`;
}

export interface ConnectSetUp {
  readonly jars: string;
  readonly bootstrap: string;
  readonly input: string;
  readonly alias: string;
  readonly folder: string;
  /** The compiled ParseJson, to mask; undefined: a copy of the bytes. */
  readonly masking: string | undefined;
}

const MASKING = {
  transforms: 'parse,mask',
  'transforms.parse.type': PARSE_JSON,
  'transforms.mask.type': 'org.apache.kafka.connect.transforms.MaskField$Value',
  'transforms.mask.fields': MASK_CONFIG.fields_to_mask.join(','),
  'transforms.mask.replacement': '***REDACTED***',
  'value.converter': 'org.apache.kafka.connect.json.JsonConverter',
  'value.converter.schemas.enable': false,
};

/**
 * Kafka Connect's own copy, records as bytes, from the cluster to itself: MirrorSourceConnector in a standalone worker, large polls
 * and batches, nothing but the copy switched on; masking when asked to.
 */
export async function startConnect(setUp: ConnectSetUp): Promise<Subject> {
  const { jars, bootstrap, input, alias, folder, masking } = setUp;
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
    ...(masking === undefined ? {} : MASKING),
  });
  const classPath = [join(jars, '*'), ...(masking === undefined ? [] : [masking])].join(delimiter);
  const main = 'org.apache.kafka.connect.cli.ConnectStandalone';
  return new Subject('java', [...JAVA_OPTIONS, '-cp', classPath, main, worker, connector]);
}

function writeProperties(file: string, properties: Readonly<Record<string, string | number | boolean>>): void {
  const lines = Object.entries(properties).map(([name, value]) => `${name}=${value}`);
  writeFileSync(file, `${lines.join('\n')}\n`);
}
