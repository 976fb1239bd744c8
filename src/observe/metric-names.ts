/** Every metric the sidecar exports: name, type, labels, unit (in the name) and help. */
export interface MetricDefinition {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
}

const transform = (
  name: string,
  type: MetricDefinition['type'],
  help: string,
  ...labels: string[]
): MetricDefinition => ({ name: `streamline_transform_${name}`, type, help, labels: ['transform', ...labels] });

export const METRICS = {
  received: transform('records_received_total', 'counter', 'Records taken from the input topic.'),
  settled: transform(
    'records_total',
    'counter',
    'Records by outcome: output, dead_lettered, filtered, skipped, or returned (given back unsettled, read again later).',
    'outcome',
  ),
  inFlight: transform('records_in_flight', 'gauge', 'Records received and not settled.'),
  unaccounted: transform(
    'records_unaccounted',
    'gauge',
    'Received minus every outcome and what is in flight: 0 when all is well.',
  ),
  inFlightBytes: transform('in_flight_bytes', 'gauge', 'Bytes of records held in memory.'),
  errors: transform(
    'errors_total',
    'counter',
    'Failed attempts by error code; a record that is retried counts each time.',
    'code',
  ),
  retries: transform('retries_total', 'counter', 'Attempts after the first.'),
  latency: transform('execution_latency_seconds', 'histogram', 'Time one record spends in the guest, filter to route.'),
  fuel: transform(
    'fuel_units_total',
    'counter',
    'Fuel used by the guests; one unit is about one WebAssembly instruction.',
  ),
  state: transform('state', 'gauge', '1 for the state the transform is in.', 'state'),
  lag: transform(
    'lag_records',
    'gauge',
    'Records between the last one read and the end of the partition.',
    'partition',
  ),
  instances: transform('instances', 'gauge', 'Guest instances by state: busy, idle.', 'state'),
  instanceRestarts: transform(
    'instance_restarts_total',
    'counter',
    'Instances replaced after a trap, a timeout or a violation.',
  ),
  stuckThreads: transform('stuck_threads', 'gauge', 'Guest threads told to end that have not ended yet.'),
  logLinesDropped: transform('log_lines_dropped_total', 'counter', 'Guest log lines beyond the limit.'),
  guestCounters: transform('guest_counter_total', 'counter', 'What guests count themselves, by its name.', 'name'),
  guestGauges: transform('guest_gauge', 'gauge', 'What guests set themselves, by its name.', 'name'),
  stageRecords: transform(
    'stage_records_total',
    'counter',
    'Records a stage of a chain was shown, by what it made of them.',
    'stage',
    'outcome',
  ),
  stageFuel: transform('stage_fuel_units_total', 'counter', 'Fuel used by a stage of a chain.', 'stage'),
  lastCommit: transform(
    'last_commit_timestamp_seconds',
    'gauge',
    'When the group last committed, seconds since the epoch.',
  ),
  restarts: transform('restarts_total', 'counter', 'Restarts of the transform after trouble with the cluster.'),
  waiting: transform(
    'waiting',
    'gauge',
    '1 while records wait for what cannot be asked: schema_registry. The transform is RUNNING, and nothing is lost.',
    'for',
  ),
  versionRefused: transform(
    'version_refused',
    'gauge',
    '1 while a new version is refused and the one before it goes on.',
  ),
  logTopicLines: {
    name: 'streamline_log_topic_lines_total',
    type: 'counter',
    help: 'Log lines of transforms for the topic of logging.topic: sent, or dropped as there was no room or the cluster did not take them.',
    labels: ['outcome'],
  },
  specErrors: {
    name: 'streamline_spec_errors',
    type: 'gauge',
    help: 'Errors in the spec directory: specs that do not run because they are wrong.',
    labels: [],
  },
} as const satisfies Record<string, MetricDefinition>;
