import { METRICS, PROCESS_METRICS } from '../src/observe/metric-names.ts';
import { STATE_WORDS } from './dashboards/states.ts';
import { parsePromql, type Selector } from './promql.ts';

/** Labels that Prometheus gives what it scrapes. */
const SCRAPE_LABELS = ['instance', 'job'];
/** What Prometheus makes itself. */
const PROMETHEUS_METRICS: Readonly<Record<string, readonly string[]>> = {
  up: [],
  ALERTS: ['alertname', 'alertstate', 'severity'],
};
/** Of prom-client's. */
const PROCESS_LABELS: Readonly<Record<string, readonly string[]>> = { nodejs_gc_duration_seconds: ['kind'] };
/** Labels whose values are words of ours: those that the help of the metric lists, or the states. */
const OF_OUR_WORDS = ['outcome', 'step', 'event', 'result', 'for', 'state'];
const STATES = Object.values(STATE_WORDS).map(([state]) => state);
const OF_COUNTERS = ['rate', 'increase', 'irate', 'resets'];

interface Series {
  readonly labels: readonly string[];
  readonly type: 'counter' | 'gauge';
  readonly help?: string;
}

/** Every name that a query may ask for. */
const KNOWN: ReadonlyMap<string, Series> = new Map([
  ...Object.values(METRICS).flatMap(({ name, type, labels, help }) =>
    type === 'histogram' ? histogram(name, labels, help) : [[name, { type, labels, help }] as const],
  ),
  ...PROCESS_METRICS.flatMap((name) =>
    name === 'nodejs_gc_duration_seconds'
      ? histogram(name, PROCESS_LABELS[name] ?? [])
      : [[name, { type: name.endsWith('_total') ? 'counter' : 'gauge', labels: PROCESS_LABELS[name] ?? [] }] as const],
  ),
  ...Object.entries(PROMETHEUS_METRICS).map(([name, labels]) => [name, { type: 'gauge', labels }] as const),
]);

function histogram(name: string, labels: readonly string[], help = ''): (readonly [string, Series])[] {
  return [
    [`${name}_bucket`, { type: 'counter', labels: [...labels, 'le'], help }],
    [`${name}_sum`, { type: 'counter', labels, help }],
    [`${name}_count`, { type: 'counter', labels, help }],
  ];
}

/** What a query asks for that no sidecar exports; throws where it is no PromQL. */
export function unknownIn(query: string): string[] {
  const { selectors, groupings } = parsePromql(query);
  const labels = new Set([...SCRAPE_LABELS, ...selectors.flatMap(({ metric }) => KNOWN.get(metric)?.labels ?? [])]);
  return [
    ...selectors.flatMap(unknownOf),
    ...groupings.filter((label) => !labels.has(label)).map((label) => `nothing in it has the label ${label}`),
    ...(selectors.length === 0 ? ['it asks for no metric'] : []),
  ];
}

function unknownOf({ metric, matchers, rangeFunction }: Selector): string[] {
  const series = KNOWN.get(metric);
  if (series === undefined) return [`no metric is named ${metric === '' ? 'nothing' : metric}`];
  const labels = [...SCRAPE_LABELS, ...series.labels];
  const wrong = matchers
    .filter(({ label }) => !labels.includes(label))
    .map(({ label }) => `${metric} has no label ${label}`);
  for (const { label, value, isPattern } of matchers) {
    if (!OF_OUR_WORDS.includes(label)) continue;
    for (const word of isPattern ? value.split('|') : [value]) {
      const isKnown =
        new RegExp(`\\b${word}\\b`).test(series.help ?? '') || (label === 'state' && STATES.includes(word));
      if (!isKnown) wrong.push(`${label} of ${metric} is never ${word}`);
    }
  }
  if (rangeFunction !== undefined && OF_COUNTERS.includes(rangeFunction) && series.type !== 'counter')
    wrong.push(`${rangeFunction} of ${metric}, which is no counter`);
  return wrong;
}
