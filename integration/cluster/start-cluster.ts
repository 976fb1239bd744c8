import { after, test, type TestContext } from 'node:test';
import { dockerAnswers } from './docker-engine.ts';
import { startContainerBroker, type BrokerImage } from './container-broker.ts';
import { ClusterUnavailable, type Cluster, type ClusterOptions, type ProviderName } from './cluster.ts';
import { startLocalKafka } from './local-kafka.ts';

/** What to test on: redpanda | kafka | local | HOST:PORT. Unset: whatever this machine has. */
export const CLUSTER_VARIABLE = 'STREAMLINE_TEST_CLUSTER';
/** Set beside a shared HOST:PORT: of which kind a test that needs a broker of its own starts one. */
export const PROVIDER_VARIABLE = 'STREAMLINE_TEST_PROVIDER';

export interface ClusterProvider {
  readonly name: ProviderName;
  readonly start: () => Promise<Cluster>;
}

export interface ClusterImages {
  readonly redpanda: BrokerImage;
  readonly kafka: BrokerImage;
}

/** Every provider to test on, the first being the one for a single run. Throws ClusterUnavailable for an unknown name. */
export async function providersFor(images: ClusterImages, options: ClusterOptions = {}): Promise<ClusterProvider[]> {
  const redpanda = containerProvider(images.redpanda, options);
  const kafka = containerProvider(images.kafka, options);
  const local: ClusterProvider = { name: 'local-kafka', start: () => startLocalKafka(options) };
  const shared = process.env[CLUSTER_VARIABLE] ?? '';
  const wanted = options.own === true && shared.includes(':') ? (process.env[PROVIDER_VARIABLE] ?? '') : shared;
  if (wanted.includes(':')) return [external(wanted)];
  switch (wanted) {
    case 'redpanda':
      return [redpanda];
    case 'kafka':
    case 'apache-kafka':
      return [kafka];
    case 'local':
    case 'local-kafka':
      return [local];
    case '':
    case 'external':
      return (await dockerAnswers()) ? [redpanda, kafka] : [local];
    default:
      throw new ClusterUnavailable(`${CLUSTER_VARIABLE}=${wanted} is none of redpanda, kafka, local, HOST:PORT`);
  }
}

function containerProvider(image: BrokerImage, options: ClusterOptions): ClusterProvider {
  return { name: image.provider, start: () => startContainerBroker(image, options) };
}

/** Somebody else's broker: theirs to start and to stop. */
function external(bootstrap: string): ClusterProvider {
  const refuse = (): Promise<never> =>
    Promise.reject(new Error('a shared cluster is not killed: the test needs startCluster({ own: true })'));
  return {
    name: 'external',
    start: () =>
      Promise.resolve({
        bootstrap,
        provider: 'external',
        stop: () => Promise.resolve(),
        kill: refuse,
        restart: refuse,
      }),
  };
}

/**
 * The reason to skip when `start` finds no broker. Under CI=true a test that cannot run is a failed test.
 * @throws whatever else goes wrong
 */
export async function clusterOrReason(start: () => Promise<Cluster>): Promise<Cluster | string> {
  try {
    return await start();
  } catch (error) {
    if (!(error instanceof ClusterUnavailable) || process.env['CI'] === 'true') throw error;
    return error.message;
  }
}

export type ClusterTest = (
  name: string,
  body: (cluster: Cluster, t: TestContext) => Promise<void>,
  options?: ClusterOptions & { readonly timeoutMs?: number },
) => void;

/** Makes the `clusterTest` of testcontainers.config.ts: one cluster for all tests of the process, unless one wants its own. */
export function clusterTestOn(start: (options: ClusterOptions) => Promise<Cluster>): ClusterTest {
  let shared: Promise<Cluster | string> | undefined;
  let isWatched = false;
  const stopShared = async (): Promise<void> => {
    const cluster = await shared?.catch(() => undefined);
    if (typeof cluster === 'object') await cluster.stop();
  };
  return (name, body, { timeoutMs, ...options } = {}) => {
    // Here and not in the test, after whose end it would run.
    if (!isWatched) after(stopShared);
    isWatched = true;
    test(name, { ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }) }, async (t) => {
      if (options.own !== true) shared ??= clusterOrReason(() => start(options));
      const cluster = await (options.own === true ? clusterOrReason(() => start(options)) : shared);
      if (cluster === undefined || typeof cluster === 'string') {
        t.skip(cluster);
        return;
      }
      try {
        await body(cluster, t);
      } finally {
        if (options.own === true) await cluster.stop();
      }
    });
  };
}
