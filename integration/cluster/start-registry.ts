import { after, test, type TestContext } from 'node:test';
import { ClusterUnavailable } from './cluster.ts';
import { startContainerRegistry, type RegistryImage } from './container-registry.ts';
import { dockerAnswers } from './docker-engine.ts';
import { startLocalRegistry } from './local-registry.ts';
import type { Registry, RegistryOptions } from './registry.ts';
import { registryReady } from './registry-ready.ts';

export interface RegistryImages {
  readonly redpanda: RegistryImage;
  readonly apicurio: RegistryImage;
}

/** What to ask: redpanda | apicurio | local | URL. Unset: whatever this machine has. */
const REGISTRY_VARIABLE = 'STREAMLINE_TEST_REGISTRY';

const READY_MS_MAX = 5000;

/** Throws ClusterUnavailable with the reason where there is none. */
export async function startRegistryOf(images: RegistryImages, options: RegistryOptions = {}): Promise<Registry> {
  const wanted = process.env[REGISTRY_VARIABLE] ?? '';
  if (/^https?:/.test(wanted) && options.own !== true) return external(wanted);
  switch (wanted) {
    case 'redpanda':
      return startContainerRegistry(images.redpanda);
    case 'apicurio':
      return startContainerRegistry(images.apicurio);
    case 'local':
      return startLocalRegistry();
    default:
      if (wanted !== '' && !/^https?:/.test(wanted)) {
        throw new ClusterUnavailable(`${REGISTRY_VARIABLE}=${wanted} is none of redpanda, apicurio, local, URL`);
      }
      return (await dockerAnswers()) ? startContainerRegistry(images.redpanda) : startLocalRegistry();
  }
}

/** Somebody else's: theirs to start and to stop. */
async function external(url: string): Promise<Registry> {
  const refuse = (): Promise<never> =>
    Promise.reject(new Error('a shared registry is not killed: the test needs startRegistry({ own: true })'));
  const base = url.replace(/\/+$/, '');
  await registryReady(base, READY_MS_MAX, () => true);
  return { url: base, provider: 'external', stop: () => Promise.resolve(), kill: refuse, restart: refuse };
}

export type RegistryTest = (
  name: string,
  body: (registry: Registry, t: TestContext) => Promise<void>,
  options?: RegistryOptions & { readonly timeoutMs?: number },
) => void;

/** Makes the `registryTest` of testcontainers.config.ts: one registry for all tests of the process, unless one wants its own. */
export function registryTestOn(start: (options: RegistryOptions) => Promise<Registry>): RegistryTest {
  let shared: Promise<Registry | string> | undefined;
  let isWatched = false;
  const stopShared = async (): Promise<void> => {
    const registry = await shared?.catch(() => undefined);
    if (typeof registry === 'object') await registry.stop();
  };
  return (name, body, { timeoutMs, ...options } = {}) => {
    // Here and not in the test, after whose end it would run.
    if (!isWatched) after(stopShared);
    isWatched = true;
    test(name, { ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }) }, async (t) => {
      if (options.own !== true) shared ??= registryOrReason(() => start(options));
      const registry = await (options.own === true ? registryOrReason(() => start(options)) : shared);
      if (registry === undefined || typeof registry === 'string') {
        t.skip(registry);
        return;
      }
      try {
        await body(registry, t);
      } finally {
        if (options.own === true) await registry.stop();
      }
    });
  };
}

/** The reason to skip when there is none. Under CI=true a test that cannot run is a failed test. */
async function registryOrReason(start: () => Promise<Registry>): Promise<Registry | string> {
  try {
    return await start();
  } catch (error) {
    if (!(error instanceof ClusterUnavailable) || process.env['CI'] === 'true') throw error;
    return error.message;
  }
}
