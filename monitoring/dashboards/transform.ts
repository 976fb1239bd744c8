import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { Board } from './board.ts';
import { STATE_WORDS, stateLevel } from './states.ts';

const OF = 'transform="$transform",instance=~"$instance"';

const rate = (name: string, by: string, matchers = ''): string =>
  `sum by (${by}) (rate(streamline_transform_${name}{${matchers}${OF}}[$__rate_interval]))`;

const quantile = (q: number, histogram: string, by = ''): string =>
  `histogram_quantile(${q}, sum by (${by === '' ? 'le' : `${by}, le`}) (rate(streamline_transform_${histogram}_bucket{${OF}}[$__rate_interval])))`;

/** Everything there is to know of one transform. */
export function transform(): Dashboard {
  const board = new Board({
    uid: 'streamline-transform',
    title: 'Streamline / One transform',
    description: 'Everything there is to know of one transform, over all sidecars that run it.',
    transforms: 'one',
  });
  figures(board);
  board.row('Records');
  records(board);
  board.row('Time');
  time(board);
  board.row('Guests');
  guests(board);
  board.row('The group');
  group(board);
  board.row('Chains, and what the guest measures itself');
  own(board);
  return board.build();
}

function figures(board: Board): void {
  board
    .stat({
      title: 'State',
      description: 'Of several sidecars the worst. What each means: docs/operations.md, States.',
      unit: 'none',
      queries: { [stateLevel(OF)]: 'state' },
      width: 4,
      words: STATE_WORDS,
    })
    .stat({
      title: 'Records in',
      description: 'Records taken from the input topic.',
      unit: 'recps',
      queries: { [rate('records_received_total', 'transform')]: 'in' },
      width: 4,
    })
    .stat({
      title: 'Lag',
      description: 'Records between what was read and the ends of the partitions.',
      unit: 'short',
      queries: { [`sum(streamline_transform_lag_records{${OF}})`]: 'records' },
      width: 4,
    })
    .stat({
      title: 'Since last commit',
      description: 'It commits when there is something to commit: long is fine while nothing comes in.',
      unit: 'dtdurations',
      queries: { [`time() - max(streamline_transform_last_commit_timestamp_seconds{${OF}})`]: 'age' },
      width: 4,
    })
    .stat({
      title: 'Unaccounted records',
      description: 'Received minus every outcome and what is in flight. Anything but 0 is a bug of ours.',
      unit: 'short',
      queries: { [`sum(abs(streamline_transform_records_unaccounted{${OF}}))`]: 'records' },
      width: 4,
      alarmFrom: 1,
    })
    .stat({
      title: 'Partitions',
      description: 'Partitions of the input topic that sidecars here have.',
      unit: 'none',
      queries: { [`sum(streamline_transform_partitions{${OF}})`]: 'partitions' },
      width: 4,
    })
    .table({
      title: 'What serves',
      description: 'Module and digests of the version that each sidecar runs. They differ during a roll-out only.',
      width: 24,
      height: 5,
      rows: 'instance',
      columns: [
        {
          query: `max by (instance, module, module_sha256, config_sha256, version) (streamline_transform_info{${OF}})`,
        },
      ],
    });
}

function records(board: Board): void {
  board
    .graph({
      title: 'Records by outcome',
      description:
        'output, dead_lettered, filtered (the guest said so), skipped (on_failure: skip), returned (given back unsettled, read again later).',
      unit: 'recps',
      queries: { [rate('records_total', 'outcome')]: '{{outcome}}' },
      width: 12,
      stacked: true,
    })
    .graph({
      title: 'Bytes',
      description: 'Keys, values and headers shown to guests and made by them; again with each retry.',
      unit: 'Bps',
      queries: { [rate('input_bytes_total', 'transform')]: 'in', [rate('output_bytes_total', 'transform')]: 'out' },
      width: 12,
    })
    .graph({
      title: 'Where the records in flight are',
      description:
        'guest: with or before a guest. order: waiting for their turn, a retry or a transaction. produce: not acknowledged by the cluster yet. commit: in an open transaction. The highest one is what holds it up.',
      unit: 'short',
      queries: { [`sum by (step) (streamline_transform_queued_records{${OF}})`]: '{{step}}' },
      width: 12,
      stacked: true,
    })
    .graph({
      title: 'Failed attempts by code, and retries',
      description: 'Each attempt counts, those that a retry made good too. What the codes mean: README, error codes.',
      unit: 'cps',
      queries: { [rate('errors_total', 'code')]: '{{code}}', [rate('retries_total', 'transform')]: 'retries' },
      width: 12,
    })
    .graph({
      title: 'Batch sizes',
      description:
        'Records of one batch read. Small batches at a high rate cost throughput: the topic has too many partitions, or records come one by one.',
      unit: 'short',
      queries: { [quantile(0.5, 'batch_records')]: 'p50', [quantile(0.99, 'batch_records')]: 'p99' },
      width: 12,
    })
    .graph({
      title: 'Bytes in flight',
      description: 'Bytes of records held in memory, limits.in_flight_bytes at most on each sidecar.',
      unit: 'bytes',
      queries: { [`sum by (instance) (streamline_transform_in_flight_bytes{${OF}})`]: '{{instance}}' },
      width: 12,
    });
}

