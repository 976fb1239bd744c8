import { sleep, type Clock } from '../base/clock.ts';
import { StreamlineError } from '../base/error.ts';
import type { StartOffset, TopicName } from '../spec/transformation-config.ts';
import { clientErrorOf, codeOf, toBrokerError } from './client-error.ts';
import { RdKafka, promised, type ClientError, type ClientTopicPartition } from './client.ts';
import {
  describeGroup,
  membersError,
  type ConsumerGroup,
  type DescribeRequests,
  type PartitionAnswer,
} from './consumer-group.ts';
import type { Logger } from './log.ts';
import {
  targetFault,
  targetOffset,
  type GroupPartition,
  type OffsetTarget,
  type TargetMarks,
} from './offset-target.ts';
import { committedOffsets, offsetsAt, startOffset, untilSettled, type OffsetClient } from './start-offset.ts';

type Done<T> = (error: ClientError | null | undefined, value: T) => void;

/** What of the admin client is asked here. */
export interface GroupRequests extends DescribeRequests {
  listOffsets(
    partitions: readonly (ClientTopicPartition & { offset: unknown })[],
    options: { timeout: number },
    done: Done<PartitionAnswer[]>,
  ): void;
  deleteGroups(
    groups: readonly string[],
    options: { timeout: number },
    done: Done<{ groupId: string; error?: ClientError }[]>,
  ): void;
}

/** What KafkaAdmin lends. */
export interface GroupAccess {
  /** False: the mock cluster, which answers no request of GroupRequests in time. */
  readonly hasController: boolean;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  request<T>(doing: string, work: (requests: GroupRequests) => Promise<T>): Promise<T>;
  /** A consumer of the group that never joins it. */
  withConsumer<T>(groupId: string, topic: TopicName, work: (client: OffsetClient) => Promise<T>): Promise<T>;
}

/** Of librdkafka (rdkafka.h). It finds no leader of a partition; the others a broker says. */
const NO_ENTRY = -156;
const NON_EMPTY_GROUP = 68;
const GROUP_ID_NOT_FOUND = 69;
/** Special times of a ListOffsets request (KIP-79). */
const LATEST_MS = -1;
const EARLIEST_MS = -2;
/** A commit the coordinator did not take is given again: it was on the move. */
const COMMITS_MAX = 3;
const COMMIT_PAUSE_MS = 200;

/** Asks the cluster where the partitions of a topic are. A Map misses what has none. */
interface OffsetReader {
  committed(): Promise<ReadonlyMap<number, number>>;
  at(timeMs: number): Promise<ReadonlyMap<number, number>>;
}

/** Reads and moves the committed offsets of groups that nobody is in. Every call is bounded by the admin's times. */
export class GroupOffsets {
  readonly #access: GroupAccess;

  constructor(access: GroupAccess) {
    this.#access = access;
  }

  async read(groupId: string, topic: TopicName, partitions: readonly number[]): Promise<readonly GroupPartition[]> {
    return this.#reading(groupId, topic, partitions, (reader) => rowsOf(reader, partitions));
  }

  describe(groupId: string, topic: TopicName): Promise<ConsumerGroup> {
    const { hasController, timeoutMs, clock } = this.#access;
    const doing = `cannot describe the group ${groupId}`;
    if (!hasController) {
      // It would say nothing until the time is up.
      const why = 'this cluster answers no questions about groups';
      return Promise.reject(new StreamlineError('broker.client', `${doing}: ${why}`));
    }
    return this.#access.request(doing, (requests) => describeGroup(requests, groupId, topic, timeoutMs, clock));
  }

  /**
   * Commits where the target says, back as well as on, and believes nothing but what is read back.
   * @returns every partition, with what is committed now
   */
  async move(
    groupId: string,
    topic: TopicName,
    partitions: readonly number[],
    target: OffsetTarget,
    start: StartOffset,
  ): Promise<readonly GroupPartition[]> {
    await this.#requireNobody(groupId, topic);
    const timeMs = timeOf(target, start);
    const marks = await this.#marks(groupId, topic, partitions, timeMs);
    const fault = targetFault(target, topic, marks);
    if (fault !== undefined) throw fault;
    const moved = marks.flatMap((mark) => {
      const offset = targetOffset(target, mark, start);
      return offset === undefined ? [] : [{ topic, partition: mark.partition, offset }];
    });
    await this.#commit(groupId, topic, moved);
    this.#access.logger.info({ groupId, topic, target, offsets: inBrief(moved) }, 'offsets moved');
    const now = new Map(moved.map(({ partition, offset }) => [partition, offset]));
    return marks.map(({ partition, committed, earliest, latest }) => {
      return { partition, committed: now.get(partition) ?? committed, earliest, latest };
    });
  }

