import type { OnFailure, TransformationConfig } from '../../spec/transformation-config.ts';
import type { PlainRecord } from '../packed-batch.ts';
import type { Arrival } from './sim-cluster.ts';
import { FAN, fansOut, fateOf } from './sim-record.ts';

export interface Rules {
  readonly onFailure: OnFailure;
  readonly maxRetries: number;
  readonly ordering: 'partition' | 'key';
  readonly delivery: TransformationConfig['delivery'];
}

type Where = 'output' | 'dead_letter' | 'nowhere';

/** Where a record has to end up; undefined = either (a second attempt depends on replays). */
function expected(record: PlainRecord, rules: Rules): Where | undefined {
  // stop: somebody mends the record, and then it passes.
  const failed = { skip: 'nowhere', dead_letter: 'dead_letter', stop: 'output' } as const;
  switch (fateOf(record)) {
    case 'map':
    case 'pass':
    case 'route':
    case 'fan':
      return 'output';
    case 'filter':
      return 'nowhere';
    case 'fail':
    case 'too_large':
    case 'refused':
    case 'route_bad':
    case 'fan_bad':
    case 'fan_large':
    case 'fan_refused':
      return failed[rules.onFailure];
    case 'fail_once':
    case 'trap_then_ok':
      return rules.maxRetries > 0 || rules.onFailure === 'stop' ? 'output' : undefined;
  }
}

/** Every record below a committed offset has to have its outcome on the cluster already (I1). */
export function checkCommit(
  log: readonly PlainRecord[],
  arrived: ReadonlySet<string>,
  partition: number,
  offset: number,
  rules: Rules,
): string[] {
  const missing = log.filter((r) => r.offset < offset && expected(r, rules) !== 'nowhere');
  return missing
    .filter(
      (r) =>
        !arrived.has(`${partition}@${r.offset}`) && !(rules.onFailure === 'skip' && expected(r, rules) === undefined),
    )
    .map((r) => `I1: ${partition} committed at ${offset}, but ${fateOf(r)} ${r.offset} has no outcome`);
}

/** I2 and I3 over everything that arrived, record by record. */
export function checkArrivals(
  logs: readonly (readonly PlainRecord[])[],
  arrivals: readonly Arrival[],
  deadLetterTopic: string,
  rules: Rules,
): string[] {
  return [...checkOutcomes(logs, arrivals, deadLetterTopic, rules), ...checkOrder(arrivals, deadLetterTopic, rules)];
}

function checkOutcomes(
  logs: readonly (readonly PlainRecord[])[],
  arrivals: readonly Arrival[],
  deadLetterTopic: string,
  rules: Rules,
): string[] {
  const wrong: string[] = [];
  const byRecord = Map.groupBy(arrivals, (a) => `${a.partition}@${a.offset}`);
  for (const log of logs) {
    for (const record of log) {
      const id = `${record.partition}@${record.offset}`;
      const outcomes = byRecord.get(id) ?? [];
      const want = expected(record, rules);
      // At least once: others of its outputs had arrived when one was refused.
      const fate = fateOf(record);
      const mayBeInBoth = (fate === 'fan_large' || fate === 'fan_refused') && rules.delivery !== 'exactly_once';
      const places = new Set(outcomes.map((a): Where => (a.topic === deadLetterTopic ? 'dead_letter' : 'output')));
      if (want === 'nowhere' && outcomes.length > 0 && !mayBeInBoth)
        wrong.push(`I2: ${id} ${fateOf(record)} was produced`);
      if ((want === 'output' || want === 'dead_letter') && !places.has(want))
        wrong.push(`I2: ${id} never reached ${want}`);
      if (want !== undefined && !mayBeInBoth && [...places].some((place) => place !== want))
        wrong.push(`I2: ${id} reached the wrong place`);
      if (rules.delivery === 'exactly_once') {
        const least = want === 'nowhere' || (want === undefined && rules.onFailure === 'skip') ? 0 : 1;
        const most = want === 'output' && fansOut(record) ? FAN : 1;
        if (outcomes.length > most || outcomes.length < least * most)
          wrong.push(`I4: ${id} is seen ${outcomes.length} times`);
      }
      const perAssignment = Map.groupBy(outcomes, (a) => `${a.member}/${a.epoch}`);
      for (const [assignment, own] of perAssignment) {
        if (own.length > (fansOut(record) ? FAN : 1))
          wrong.push(`I2: ${id} settled ${own.length} times within assignment ${assignment}`);
      }
    }
  }
  return wrong;
}

/**
 * Within one assignment, offsets ascend per partition or per key. A replay after a crash begins a new assignment; exactly once nobody
 * sees one.
 */
function checkOrder(arrivals: readonly Arrival[], deadLetterTopic: string, rules: Rules): string[] {
  const wrong: string[] = [];
  const last = new Map<string, number>();
  for (const arrival of arrivals) {
    if (arrival.topic === deadLetterTopic) continue;
    if (rules.ordering === 'key' && arrival.key === undefined) continue;
    const assignment = rules.delivery === 'exactly_once' ? '' : `${arrival.member}/${arrival.epoch}`;
    const lane = `${assignment}/${arrival.partition}`;
    const group = rules.ordering === 'key' ? `${lane}/${arrival.key}` : lane;
    const before = last.get(group) ?? -1;
    // Outputs of one record follow each other.
    if (before > arrival.offset || (before === arrival.offset && !arrival.fans))
      wrong.push(`I3: ${arrival.partition}@${arrival.offset} came too late`);
    last.set(group, arrival.offset);
  }
  return wrong;
}
