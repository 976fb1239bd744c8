import { BATCH_RECORDS } from '../pipeline/measures.ts';

/** Every metric the sidecar exports: name, type, unit, labels and help. docs/metrics.md is made of it. */
export interface MetricDefinition {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** What the value is in; the name says it too. none: a number of what the name says, or a flag. */
  readonly unit: 'seconds' | 'bytes' | 'records' | 'units' | 'none';
  readonly labels: readonly MetricLabel[];
  readonly help: string;
  /** Of a histogram: upper bounds shown, in its unit. */
  readonly bounds?: readonly number[];
}

/**
 * Every label there is, with what it may say. All are bounded: by the specs, by the partitions read here, or by a list in the code; what
 * a guest names is bounded by a limit (GUEST_METRICS_MAX). Never a topic of route(), a key or a message.
 */
export const METRIC_LABELS = {
  transform: 'name of the transform',
  partition: 'number of the partition of the input topic',
  outcome: 'what became of records',
  code: 'error code, `guest.trap`',
  state: 'state of the transform, or of an instance',
  stage: 'of a chain, from 1',
  step: 'a part of the way through the pipeline',
  event: 'of a rebalance: `assigned`, `revoked`, `lost`',
  result: 'how it ended',
  for: 'what is waited for: `schema_registry`',
  name: 'as a guest calls it; a transform has 64 at most',
  module: 'as in the spec; of a chain all of them',
  module_sha256: 'digest of the module that serves; `builtin` for a builtin',
  config_sha256: 'digest of the spec that serves',
  version: 'number of the version that serves, or release of the sidecar',
  transport: 'how Kafka is spoken to: `bridge` or `confluent`',
} as const;

export type MetricLabel = keyof typeof METRIC_LABELS;

/** Dense where a p99 may lie: 100 µs to 10 s. */
const LATENCY_S = [
  1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60,
] as const;
/** A record in a guest takes microseconds, and no longer than its deadline. */
const EXECUTION_S = [
  1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1,
  2.5, 5, 10,
] as const;
const FUEL_UNITS = [1e2, 1e3, 1e4, 1e5, 2.5e5, 5e5, 1e6, 2.5e6, 5e6, 1e7, 2.5e7, 5e7, 1e8, 1e9, 1e10] as const;

type Kind = Pick<MetricDefinition, 'type' | 'unit' | 'bounds'>;

const counter = (unit: MetricDefinition['unit'] = 'none'): Kind => ({ type: 'counter', unit });
const gauge = (unit: MetricDefinition['unit'] = 'none'): Kind => ({ type: 'gauge', unit });
const histogram = (unit: MetricDefinition['unit'], bounds: readonly number[]): Kind => ({
  type: 'histogram',
  unit,
  bounds,
});

const transform = (name: string, kind: Kind, help: string, ...labels: MetricLabel[]): MetricDefinition => ({
  name: `streamline_transform_${name}`,
  ...kind,
  labels: ['transform', ...labels],
  help,
});

const sidecar = (name: string, kind: Kind, help: string, ...labels: MetricLabel[]): MetricDefinition => ({
  name: `streamline_${name}`,
  ...kind,
  labels,
  help,
});

