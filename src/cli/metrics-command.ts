import type { Command } from 'commander';
import type { CliContext, Session } from './cli-context.ts';
import { formatDuration } from './duration.ts';
import { withExample } from './help-example.ts';
import { bytes, count, microseconds } from './quantity.ts';
import type { Metrics } from '../api/rest-shapes.ts';
import { restPath } from './sidecar-client.ts';
import { fields, table } from './table.ts';
import { named } from './transform-name.ts';

/** `transforms metrics NAME`: what became of the records, and how long it took, since the sidecar started. */
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
  const { records, lag } = metrics;
  const processed = records.output + records.filtered + records.dead_lettered + records.skipped;
  const ago =
    metrics.last_commit === undefined ? 'never' : `${formatDuration(nowMs - Date.parse(metrics.last_commit))} ago`;
  const errors = Object.entries(metrics.errors).toSorted(([, a], [, b]) => b - a);
  const codes = errors.map(([code, attempts]) => [code, attempts, metrics.dead_letters[code] ?? 0]);
  return [
    ...fields([
      ['received', count(records.received)],
      ['processed', count(processed)],
      ['output', count(records.output)],
      ['filtered', count(records.filtered)],
      ['dead-lettered', count(records.dead_lettered)],
      ['skipped', count(records.skipped)],
      ['returned', records.returned === 0 ? undefined : `${count(records.returned)} (read again after a rebalance)`],
      ['in flight', `${count(records.in_flight)} (${bytes(metrics.in_flight_bytes)})`],
      ['unaccounted', records.unaccounted === 0 ? undefined : count(records.unaccounted)],
      ['errors', count(errors.reduce((sum, [, attempts]) => sum + attempts, 0))],
      ['retries', count(metrics.retries)],
      ['latency', latencyText(metrics.latency_us)],
      ['end to end', latencyText(metrics.end_to_end_us)],
      ['bytes', `${bytes(metrics.input_bytes)} in, ${bytes(metrics.output_bytes)} out`],
      ['fuel', count(metrics.fuel_units)],
      ['instances', `${metrics.instances.busy} busy, ${metrics.instances.idle} idle`],
      ['instance restarts', count(metrics.instance_restarts)],
      ['stuck threads', metrics.stuck_threads === 0 ? undefined : count(metrics.stuck_threads)],
      ['log lines dropped', metrics.log_lines_dropped === 0 ? undefined : count(metrics.log_lines_dropped)],
      ['lag', `${count(lag.total)}${perPartition(metrics)}`],
      ['last commit', ago],
    ]),
    ...(codes.length === 0 ? [] : ['', ...table(['ERROR', 'ATTEMPTS', 'DEAD LETTERS'], codes)]),
  ];
}

function latencyText({ mean, p50, p99 }: Metrics['latency_us']): string {
  return `mean ${microseconds(mean)}, p50 ${microseconds(p50)}, p99 ${microseconds(p99)}`;
}

function perPartition({ lag }: Metrics): string {
  if (lag.partitions.length < 2) return '';
  return ` (${lag.partitions.map(({ partition, lag: behind }) => `${partition}: ${count(behind)}`).join(', ')})`;
}
