import type { Brand } from '../base/brand.ts';

export type TransformName = Brand<string, 'TransformName'>;
export type TopicName = Brand<string, 'TopicName'>;

/**
 * What a transform mainly does. Unless the spec says it, its exports do: `route` with route(), else `filter` with filter(), else
 * `map`. `enrich` has no export of its own and is only ever said.
 */
export type TransformationType = 'filter' | 'map' | 'enrich' | 'route';

export type PayloadAbi = 'framed' | 'value';
export type RecordFormat = 'bytes' | 'json' | 'avro';
export type OnFailure = 'dead_letter' | 'skip' | 'stop';

/** Where a group without committed offsets begins. Fixed at deploy: the first start commits it. */
export type StartOffset =
  | { readonly at: 'earliest' }
  | { readonly at: 'latest' }
  | { readonly at: 'timestamp'; readonly timestampMs: number }
  /** +n: n records after the earliest; -n: n records before the latest. */
  | { readonly at: 'relative'; readonly records: number };

export interface StageConfig {
  /** `builtin:NAME` or a path relative to the modules directory. */
  readonly wasmModule: string;
  /** JSON text for init(); `{}` when the spec gives none. */
  readonly configJson: string;
}

/** One transform, checked and defaulted. Built only by parseSpec. Field names follow the YAML, in camel case. */
export interface TransformationConfig {
  readonly name: TransformName;
  readonly description: string;
  readonly inputTopic: TopicName;
  /** undefined: route() must name it. */
  readonly outputTopic: TopicName | undefined;
  /** At least one; more than one is a chain (refused until chains land). */
  readonly stages: readonly [StageConfig, ...StageConfig[]];
  readonly instances: number;
  readonly maxMemoryMb: number;
  readonly timeoutMs: number;
  readonly type: TransformationType | undefined;
  readonly payload: PayloadAbi;
  readonly input: {
    readonly format: RecordFormat;
    readonly start: StartOffset;
    readonly groupId: string;
    /** forward: untouched to the output; transform: handed to the guest; drop: counted as filtered. */
    readonly tombstones: 'forward' | 'transform' | 'drop';
  };
  readonly output: {
    readonly format: RecordFormat;
    readonly subject: string | undefined;
    readonly partition: 'key' | 'input';
    readonly timestamp: 'input' | 'now';
    /** Outputs carry the header streamline.module.sha256. */
    readonly moduleHeader: boolean;
  };
  readonly delivery: 'at_least_once' | 'exactly_once';
  readonly ordering: 'partition' | 'key';
  readonly errors: ErrorPolicy;
  readonly rollout: {
    /** A changed version that traps on one of its first so many records is taken back; 0 = not tried. */
    readonly canary: number;
  };
  /** Where it was read from, for messages: `specs/mask-pii.yaml`. */
  readonly source: string;
  /** sha256 of the normalised config, hex: travels on dead letters. */
  readonly sha256: string;
}

export interface ErrorPolicy {
  readonly onFailure: OnFailure;
  readonly deadLetterTopic: TopicName;
  readonly maxRetries: number;
  readonly retryBackoffMs: number;
  readonly retryBackoffMaxMs: number;
  /** Breaker: this many failures among the last `window` records stop the transform; 0 failures = off. */
  readonly stopAfter: { readonly failures: number; readonly window: number };
}