  /**
   * Makes the group begin at `start`, as a new one. The client has no request to delete the offsets of one topic (OffsetDelete, KIP-496),
   * only one to delete a group. So where the group has offsets of other topics, which are not ours to lose, or the cluster deletes no
   * groups, this topic's offsets are put to the start now instead of with the next join.
   */
  async delete(
    groupId: string,
    topic: TopicName,
    partitions: readonly number[],
    start: StartOffset,
  ): Promise<'deleted' | 'at_start'> {
    await this.#requireNobody(groupId, topic);
    if (this.#access.hasController) {
      const committed = await this.#topicsOf(groupId);
      if (!committed.has(topic)) return 'deleted';
      if (committed.size === 1) {
        await this.#deleteGroup(groupId, topic);
        this.#access.logger.info({ groupId, topic }, 'offsets deleted');
        return 'deleted';
      }
    }
    const marks = await this.#marks(
      groupId,
      topic,
      partitions,
      start.at === 'timestamp' ? start.timestampMs : undefined,
    );
    const moved = marks.map((mark) => ({ topic, partition: mark.partition, offset: startOffset(start, mark) }));
    await this.#commit(groupId, topic, moved);
    this.#access.logger.info({ groupId, topic, start, offsets: inBrief(moved) }, 'offsets put to the start');
    return 'at_start';
  }

  #marks(
    groupId: string,
    topic: TopicName,
    partitions: readonly number[],
    timeMs: number | undefined,
  ): Promise<readonly TargetMarks[]> {
    return this.#reading(groupId, topic, partitions, async (reader) => {
      const [rows, atTime] = await Promise.all([
        rowsOf(reader, partitions),
        timeMs === undefined ? undefined : reader.at(timeMs),
      ]);
      return rows.map((row) => ({ ...row, atTime: atTime?.get(row.partition) ?? -1 }));
    });
  }

  #reading<T>(
    groupId: string,
    topic: TopicName,
    partitions: readonly number[],
    work: (reader: OffsetReader) => Promise<T>,
  ): Promise<T> {
    const { hasController, timeoutMs, clock } = this.#access;
    if (!hasController) {
      return this.#access.withConsumer(groupId, topic, (client) =>
        work({
          committed: () => committedOffsets(client, topic, partitions, timeoutMs, clock),
          at: (timeMs) => offsetsAt(client, topic, partitions, timeMs, timeoutMs),
        }),
      );
    }
    // Not by a consumer here: the binding never frees one, and this is asked again and again.
    const asked = partitions.map((partition) => ({ topic, partition }));
    return work({
      committed: async () => offsetMap(await this.#committed(groupId, asked)),
      at: (timeMs) =>
        this.#access.request(`cannot read the offsets of ${topic}`, async (requests) => {
          const offset = new RdKafka.OffsetSpec(timeMs);
          const spec = asked.map((partition) => ({ ...partition, offset }));
          try {
            return offsetMap(await promised((done) => requests.listOffsets(spec, { timeout: timeoutMs }, done)));
          } catch (thrown) {
            if (codeOf(clientErrorOf(thrown)) !== NO_ENTRY) throw thrown;
            throw new StreamlineError('broker.topic_missing', `there is no topic ${topic} with these partitions`);
          }
        }),
    });
  }

  /** @param partitions null: all there are, of any topic */
  #committed(groupId: string, partitions: readonly ClientTopicPartition[] | null): Promise<readonly PartitionAnswer[]> {
    const { timeoutMs, clock } = this.#access;
    return this.#access.request(`cannot read the committed offsets of the group ${groupId}`, (requests) =>
      untilSettled(clock, timeoutMs, async () => {
        const [answer] = await promised<{ error?: ClientError; partitions: PartitionAnswer[] }[]>((done) =>
          requests.listConsumerGroupOffsets([{ groupId, partitions }], { timeout: timeoutMs }, done),
        );
        const error = answer?.error;
        if (error !== undefined && codeOf(error) === GROUP_ID_NOT_FOUND) return [];
        throwIf(error);
        return answer?.partitions ?? [];
      }),
    );
  }

  /** Topics the group has offsets of. */
  async #topicsOf(groupId: string): Promise<ReadonlySet<string>> {
    const all = await this.#committed(groupId, null);
    return new Set(all.flatMap(({ topic, offset }) => (offset >= 0 ? [topic] : [])));
  }

  async #deleteGroup(groupId: string, topic: TopicName): Promise<void> {
    const { timeoutMs, clock } = this.#access;
    const doing = `cannot delete the offsets of the group ${groupId}`;
    const joined = await this.#access.request(doing, (requests) =>
      untilSettled(clock, timeoutMs, async () => {
        const [answer] = await promised<{ error?: ClientError }[]>((done) =>
          requests.deleteGroups([groupId], { timeout: timeoutMs }, done),
        );
        const code = answer?.error === undefined ? 0 : codeOf(answer.error);
        if (code === NON_EMPTY_GROUP) return true;
        if (code !== GROUP_ID_NOT_FOUND) throwIf(answer?.error);
        return false;
      }),
    );
    if (joined) {
      await this.#requireNobody(groupId, topic);
      throw new StreamlineError('broker.commit_failed', `${doing}: somebody was joining it`);
    }
    if ((await this.#topicsOf(groupId)).has(topic)) {
      throw new StreamlineError('broker.commit_failed', `${doing}: they are still there`);
    }
  }

  async #commit(
    groupId: string,
    topic: TopicName,
    offsets: readonly (ClientTopicPartition & { readonly offset: number })[],
  ): Promise<void> {
    if (offsets.length === 0) return;
    const { timeoutMs, clock } = this.#access;
    const partitions = offsets.map(({ partition }) => partition);
    await this.#access.withConsumer(groupId, topic, async (client) => {
      // Finds the coordinator, so that the question after a commit is answered after it.
      await committedOffsets(client, topic, partitions, timeoutMs, clock);
      for (let commits = 1; ; commits += 1) {
        try {
          client.commit(offsets);
        } catch (thrown) {
          const error = clientErrorOf(thrown);
          const doing = `the offsets of ${topic} were not moved`;
          throw toBrokerError({ ...error, code: codeOf(error) }, 'broker.commit_failed', doing);
        }
        const committed = await committedOffsets(client, topic, partitions, timeoutMs, clock);
        // Equal, not as far: an offset may have to go back.
        const wrong = offsets.filter(({ partition, offset }) => committed.get(partition) !== offset);
        if (wrong.length === 0) return;
        // A group with members takes no commit from outside, and says nothing.
        await this.#requireNobody(groupId, topic);
        if (commits === COMMITS_MAX) {
          const which = wrong.map(({ partition }) => partition).join(', ');
          const message = `the group's coordinator did not take the offsets of ${topic}, partition ${which}`;
          throw new StreamlineError('broker.commit_failed', message);
        }
        await sleep(clock, COMMIT_PAUSE_MS);
      }
    });
  }

  /** Where the cluster does not tell, the coordinator refuses the commit. */
  async #requireNobody(groupId: string, topic: TopicName): Promise<void> {
    if (!this.#access.hasController) return;
    const { members } = await this.describe(groupId, topic);
    if (members.length > 0) throw membersError(groupId, members);
  }
}

