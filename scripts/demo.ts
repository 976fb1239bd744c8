import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { StreamlineError } from '../src/base/error.ts';
import { DemoError } from './demo/demo-error.ts';
import { report, reportJson } from './demo/report.ts';
import { DEMO_TRANSFORMS } from './demo/plan.ts';
import { runDemo } from './demo/run.ts';
import { Screen } from './demo/screen.ts';

const EVENTS_DEFAULT = 6000;
/** One for each transform. */
const EVENTS_MIN = DEMO_TRANSFORMS.length;
/** The embedded cluster keeps the last 5 MB of a partition. */
const EVENTS_MAX = 60_000;

const USAGE = `usage: npm run demo -- [options]

  --bootstrap HOST:PORT   run on this cluster instead of an embedded one; writes to the topics of the demo's specs
  --events N              events in all, ${String(EVENTS_MIN)}–${String(EVENTS_MAX)} (${String(EVENTS_DEFAULT)})
  --json FILE             write the result there too`;

interface Arguments {
  readonly bootstrap: string | undefined;
  readonly events: number;
  readonly json: string | undefined;
}

function readArguments(): Arguments | undefined {
  try {
    const { values } = parseArgs({
      options: {
        bootstrap: { type: 'string' },
        events: { type: 'string', default: String(EVENTS_DEFAULT) },
        json: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) {
      process.stdout.write(`${USAGE}\n`);
      process.exit(0);
    }
    const events = Number(values.events);
    if (!Number.isInteger(events) || events < EVENTS_MIN || events > EVENTS_MAX) {
      throw new DemoError(
        `--events is ${values.events}, not a whole number from ${String(EVENTS_MIN)} to ${String(EVENTS_MAX)}`,
      );
    }
    if (values.bootstrap === '') throw new DemoError('--bootstrap is empty');
    return { bootstrap: values.bootstrap, events, json: values.json };
  } catch (thrown) {
    process.stderr.write(`demo: ${messageOf(thrown)}\n\n${USAGE}\n`);
    return undefined;
  }
}

function messageOf(thrown: unknown): string {
  if (thrown instanceof StreamlineError) return thrown.describe();
  return thrown instanceof Error ? thrown.message : String(thrown);
}

async function main({ bootstrap, events, json }: Arguments): Promise<number> {
  const interrupt = new AbortController();
  let interruptedBy: 'SIGINT' | 'SIGTERM' | undefined;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // Once more: out at once, and the sidecar with us.
      if (interruptedBy !== undefined) process.exit(128 + constants.signals[signal]);
      interruptedBy = signal;
      interrupt.abort();
    });
  }
  const screen = new Screen(process.stdout);
  const run = randomBytes(4).toString('hex');
  const root = dirname(import.meta.dirname);
  try {
    screen.heading('Streamline WebAssembly transforms', `demo run ${run}`);
    const result = await runDemo({ root, run, bootstrap, events, screen, signal: interrupt.signal });
    report(screen, result);
    if (json !== undefined) writeFileSync(json, `${JSON.stringify(reportJson(run, result), null, 2)}\n`);
    return result.problems.length === 0 && result.verdict.problems.length === 0 ? 0 : 1;
  } catch (thrown) {
    process.stderr.write(`demo: ${interruptedBy === undefined ? messageOf(thrown) : 'interrupted'}\n`);
    return interruptedBy === undefined ? 1 : 128 + constants.signals[interruptedBy];
  }
}

const args = readArguments();
// The client's threads keep a process alive that has nothing left to do.
process.exit(args === undefined ? 2 : await main(args));