/** Each of a transform. */
export const TRANSFORM_METRICS = {
  // ---- records ---------------------------------------------------------------------------------------------
  received: transform('records_received_total', counter('records'), 'Records taken from the input topic.'),
  settled: transform(
    'records_total',
    counter('records'),
    'Records by outcome: output, dead_lettered, filtered, skipped, or returned (given back unsettled, read again later).',
    'outcome',
  ),
  inFlight: transform('records_in_flight', gauge('records'), 'Records received and not settled.'),
  unaccounted: transform(
    'records_unaccounted',
    gauge('records'),
    'Received minus every outcome and what is in flight: 0 when all is well.',
  ),
  queued: transform(
    'queued_records',
    gauge('records'),
    'Where the records in flight are: guest (with or before a guest), order (waiting for their turn, a retry or a transaction), produce (not acknowledged yet), commit (in an open transaction).',
    'step',
  ),
  inFlightBytes: transform('in_flight_bytes', gauge('bytes'), 'Bytes of records held in memory.'),
  inputBytes: transform(
    'input_bytes_total',
    counter('bytes'),
    'Keys, values and headers of the records guests were shown; again with each retry.',
  ),
  outputBytes: transform(
    'output_bytes_total',
    counter('bytes'),
    'Keys, values and headers of the outputs guests made; again with each retry.',
  ),
  batchRecords: transform('batch_records', histogram('records', BATCH_RECORDS), 'Records of one batch read.'),
  // ---- failures --------------------------------------------------------------------------------------------
  errors: transform(
    'errors_total',
    counter(),
    'Failed attempts by error code, traps and timeouts among them; a record that is retried counts each time.',
    'code',
  ),
  retries: transform('retries_total', counter(), 'Attempts after the first.'),
  deadLetters: transform(
    'dead_letters_total',
    counter(),
    'Records on the dead-letter topic, by the error code of their last attempt.',
    'code',
  ),
  skips: transform(
    'skipped_records_total',
    counter('records'),
    'Records given up by on_failure: skip, by the error code of their last attempt.',
    'code',
  ),
  // ---- time ------------------------------------------------------------------------------------------------
  latency: transform(
    'execution_latency_seconds',
    histogram('seconds', EXECUTION_S),
    'Time one record spends in the guest, filter to route, all stages of a chain.',
  ),
  stepLatency: transform(
    'step_latency_seconds',
    histogram('seconds', LATENCY_S),
    'Time a record spends in each step, with its batch: queue (until a guest takes the batch up), guest (the batch with the guest), order (waiting for its turn and for topics), produce (until acknowledged).',
    'step',
  ),
  endToEnd: transform(
    'end_to_end_latency_seconds',
    histogram('seconds', LATENCY_S),
    'From the moment a record was read to its outcome, retries included.',
  ),
  // ---- guests ----------------------------------------------------------------------------------------------
  fuel: transform(
    'fuel_units',
    histogram('units', FUEL_UNITS),
    'Fuel one record used, all stages of a chain; one unit is about one WebAssembly instruction.',
  ),
  fuelBudget: transform(
    'fuel_budget_units',
    gauge('units'),
    'Fuel one record may use, all stages of a chain: timeout_ms.',
  ),
  instances: transform('instances', gauge(), 'Guest instances by state: busy, idle, starting.', 'state'),
  instanceRestarts: transform(
    'instance_restarts_total',
    counter(),
    'Instances replaced after a trap, a timeout or a violation.',
  ),
  stuckThreads: transform('stuck_threads', gauge(), 'Guest threads told to end that have not ended yet.'),
  logLinesDropped: transform('log_lines_dropped_total', counter(), 'Guest log lines beyond the limit.'),
  guestCounters: transform('guest_counter_total', counter(), 'What guests count themselves, by its name.', 'name'),
  guestGauges: transform('guest_gauge', gauge(), 'What guests set themselves, by its name.', 'name'),
  stageRecords: transform(
    'stage_records_total',
    counter('records'),
    'Records a stage of a chain was shown, by what it made of them: passed, filtered, failed.',
    'stage',
    'outcome',
  ),
  stageFuel: transform('stage_fuel_units_total', counter('units'), 'Fuel used by a stage of a chain.', 'stage'),
  // ---- the group -------------------------------------------------------------------------------------------
  lag: transform(
    'lag_records',
    gauge('records'),
    'Records between the last one read and the end of the partition.',
    'partition',
  ),
  partitions: transform('partitions', gauge(), 'Partitions of the input topic assigned here.'),
  rebalances: transform(
    'rebalances_total',
    counter(),
    'Changes of the share of the group, by event: assigned, revoked, lost.',
    'event',
  ),
  commits: transform(
    'commits_total',
    counter(),
    'Commits of offsets, or of transactions, by result: ok, failed (tried again, or its records are read again).',
    'result',
  ),
  lastCommit: transform(
    'last_commit_timestamp_seconds',
    gauge('seconds'),
    'When the group last committed, seconds since the epoch; one that has nothing to commit does not.',
  ),
  // ---- life ------------------------------------------------------------------------------------------------
  state: transform('state', gauge(), '1 for the state the transform is in.', 'state'),
  info: transform(
    'info',
    gauge(),
    '1; its labels say what serves, or served last.',
    'module',
    'module_sha256',
    'config_sha256',
    'version',
  ),
  reloads: transform(
    'reloads_total',
    counter(),
    'New versions by result: served, refused (the one before goes on).',
    'result',
  ),
  versionRefused: transform(
    'version_refused',
    gauge(),
    '1 while a new version is refused and the one before it goes on.',
  ),
  restarts: transform('restarts_total', counter(), 'Restarts of the transform after trouble with the cluster.'),
  waiting: transform(
    'waiting',
    gauge(),
    '1 while records wait for what cannot be asked: schema_registry. The transform is RUNNING, and nothing is lost.',
    'for',
  ),
} as const satisfies Record<string, MetricDefinition>;

