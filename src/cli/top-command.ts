import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import type { CliContext, Session } from './cli-context.ts';
import { CommandError, usageError } from './command-error.ts';
import { durationFlag } from './global-options.ts';
import { withExample } from './help-example.ts';
import { formatDuration } from './duration.ts';
import { microseconds, short } from './quantity.ts';
import type { Expanded, Metrics } from '../api/rest-shapes.ts';
import { restPath } from './sidecar-client.ts';
import { styledState, waitingText } from './state-style.ts';
import { table } from './table.ts';
import { ratesBetween, type Rates, type Sample } from './top-rates.ts';
import { TopScreen } from './top-screen.ts';

interface TopFlags {
  readonly interval: number;
  readonly once?: true;
  readonly iterations?: number;
}

/** `transforms top`: what each transform does right now. */
export function addTopCommand(parent: Command, context: CliContext): Command {
  const command = parent
    .command('top')
    .description('live table: records in and out, filtered, dead-lettered, latency, lag, fuel; q ends it')
    .option('--interval <duration>', 'between two looks', durationFlag('--interval'), 2000)
    .option('--once', 'one table, after one interval')
    .option('-n, --iterations <n>', 'so many tables', parseIterations)
    .action(context.action(top));
  return withExample(command, 'transforms top', 'transforms top --once --interval 5s', 'transforms top --json -n 10');
}

function parseIterations(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw usageError(`--iterations cannot be ${text}`, 'Write a number from 1.');
}

async function top(session: Session, flags: TopFlags): Promise<void> {
  const { client, terminal } = session;
  const quit = new AbortController();
  const signal = AbortSignal.any([session.interrupt(), quit.signal]);
  // Before the screen is taken: what goes wrong at once is told where it can be read.
  let before = await look(client);
  const screen = new TopScreen(terminal, () => quit.abort());
  try {
    const most = flags.once === true ? 1 : (flags.iterations ?? Infinity);
    for (let shown = 0; shown < most; shown += 1) {
      if (!(await waited(flags.interval, signal))) return;
      const after = await look(client);
      const rates = ratesBetween(before, after);
      if (terminal.json) terminal.line(JSON.stringify({ time: new Date().toISOString(), transforms: rates }));
      else screen.show(topLines(session, rates, flags.interval));
      before = after;
    }
  } finally {
    screen.close();
  }
}

/** False: it was told to end. */
async function waited(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await delay(ms, undefined, { signal });
    return true;
  } catch {
    return false;
  }
}

async function look(client: Session['client']): Promise<Sample> {
  const expanded = await client.get<Expanded>('/transforms?expand=status');
  const found = await Promise.all(
    Object.entries(expanded).map(async ([name, { status }]) => {
      if (status === undefined) return undefined;
      try {
        return [name, { status, metrics: await client.get<Metrics>(restPath('transforms', name, 'metrics')) }] as const;
      } catch (thrown) {
        // Undeployed between the two requests.
        if (thrown instanceof CommandError && thrown.code === 'transform.not_found') return undefined;
        throw thrown;
      }
    }),
  );
  return { atMs: performance.now(), transforms: new Map(found.filter((entry) => entry !== undefined)) };
}

function topLines({ terminal, client }: Session, rates: readonly Rates[], intervalMs: number): string[] {
  const head = terminal.isTerminal
    ? [terminal.style('dim', `${client.url}  every ${formatDuration(intervalMs)}  q ends`), '']
    : [];
  if (rates.length === 0) return [...head, 'There are no transforms.'];
  const headings = ['NAME', 'STATE', 'IN/S', 'OUT/S', 'FILTERED/S', 'DEAD/S', 'P50', 'P99', 'LAG', 'FUEL/S'];
  const rows = rates.map((one) => [
    one.name,
    styledState(terminal, one.state) + waitingText(terminal, one.waiting),
    short(one.in_per_s),
    short(one.out_per_s),
    short(one.filtered_per_s),
    one.dead_lettered_per_s > 0 ? terminal.style('red', short(one.dead_lettered_per_s)) : short(0),
    microseconds(one.p50_us),
    microseconds(one.p99_us),
    one.lag,
    short(one.fuel_per_s),
  ]);
  return [...head, ...table(headings, rows)];
}
