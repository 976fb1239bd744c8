import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  METRIC_LABELS,
  PROCESS_METRICS,
  SIDECAR_METRICS,
  TRANSFORM_METRICS,
  type MetricDefinition,
} from '../src/observe/metric-names.ts';

export const METRICS_PAGE = join(import.meta.dirname, '../docs/metrics.md');

const code = (text: string): string => `\`${text}\``;

function metricRows(metrics: Readonly<Record<string, MetricDefinition>>, implied: readonly string[]): string[] {
  const row = ({ name, type, labels, help }: MetricDefinition): string => {
    const own = labels.filter((label) => !implied.includes(label));
    return `| ${code(name)} | ${type} | ${own.map(code).join(', ')} | ${help} |`;
  };
  return ['| name | type | labels | |', '|---|---|---|---|', ...Object.values(metrics).map(row)];
}

/** What stands between `<!-- KEY -->` and `<!-- end of KEY -->`. */
const TABLES: Readonly<Record<string, () => readonly string[]>> = {
  transforms: () => metricRows(TRANSFORM_METRICS, ['transform']),
  sidecar: () => metricRows(SIDECAR_METRICS, []),
  labels: () => {
    const rows = Object.entries(METRIC_LABELS).map(([label, meaning]) => `| ${code(label)} | ${meaning} |`);
    return ['| label | |', '|---|---|', ...rows];
  },
  process: () => PROCESS_METRICS.map((name) => `- ${code(name)}`),
};

/** The page with its tables as they are to be by src/observe/metric-names.ts. */
export function withTables(page: string): string {
  return Object.entries(TABLES).reduce((text, [key, table]) => {
    const [begin, end] = [`<!-- ${key} -->\n`, `<!-- end of ${key} -->`];
    const [from, to] = [text.indexOf(begin), text.indexOf(end)];
    if (from < 0 || to < from) throw new Error(`docs/metrics.md has no place for its table of ${key}`);
    return `${text.slice(0, from + begin.length)}${table().join('\n')}\n${text.slice(to)}`;
  }, page);
}

// Run after a change of src/observe/metric-names.ts: node scripts/metrics-page.ts
if (import.meta.main) writeFileSync(METRICS_PAGE, withTables(readFileSync(METRICS_PAGE, 'utf8')));
