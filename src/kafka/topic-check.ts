import { StreamlineError } from '../base/error.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';
import type { KafkaAdmin } from './kafka-admin.ts';

export type TopicNeeds = Pick<TransformationConfig, 'inputTopic' | 'outputTopic' | 'output' | 'errors' | 'source'>;

/** What checking and creating needs of the admin client. */
export type TopicAdmin = Pick<KafkaAdmin, 'partitionCount' | 'createTopic'>;

/**
 * Before the group is joined: the input topic exists, the output and dead-letter topics exist or are created.
 * @param create topics.create of the sidecar's configuration
 * @param partitionsOfCreated topics.partitions; the input topic's number unless given
 * @returns the input topic's partitions
 */
export async function checkTopics(
  admin: TopicAdmin,
  needs: TopicNeeds,
  create: boolean,
  partitionsOfCreated?: number,
): Promise<number> {
  const partitions = await admin.partitionCount(needs.inputTopic);
  if (partitions === undefined) {
    throw new StreamlineError('broker.topic_missing', `the input topic ${needs.inputTopic} does not exist`, {
      place: needs.source,
      configPath: '/input_topic',
      suggestion: 'Create it, or correct its name: the sidecar never creates input topics.',
    });
  }
  const created = partitionsOfCreated ?? partitions;
  if (needs.outputTopic !== undefined) {
    const outputs = await ensureTopic(admin, needs.source, needs.outputTopic, '/output_topic', created, create);
    if (needs.output.partition === 'input' && outputs < partitions) {
      throw new StreamlineError(
        'broker.partition_mismatch',
        `output.partition is input, but ${needs.outputTopic} has ${outputs} partitions and ${needs.inputTopic} has ${partitions}`,
        {
          place: needs.source,
          configPath: '/output/partition',
          suggestion: `Give ${needs.outputTopic} at least ${partitions} partitions, or use partition: key.`,
        },
      );
    }
  }
  if (needs.errors.onFailure === 'dead_letter') {
    const path = '/errors/dead_letter_topic';
    await ensureTopic(admin, needs.source, needs.errors.deadLetterTopic, path, created, create);
  }
  return partitions;
}

/**
 * A topic to write to: it is there, or is created.
 * @param place the file that names it, with `configPath`
 * @returns its partitions. Rejects with broker.topic_missing
 */
export async function ensureTopic(
  admin: TopicAdmin,
  place: string,
  topic: string,
  configPath: string,
  partitions: number,
  create: boolean,
): Promise<number> {
  const existing = await admin.partitionCount(topic);
  if (existing !== undefined) return existing;
  if (!create) {
    throw new StreamlineError('broker.topic_missing', `the topic ${topic} does not exist`, {
      place,
      configPath,
      suggestion: 'Create it, or set topics.create: true in sidecar.yaml.',
    });
  }
  await admin.createTopic(topic, partitions);
  // The mock cluster and brokers with policies decide for themselves.
  return (await admin.partitionCount(topic)) ?? partitions;
}
