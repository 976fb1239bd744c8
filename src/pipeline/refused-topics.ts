import { DEFAULT_TOPIC } from './packed-results.ts';
import type { Refusal } from './piece.ts';
import type { TopicDirectory } from './ports.ts';

/** What may not be produced to, by topic index of a result. Asks the cluster only for names not seen before. */
export async function refusedTopics(
  directory: TopicDirectory,
  outputTopic: string | undefined,
  topics: readonly string[],
): Promise<Map<number, Refusal>> {
  const refused = new Map<number, Refusal>();
  if (outputTopic === undefined) {
    const message = 'output_topic is "" and route() named no topic for this record';
    refused.set(DEFAULT_TOPIC, { code: 'route.missing', message });
  }
  for (const [index, topic] of topics.entries()) {
    if (directory.known(topic) === 'ok') continue;
    const wrong = await directory.check(topic);
    if (wrong !== undefined) refused.set(index, wrong);
  }
  return refused;
}
