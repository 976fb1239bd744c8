import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { test, type TestContext } from 'node:test';
import type { BridgeAddon } from '../../src/kafka/bridge-addon.ts';
import { closeAll } from './clients.ts';

/** Another build of the addon to test: one with sanitizers. */
const ADDON_VARIABLE = 'STREAMLINE_NATIVE_ADDON';

const path = process.env[ADDON_VARIABLE] ?? fileURLToPath(new URL('../build/streamline_kafka.node', import.meta.url));

/** The addon under test, itself and not the sidecar's wrapping of it. */
export function addonUnderTest(): BridgeAddon {
  return createRequire(import.meta.url)(path) as BridgeAddon;
}

/** A test of the addon, skipped where the set-up could not build it. Under CI=true that is a failed test. */
export function addonTest(
  name: string,
  timeoutMs: number,
  body: (addon: BridgeAddon, t: TestContext) => Promise<void>,
) {
  const skip = !existsSync(path) && process.env['CI'] !== 'true' ? `the set-up built no ${path}` : false;
  test(name, { skip, timeout: timeoutMs }, async (t) => {
    try {
      await body(addonUnderTest(), t);
    } finally {
      await closeAll();
    }
  });
}
