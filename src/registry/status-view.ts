import { stageNames } from '../spec/stage-names.ts';
import type { DistributionView } from '../pipeline/distribution.ts';
import { latencyQuantileNs } from '../pipeline/transformation-stats.ts';
import type { SpecFault } from '../spec/spec-set.ts';
import type { CandidateView, LatencySummary, TransformMetrics, TransformStatus, VersionView } from './control.ts';
import { featureDisabled } from './feature-disabled.ts';
import type { TransformSnapshot } from './transform-snapshot.ts';

/** What the API shows of a transform. Pure. */
export function statusOf(
  snapshot: TransformSnapshot,
  workerId: string,
  enabled: boolean,
  specErrors: readonly SpecFault[],
): TransformStatus {
  const { config, module, version } = snapshot;
  return {
    name: snapshot.name,
    state: snapshot.state,
    target: snapshot.target,
    type: config.type ?? module?.facts.type ?? 'map',
    workerId,
    groupId: config.input.groupId,
    partitions: snapshot.partitions,
    error: enabled ? snapshot.error : featureDisabled(),
    waiting: snapshot.waiting && { for: 'schema_registry', ...snapshot.waiting },
    version: version === undefined ? undefined : versionView(version),
    candidate: candidateView(snapshot),
    specErrors: specErrors.map(({ error }) => error),
    instances: instancesOf(snapshot),
    restarts: snapshot.restarts,
  };
}

function versionView(version: NonNullable<TransformSnapshot['version']>): VersionView {
  const { number, config, moduleSha256, sinceMs, records } = version;
  return { number, module: stageNames(config), moduleSha256, configSha256: config.sha256, sinceMs, records };
}

function candidateView({ candidate, canary }: TransformSnapshot): CandidateView | undefined {
  if (candidate === undefined) return undefined;
  const { config, moduleSha256, stage, sinceMs, error } = candidate;
  return {
    stage,
    module: stageNames(config),
    moduleSha256,
    configSha256: config.sha256,
    sinceMs,
    error,
    canary: canary === undefined ? undefined : { done: canary.done, of: canary.of },
  };
}

export function metricsOf(snapshot: TransformSnapshot): TransformMetrics {
  const { stats, measures, latency, fuel, inputBytes, outputBytes, instanceRestarts, logLinesDropped } =
    snapshot.totals;
  return {
    ...stats,
    latencyNs: summaryOf(latency),
    endToEndNs: summaryOf(measures.endToEnd),
    inputBytes,
    outputBytes,
    fuelUsed: fuel.sum,
    inFlightBytes: snapshot.inFlightBytes,
    instances: instancesOf(snapshot),
    instanceRestarts,
    stuckThreads: snapshot.stuckThreads,
    logLinesDropped,
    lag: snapshot.lag,
    lastCommitMs: snapshot.lastCommitMs,
  };
}

/** To a user one that starts is not at work yet. */
function instancesOf({ instances: { busy, idle, starting } }: TransformSnapshot): TransformStatus['instances'] {
  return { busy, idle: idle + starting };
}

function summaryOf({ counts, sum }: DistributionView): LatencySummary {
  let records = 0;
  for (let bucket = 0; bucket < counts.length; bucket += 1) records += counts[bucket] ?? 0;
  return {
    mean: records === 0 ? 0 : sum / records,
    p50: latencyQuantileNs(counts, 0.5),
    p99: latencyQuantileNs(counts, 0.99),
  };
}
