import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { BridgeAddon } from '../../src/kafka/bridge-addon.ts';
import { ACTIVITY_NAMES, TOPIC, type Activity, type Place } from './activities.ts';
import { addonTest } from './addon.ts';
import { consume, consumerOn, jobOf, produce, producerOn, records } from './clients.ts';
import { random, seedOf, startPlace } from './place.ts';

const ROUNDS = Number(process.env['STREAMLINE_NATIVE_ROUNDS'] ?? 2);
const TERMINATE_MS_MAX = 5000;

addonTest(
  'workers load the addon, are terminated amid anything, and the main thread goes on',
  20 * 60_000,
  async (addon, t) => {
    const place = await startPlace(addon, t);
    const next = random(seedOf(t));
    // Its own clients live through all of it.
    const main = mainThread(addon, place);
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const activity of ACTIVITY_NAMES) {
        // Some before they are ready, most amid their work.
        const early = next() < 0.2;
        const delayMs = Math.floor(next() * (early ? 100 : 50));
        await terminated(activity, place, early, delayMs);
      }
    }
    // Two at once, over each other.
    await Promise.all([terminated('consuming', place, false, 20), terminated('producing', place, false, 5)]);
    const turns = await main.end();
    assert.ok(turns > 0);
  },
);

async function terminated(activity: Activity, place: Place, early: boolean, delayMs: number): Promise<void> {
  const worker = new Worker(join(import.meta.dirname, 'worker.ts'), { workerData: { activity, place } });
  const failed = once(worker, 'error').then(([error]) => assert.fail(`${activity}: ${String(error)}`));
  if (!early) await Promise.race([once(worker, 'message'), failed]);
  await delay(delayMs);
  const start = performance.now();
  await Promise.race([worker.terminate(), failed]);
  const ms = performance.now() - start;
  assert.ok(ms < TERMINATE_MS_MAX, `${activity}: terminate took ${Math.round(ms)} ms`);
}

/** Produces and consumes until told to end; answers how often it did. */
function mainThread(addon: BridgeAddon, { bootstrap }: Place): { end(): Promise<number> } {
  const producer = producerOn(addon, bootstrap);
  const consumer = consumerOn(addon, bootstrap, 'main', 'main');
  let ended = false;
  const work = (async () => {
    await consumer.subscribe();
    let turns = 0;
    for (; !ended; turns += 1) {
      assert.equal(await produce(producer, 'main', jobOf(records(50), 0)), undefined);
      await consume(consumer, 50);
    }
    return turns;
  })();
  return {
    end() {
      ended = true;
      return work;
    },
  };
}

addonTest('a process whose workers alone load the addon goes on after them', 60_000, async (addon, t) => {
  const place = await startPlace(addon, t);
  // The last one to drop it would unmap it.
  const source = `
    import { once } from 'node:events';
    import { Worker } from 'node:worker_threads';
    const [script, place] = process.argv.slice(1);
    for (const activity of ['consuming', 'committing to a broker that went', 'producing for a silent broker']) {
      const worker = new Worker(script, { workerData: { activity, place: JSON.parse(place) }, execArgv: [] });
      await once(worker, 'message');
      await worker.terminate();
      await new Promise((resolve) => setTimeout(resolve, 1500));
    }`;
  const script = join(import.meta.dirname, 'worker.ts');
  const child = spawn(process.execPath, ['--input-type=module', '-e', source, script, JSON.stringify(place)], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});

addonTest('a worker that closes its clients ends by itself', 60_000, async (addon, t) => {
  const place = await startPlace(addon, t);
  const source = `
    const { parentPort, workerData } = require('node:worker_threads');
    (async () => {
      const clients = await import(workerData.clients);
      const addon = (await import(workerData.addon)).addonUnderTest();
      const consumer = clients.consumerOn(addon, workerData.bootstrap, '${TOPIC}', workerData.group);
      await consumer.subscribe();
      await clients.consume(consumer, 1000);
      await clients.closeAll();
      parentPort.postMessage('closed');
    })();`;
  for (let i = 0; i < 3; i += 1) {
    const worker = new Worker(source, {
      eval: true,
      workerData: {
        bootstrap: place.bootstrap,
        // The mock cluster holds up whoever comes back to a group that all have left.
        group: `worker-${i}`,
        clients: join(import.meta.dirname, 'clients.ts'),
        addon: join(import.meta.dirname, 'addon.ts'),
      },
    });
    // At once: a thread that ends tells both in one turn.
    const [[message], [code]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
    assert.deepEqual([message, code], ['closed', 0]);
  }
});
