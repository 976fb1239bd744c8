import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { Board } from './board.ts';

const OF = 'instance=~"$instance"';
/** Metrics of the process have names that others export too: those of sidecars only. */
const ours = (query: string): string => `${query} and on (instance) streamline_sidecar_info{${OF}}`;

/** The sidecars as processes. */
export function runtime(): Dashboard {
  const board = new Board({
    uid: 'streamline-runtime',
    title: 'Streamline / Runtime',
    description: 'The sidecars as processes: processor, memory, event loop, threads, and the schema registry they ask.',
    transforms: 'none',
  });
  board.table({
    title: 'Sidecars',
    description: 'What runs. confluent moves fewer records than bridge: see docs/operations.md, Sizing.',
    width: 24,
    height: 5,
    rows: 'instance',
    columns: [
      { query: `max by (instance, version, transport) (streamline_sidecar_info{${OF}})` },
      {
        title: 'Up for',
        unit: 'dtdurations',
        query: `time() - max by (instance) (${ours(`process_start_time_seconds{${OF}}`)})`,
      },
      { title: 'Memory', unit: 'bytes', query: `max by (instance) (${ours(`process_resident_memory_bytes{${OF}}`)})` },
      { title: 'Transforms', unit: 'none', query: `count by (instance) (streamline_transform_state{${OF}})` },
      { title: 'Spec errors', unit: 'none', query: `max by (instance) (streamline_spec_errors{${OF}})` },
    ],
  });
  board.row('Process');
  process(board);
  board.row('Guests');
  guests(board);
  board.row('Schema registry');
  schemaRegistry(board);
  return board.build();
}

function process(board: Board): void {
  board
    .graph({
      title: 'Processor',
      description: 'Cores in use. One core full and guests idle: the main thread is the limit, so more processes.',
      unit: 'short',
      queries: {
        [ours(`rate(process_cpu_user_seconds_total{${OF}}[$__rate_interval])`)]: '{{instance}} user',
        [ours(`rate(process_cpu_system_seconds_total{${OF}}[$__rate_interval])`)]: '{{instance}} system',
      },
      width: 12,
      stacked: true,
    })
    .graph({
      title: 'Memory',
      description:
        'resident: all of the process, guests and librdkafka included. heap: JavaScript. external: buffers, most of them records.',
      unit: 'bytes',
      queries: {
        [ours(`process_resident_memory_bytes{${OF}}`)]: '{{instance}} resident',
        [ours(`nodejs_heap_size_used_bytes{${OF}}`)]: '{{instance}} heap',
        [ours(`nodejs_external_memory_bytes{${OF}}`)]: '{{instance}} external',
      },
      width: 12,
    })
    .graph({
      title: 'Event-loop delay',
      description:
        'How late the main thread comes to what is due. Above 0.1 s it does too much: Kafka, probes and API wait.',
      unit: 's',
      queries: {
        [ours(`nodejs_eventloop_lag_p99_seconds{${OF}}`)]: '{{instance}} p99',
        [ours(`nodejs_eventloop_lag_mean_seconds{${OF}}`)]: '{{instance}} mean',
      },
      width: 8,
    })
    .graph({
      title: 'Garbage collection',
      description: 'Share of the time of the main thread.',
      unit: 'percentunit',
      queries: {
        [ours(`sum by (instance, kind) (rate(nodejs_gc_duration_seconds_sum{${OF}}[$__rate_interval]))`)]:
          '{{instance}} {{kind}}',
      },
      width: 8,
    })
    .graph({
      title: 'File descriptors',
      description: 'Open ones, and how many there may be.',
      unit: 'short',
      queries: {
        [ours(`process_open_fds{${OF}}`)]: '{{instance}} open',
        [ours(`process_max_fds{${OF}}`)]: '{{instance}} at most',
      },
      width: 8,
    });
}

function guests(board: Board): void {
  board
    .graph({
      title: 'Instances by state',
      description: 'Guest instances of all transforms. Each has a thread.',
      unit: 'short',
      queries: { [`sum by (instance, state) (streamline_transform_instances{${OF}})`]: '{{instance}} {{state}}' },
      width: 8,
      stacked: true,
    })
    .graph({
      title: 'Bytes in flight',
      description: 'Bytes of records held in memory by all transforms.',
      unit: 'bytes',
      queries: { [`sum by (instance) (streamline_transform_in_flight_bytes{${OF}})`]: '{{instance}}' },
      width: 8,
      stacked: true,
    })
    .graph({
      title: 'Stuck threads',
      description: 'Guest threads told to end that have not ended yet: each holds a core.',
      unit: 'short',
      queries: {
        [`sum by (instance, transform) (streamline_transform_stuck_threads{${OF}})`]: '{{instance}} {{transform}}',
      },
      width: 8,
    });
}

function schemaRegistry(board: Board): void {
  board
    .graph({
      title: 'Requests',
      description:
        'To the schema registry, each try: ok, refused (its answer is no), failed (its trouble), unreachable.',
      unit: 'reqps',
      queries: {
        [`sum by (result) (rate(streamline_schema_registry_requests_total{${OF}}[$__rate_interval]))`]: '{{result}}',
      },
      width: 12,
      stacked: true,
    })
    .graph({
      title: 'Latency of a request',
      description: 'Each try. Records of a schema that is not known yet wait that long.',
      unit: 's',
      queries: {
        [`histogram_quantile(0.5, sum by (le) (rate(streamline_schema_registry_latency_seconds_bucket{${OF}}[$__rate_interval])))`]:
          'p50',
        [`histogram_quantile(0.99, sum by (le) (rate(streamline_schema_registry_latency_seconds_bucket{${OF}}[$__rate_interval])))`]:
          'p99',
      },
      width: 12,
    });
}
