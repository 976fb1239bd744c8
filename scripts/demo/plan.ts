import { join } from 'node:path';
import { DEFAULT_MIX, type Mix, type SampleTopic } from '../../examples/data/generate.ts';

/** One transform of the demo: its spec, and what it is fed. */
export interface DemoTransform {
  readonly name: string;
  /** Relative to the root of the repository. */
  readonly spec: string;
  readonly input: SampleTopic;
  readonly mix: Mix;
  readonly deadLetterTopic: string;
  /** Whether a topic can be one of its outputs. */
  readonly writes: (topic: string) => boolean;
}

export const DEMO_TRANSFORMS: readonly DemoTransform[] = [
  {
    name: 'mask-pii',
    spec: join('specs', 'mask-pii.yaml'),
    input: 'raw-events',
    mix: DEFAULT_MIX,
    deadLetterTopic: 'mask-pii.dlq',
    writes: (topic) => topic === 'clean-events',
  },
  {
    name: 'route-by-region',
    spec: join('specs', 'route-by-region.yaml'),
    input: 'orders',
    mix: DEFAULT_MIX,
    deadLetterTopic: 'route-by-region.dlq',
    writes: (topic) => topic.startsWith('orders-'),
  },
  {
    name: 'fragile-enrich',
    spec: join('examples', 'specs', 'fragile.yaml'),
    input: 'device-events',
    mix: DEFAULT_MIX,
    deadLetterTopic: 'fragile-enrich.dlq',
    writes: (topic) => topic === 'device-events-clean',
  },
  {
    name: 'json-to-avro',
    spec: join('specs', 'json-to-avro.yaml'),
    input: 'api-logs',
    mix: DEFAULT_MIX,
    deadLetterTopic: 'json-to-avro.dlq',
    writes: (topic) => topic === AVRO.topic,
  },
];

/** What the schema registry holds before the sidecar starts, and the topic whose values are framed with it. */
export const AVRO = {
  subject: 'api-logs-value',
  file: join('examples', 'data', 'api-log.avsc'),
  topic: 'api-logs-avro',
} as const;

/** The transform whose output or dead letters a topic holds. */
export function writerOf(topic: string): DemoTransform | undefined {
  return DEMO_TRANSFORMS.find((transform) => transform.deadLetterTopic === topic || transform.writes(topic));
}
