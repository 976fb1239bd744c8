import { StreamlineError } from '../base/error.ts';
import type { KafkaAdmin } from '../kafka/kafka-admin.ts';
import type { GroupPartition } from '../kafka/offset-target.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';
import type { GroupView, OffsetTarget, PartitionOffsets } from './control.ts';
import type { Survey } from './deploy-plan.ts';
import type { ManagedTransform } from './managed-transform.ts';
import type { SidecarTransformFactory } from './sidecar-transform-factory.ts';
import type { TransformationRegistry } from './transformation-registry.ts';

/** The consumer groups of transforms: who is in them, where they are, and where a person puts them. */
export class OffsetControl {
  readonly #registry: TransformationRegistry;
  readonly #factory: SidecarTransformFactory;

  constructor(registry: TransformationRegistry, factory: SidecarTransformFactory) {
    this.#registry = registry;
    this.#factory = factory;
  }

  async group(name: string): Promise<GroupView> {
    const transform = this.#registry.get(name);
    return groupOf(await this.#factory.admin(), transform.config, transform.snapshot().partitions);
  }

  async read(name: string): Promise<readonly PartitionOffsets[]> {
    const transform = this.#registry.get(name);
    const { config } = transform;
    const admin = await this.#factory.admin();
    return viewsOf(transform, await offsetsOf(admin, config));
  }

  async move(name: string, target: OffsetTarget): Promise<readonly PartitionOffsets[]> {
    const transform = this.#stopped(name);
    const { inputTopic, input } = transform.config;
    const admin = await this.#factory.admin();
    const partitions = await partitionsOf(admin, transform.config);
    return viewsOf(transform, await admin.moveOffsets(input.groupId, inputTopic, partitions, target, input.start));
  }

  async remove(name: string): Promise<void> {
    const transform = this.#stopped(name);
    const { inputTopic, input } = transform.config;
    const admin = await this.#factory.admin();
    const partitions = await partitionsOf(admin, transform.config);
    await admin.deleteOffsets(input.groupId, inputTopic, partitions, input.start);
  }

  /** What the cluster says of a spec's group and topics. */
  async survey(config: TransformationConfig): Promise<Survey> {
    const admin = await this.#factory.admin();
    const topics = [config.inputTopic, config.outputTopic, config.errors.deadLetterTopic].filter(
      (topic) => topic !== undefined,
    );
    const counts = await Promise.all(topics.map(async (topic) => [topic, await admin.partitionCount(topic)] as const));
    const partitions = new Map<string, number | undefined>(counts);
    const group = await groupOf(admin, config, []);
    const offsets = partitions.get(config.inputTopic) === undefined ? [] : await offsetsOf(admin, config);
    return { group, offsets, partitions };
  }

  #stopped(name: string): ManagedTransform {
    const transform = this.#registry.get(name);
    if (transform.snapshot().state === 'STOPPED') return transform;
    throw new StreamlineError(
      'transform.not_stopped',
      `offsets move only while the transform is STOPPED; it is ${transform.snapshot().state}`,
      {
        suggestion: `Stop it first: streamline-cli transforms stop ${name} (on every worker).`,
      },
    );
  }
}

async function groupOf(admin: KafkaAdmin, config: TransformationConfig, own: readonly number[]): Promise<GroupView> {
  const { groupId } = config.input;
  try {
    const { state, members } = await admin.describeGroup(groupId, config.inputTopic);
    const mine = own.join();
    return {
      groupId,
      state,
      members: members.map(({ memberId, clientId, host, partitions }) => ({
        memberId,
        clientId,
        host,
        partitions,
        // No two members have the same partitions.
        self: own.length > 0 && partitions.toSorted((a, b) => a - b).join() === mine,
      })),
    };
  } catch (thrown) {
    // A cluster without a controller, as the demo's, cannot tell.
    if (thrown instanceof StreamlineError && thrown.code === 'broker.client')
      return { groupId, state: 'Unknown', members: [] };
    throw thrown;
  }
}

async function partitionsOf(admin: KafkaAdmin, { inputTopic, source }: TransformationConfig): Promise<number[]> {
  const count = await admin.partitionCount(inputTopic);
  if (count !== undefined) return Array.from({ length: count }, (_, partition) => partition);
  throw new StreamlineError('broker.topic_missing', `the input topic ${inputTopic} does not exist`, {
    place: source,
    configPath: '/input_topic',
    suggestion: 'Create it, or correct its name.',
  });
}

async function offsetsOf(admin: KafkaAdmin, config: TransformationConfig): Promise<readonly GroupPartition[]> {
  const partitions = await partitionsOf(admin, config);
  return admin.groupOffsets(config.input.groupId, config.inputTopic, partitions);
}

function viewsOf(transform: ManagedTransform, offsets: readonly GroupPartition[]): PartitionOffsets[] {
  return offsets.map(({ partition, committed, earliest, latest }) => ({
    topic: transform.config.inputTopic,
    partition,
    committed,
    earliest,
    latest,
    lag: committed === undefined ? undefined : Math.max(0, latest - committed),
    switched: transform.switchOf(partition),
  }));
}
