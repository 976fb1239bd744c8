import type {
  CandidateView,
  DeployOutcome,
  GroupView,
  SpecText,
  LatencySummary,
  TransformMetrics,
  TransformStatus,
  VersionView,
  WaitingView,
} from '../registry/control.ts';
import { errorShapeOf } from './error-shape.ts';
import { exactConfig } from './exact-config.ts';
import type { Deployed, Info, Metrics, Status, Tasks } from './rest-shapes.ts';

export function statusShape(view: TransformStatus, group?: GroupView): Status {
  const { name, state, workerId, partitions, error } = view;
  const worker = { state, worker_id: workerId, ...(error === undefined ? {} : { trace: error.describe() }) };
  return {
    name,
    type: view.type,
    connector: worker,
    tasks: partitions.map((id) => ({ id, ...worker })),
    target_state: view.target,
    group_id: view.groupId,
    partitions: [...partitions],
    worker_id: workerId,
    restarts: view.restarts,
    instances: { ...view.instances },
    ...(error === undefined ? {} : { error: errorShapeOf(error) }),
    ...(view.waiting === undefined ? {} : { waiting: waitingShape(view.waiting) }),
    ...(view.version === undefined ? {} : { version: versionShape(view.version) }),
    ...(view.candidate === undefined ? {} : { candidate: candidateShape(view.candidate) }),
    spec_errors: view.specErrors.map(errorShapeOf),
    ...(group === undefined ? {} : { group: groupShape(group) }),
  };
}

function waitingShape({ for: what, sinceMs, error }: WaitingView): NonNullable<Status['waiting']> {
  return { for: what, since: timeOf(sinceMs), code: error.code, message: error.message };
}

function versionShape(version: VersionView): NonNullable<Status['version']> {
  return {
    number: version.number,
    module: version.module,
    module_sha256: version.moduleSha256,
    config_sha256: version.configSha256,
    since: timeOf(version.sinceMs),
    records: version.records,
  };
}

function candidateShape(candidate: CandidateView): NonNullable<Status['candidate']> {
  return {
    stage: candidate.stage,
    module: candidate.module,
    ...(candidate.moduleSha256 === undefined ? {} : { module_sha256: candidate.moduleSha256 }),
    config_sha256: candidate.configSha256,
    since: timeOf(candidate.sinceMs),
    ...(candidate.error === undefined ? {} : { error: errorShapeOf(candidate.error) }),
    ...(candidate.canary === undefined ? {} : { canary: { ...candidate.canary } }),
  };
}

function groupShape(group: GroupView): NonNullable<Status['group']> {
  return {
    state: group.state,
    members: group.members.map((member) => ({
      member_id: member.memberId,
      client_id: member.clientId,
      host: member.host,
      partitions: [...member.partitions],
      self: member.self,
    })),
    one_of: Math.max(1, group.members.length),
  };
}

export function infoShape(spec: SpecText, status: TransformStatus): Info {
  const { name, type, partitions } = status;
  return {
    name,
    config: exactConfig(spec),
    tasks: partitions.map((task) => ({ transform: name, task })),
    type,
    source: spec.source,
  };
}

export function deployedShape(outcome: DeployOutcome, spec: SpecText, status: TransformStatus): Deployed {
  return {
    ...infoShape(spec, status),
    created: outcome.created,
    changed: outcome.changed,
    config_sha256: outcome.configSha256,
  };
}

export function tasksShape({ name, partitions }: TransformStatus): Tasks {
  return partitions.map((task) => ({ id: { transform: name, task }, config: {} }));
}

export function metricsShape(view: TransformMetrics): Metrics {
  const { received, output, deadLettered, filtered, skipped, returned, inFlight, lag } = view;
  return {
    records: {
      received,
      output,
      dead_lettered: deadLettered,
      filtered,
      skipped,
      returned,
      in_flight: inFlight,
      // I2
      unaccounted: received - (output + deadLettered + filtered + skipped + returned + inFlight),
    },
    retries: view.retries,
    errors: Object.fromEntries(view.errors),
    dead_letters: Object.fromEntries(view.deadLetters),
    latency_us: microseconds(view.latencyNs),
    end_to_end_us: microseconds(view.endToEndNs),
    input_bytes: view.inputBytes,
    output_bytes: view.outputBytes,
    fuel_units: view.fuelUsed,
    in_flight_bytes: view.inFlightBytes,
    instances: { ...view.instances },
    instance_restarts: view.instanceRestarts,
    stuck_threads: view.stuckThreads,
    log_lines_dropped: view.logLinesDropped,
    lag: { total: lag.reduce((sum, one) => sum + one.lag, 0), partitions: lag.map((one) => ({ ...one })) },
    ...(view.lastCommitMs === undefined ? {} : { last_commit: timeOf(view.lastCommitMs) }),
  };
}

function microseconds({ mean, p50, p99 }: LatencySummary): Metrics['latency_us'] {
  return { mean: mean / 1000, p50: p50 / 1000, p99: p99 / 1000 };
}

export function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
