import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep, systemClock, within, type Clock } from './clock.ts';

/** Time stands still until told. */
class StillClock implements Clock {
  readonly timers = new Map<() => void, number>();
  nowMs(): number {
    return 0;
  }
  wallMs(): number {
    return 0;
  }
  after(delayMs: number, callback: () => void): () => void {
    this.timers.set(callback, delayMs);
    return () => void this.timers.delete(callback);
  }
  fire(): void {
    for (const callback of [...this.timers.keys()]) {
      this.timers.delete(callback);
      callback();
    }
  }
}

void test('within: in time, and the timer is cancelled', async () => {
  const clock = new StillClock();
  assert.equal(await within(clock, 100, Promise.resolve('x')), true);
  assert.equal(clock.timers.size, 0);
});

void test('within: not in time, and a rejection that comes later harms nobody', async () => {
  const clock = new StillClock();
  const late = Promise.withResolvers<void>();
  const waiting = within(clock, 100, late.promise);
  assert.deepEqual([...clock.timers.values()], [100]);
  clock.fire();
  assert.equal(await waiting, false);
  late.reject(new Error('later'));
  await new Promise((resolve) => setImmediate(resolve));
});

void test('within: a rejection in time passes through, and the timer is cancelled', async () => {
  const clock = new StillClock();
  await assert.rejects(within(clock, 100, Promise.reject(new Error('at once'))), /at once/);
  assert.equal(clock.timers.size, 0);
});

void test('sleep waits for the clock', async () => {
  const clock = new StillClock();
  let slept = false;
  const sleeping = sleep(clock, 5).then(() => (slept = true));
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(slept, false);
  clock.fire();
  await sleeping;
});

void test('the system clock moves on, calls back, and does not once cancelled', async () => {
  const before = systemClock.nowMs();
  let cancelled = false;
  const cancel = systemClock.after(0, () => (cancelled = true));
  cancel();
  await sleep(systemClock, 1);
  assert.equal(cancelled, false);
  assert.ok(systemClock.nowMs() > before);
  assert.ok(systemClock.wallMs() > 1.7e12);
});