function time(board: Board): void {
  board
    .graph({
      title: 'End-to-end latency',
      description: 'From the moment a record was read to its outcome, retries included.',
      unit: 's',
      queries: {
        [quantile(0.5, 'end_to_end_latency_seconds')]: 'p50',
        [quantile(0.95, 'end_to_end_latency_seconds')]: 'p95',
        [quantile(0.99, 'end_to_end_latency_seconds')]: 'p99',
      },
      width: 8,
    })
    .graph({
      title: 'Latency of each step, p99',
      description:
        'queue: until a guest takes the batch up. guest: the batch with the guest. order: waiting for its turn. produce: until acknowledged.',
      unit: 's',
      queries: { [quantile(0.99, 'step_latency_seconds', 'step')]: '{{step}}' },
      width: 8,
    })
    .graph({
      title: 'One record in the guest',
      description: 'filter to route, all stages of a chain. timeout_ms is the most it may take.',
      unit: 's',
      queries: {
        [quantile(0.5, 'execution_latency_seconds')]: 'p50',
        [quantile(0.99, 'execution_latency_seconds')]: 'p99',
        [`${rate('execution_latency_seconds_sum', 'transform')} / ${rate('execution_latency_seconds_count', 'transform')}`]:
          'mean',
      },
      width: 8,
    });
}

function guests(board: Board): void {
  board
    .graph({
      title: 'Fuel of a record',
      description:
        'What a record costs, and what it may cost (timeout_ms). A p99 near the budget: good records will soon run out of fuel.',
      unit: 'short',
      queries: {
        [quantile(0.5, 'fuel_units')]: 'p50',
        [quantile(0.99, 'fuel_units')]: 'p99',
        [`max(streamline_transform_fuel_budget_units{${OF}})`]: 'budget',
      },
      width: 8,
    })
    .graph({
      title: 'Instances by state',
      description: 'Guest instances over all sidecars. busy at its maximum while the lag grows: raise instances.',
      unit: 'short',
      queries: { [`sum by (state) (streamline_transform_instances{${OF}})`]: '{{state}}' },
      width: 8,
      stacked: true,
    })
    .graph({
      title: 'Instances replaced, threads stuck, log lines dropped',
      description:
        'Instances replaced after a trap, a timeout or a violation; threads told to end that have not; log lines of the guest beyond its limit.',
      unit: 'short',
      queries: {
        [rate('instance_restarts_total', 'transform')]: 'replaced/s',
        [`sum(streamline_transform_stuck_threads{${OF}})`]: 'stuck',
        [rate('log_lines_dropped_total', 'transform')]: 'lines dropped/s',
      },
      width: 8,
    });
}

function group(board: Board): void {
  board
    .graph({
      title: 'Lag of each partition',
      description:
        'One partition far above the others: one key has most records, or that partition is stuck at a record.',
      unit: 'short',
      queries: { [`max by (partition) (streamline_transform_lag_records{${OF}})`]: '{{partition}}' },
      width: 12,
    })
    .graph({
      title: 'Partitions of each sidecar',
      description: 'How the group has shared them out.',
      unit: 'short',
      queries: { [`sum by (instance) (streamline_transform_partitions{${OF}})`]: '{{instance}}' },
      width: 12,
      stacked: true,
    })
    .graph({
      title: 'Commits',
      description: 'Commits of offsets, or of transactions. What failed is tried again, or its records are read again.',
      unit: 'cps',
      queries: { [rate('commits_total', 'result')]: '{{result}}' },
      width: 8,
    })
    .graph({
      title: 'Rebalances',
      description: 'In each minute. lost: the group had given the partitions away before this sidecar knew.',
      unit: 'short',
      queries: { [`${rate('rebalances_total', 'event')} * 60`]: '{{event}}' },
      width: 8,
    })
    .graph({
      title: 'Restarts and new versions',
      description:
        'In the last hour: restarts after trouble with the cluster, and new versions by what became of them.',
      unit: 'short',
      queries: {
        [`sum(increase(streamline_transform_restarts_total{${OF}}[1h]))`]: 'restarts',
        [`sum by (result) (increase(streamline_transform_reloads_total{${OF}}[1h]))`]: '{{result}}',
      },
      width: 8,
    });
}

function own(board: Board): void {
  board
    .graph({
      title: 'Stages',
      description: 'Of a chain (transforms: in the spec): records each stage was shown, by what it made of them.',
      unit: 'recps',
      queries: { [rate('stage_records_total', 'stage, outcome')]: '{{stage}} {{outcome}}' },
      width: 8,
    })
    .graph({
      title: 'Fuel of each stage',
      description: 'Of a chain: fuel a second, so which stage is the dear one.',
      unit: 'short',
      queries: { [rate('stage_fuel_units_total', 'stage')]: '{{stage}}' },
      width: 8,
      stacked: true,
    })
    .graph({
      title: 'Counters and gauges of the guest',
      description: 'What the guest counts and sets itself, by its own names: counters a second, gauges as they are.',
      unit: 'short',
      queries: {
        [rate('guest_counter_total', 'name')]: '{{name}}',
        [`max by (name) (streamline_transform_guest_gauge{${OF}})`]: '{{name}}',
      },
      width: 8,
    });
}
