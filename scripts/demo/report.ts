import type { Verdict } from './ledger.ts';
import type { MetricsPage } from './metrics-page.ts';
import { AVRO, DEMO_TRANSFORMS } from './plan.ts';
import { EVENT_HEADER, eventId, headerOf, type FedRecord, type ReadRecord } from './record.ts';
import type { Screen } from './screen.ts';

const PROBLEMS_SHOWN_MAX = 10;
const TEXT_CHARACTERS_MAX = 500;

export interface RunResult {
  readonly fed: readonly FedRecord[];
  /** Everything of this run that lies in a topic. */
  readonly read: readonly ReadRecord[];
  readonly verdict: Verdict;
  /** undefined when the sidecar did not answer any more. */
  readonly page: MetricsPage | undefined;
  /** What else is wrong: the metrics, the sidecar's end. */
  readonly problems: readonly string[];
}

export function report(screen: Screen, result: RunResult): void {
  counts(screen, result);
  beforeAndAfter(screen, result, 'mask-pii', 'clean-events');
  beforeAndAfter(screen, result, 'json-to-avro', AVRO.topic);
  routes(screen, result);
  deadLetter(screen, result);
  ledger(screen, result);
}

function counts(screen: Screen, { verdict, page }: RunResult): void {
  const rows = verdict.tallies.map(({ name, fed, output, deadLettered }) => [
    name,
    count(fed),
    count(output),
    count(page?.outcomes(name).filtered ?? 0),
    count(deadLettered),
    duration(page?.latencyBoundS(name, 0.5)),
    duration(page?.latencyBoundS(name, 0.99)),
  ]);
  screen.heading('Per transform', 'p50 and p99: time of one record in the guest');
  screen.table(['transform', 'in', 'out', 'filtered', 'dead-lettered', 'p50', 'p99'], rows);
}

function beforeAndAfter(screen: Screen, { fed, read }: RunResult, transform: string, output: string): void {
  const events = new Map(fed.map((event) => [eventId(event), event]));
  const after = read.find(({ topic, value }) => topic === output && value !== null);
  const before = events.get((after && headerOf(after, EVENT_HEADER)) ?? '');
  if (after === undefined || before === undefined) return;
  const input = DEMO_TRANSFORMS.find(({ name }) => name === transform)?.input ?? '';
  const decoded = output === AVRO.topic ? `, Avro shown as JSON, decoded with ${AVRO.file}` : '';
  screen.heading(`A record before and after ${transform}`, `key ${after.key ?? 'null'}${decoded}`);
  screen.pairs([
    [input, clipped(before.sample.value)],
    [output, screen.marked(clipped(after.value), '***REDACTED***')],
  ]);
}

function routes(screen: Screen, { read }: RunResult): void {
  const router = DEMO_TRANSFORMS.find(({ name }) => name === 'route-by-region');
  const topics = new Map<string, number>();
  for (const { topic } of read) {
    if (router?.writes(topic) === true || topic === router?.deadLetterTopic) {
      topics.set(topic, (topics.get(topic) ?? 0) + 1);
    }
  }
  screen.heading('Where route-by-region sent the orders');
  const rows = [...topics].toSorted(([a], [b]) => a.localeCompare(b));
  screen.pairs(rows.map(([topic, records]) => [topic, count(records)]));
}

function deadLetter(screen: Screen, { read }: RunResult): void {
  const letters = read.filter((record) => headerOf(record, 'streamline.error.code') !== undefined);
  const spin = letters.find((record) => headerOf(record, 'streamline.error.code') === 'guest.out_of_fuel');
  const letter = spin ?? letters[0];
  if (letter === undefined) return;
  const what = spin === undefined ? 'A dead letter' : 'A dead letter: this record made the guest loop for ever';
  screen.heading(what, `${letter.topic}, partition ${letter.partition}, offset ${letter.offset}`);
  screen.pairs([
    ['key', letter.key ?? 'null'],
    ['value', clipped(letter.value)],
    ...letter.headers.map(({ name, value }): [string, string] => [name, clipped(value)]),
  ]);
}

function ledger(screen: Screen, { verdict, page, problems }: RunResult): void {
  const sum = (read: (tally: Verdict['tallies'][number]) => number): number =>
    verdict.tallies.reduce((total, tally) => total + read(tally), 0);
  const fed = sum(({ fed }) => fed);
  const foreign = sum(({ foreignOutput, foreignDeadLettered }) => foreignOutput + foreignDeadLettered);
  const settled = `${count(sum(({ output }) => output))} out + ${count(sum((t) => t.deadLettered))} dead-lettered`;
  const without = (outcome: 'filtered' | 'skipped'): string =>
    count(sum(({ name }) => page?.outcomes(name)[outcome] ?? 0));
  screen.heading('Ledger');
  screen.line(`${count(fed)} in = ${settled} + ${without('filtered')} filtered + ${without('skipped')} skipped`);
  screen.line(
    `${count(verdict.lost)} lost, ${count(verdict.duplicated)} duplicated, ${count(verdict.misplaced)} in the wrong place, ` +
      `${count(verdict.altered)} altered, ${count(verdict.outOfOrder)} out of order, ${count(verdict.unmasked)} not masked`,
  );
  if (foreign > 0) screen.line(`${count(foreign)} records that an earlier run had left were done too`);
  const all = [...problems, ...verdict.problems];
  if (all.length === 0) {
    screen.good(`all ${count(fed)} records are accounted for, one by one, and /metrics says the same`);
    return;
  }
  for (const problem of all.slice(0, PROBLEMS_SHOWN_MAX)) screen.bad(problem);
  if (all.length > PROBLEMS_SHOWN_MAX) screen.bad(`and ${count(all.length - PROBLEMS_SHOWN_MAX)} more`);
}

const count = (n: number): string => n.toLocaleString('en-US');

function clipped(text: string | null): string {
  if (text === null) return 'null';
  return text.length > TEXT_CHARACTERS_MAX ? `${text.slice(0, TEXT_CHARACTERS_MAX)}…` : text;
}

function duration(seconds: number | undefined): string {
  if (seconds === undefined) return '–';
  if (seconds === Infinity) return '> 10 s';
  if (seconds >= 1) return `≤ ${String(seconds)} s`;
  if (seconds >= 1e-3) return `≤ ${String(Math.round(seconds * 1e4) / 10)} ms`;
  return `≤ ${String(Math.round(seconds * 1e6))} µs`;
}

/** The result for a program. */
export function reportJson(run: string, { verdict, page, problems }: RunResult): unknown {
  const { tallies, problems: found, ...faults } = verdict;
  return {
    run,
    ok: found.length === 0 && problems.length === 0,
    transforms: tallies.map((tally) => ({ ...tally, metrics: page?.outcomes(tally.name) })),
    faults,
    problems: [...problems, ...found],
  };
}
