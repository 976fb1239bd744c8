import type { Clock } from '../base/clock.ts';
import { StreamlineError } from '../base/error.ts';
import { codeOf } from './client-error.ts';
import { promised, type ClientError, type ClientTopicPartition } from './client.ts';
import { untilSettled } from './start-offset.ts';

export interface GroupMember {
  readonly memberId: string;
  readonly groupInstanceId?: string;
  readonly clientId: string;
  readonly host: string;
  /** Of the topic asked about. */
  readonly partitions: readonly number[];
}

/** A group as its coordinator sees it. */
export interface ConsumerGroup {
  /** As Kafka names it: Stable, Empty, Dead, PreparingRebalance, CompletingRebalance, Unknown. */
  readonly state: string;
  readonly members: readonly GroupMember[];
}

interface ClientMember {
  readonly memberId: string;
  readonly groupInstanceId?: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly assignment?: { readonly topicPartitions?: readonly ClientTopicPartition[] };
}

interface ClientGroup {
  readonly error?: ClientError;
  readonly state: number;
  readonly members: readonly ClientMember[];
}

type Done<T> = (error: ClientError | null | undefined, value: T) => void;

export interface DescribeRequests {
  listGroups(
    options: { timeout: number },
    done: Done<{ groups: readonly { groupId: string }[]; errors?: readonly ClientError[] }>,
  ): void;
  listConsumerGroupOffsets(
    groups: readonly { groupId: string; partitions: readonly ClientTopicPartition[] | null }[],
    options: { timeout: number },
    done: Done<{ error?: ClientError; partitions: PartitionAnswer[] }[]>,
  ): void;
  describeGroups(groups: readonly string[], options: { timeout: number }, done: Done<{ groups: ClientGroup[] }>): void;
}

export interface PartitionAnswer {
  readonly topic: string;
  readonly partition: number;
  /** Below 0: none. */
  readonly offset: number;
  readonly error?: ClientError;
}

/** In the order of librdkafka's rd_kafka_consumer_group_state_t. */
const STATES = ['Unknown', 'PreparingRebalance', 'CompletingRebalance', 'Stable', 'Dead', 'Empty'];
/** A broker's word (since KIP-1043) for a group that is not there. */
const GROUP_ID_NOT_FOUND = 69;

/** Errors are the client's own. A group that is not there is Dead, as Kafka has it. */
export async function describeGroup(
  requests: DescribeRequests,
  groupId: string,
  topic: string,
  timeoutMs: number,
  clock: Clock,
): Promise<ConsumerGroup> {
  return untilSettled(clock, timeoutMs, async () => {
    if (!(await canBeDescribed(requests, groupId, timeoutMs))) return { state: 'Dead', members: [] };
    const { groups } = await promised<{ groups: ClientGroup[] }>((done) =>
      requests.describeGroups([groupId], { timeout: timeoutMs }, done),
    );
    const [group] = groups;
    const code = group?.error === undefined ? 0 : codeOf(group.error);
    if (group === undefined || code === GROUP_ID_NOT_FOUND) return { state: 'Dead', members: [] };
    // oxlint-disable-next-line only-throw-error -- the client's errors are plain objects at times; toBrokerError reads them
    if (code !== 0) throw group.error;
    return { state: STATES[group.state] ?? 'Unknown', members: group.members.map((member) => memberOf(member, topic)) };
  });
}

/**
 * The client (1.10.1) ends the process when the description it gets is an error: it makes a text of an assignor that is not there. So what
 * would be one is asked for first, by requests whose errors are told: a coordinator that is not ready, no right to look, no such group.
 */
async function canBeDescribed(requests: DescribeRequests, groupId: string, timeoutMs: number): Promise<boolean> {
  const [offsets] = await promised<{ error?: ClientError }[]>((done) =>
    requests.listConsumerGroupOffsets([{ groupId, partitions: null }], { timeout: timeoutMs }, done),
  );
  const code = offsets?.error === undefined ? 0 : codeOf(offsets.error);
  if (code === GROUP_ID_NOT_FOUND) return false;
  // oxlint-disable-next-line only-throw-error -- as below
  if (code !== 0) throw offsets?.error;
  const { groups, errors } = await promised<{
    groups: readonly { groupId: string }[];
    errors?: readonly ClientError[];
  }>((done) => requests.listGroups({ timeout: timeoutMs }, done));
  if (groups.some((group) => group.groupId === groupId)) return true;
  const [error] = errors ?? [];
  // oxlint-disable-next-line only-throw-error -- as below
  if (error !== undefined) throw error;
  return false;
}

function memberOf(member: ClientMember, topic: string): GroupMember {
  const partitions = (member.assignment?.topicPartitions ?? [])
    .filter((assigned) => assigned.topic === topic)
    .map(({ partition }) => partition);
  return {
    memberId: member.memberId,
    ...(member.groupInstanceId ? { groupInstanceId: member.groupInstanceId } : {}),
    clientId: member.clientId,
    // Java's InetAddress: `/10.0.0.7`.
    host: member.clientHost.replace(/^\//, ''),
    partitions: partitions.toSorted((a, b) => a - b),
  };
}

/** Offsets belong to the members while there are any. */
export function membersError(groupId: string, members: readonly GroupMember[]): StreamlineError {
  const who = members.map(({ clientId, host, partitions }) => {
    const has = partitions.length === 0 ? '' : ` with partition ${partitions.join(', ')}`;
    return `${clientId} on ${host}${has}`;
  });
  return new StreamlineError('transform.not_stopped', `the group ${groupId} has members: ${who.join('; ')}`, {
    suggestion:
      'Stop the transform on every worker that runs it. A worker that was killed stays a member until its session times out.',
  });
}
