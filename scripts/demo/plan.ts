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
];

/** Why a spec of specs/ is not among them. */
export const LEFT_OUT = 'json-to-avro is left out: Avro output waits for the schema-registry support';

/** The transform whose output or dead letters a topic holds. */
export function writerOf(topic: string): DemoTransform | undefined {
  return DEMO_TRANSFORMS.find((transform) => transform.deadLetterTopic === topic || transform.writes(topic));
}
