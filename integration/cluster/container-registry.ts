import type { GenericContainer } from 'testcontainers';
import { freePorts } from './free-port.ts';
import type { Registry, RegistryProvider } from './registry.ts';
import { checkBackward, registryReady } from './registry-ready.ts';

const START_MS_MAX = 5 * 60_000;
const READY_MS_MAX = 90_000;

export interface RegistryImage {
  readonly provider: RegistryProvider;
  readonly image: string;
  /** Inside the container. */
  readonly port: number;
  /** `/apis/ccompat/v7`, or nothing. */
  readonly basePath: string;
  readonly configure: (container: GenericContainer) => GenericContainer;
}

/** A registry in a container. Its port outside is fixed, so that it keeps its address over a restart. */
export async function startContainerRegistry(registry: RegistryImage): Promise<Registry> {
  // Loaded here only: without a Docker engine nobody waits for it.
  const { GenericContainer, getContainerRuntimeClient } = await import('testcontainers');
  const client = await getContainerRuntimeClient();
  const [port = 0] = await freePorts(1);
  const url = `http://${client.info.containerRuntime.host}:${port}${registry.basePath}`;
  const container = await registry
    .configure(new GenericContainer(registry.image))
    .withExposedPorts({ container: registry.port, host: port })
    .withStartupTimeout(START_MS_MAX)
    .start();
  const engine = client.container.getById(container.getId());
  const ready = async (): Promise<void> => {
    await registryReady(url, READY_MS_MAX, () => true);
    await checkBackward(url);
  };
  try {
    await ready();
  } catch (error) {
    await container.stop();
    throw error;
  }
  return {
    url,
    provider: registry.provider,
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
