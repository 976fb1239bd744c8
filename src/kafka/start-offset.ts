import { sleep, systemClock, type Clock } from '../base/clock.ts';
import { StreamlineError } from '../base/error.ts';
import type { StartOffset, TopicName } from '../spec/transformation-config.ts';
import type { ClientError, ClientTopicPartition } from './client.ts';
import { promised } from './client.ts';
import { clientErrorOf, codeOf, isCoordinatorMoving, toBrokerError } from './client-error.ts';
import type { Logger } from './log.ts';

/** Special times of a ListOffsets request (KIP-79). */
const LATEST_MS = -1;
const EARLIEST_MS = -2;
/** Between two questions to a coordinator that is on the move. */
const COORDINATOR_PAUSE_MS = 200;

type Offset = ClientTopicPartition & { readonly offset: number };
type Done<T> = (error: ClientError | null | undefined, value: T) => void;

/** What pinning needs of a connected consumer that has not joined. */
export interface OffsetClient {
  committed(partitions: readonly ClientTopicPartition[], timeoutMs: number, done: Done<Partial<Offset>[]>): unknown;
  offsetsForTimes(partitions: readonly Offset[], timeoutMs: number, done: Done<Offset[]>): unknown;
  commit(offsets: readonly Offset[]): unknown;
}

export interface Watermarks {
  readonly earliest: number;
  readonly latest: number;
  /** First offset at or after the start's timestamp; -1 = none. */
  readonly atTime: number;
}

/** Where a partition without a committed offset begins. Pure. */
export function startOffset(start: StartOffset, { earliest, latest, atTime }: Watermarks): number {
  switch (start.at) {
    case 'earliest':
      return earliest;
    case 'latest':
      return latest;
    case 'timestamp':
      return atTime < 0 ? latest : Math.max(earliest, atTime);
    case 'relative':
      return start.records >= 0
        ? Math.min(latest, earliest + start.records)
        : Math.max(earliest, latest + start.records);
  }
}

/**
 * Fixes where a new group begins, by committing it before anyone joins: a transform deployed at noon that first runs at one has
 * lost nothing in between. Partitions with a committed offset are left alone, so it may be called at each start.
 *
 * A group that has members refuses a commit from outside. Then another sidecar runs this transform and has pinned it.
 * @returns the offsets it pinned, usually none
 */
export async function pinStartOffsets(
  client: OffsetClient,
  topic: TopicName,
  partitions: readonly number[],
  start: StartOffset,
  timeoutMs: number,
  logger: Logger,
  clock: Clock = systemClock,
): Promise<readonly { readonly partition: number; readonly offset: number }[]> {
  const missing = await uncommitted(client, topic, partitions, timeoutMs, clock);
  if (missing.length === 0) return [];
  const timeMs = start.at === 'timestamp' ? start.timestampMs : undefined;
  const [earliest, latest, atTime] = await Promise.all([
    offsetsAt(client, topic, missing, EARLIEST_MS, timeoutMs),
    offsetsAt(client, topic, missing, LATEST_MS, timeoutMs),
    timeMs === undefined ? undefined : offsetsAt(client, topic, missing, timeMs, timeoutMs),
  ]);
  const pinned = missing.map((partition) => ({
    partition,
    offset: startOffset(start, {
      earliest: earliest.get(partition) ?? 0,
      latest: latest.get(partition) ?? 0,
      atTime: atTime?.get(partition) ?? -1,
    }),
  }));
  const offsets = pinned.map(({ partition, offset }) => ({ topic, partition, offset }));
  const refused = await commitOffsets(client, offsets, timeoutMs);
  if (refused.length === 0) {
    logger.info({ topic, start, partitions: pinned.length }, 'start offsets pinned');
    return pinned;
  }
  // Whoever refuses has members, and the first of them pinned before it joined. Else the commit was lost, and to join without it would
  // start at the beginning, whatever the spec says.
  const unpinned = await uncommitted(client, topic, partitions, timeoutMs, clock);
  if (unpinned.length === partitions.length) {
    throw new StreamlineError('broker.commit_failed', `the group's coordinator took no start offsets of ${topic}`);
  }
  logger.debug({ topic, partitions: refused }, 'start offsets left to the member that runs already');
  return pinned.filter(({ partition }) => !refused.includes(partition));
}

