import assert from 'node:assert/strict';
import { suite, test, type TestContext } from 'node:test';
import { systemClock, type Clock } from '../base/clock.ts';
import type { GuestSource } from './batch-runner.ts';
import { BufferPool } from './buffer-pool.ts';
import { executorContract } from './executor.contract.ts';
import { batchOf, fixtureSource, gist, outcomes } from './testing/fixture.ts';
import { poolLimits, ThreadedExecutor, type PoolLimits } from './threaded-executor.ts';

function open(
  t: TestContext,
  source: GuestSource,
  changes: Partial<PoolLimits> = {},
  clock: Clock = systemClock,
): ThreadedExecutor {
  const limits = { ...poolLimits(source, 1), ...changes };
  const executor = new ThreadedExecutor(source, limits, clock, () => undefined);
  // A test that fails must not leave a spinning thread behind.
  t.after(() => executor.close());
  return executor;
}

executorContract('threads', (source, onLog) => {
  return new ThreadedExecutor(source, poolLimits(source, 1), systemClock, ({ lines }) => onLog(lines));
});

/** Time that passes when told to. */
class ManualClock implements Clock {
  #nowMs = 0;
  #timers: { readonly atMs: number; readonly callback: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }
  wallMs(): number {
    return this.#nowMs;
  }
  after(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }
  /** Time passes at once: what is due is called, late, and what that schedules waits its turn. */
  jump(byMs: number): void {
    this.#nowMs += byMs;
    const due = this.#timers.filter(({ atMs }) => atMs <= this.#nowMs);
    this.#timers = this.#timers.filter((timer) => !due.includes(timer));
    for (const { callback } of due) callback();
  }
  advance(byMs: number): void {
    const endMs = this.#nowMs + byMs;
    for (;;) {
      const next = this.#timers.filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.callback();
    }
    this.#nowMs = endMs;
  }
}

const unmetered = (): GuestSource => fixtureSource({}, 'chameleon', false);

