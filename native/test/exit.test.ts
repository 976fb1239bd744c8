import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { ACTIVITY_NAMES, type Activity, type Place } from './activities.ts';
import { addonTest } from './addon.ts';
import { random, seedOf, startPlace } from './place.ts';

const ENDINGS: Readonly<Record<string, number | string>> = {
  exit: 0,
  'uncaught exception': 1,
  SIGTERM: 'SIGTERM',
  'SIGTERM, handled': 0,
};
const ROUNDS = Number(process.env['STREAMLINE_NATIVE_ROUNDS'] ?? 1);
const AT_ONCE = 3;
const EXIT_MS_MAX = 5000;
/** A child that starts on a busy machine is none that hangs. */
const START_MS_MAX = 60_000;

addonTest('a process ends in time and without a crash, whatever the addon is doing', 20 * 60_000, async (addon, t) => {
  const place = await startPlace(addon, t);
  const next = random(seedOf(t));
  const cases = Array.from({ length: ROUNDS }).flatMap(() =>
    ACTIVITY_NAMES.flatMap((activity) =>
      Object.keys(ENDINGS).map((ending) => ({ activity, ending, delayMs: Math.floor(next() * 200) })),
    ),
  );
  const lane = async (): Promise<void> => {
    for (let one = cases.pop(); one !== undefined; one = cases.pop()) {
      const { activity, ending, delayMs } = one;
      const { exit, ms, output } = await run(activity, ending, delayMs, place);
      const what = `${activity}, ${ending} after ${delayMs} ms`;
      assert.equal(exit, ENDINGS[ending], `${what}:\n${output}`);
      assert.ok(ms <= EXIT_MS_MAX, `${what}: took ${Math.round(ms)} ms`);
      t.diagnostic(`${what}: ${Math.round(ms)} ms`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
});

interface End {
  readonly exit: number | string | null;
  readonly ms: number;
  readonly output: string;
}

function run(activity: Activity, ending: string, delayMs: number, place: Place): Promise<End> {
  const script = join(import.meta.dirname, 'exit-child.ts');
  const child = spawn(process.execPath, [script, activity, ending, String(delayMs), place.bootstrap, place.silent], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let endsAt = Infinity;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (!text.includes('ends')) return;
    endsAt = performance.now();
    clearTimeout(timer);
    timer = setTimeout(() => child.kill('SIGKILL'), 3 * EXIT_MS_MAX);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  let timer = setTimeout(() => child.kill('SIGKILL'), START_MS_MAX);
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ exit: signal ?? code, ms: performance.now() - endsAt, output });
    });
  });
}
