import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { TestContext } from 'node:test';
import { addonTest } from './addon.ts';
import { consume, consumerOn, jobOf, produce, producerOn, records } from './clients.ts';

const CYCLES = 200;
/** Clients wait for each other's network most of the time. */
const LANES = 5;
const RECORDS = Number(process.env['STREAMLINE_NATIVE_RECORDS'] ?? 200_000);
const JOB = 2000;
/** A turn's bytes are fewer than the mock cluster keeps of a partition. */
const JOBS = 8;
const MIB = 1024 * 1024;
/** A sanitizer keeps what was freed, to see who still uses it. */
const SANITIZED = process.env['LD_PRELOAD']?.includes('libasan') === true;
const QUARANTINE_MIB = SANITIZED ? 300 : 0;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** With nothing of JavaScript's that waits for the collector. */
function rssMib(): number {
  collect();
  collect();
  return process.memoryUsage.rss() / MIB;
}

async function startBroker(t: TestContext): Promise<string> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'mock-broker.ts'), 'leaks', '100'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
  return line.trim();
}

addonTest(`${CYCLES} times opened and closed, nothing is left behind`, 20 * 60_000, async (addon, t) => {
  const bootstrap = await startBroker(t);
  const cycle = async (lane: number): Promise<void> => {
    const consumer = consumerOn(addon, bootstrap, 'leaks', `leaks-${lane}`);
    const producer = producerOn(addon, bootstrap);
    await consumer.subscribe();
    const poll = consumer.poll(new Uint8Array(new SharedArrayBuffer(100_000)), 100, 10);
    await produce(producer, 'leaks', jobOf(records(10)));
    await poll;
    await Promise.all([consumer.close(), producer.close()]);
  };
  const cycles = async (count: number): Promise<void> => {
    const lane = async (number: number): Promise<void> => {
      for (let i = 0; i < count / LANES; i += 1) await cycle(number);
    };
    await Promise.all(Array.from({ length: LANES }, (_, number) => lane(number)));
  };
  await cycles(40);
  const before = rssMib();
  await cycles(CYCLES);
  const grown = rssMib() - before;
  t.diagnostic(`RSS ${before.toFixed(1)} MiB, grown by ${grown.toFixed(1)} MiB`);
  // A client lost would be a stack, queues and buffers: 100 kB at the very least.
  assert.ok(grown < 10 + QUARANTINE_MIB, `RSS grew by ${grown.toFixed(1)} MiB in ${CYCLES} cycles`);
});

addonTest(`${RECORDS} records through a producer and a consumer leave RSS flat`, 60 * 60_000, async (addon, t) => {
  const bootstrap = await startBroker(t);
  const producer = producerOn(addon, bootstrap);
  const consumer = consumerOn(addon, bootstrap, 'flow', 'flow');
  const job = jobOf(records(JOB, 50), 0);
  await produce(producer, 'flow', job);
  await consumer.subscribe();
  await consume(consumer, JOB);
  const turn = (): Promise<unknown> =>
    Promise.all([
      ...Array.from({ length: JOBS }, () => produce(producer, 'flow', job)),
      consume(consumer, JOB * JOBS, false),
    ]);
  const turns = Math.ceil(RECORDS / (JOB * JOBS));
  const warm = Math.ceil(turns / 5);
  for (let i = 0; i < warm; i += 1) await turn();
  const before = rssMib();
  for (let i = warm; i < turns; i += 1) await turn();
  const grown = rssMib() - before;
  t.diagnostic(
    `RSS ${before.toFixed(1)} MiB, grown by ${grown.toFixed(1)} MiB in ${(turns - warm) * JOB * JOBS} records`,
  );
  assert.ok(grown < 20 + QUARANTINE_MIB, `RSS grew by ${grown.toFixed(1)} MiB`);
});

function testLeaks(): void {
  addonTest('LeakSanitizer finds nothing that was allocated in the addon', 10 * 60_000, (_addon, t) => {
    // Node itself leaves things behind: only what has a frame of ours counts.
    const env = {
      ...process.env,
      ASAN_OPTIONS: 'detect_leaks=1:exitcode=0:fast_unwind_on_malloc=0',
      LSAN_OPTIONS: 'max_leaks=0',
    };
    const child = spawnSync(process.execPath, [join(import.meta.dirname, 'leak-child.ts')], { encoding: 'utf8', env });
    assert.equal(child.status, 0, child.stderr);
    assert.doesNotMatch(child.stderr, /fatal error/, child.stderr.slice(0, 2000));
    const leaks = child.stderr.split('\n\n').filter((block) => /leak of/.test(block));
    const ours = leaks.filter((block) => /native\/src|streamline::|\brd_kafka_/.test(block));
    t.diagnostic(`${leaks.length} leaks, of them ours: ${ours.length}`);
    assert.deepEqual(ours, []);
    return Promise.resolve();
  });
}

// Needs `npm run native-test -- --sanitize`.
if (SANITIZED) testLeaks();