void suite('threaded executor', () => {
  // 100 reloads under load left 250 MB behind, which no collector felt.
  void test('a version writes its results to the buffers of the one before', async (t) => {
    const source = fixtureSource();
    const buffers = new BufferPool(64 * 1024);
    for (let version = 1; version <= 3; version += 1) {
      const executor = new ThreadedExecutor(source, poolLimits(source, 1), systemClock, () => undefined, buffers);
      t.after(() => executor.close());
      await executor.start();
      const result = await executor.execute(batchOf(['{"id":1}']));
      // Another object each time it has been in a thread, of the same memory.
      const bytes = new Uint8Array(result.buffer);
      assert.equal(bytes.at(-1), version - 1);
      bytes[bytes.length - 1] = version;
      const closed = executor.close();
      // The cluster acknowledges when it does.
      executor.release(result);
      await closed;
    }
  });

  void test('a spin that fuel does not see is condemned by the wall clock; its neighbours in the batch complete', async (t) => {
    const executor = open(t, unmetered(), { wallClockMs: 150 });
    await executor.start();
    const [first, second] = await Promise.all([
      executor.execute(batchOf(['map a', 'c', 's', 'c', 'map b'])),
      executor.execute(batchOf(['map c'])),
    ]);
    assert.deepEqual(gist(first), ['MAP A', '2', 'guest.timeout', '3', 'MAP B']);
    assert.match(outcomes(first)[2]?.message ?? '', /no progress for 150 ms/);
    assert.deepEqual(gist(second), ['MAP C']);
    const { threadRestarts, instances } = executor.stats();
    assert.deepEqual([threadRestarts, instances], [1, { starting: 0, idle: 1, busy: 0 }]);
    await executor.close();
    assert.equal(executor.stats().stuckThreads, 0);
  });

  void test('several spins in one batch are condemned one by one', async (t) => {
    const executor = open(t, unmetered(), { wallClockMs: 100 });
    await executor.start();
    assert.deepEqual(gist(await executor.execute(batchOf(['s', 'map', 's']))), [
      'guest.timeout',
      'MAP',
      'guest.timeout',
    ]);
    await executor.close();
  });

  void test('too many stuck threads fail the executor', async (t) => {
    const executor = open(t, unmetered(), { wallClockMs: 100, stuckThreadsMax: 1 });
    await executor.start();
    const waiting = executor.execute(batchOf(['map']));
    await waiting;
    const both = [executor.execute(batchOf(['s', 's'])), executor.execute(batchOf(['map']))];
    for (const outcome of await Promise.allSettled(both)) {
      assert.equal(outcome.status === 'rejected' && (outcome.reason as { code: string }).code, 'guest.stuck');
    }
    await assert.rejects(executor.execute(batchOf(['map'])), { code: 'guest.stuck' });
    await executor.close();
  });

  void test('a late look at the clock condemns nobody', async (t) => {
    const clock = new ManualClock();
    const executor = open(t, unmetered(), { wallClockMs: 200 }, clock);
    await executor.start();
    const work = executor.execute(batchOf(['s']));
    // As if the process had been stopped for an hour, twice: 100 ms count for each, 50 for the first look at the record.
    clock.jump(3_600_000);
    clock.jump(3_600_000);
    assert.equal(executor.stats().threadRestarts, 0);
    // But standing still is seen: from when the thread is at the record, five looks later.
    while (executor.stats().threadRestarts === 0) {
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(50);
    }
    const settled = Promise.allSettled([work]);
    await executor.close();
    await settled;
  });

  void test('a thread that dies by itself costs the record it was at', async (t) => {
    // 1,000 lines of 200 kB are more than a guest thread's JavaScript heap holds.
    const source = fixtureSource({ limits: { logLinesPerSecond: 100_000, logLineBytesMax: 1_000_000 } });
    // Dying of memory may take long on a busy machine: the wall clock is not to be first.
    const executor = open(t, source, { wallClockMs: 60_000 });
    await executor.start();
    const result = await executor.execute(batchOf(['map', `O${'x'.repeat(200_000)}`, 'c']));
    assert.deepEqual(gist(result), ['MAP', 'guest.trap', '2']);
    assert.match(outcomes(result)[1]?.message ?? '', /memory/);
    assert.equal(executor.stats().threadRestarts, 1);
    assert.equal(executor.stats().stuckThreads, 0);
    await executor.close();
  });

  void test('too many threads that die fail the executor: it does not make new ones for ever', async (t) => {
    const source = fixtureSource({ limits: { logLinesPerSecond: 100_000, logLineBytesMax: 1_000_000 } });
    const executor = open(t, source, { wallClockMs: 60_000, stuckThreadsMax: 1 });
    await executor.start();
    const deadly = `O${'x'.repeat(200_000)}`;
    assert.deepEqual(gist(await executor.execute(batchOf([deadly, 'map']))), ['guest.trap', 'MAP']);
    await assert.rejects(executor.execute(batchOf([deadly])), { code: 'guest.stuck', message: /died.*memory/ });
    await executor.close();
    assert.equal(executor.stats().stuckThreads, 0);
  });

  void test('grows while work waits, up to its instances, and gives extra threads up when idle', async (t) => {
    const clock = new ManualClock();
    const executor = open(t, fixtureSource({ timeoutMs: 1000 }), { instances: 3, idleInstanceMs: 30_000 }, clock);
    assert.equal(executor.parallelism, 4);
    await executor.start();
    const total = (): number => {
      const { starting, idle, busy } = executor.stats().instances;
      return starting + idle + busy;
    };
    assert.equal(total(), 1, 'one is warm, no more before there is work');
    let largest = 0;
    while (largest < 3) {
      await Promise.all(Array.from({ length: 8 }, () => executor.execute(batchOf(Array(2000).fill('map')))));
      largest = executor.stats().instances.idle;
    }
    const results = await Promise.all(
      Array.from({ length: 40 }, (_, i) => executor.execute(batchOf([`m${String(i)}`]))),
    );
    assert.deepEqual(
      results.map(gist),
      Array.from({ length: 40 }, (_, i) => [`M${String(i)}`]),
    );
    assert.equal(total(), 3);
    clock.advance(29_000);
    assert.equal(total(), 3);
    clock.advance(32_000);
    assert.equal(total(), 1);
    assert.deepEqual(gist(await executor.execute(batchOf(['map']))), ['MAP']);
    await executor.close();
  });

  void test('where no record comes the thread goes, and is made anew for the first one; from then on its guest keeps its memory', async (t) => {
    const clock = new ManualClock();
    const executor = open(t, fixtureSource(), { idleInstanceMs: 30_000 }, clock);
    await executor.start();
    const threads = (): number => {
      const { starting, idle, busy } = executor.stats().instances;
      return starting + idle + busy;
    };
    clock.advance(29_000);
    assert.equal(threads(), 1);
    clock.advance(2_000);
    assert.equal(threads(), 0);
    // c counts the records an instance has seen.
    assert.deepEqual(gist(await executor.execute(batchOf(['c', 'c']))), ['1', '2']);
    clock.advance(3_600_000);
    assert.equal(threads(), 1);
    assert.deepEqual(gist(await executor.execute(batchOf(['c']))), ['3']);
    const { threadRestarts, instanceRestarts, stuckThreads } = executor.stats();
    assert.deepEqual([threadRestarts, instanceRestarts, stuckThreads], [0, 0, 0], 'nothing of that is trouble');
    await executor.close();
  });

  void test('closing while busy rejects what is under way and ends the thread', async (t) => {
    const executor = open(t, unmetered());
    await executor.start();
    const work = executor.execute(batchOf(['s']));
    const behind = executor.execute(batchOf(['map']));
    const waiting = executor.execute(batchOf(['map']));
    const settled = Promise.allSettled([work, behind, waiting]);
    await executor.close();
    for (const outcome of await settled) {
      assert.equal(outcome.status === 'rejected' && (outcome.reason as { code: string }).code, 'guest.closed');
    }
    const { instances, stuckThreads } = executor.stats();
    assert.deepEqual([instances, stuckThreads], [{ starting: 0, idle: 0, busy: 0 }, 0]);
  });

  void test('an init that stands still fails the start', async (t) => {
    const source = fixtureSource({ configJson: '{"x":"spin"}' }, 'chameleon', false);
    const executor = open(t, source, { initWallClockMs: 150 });
    await assert.rejects(executor.start(), { code: 'guest.init_failed' });
    await executor.close();
  });

  void test('a hundred open and close cycles leave no thread behind', async (t) => {
    const source = fixtureSource();
    const before = process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length;
    for (let i = 0; i < 100; i += 1) {
      const executor = open(t, source);
      if (i % 10 !== 0) void executor.start().catch(() => undefined);
      else {
        await executor.start();
        await executor.execute(batchOf(['map']));
      }
      await executor.close();
    }
    assert.equal(process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length, before);
  });
});
