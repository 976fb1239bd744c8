import { writeFileSync } from 'node:fs';

/** One figure, as `--json` writes it. */
export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

interface Goal {
  readonly name: string;
  readonly want: 'at_least' | 'at_most';
  readonly value: number;
}

const goal = (name: string, want: Goal['want'], value: number): Goal => ({ name, want, value });

/** What the figures are to reach; the others only inform. */
const GOALS: readonly Goal[] = [
  goal('engine.pass_through.per_s', 'at_least', 1_000_000),
  goal('engine.pass_through.p99_us', 'at_most', 5),
  goal('engine.mask.per_s', 'at_least', 200_000),
  goal('engine.mask.p99_us', 'at_most', 50),
  goal('engine.json_transform.per_s', 'at_least', 50_000),
  goal('engine.json_transform.p99_us', 'at_most', 200),
  goal('engine.enrich.per_s', 'at_least', 10_000),
  goal('engine.enrich.p99_us', 'at_most', 1000),
  goal('engine.metering_overhead_ratio', 'at_most', 0.35),
  goal('engine.spin_stopped_ms', 'at_most', 20),
  goal('engine.neighbour_ratio', 'at_least', 0.9),
  goal('engine.two_threads_ratio', 'at_least', 1.6),
  goal('metrics.scrape_50x12', 'at_most', 50),
  goal('metrics.scrape_50x12.event_loop_wait', 'at_most', 20),
  goal('e2e.pass_through.to_bare_loop', 'at_least', 0.8),
  goal('e2e.mask.to_bare_loop', 'at_least', 0.7),
  goal('e2e.p99_ms_at_5k', 'at_most', 25),
  goal('e2e.rss_mb', 'at_most', 350),
  goal('trace.sampled_1pct.to_off', 'at_least', 0.97),
  goal('trace.sampled_1pct.cpu_to_off', 'at_most', 1.03),
  goal('bridge.pass_through.to_bare_loop', 'at_least', 4),
  goal('bridge.pass_through.to_connect_copy', 'at_least', 1.3),
  goal('bridge.pass_through.to_c_loop', 'at_least', 0.5),
  goal('bridge.pass_through.cpu_s_per_million', 'at_most', 2.5),
  goal('bridge.pass_through.cpu_to_connect_copy', 'at_most', 1),
  goal('bridge.mask.to_connect_mask', 'at_least', 1.5),
  goal('bridge.mask.cpu_s_per_million', 'at_most', 3),
  goal('bridge.mask.cpu_to_connect_mask', 'at_most', 0.5),
  goal('bridge.exactly_once.to_pass_through', 'at_least', 0.85),
  goal('bridge.scraped.to_alone', 'at_least', 0.97),
  goal('bridge.p99_ms_at_5k', 'at_most', 12),
  goal('bridge.p999_ms_at_5k', 'at_most', 25),
  goal('bridge.event_loop_p99_ms', 'at_most', 20),
  goal('bridge.rss_mb', 'at_most', 300),
];

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Three significant digits, large numbers without a point. */
export function shown(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}

function verdict(row: Row): string {
  const wanted = GOALS.find(({ name }) => name === row.name);
  if (wanted === undefined) return '';
  const reached = wanted.want === 'at_least' ? row.value >= wanted.value : row.value <= wanted.value;
  return `${reached ? 'reached' : 'MISSED '}  ${wanted.want === 'at_least' ? '≥' : '≤'} ${shown(wanted.value)}`;
}

export function printTable(rows: readonly Row[]): void {
  const width = Math.max(...rows.map(({ name }) => name.length));
  say('');
  for (const row of rows) {
    say(`${row.name.padEnd(width)}  ${shown(row.value).padStart(12)} ${row.unit.padEnd(16)}${verdict(row)}`.trimEnd());
  }
}

export function writeRows(file: string, rows: readonly Row[]): void {
  writeFileSync(file, `${JSON.stringify(rows, null, 2)}\n`);
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/** The value below which `share` (0–1) of the values lie. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}
