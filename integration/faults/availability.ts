import { loadBridge } from '../../src/kafka/bridge-addon.ts';
import { OpenScope } from '../harness/scope.ts';
import { runSidecar, sidecarHome } from '../harness/sidecar.ts';
import { specText } from '../harness/spec.ts';
import type { Adapter } from './fleet.ts';
import type { Delivery } from './verdict.ts';

export const ADAPTERS: readonly Adapter[] = ['confluent', 'bridge'];
export const DELIVERIES: readonly Delivery[] = ['at_least_once', 'exactly_once'];

/** Why this build cannot run a transform so; undefined when it can. */
export async function whyNot(adapter: Adapter, delivery: Delivery): Promise<string | undefined> {
  const bridge = loadBridge();
  if (adapter === 'bridge' && bridge.addon === undefined) return bridge.reason;
  const scope = new OpenScope();
  try {
    const home = sidecarHome(scope, 'localhost:1', { kafka: { transport: adapter } });
    const spec = {
      name: 'fault',
      input_topic: 'in',
      output_topic: 'out',
      wasm_module: 'builtin:pass-through',
      delivery,
    };
    home.writeSpec('spec.yaml', specText(spec));
    const { code, stdout, stderr } = await runSidecar(home, 'check');
    return code === 0 ? undefined : `this build refuses it: ${`${stdout}${stderr}`.trim().split('\n')[0]}`;
  } finally {
    await scope.close();
  }
}
