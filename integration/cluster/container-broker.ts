import type { GenericContainer } from 'testcontainers';
import { brokerReady } from './broker-ready.ts';
import type { Cluster, ClusterOptions, ProviderName } from './cluster.ts';
import { freePorts } from './free-port.ts';

const KAFKA_PORT = 9092;
const START_MS_MAX = 5 * 60_000;
const READY_MS_MAX = 90_000;

export interface BrokerImage {
  readonly provider: ProviderName;
  readonly image: string;
  /** Settings of the container, whose port 9092 clients reach as `advertised` (`HOST:PORT`). */
  readonly configure: (container: GenericContainer, advertised: string, options: ClusterOptions) => GenericContainer;
}

/**
 * A broker in a container. A broker tells its clients its address, so the port outside must be known before it starts;
 * fixing it also keeps the address over a restart.
 */
export async function startContainerBroker(
  { provider, image, configure }: BrokerImage,
  options: ClusterOptions,
): Promise<Cluster> {
  // Loaded here only: without a Docker engine nobody waits for it.
  const { GenericContainer, getContainerRuntimeClient } = await import('testcontainers');
  const client = await getContainerRuntimeClient();
  const [port = 0] = await freePorts(1);
  const bootstrap = `${client.info.containerRuntime.host}:${port}`;
  const container = await configure(new GenericContainer(image), bootstrap, options)
    .withExposedPorts({ container: KAFKA_PORT, host: port })
    .withStartupTimeout(START_MS_MAX)
    .start();
  const engine = client.container.getById(container.getId());
  const ready = (): Promise<void> => brokerReady(bootstrap, READY_MS_MAX, () => true);
  try {
    await ready();
  } catch (error) {
    await container.stop();
    throw error;
  }
  return {
    bootstrap,
    provider,
    stop: async () => {
      await container.stop({ remove: true, removeVolumes: true });
    },
    kill: async () => {
      await engine.kill({ signal: 'SIGKILL' });
      await engine.wait();
    },
    restart: async () => {
      // Starts it too when it was killed.
      await engine.restart();
      await ready();
    },
  };
}
