import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { Board } from './board.ts';
import { STATE_WORDS, stateLevel } from './states.ts';

const OF = 'transform=~"$transform",instance=~"$instance"';

/** Is it keeping up, what is it dropping, and why: all transforms. */
export function overview(): Dashboard {
  const board = new Board({
    uid: 'streamline-overview',
    title: 'Streamline / Overview',
    description: 'Is it keeping up, what is it dropping, and why: all transforms of all sidecars.',
    transforms: 'several',
  });
  figures(board);
  board.row('Is it keeping up');
  keepingUp(board);
  board.row('What is it dropping, and why');
  dropping(board);
  return board.build();
}

function figures(board: Board): void {
  board
    .stat({
      title: 'Sidecars',
      description: 'Sidecars that answer. One that is missing: alert StreamlineSidecarDown.',
      unit: 'none',
      queries: { 'count(streamline_sidecar_info{instance=~"$instance"})': 'sidecars' },
      width: 3,
    })
    .stat({
      title: 'Not running',
      description: 'Transforms that are FAILED, RESTARTING or not up yet on some sidecar: the table below says which.',
      unit: 'none',
      queries: {
        [`count(max by (transform) (streamline_transform_state{state=~"FAILED|RESTARTING|UNASSIGNED",${OF}})) or vector(0)`]:
          'transforms',
      },
      width: 3,
      alarmFrom: 1,
    })
    .stat({
      title: 'Unaccounted records',
      description: 'Received minus every outcome and what is in flight. Anything but 0 is a bug of ours.',
      unit: 'short',
      queries: { [`sum(abs(streamline_transform_records_unaccounted{${OF}}))`]: 'records' },
      width: 3,
      alarmFrom: 1,
    })
    .stat({
      title: 'Alerts',
      description:
        'Alerts of the rules in monitoring/prometheus/alerts.yml that fire now. Runbooks: docs/operations.md.',
      unit: 'none',
      queries: { 'count(ALERTS{alertname=~"Streamline.+",alertstate="firing"}) or vector(0)': 'alerts' },
      width: 3,
      warnFrom: 1,
    })
    .stat({
      title: 'Records in',
      description: 'Records taken from input topics.',
      unit: 'recps',
      queries: { [`sum(rate(streamline_transform_records_received_total{${OF}}[$__rate_interval]))`]: 'in' },
      width: 4,
    })
    .stat({
      title: 'Lag',
      description: 'Records between what was read and the ends of all partitions.',
      unit: 'short',
      queries: { [`sum(streamline_transform_lag_records{${OF}})`]: 'records' },
      width: 4,
    })
    .stat({
      title: 'Given up',
      description: 'Share of the records that became dead letters or were skipped.',
      unit: 'percentunit',
      queries: {
        [`sum(rate(streamline_transform_records_total{outcome=~"dead_lettered|skipped",${OF}}[$__rate_interval])) / sum(rate(streamline_transform_records_total{outcome!="returned",${OF}}[$__rate_interval]))`]:
          'share',
      },
      width: 4,
      warnFrom: 0.01,
      alarmFrom: 0.5,
    })
    .table({
      title: 'Transforms',
      description: 'All as it is now; of several sidecars the sum, or the worst. A name leads to that transform.',
      width: 24,
      height: 8,
      rows: 'transform',
      columns: [
        { title: 'State', words: STATE_WORDS, query: stateLevel(OF) },
        {
          title: 'In',
          unit: 'recps',
          query: `sum by (transform) (rate(streamline_transform_records_received_total{${OF}}[$__rate_interval]))`,
        },
        { title: 'Lag', unit: 'short', query: `sum by (transform) (streamline_transform_lag_records{${OF}})` },
        {
          title: 'Given up',
          unit: 'recps',
          query: `sum by (transform) (rate(streamline_transform_records_total{outcome=~"dead_lettered|skipped",${OF}}[$__rate_interval]))`,
        },
        {
          title: 'p99 in the guest',
          unit: 's',
          query: `histogram_quantile(0.99, sum by (transform, le) (rate(streamline_transform_execution_latency_seconds_bucket{${OF}}[$__rate_interval])))`,
        },
        {
          title: 'p99 end to end',
          unit: 's',
          query: `histogram_quantile(0.99, sum by (transform, le) (rate(streamline_transform_end_to_end_latency_seconds_bucket{${OF}}[$__rate_interval])))`,
        },
        {
          title: 'Since last commit',
          unit: 'dtdurations',
          query: `time() - max by (transform) (streamline_transform_last_commit_timestamp_seconds{${OF}})`,
        },
        {
          title: 'Version refused',
          unit: 'none',
          query: `max by (transform) (streamline_transform_version_refused{${OF}})`,
        },
      ],
      link: 'streamline-transform',
    });
}

