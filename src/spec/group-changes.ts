import type { TransformationConfig } from './transformation-config.ts';

/** Fields whose change the group sees: another topic is read, another group joined, offsets mean something else. */
export function groupChanges(before: TransformationConfig, after: TransformationConfig): string[] {
  const fields: [string, unknown, unknown][] = [
    ['input_topic', before.inputTopic, after.inputTopic],
    ['input.group_id', before.input.groupId, after.input.groupId],
    ['delivery', before.delivery, after.delivery],
    ['ordering', before.ordering, after.ordering],
  ];
  return fields.filter(([, a, b]) => a !== b).map(([field]) => field);
}
