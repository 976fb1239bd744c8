/*
 * Properties of librdkafka that the sidecar sets itself, because its guarantees rest on them, with the reason told to
 * whoever writes one. Source: librdkafka's CONFIGURATION.md, 2.15.
 */

const OFFSETS = 'offsets are committed only when their records are safe on the cluster (I1)';
const GROUP = 'each transform has a consumer group of its own';
const REBALANCE = 'the drain of a revoked partition is built on it';
const ACKS = 'the sidecar needs each acknowledgement';
const EXACTLY_ONCE = 'transactions belong to `delivery: exactly_once`';
const DELIVERY = 'a record waits for the cluster as long as it takes; giving one up would lose it (I1)';
const TOPICS = 'topics are created only by topics.create';

const OWNED: Readonly<Record<string, readonly [reason: string, instead: string]>> = {
  'group.id': [GROUP, 'Write input.group_id in the spec.'],
  'group.protocol': [REBALANCE, 'Remove it.'],
  'group.remote.assignor': [REBALANCE, 'Remove it.'],
  'enable.auto.commit': [OFFSETS, 'Remove it.'],
  'auto.commit.enable': [OFFSETS, 'Remove it.'],
  'auto.commit.interval.ms': [OFFSETS, 'Write limits.commit_interval_ms.'],
  'enable.auto.offset.store': [OFFSETS, 'Remove it.'],
  'offset.store.method': [OFFSETS, 'Remove it.'],
  'offset.store.path': [OFFSETS, 'Remove it.'],
  'offset.store.sync.interval.ms': [OFFSETS, 'Remove it.'],
  'auto.offset.reset': ['where a transform begins is fixed at its deploy', 'Write input.start in the spec.'],
  'enable.partition.eof': ['the end of a partition is no record', 'Remove it.'],
  'transactional.id': [EXACTLY_ONCE, 'Remove it.'],
  'transaction.timeout.ms': [EXACTLY_ONCE, 'Remove it.'],
  'message.timeout.ms': [DELIVERY, 'Remove it.'],
  'delivery.timeout.ms': [DELIVERY, 'Remove it.'],
  'message.max.bytes': ['the largest record is a limit of the sidecar', 'Write limits.record_bytes.'],
  'enable.gapless.guarantee': ['one refused record would end the producer', 'Remove it.'],
  'delivery.report.only.error': [ACKS, 'Remove it.'],
  'produce.offset.report': [ACKS, 'Remove it.'],
  'allow.auto.create.topics': [TOPICS, 'Write `topics: { create: true }`.'],
  'plugin.library.paths': ['it would load native code into the process', 'Remove it.'],
  'statistics.interval.ms': ['the sidecar reads the statistics itself; see /metrics', 'Remove it.'],
  'test.mock.num.brokers': [
    'each client would get a cluster of its own',
    'Start the mock cluster elsewhere and write its address to bootstrap.servers.',
  ],
  opaque: ['it is a pointer inside the process', 'Remove it.'],
  interceptors: ['they are functions inside the process', 'Remove it.'],
  default_topic_conf: ['topic properties stand beside the others', 'Write them directly under kafka:.'],
};

const ALL_ACKS = new Set(['all', '-1']);
const IN_FLIGHT = new Set(['1', '2', '3', '4', '5']);
const ONE_MORE = 'without it a retry of the client may reorder or repeat records (I3)';

const EAGER = new Set(['range', 'roundrobin']);

function isAssignable(value: string): boolean {
  return value === 'cooperative-sticky' || value.split(',').every((name) => EAGER.has(name.trim()));
}

/** Values without which the producer is not idempotent. */
const FIXED: Readonly<Record<string, readonly [allowed: (value: string) => boolean, reason: string, instead: string]>> =
  {
    'enable.idempotence': [(value) => value === 'true', ONE_MORE, 'Remove it: it is on.'],
    acks: [(value) => ALL_ACKS.has(value), 'an output counts only when all replicas have it', 'Remove it: it is all.'],
    'request.required.acks': [
      (value) => ALL_ACKS.has(value),
      'an output counts only when all replicas have it',
      'Remove it: it is all.',
    ],
    'max.in.flight': [(value) => IN_FLIGHT.has(value), ONE_MORE, 'Write 1 to 5.'],
    'max.in.flight.requests.per.connection': [(value) => IN_FLIGHT.has(value), ONE_MORE, 'Write 1 to 5.'],
    retries: [(value) => value !== '0', 'a broken connection would fail records', 'Remove it.'],
    'message.send.max.retries': [(value) => value !== '0', 'a broken connection would fail records', 'Remove it.'],
    'partition.assignment.strategy': [
      isAssignable,
      'a group is eager (range, roundrobin) or cooperative (cooperative-sticky), not both',
      'Write range,roundrobin or cooperative-sticky, the same for all members of the group.',
    ],
    'queuing.strategy': [(value) => value === 'fifo', ONE_MORE, 'Remove it: it is fifo.'],
  };

/** Why a property cannot be given, or undefined when it can. */
export function ownedReason(
  name: string,
  value: string,
): { readonly reason: string; readonly instead: string } | undefined {
  if (name.endsWith('_cb')) return { reason: 'it is a function inside the process', instead: 'Remove it.' };
  const owned = Object.hasOwn(OWNED, name) ? OWNED[name] : undefined;
  if (owned !== undefined) return { reason: owned[0], instead: owned[1] };
  const fixed = Object.hasOwn(FIXED, name) ? FIXED[name] : undefined;
  return fixed === undefined || fixed[0](value) ? undefined : { reason: fixed[1], instead: fixed[2] };
}
