// Which clusters and schema registries the integration tests run on. Images are named here only, versions pinned.
import { ClusterUnavailable, type Cluster, type ClusterOptions } from './integration/cluster/cluster.ts';
import type { BrokerImage } from './integration/cluster/container-broker.ts';
import type { RegistryImage } from './integration/cluster/container-registry.ts';
import { brokerProperties } from './integration/cluster/local-kafka.ts';
import type { Registry, RegistryOptions } from './integration/cluster/registry.ts';
import {
  CLUSTER_VARIABLE,
  clusterOrReason,
  clusterTestOn,
  PROVIDER_VARIABLE,
  providersFor,
} from './integration/cluster/start-cluster.ts';
import { registryTestOn, startRegistryOf } from './integration/cluster/start-registry.ts';

const REDPANDA = 'redpandadata/redpanda:v25.1.1';

const redpanda: BrokerImage = {
  provider: 'redpanda',
  image: REDPANDA,
  configure: (container, advertised) =>
    container
      .withCommand([
        ...['redpanda', 'start', '--mode=dev-container', '--smp=1', '--memory=512M', '--default-log-level=warn'],
        '--kafka-addr=PLAINTEXT://0.0.0.0:9092',
        `--advertise-kafka-addr=PLAINTEXT://${advertised}`,
      ])
      // Cluster settings are read from here on the very first start.
      .withCopyContentToContainer([
        {
          target: '/etc/redpanda/.bootstrap.yaml',
          content: [
            'auto_create_topics_enabled: false',
            'group_initial_rebalance_delay: 0',
            'group_min_session_timeout_ms: 1000',
            'group_topic_partitions: 4',
            'transaction_coordinator_partitions: 4',
            '',
          ].join('\n'),
        },
      ]),
};

const kafka: BrokerImage = {
  provider: 'apache-kafka',
  image: 'apache/kafka:4.3.1',
  configure: (container, advertised, options) =>
    container.withEnvironment({
      KAFKA_HEAP_OPTS: '-Xmx512m',
      ...kafkaVariables({
        'process.roles': 'broker,controller',
        'node.id': '1',
        'controller.quorum.voters': '1@localhost:9093',
        // The address that clients use is not one the broker could reach itself by, as it must for transactions.
        listeners: 'PLAINTEXT://0.0.0.0:9092,CONTROLLER://localhost:9093,INTERNAL://localhost:9094',
        'advertised.listeners': `PLAINTEXT://${advertised},INTERNAL://localhost:9094`,
        'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT',
        'inter.broker.listener.name': 'INTERNAL',
        'controller.listener.names': 'CONTROLLER',
        ...brokerProperties(options),
      }),
    }),
};

/** `node.id` → `KAFKA_NODE_ID`, as the image reads it. */
function kafkaVariables(properties: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(properties).map(([name, value]) => [`KAFKA_${name.toUpperCase().replaceAll('.', '_')}`, value]),
  );
}

/**
 * A cluster to test on, ready to serve. Throws ClusterUnavailable with the reason where there is none; in a test file,
 * clusterTest() makes a skipped test of that.
 */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const [provider] = await providersFor({ redpanda, kafka }, options);
  if (provider === undefined) throw new ClusterUnavailable('no provider');
  return provider.start();
}

/**
 * A test on a cluster, skipped with the reason where there is none (under CI=true: failed). All tests of a process share
 * one cluster, and all files of an `npm test`; `{ own: true }` gives a fresh one that the test may kill.
 */
export const clusterTest = clusterTestOn(startCluster);

export interface ClusterChoice {
  readonly title: string;
  /** undefined: there is none; the tests find that out themselves and say why. */
  start(): Promise<Cluster | undefined>;
  /** Tells test files to use this one. */
  environment(cluster: Cluster): Record<string, string>;
}

/**
 * Every cluster there is to test on: with a Docker engine Redpanda and Apache Kafka, else a local Apache Kafka. The test
 * runner starts one after the other and runs all integration tests on each.
 */
export async function allClusters(): Promise<ClusterChoice[]> {
  const providers = await providersFor({ redpanda, kafka });
  return providers.map(({ name, start }) => ({
    title: name,
    start: async () => {
      // Under CI=true the files fail one by one, each with the reason.
      const cluster = await clusterOrReason(start).catch((error: unknown) => {
        if (error instanceof ClusterUnavailable) return error.message;
        throw error;
      });
      return typeof cluster === 'string' ? undefined : cluster;
    },
    environment: ({ bootstrap }) => ({ [CLUSTER_VARIABLE]: bootstrap, [PROVIDER_VARIABLE]: name }),
  }));
}

/** Its registry is a part of its broker, which nobody uses here. */
const redpandaRegistry: RegistryImage = {
  provider: 'redpanda',
  image: REDPANDA,
  port: 8081,
  basePath: '',
  configure: (container) =>
    container.withCommand([
      ...['redpanda', 'start', '--mode=dev-container', '--smp=1', '--memory=512M', '--default-log-level=warn'],
      '--schema-registry-addr=0.0.0.0:8081',
    ]),
};

const apicurioRegistry: RegistryImage = {
  provider: 'apicurio',
  image: 'apicurio/apicurio-registry:3.0.9',
  port: 8080,
  basePath: '/apis/ccompat/v7',
  configure: (container) => container,
};

/**
 * A schema registry to test with, ready to answer: with a Docker engine Redpanda's, else a local Apicurio. Throws
 * ClusterUnavailable with the reason where there is none; in a test file, registryTest() makes a skipped test of that.
 */
export function startRegistry(options: RegistryOptions = {}): Promise<Registry> {
  return startRegistryOf({ redpanda: redpandaRegistry, apicurio: apicurioRegistry }, options);
}

/**
 * A test with a registry, skipped with the reason where there is none (under CI=true: failed). All tests of a process share
 * one registry; `{ own: true }` gives a fresh one that the test may kill.
 */
export const registryTest = registryTestOn(startRegistry);
