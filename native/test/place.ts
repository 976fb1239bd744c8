import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import type { BridgeAddon } from '../../src/kafka/bridge-addon.ts';
import { TOPIC, type Place } from './activities.ts';
import { jobOf, produce, records, startMockCluster } from './clients.ts';

/** A mock cluster with records in `TOPIC`, and a broker that accepts and says nothing. */
export async function startPlace(addon: BridgeAddon, t: TestContext): Promise<Place> {
  const cluster = await startMockCluster(addon);
  for (const partition of [0, 1, 2, 3]) await produce(cluster.producer, TOPIC, jobOf(records(2000), partition));
  const sockets = new Set<{ destroy(): void }>();
  const server = createServer((socket) => {
    sockets.add(socket);
    // The client resets it when it dies.
    socket.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { bootstrap: cluster.bootstrap, silent: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** Numbers between 0 and 1, the same for the same seed (mulberry32). */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `STREAMLINE_SEED`, or a new one; printed, so that a failure can be had again. */
export function seedOf(t: TestContext): number {
  const seed = Number(process.env['STREAMLINE_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  t.diagnostic(`STREAMLINE_SEED=${seed}`);
  return seed;
}