async function uncommitted(
  client: OffsetClient,
  topic: TopicName,
  partitions: readonly number[],
  timeoutMs: number,
  clock: Clock,
): Promise<number[]> {
  const committed = await committedOffsets(client, topic, partitions, timeoutMs, clock);
  return partitions.filter((partition) => !committed.has(partition));
}

/** What the group has committed; partitions without are left out. */
export async function committedOffsets(
  client: Pick<OffsetClient, 'committed'>,
  topic: TopicName,
  partitions: readonly number[],
  timeoutMs: number,
  clock: Clock,
): Promise<ReadonlyMap<number, number>> {
  const asked = partitions.map((partition) => ({ topic, partition }));
  try {
    const answer = await untilSettled(clock, timeoutMs, () =>
      promised<Partial<Offset>[]>((done) => client.committed(asked, timeoutMs, done)),
    );
    const committed = new Map<number, number>();
    for (const { partition, offset } of answer) {
      if (partition !== undefined && offset !== undefined && offset >= 0) committed.set(partition, offset);
    }
    return committed;
  } catch (thrown) {
    throw toBrokerError(thrown, 'broker.client', `cannot read the committed offsets of ${topic}`);
  }
}

/** Asks again while the group's coordinator is on the move, for so long at most. */
export async function untilSettled<T>(clock: Clock, timeoutMs: number, ask: () => Promise<T>): Promise<T> {
  const giveUpMs = clock.nowMs() + timeoutMs;
  for (;;) {
    try {
      return await ask();
    } catch (thrown) {
      if (!isCoordinatorMoving(codeOf(clientErrorOf(thrown))) || clock.nowMs() > giveUpMs) throw thrown;
      await sleep(clock, COORDINATOR_PAUSE_MS);
    }
  }
}

export async function offsetsAt(
  client: Pick<OffsetClient, 'offsetsForTimes'>,
  topic: TopicName,
  partitions: readonly number[],
  timeMs: number,
  timeoutMs: number,
): Promise<Map<number, number>> {
  const asked = partitions.map((partition) => ({ topic, partition, offset: timeMs }));
  const answer = await promised<Offset[]>((done) => client.offsetsForTimes(asked, timeoutMs, done)).catch(
    (thrown: unknown) => {
      throw toBrokerError(thrown, 'broker.client', `cannot read the offsets of ${topic}`);
    },
  );
  return new Map(answer.map(({ partition, offset }) => [partition, offset]));
}

/**
 * Commits and asks the broker what it has. The client's own commit callbacks will not do: commitCb answers when the request is
 * queued, not when it is answered (src/workers.cc, KafkaConsumerCommitCb), and offset_commit_cb waits in line behind fetched
 * records, so a drain that reads no more would never hear of it. The read goes to the same coordinator after the commit.
 * @returns partitions whose committed offset is still lower
 */
export async function commitOffsets(
  client: Pick<OffsetClient, 'commit' | 'committed'>,
  offsets: readonly Offset[],
  timeoutMs: number,
): Promise<readonly number[]> {
  try {
    client.commit(offsets);
    const asked = offsets.map(({ topic, partition }) => ({ topic, partition }));
    const answer = await promised<Partial<Offset>[]>((done) => client.committed(asked, timeoutMs, done));
    const committed = new Map(answer.map(({ partition, offset }) => [partition, offset ?? -1]));
    return offsets.filter((o) => (committed.get(o.partition) ?? -1) < o.offset).map((o) => o.partition);
  } catch (thrown) {
    // Which error a refused commit gives depends on the group's state; all of them mean the same here.
    const error = clientErrorOf(thrown);
    throw toBrokerError({ ...error, code: codeOf(error) }, 'broker.commit_failed', 'the offsets were not committed');
  }
}