/** Of the sidecar as a whole. */
export const SIDECAR_METRICS = {
  sidecarInfo: sidecar('sidecar_info', gauge(), '1; its labels say what runs.', 'version', 'transport'),
  specErrors: sidecar(
    'spec_errors',
    gauge(),
    'Errors in the spec directory: specs that do not run because they are wrong.',
  ),
  registryRequests: sidecar(
    'schema_registry_requests_total',
    counter(),
    'Requests to the schema registry, each try, by result: ok, refused (its answer is no), failed (its trouble), unreachable.',
    'result',
  ),
  registryLatency: sidecar(
    'schema_registry_latency_seconds',
    histogram('seconds', LATENCY_S),
    'Time a request to the schema registry takes, each try.',
  ),
  logTopicLines: sidecar(
    'log_topic_lines_total',
    counter(),
    'Log lines of transforms for the topic of logging.topic, by outcome: sent, dropped (there was no room, or the cluster did not take them).',
    'outcome',
  ),
} as const satisfies Record<string, MetricDefinition>;

export const METRICS = { ...TRANSFORM_METRICS, ...SIDECAR_METRICS } as const;

/** Of the process, by prom-client's names: memory, processor, the delay of the event loop. Those of Linux are not everywhere. */
export const PROCESS_METRICS = [
  'process_cpu_user_seconds_total',
  'process_cpu_system_seconds_total',
  'process_cpu_seconds_total',
  'process_start_time_seconds',
  'process_resident_memory_bytes',
  'process_virtual_memory_bytes',
  'process_heap_bytes',
  'process_open_fds',
  'process_max_fds',
  'nodejs_eventloop_lag_seconds',
  'nodejs_eventloop_lag_min_seconds',
  'nodejs_eventloop_lag_max_seconds',
  'nodejs_eventloop_lag_mean_seconds',
  'nodejs_eventloop_lag_stddev_seconds',
  'nodejs_eventloop_lag_p50_seconds',
  'nodejs_eventloop_lag_p90_seconds',
  'nodejs_eventloop_lag_p99_seconds',
  'nodejs_active_resources',
  'nodejs_active_resources_total',
  'nodejs_active_handles',
  'nodejs_active_handles_total',
  'nodejs_active_requests',
  'nodejs_active_requests_total',
  'nodejs_heap_size_total_bytes',
  'nodejs_heap_size_used_bytes',
  'nodejs_external_memory_bytes',
  'nodejs_heap_space_size_total_bytes',
  'nodejs_heap_space_size_used_bytes',
  'nodejs_heap_space_size_available_bytes',
  'nodejs_version_info',
  'nodejs_gc_duration_seconds',
] as const;
