/**
 * `npm run reloads -- [--quick] [--reloads N] [--seed N] [--json FILE] [--logs DIR]`: a real sidecar under 20,000 records/s whose transform is
 * changed again and again, well and badly; then every record is accounted for. Exit code 1 when a promise was broken.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { startCluster } from '../../testcontainers.config.ts';
import { ClusterUnavailable } from '../cluster/cluster.ts';
import { LoadUnavailable } from './arrivals.ts';
import { PER_SECOND, QUICK, runReloads, type ReloadOptions, type ReloadReport } from './reload-run.ts';

const USAGE = `usage: npm run reloads -- [options]
  --quick        once through all kinds; the latency is told and not judged
  --reloads N    at least so many, in whole rounds of all kinds (200)
  --seed N       of the order they come in (${QUICK.seed})
  --logs DIR     write the sidecar's log there when something is wrong
  --json FILE    write the rows {"name", "value", "unit"}`;

const RELOADS = 200;
/** Compilers, caches and pools of the broker and the sidecar are filled by then: what grows afterwards grows with the reloads. */
const WARM_UP_S = 60;
const P99_RATIO_MAX = 3;
const RATE_SHARE_MIN = 0.97;
/** After so many the memory is what it is to be. */
const RSS_FIRST = 20;
const RSS_LAST = 200;
/** Readings whose median is compared: one alone is where the collector happens to be. */
const RSS_READINGS = 10;
const RSS_RATIO_MAX = 1.1;
const VIOLATIONS_SHOWN = 20;

interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

interface Plan extends ReloadOptions {
  readonly quick: boolean;
  readonly json: string | undefined;
}

function parse(argv: readonly string[]): Plan {
  const text = { type: 'string' } as const;
  const options = { reloads: text, seed: text, json: text, logs: text, quick: { type: 'boolean' } } as const;
  const { values } = parseArgs({ args: [...argv], options });
  const quick = values.quick === true;
  const { json, logs } = values;
  const seed = countOf('--seed', values.seed ?? String(QUICK.seed));
  const long = { reloads: RELOADS, warmUpRecords: WARM_UP_S * PER_SECOND, recordsBetween: PER_SECOND };
  const size = { ...QUICK, ...(quick ? {} : long), seed };
  if (values.reloads === undefined) return { ...size, quick, json, logs };
  return { ...size, reloads: countOf('--reloads', values.reloads), quick, json, logs };
}

function countOf(option: string, text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new Error(`${option} ${text} is not a number from 1 on`);
  return Number(text);
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** @returns whether every promise was kept */
async function run(plan: Plan): Promise<boolean> {
  const cluster = await startCluster();
  try {
    say(`on ${cluster.provider}, ${plan.perSecond} records/s, seed ${plan.seed}`);
    const report = await runReloads(cluster.bootstrap, { ...plan, progress: say });
    const rows = rowsOf(report);
    for (const { name, value, unit } of rows) say(`${name.padEnd(28)}${String(value).padStart(12)} ${unit}`);
    if (plan.json !== undefined) writeFileSync(plan.json, `${JSON.stringify(rows, null, 2)}\n`);
    const broken = [...report.violations, ...(plan.quick ? [] : missed(rows))];
    for (const violation of broken.slice(0, VIOLATIONS_SHOWN)) say(`BROKEN: ${violation}`);
    if (broken.length > VIOLATIONS_SHOWN) say(`and ${broken.length - VIOLATIONS_SHOWN} more`);
    say(broken.length === 0 ? 'every promise was kept' : `${broken.length} promises were broken`);
    return broken.length === 0;
  } finally {
    await cluster.stop();
  }
}

function rowsOf(report: ReloadReport): Row[] {
  const { p99, rssMb: rss, reloads } = report;
  const row = (name: string, value: number, unit: string): Row => ({
    ...{ name: `reload.${name}`, value: Number(value.toFixed(3)), unit },
  });
  const growth =
    reloads.length < RSS_LAST
      ? []
      : [row('rss_growth_ratio', medianAfter(rss, RSS_LAST) / medianAfter(rss, RSS_FIRST), 'ratio')];
  return [
    row('count', reloads.length, 'reloads'),
    row('switches', reloads.filter(({ switched }) => switched).length, 'reloads'),
    row('records', report.records, 'records'),
    row('rate', report.perSecond, 'records/s'),
    ...[row('lost', report.lost, 'records'), row('duplicated', report.duplicated, 'records')],
    row('out_of_order', report.outOfOrder, 'records'),
    row('rebalances', report.rebalances, 'rebalances'),
    ...[row('p99_steady_ms', p99.steadyMs, 'ms'), row('p99_switch_ms', p99.switchMs, 'ms')],
    row('p99_change_ms', p99.changeMs, 'ms'),
    row('p99_ratio', p99.switchMs / p99.steadyMs, 'ratio'),
    row('noticed_ms_max', report.noticedMsMax, 'ms'),
    ...growth,
  ];
}

/** The median of the readings after the n-th reload: of those that follow, or, at the end, of the last. */
function medianAfter(rss: readonly number[], n: number): number {
  const from = Math.min(n, rss.length - RSS_READINGS);
  const sorted = rss.slice(from, from + RSS_READINGS).toSorted((a, b) => a - b);
  return sorted[RSS_READINGS >> 1] ?? NaN;
}

function missed(rows: readonly Row[]): string[] {
  const value = (name: string): number | undefined => rows.find((row) => row.name === `reload.${name}`)?.value;
  const [ratio = NaN, rate = NaN, growth = 1] = [value('p99_ratio'), value('rate'), value('rss_growth_ratio')];
  return [
    ...(ratio < P99_RATIO_MAX ? [] : [`p99 around a switch is ${ratio} times that of the steady state`]),
    ...(rate >= RATE_SHARE_MIN * PER_SECOND ? [] : [`only ${rate} records/s: this machine is too busy to judge by`]),
    ...(growth <= RSS_RATIO_MAX ? [] : [`memory after ${RSS_LAST} reloads is ${growth} times that after ${RSS_FIRST}`]),
  ];
}

let plan: Plan;
try {
  plan = parse(process.argv.slice(2));
} catch (thrown) {
  process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n${USAGE}\n`);
  process.exit(2);
}
try {
  process.exit((await run(plan)) ? 0 : 1);
} catch (thrown) {
  if (!(thrown instanceof ClusterUnavailable || thrown instanceof LoadUnavailable)) throw thrown;
  process.stderr.write(`it cannot be tried here: ${thrown.message}\n`);
  process.exit(3);
}