function timeOf(target: OffsetTarget, start: StartOffset): number | undefined {
  if (target.to === 'timestamp') return target.timestampMs;
  return target.to === 'shift' && start.at === 'timestamp' ? start.timestampMs : undefined;
}

async function rowsOf(reader: OffsetReader, partitions: readonly number[]): Promise<readonly GroupPartition[]> {
  const [committed, earliest, latest] = await Promise.all([
    reader.committed(),
    reader.at(EARLIEST_MS),
    reader.at(LATEST_MS),
  ]);
  return partitions.map((partition) => ({
    partition,
    committed: committed.get(partition),
    earliest: earliest.get(partition) ?? 0,
    latest: latest.get(partition) ?? 0,
  }));
}

function offsetMap(answers: readonly PartitionAnswer[]): ReadonlyMap<number, number> {
  const offsets = new Map<number, number>();
  for (const { partition, offset, error } of answers) {
    throwIf(error);
    if (offset >= 0) offsets.set(partition, offset);
  }
  return offsets;
}

/** Throws the client's error as it is: whoever asked makes ours of it. */
function throwIf(error: ClientError | undefined): void {
  // oxlint-disable-next-line only-throw-error -- the client's errors are plain objects at times; toBrokerError reads them
  if (error !== undefined && error.code !== 0) throw error;
}

/** `{0: 17, 1: 4}` */
function inBrief(offsets: readonly { readonly partition: number; readonly offset: number }[]): Record<string, number> {
  return Object.fromEntries(offsets.map(({ partition, offset }) => [partition, offset]));
}