function keepingUp(board: Board): void {
  board
    .graph({
      title: 'Records in',
      description: 'Records taken from the input topic, a second.',
      unit: 'recps',
      queries: {
        [`sum by (transform) (rate(streamline_transform_records_received_total{${OF}}[$__rate_interval]))`]:
          '{{transform}}',
      },
      width: 12,
    })
    .graph({
      title: 'Lag',
      description:
        'Records between what was read and the ends of the partitions. It should come back to near 0 after each peak.',
      unit: 'short',
      queries: { [`sum by (transform) (streamline_transform_lag_records{${OF}})`]: '{{transform}}' },
      width: 12,
    })
    .graph({
      title: 'Time to catch up',
      description:
        'Lag by the rate of reading: how long what is there would take if nothing came. Nothing is shown where nothing is read.',
      unit: 'dtdurations',
      queries: {
        [`sum by (transform) (streamline_transform_lag_records{${OF}}) / (sum by (transform) (rate(streamline_transform_records_received_total{${OF}}[$__rate_interval])) > 0)`]:
          '{{transform}}',
      },
      width: 12,
    })
    .graph({
      title: 'End-to-end latency, p99',
      description: 'From the moment a record was read to its outcome, retries included.',
      unit: 's',
      queries: {
        [`histogram_quantile(0.99, sum by (transform, le) (rate(streamline_transform_end_to_end_latency_seconds_bucket{${OF}}[$__rate_interval])))`]:
          '{{transform}}',
      },
      width: 12,
    })
    .timeline({
      title: 'States',
      description: 'The state of each transform; of several sidecars the worst.',
      unit: 'none',
      queries: { [stateLevel(OF)]: '{{transform}}' },
      words: STATE_WORDS,
      width: 24,
    });
}

function dropping(board: Board): void {
  board
    .graph({
      title: 'Records by outcome',
      description:
        'What became of the records: output, dead_lettered, filtered (the guest said so), skipped (on_failure: skip), returned (read again later).',
      unit: 'recps',
      queries: {
        [`sum by (outcome) (rate(streamline_transform_records_total{${OF}}[$__rate_interval]))`]: '{{outcome}}',
      },
      width: 12,
      stacked: true,
    })
    .graph({
      title: 'Share given up',
      description: 'Share of the records that became dead letters or were skipped.',
      unit: 'percentunit',
      queries: {
        [`sum by (transform) (rate(streamline_transform_records_total{outcome=~"dead_lettered|skipped",${OF}}[$__rate_interval])) / sum by (transform) (rate(streamline_transform_records_total{outcome!="returned",${OF}}[$__rate_interval]))`]:
          '{{transform}}',
      },
      width: 12,
    })
    .graph({
      title: 'Failed attempts by code',
      description: 'Each attempt counts, those that a retry made good too. What the codes mean: README, error codes.',
      unit: 'cps',
      queries: { [`sum by (code) (rate(streamline_transform_errors_total{${OF}}[$__rate_interval]))`]: '{{code}}' },
      width: 12,
      stacked: true,
    })
    .graph({
      title: 'Waiting, refused, wrong',
      description:
        'Transforms whose records wait for the schema registry, whose new version is refused, and errors in spec files. All should be 0.',
      unit: 'short',
      queries: {
        [`sum by (transform) (streamline_transform_waiting{${OF}})`]: 'waiting: {{transform}}',
        [`max by (transform) (streamline_transform_version_refused{${OF}})`]: 'refused: {{transform}}',
        'max(streamline_spec_errors{instance=~"$instance"})': 'spec errors',
      },
      width: 12,
    });
}
