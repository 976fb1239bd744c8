import type { Command } from 'commander';
import type { CliContext, Session } from './cli-context.ts';
import { formatDuration } from './duration.ts';
import { withExample } from './help-example.ts';
import { bytes, count, microseconds } from './quantity.ts';
import type { Metrics } from '../api/rest-shapes.ts';
import { restPath } from './sidecar-client.ts';
import { fields, table } from './table.ts';
import { named } from './transform-name.ts';

/** `transforms metrics NAME`: what became of the records, since the sidecar started. */
export function addMetricsCommand(parent: Command, context: CliContext): Command {
  const command = parent
    .command('metrics')
    .description('counts of records and errors, latency, fuel and lag of a transform')
    .argument('<name>', 'a transform')
    .action(
      context.action(async ({ client, terminal }: Session, name: string) => {
        const path = restPath('transforms', name, 'metrics');
        const metrics = await named(client, name, () => client.get<Metrics>(path));
        terminal.print(metrics, () => metricsLines(metrics, Date.now()));
      }),
    );
  return withExample(command, 'transforms metrics mask-pii');
}

export function metricsLines(metrics: Metrics, nowMs: number): string[] {
  const { records, latency_us: latency, lag } = metrics;
  const ago =
    metrics.last_commit === undefined ? 'never' : `${formatDuration(nowMs - Date.parse(metrics.last_commit))} ago`;
  const errors = Object.entries(metrics.errors).toSorted(([, a], [, b]) => b - a);
  return [
    ...fields([
      ['received', count(records.received)],
      ['output', count(records.output)],
      ['filtered', count(records.filtered)],
      ['dead-lettered', count(records.dead_lettered)],
      ['skipped', count(records.skipped)],
      ['returned', records.returned === 0 ? undefined : `${count(records.returned)} (read again after a rebalance)`],
      ['in flight', `${count(records.in_flight)} (${bytes(metrics.in_flight_bytes)})`],
      ['unaccounted', records.unaccounted === 0 ? undefined : count(records.unaccounted)],
      ['retries', count(metrics.retries)],
      [
        'latency',
        `mean ${microseconds(latency.mean)}, p50 ${microseconds(latency.p50)}, p99 ${microseconds(latency.p99)}`,
      ],
      ['fuel', count(metrics.fuel_units)],
      ['instances', `${metrics.instances.busy} busy, ${metrics.instances.idle} idle`],
      ['instance restarts', count(metrics.instance_restarts)],
      ['stuck threads', metrics.stuck_threads === 0 ? undefined : count(metrics.stuck_threads)],
      ['log lines dropped', metrics.log_lines_dropped === 0 ? undefined : count(metrics.log_lines_dropped)],
      ['lag', `${count(lag.total)}${perPartition(metrics)}`],
      ['last commit', ago],
    ]),
    ...(errors.length === 0 ? [] : ['', ...table(['ERROR', 'RECORDS'], errors)]),
  ];
}

function perPartition({ lag }: Metrics): string {
  if (lag.partitions.length < 2) return '';
  return ` (${lag.partitions.map(({ partition, lag: behind }) => `${partition}: ${count(behind)}`).join(', ')})`;
}
