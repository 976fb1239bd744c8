import type { Brand } from '../base/brand.ts';

export type TransformName = Brand<string, 'TransformName'>;
export type TopicName = Brand<string, 'TopicName'>;

/**
 * What a transform mainly does. Unless the spec says it, its exports do: `route` with route(), else `filter` with filter(), else
 * `map`. `enrich` has no export of its own and is only ever said.
 */
export type TransformationType = 'filter' | 'map' | 'enrich' | 'route';

export type PayloadAbi = 'framed' | 'value';
/** How a key or a value is written in Kafka. Guests see bytes as they are, JSON and Avro as JSON text. */
export type RecordFormat = 'bytes' | 'json' | 'avro';
/** How Avro is shown as JSON: unions by their value alone, or tagged with the branch as Avro's own JSON encoding has them. */
export type JsonEncoding = 'plain' | 'avro_json';
export type SchemaVersion = number | 'latest';
/** Subjects made of the output topic, the record's full name, or both, as Confluent's serializers make them. */
export type SubjectNameStrategy = 'topic' | 'record' | 'topic_record';
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
  /** Its own, else the spec's. */
  readonly maxMemoryMb: number;
  readonly timeoutMs: number;
}

/** One transform, checked and defaulted. Built only by parseSpec. Field names follow the YAML, in camel case. */
export interface TransformationConfig {
  readonly name: TransformName;
  readonly description: string;
  readonly inputTopic: TopicName;
  /** undefined: route() must name it. */
  readonly outputTopic: TopicName | undefined;
  /** At least one; more than one is a chain. */
  readonly stages: readonly [StageConfig, ...StageConfig[]];
  readonly instances: number;
  readonly maxMemoryMb: number;
  readonly timeoutMs: number;
  readonly type: TransformationType | undefined;
  readonly payload: PayloadAbi;
  readonly input: {
    readonly format: RecordFormat;
    readonly keyFormat: RecordFormat;
    readonly json: JsonEncoding;
    /** The schema Avro values are read into; undefined: the writer's, or that of `schemaFile`. */
    readonly reader: { readonly subject: string; readonly version: SchemaVersion } | undefined;
    /** The same from a file, relative to the spec's own folder; never beside `reader`. */
    readonly schemaFile: string | undefined;
    readonly start: StartOffset;
    readonly groupId: string;
    /** forward: untouched to the output; transform: handed to the guest; drop: counted as filtered. */
    readonly tombstones: 'forward' | 'transform' | 'drop';
  };
  readonly output: {
    readonly format: RecordFormat;
    readonly keyFormat: RecordFormat;
    readonly json: JsonEncoding;
    /** Of values. Also where `config.schema_registry_subject` says it. */
    readonly subject: string | undefined;
    readonly keySubject: string | undefined;
    /** Where a subject has to be made: an Avro value without `subject`, an Avro key without `keySubject`. Else undefined. */
    readonly subjectNameStrategy: SubjectNameStrategy | undefined;
    /** Full name of the record, for strategies that use it. */
    readonly recordName: string | undefined;
    /** Of the value's subject. */
    readonly version: SchemaVersion;
    /** Schema of Avro values, relative to the spec's own folder. */
    readonly schemaFile: string | undefined;
    /** The schema of `schemaFile` is registered under the subject unless it is there. */
    readonly autoRegister: boolean;
    /** JSON fields that the schema does not have: the record does not fit, or they are left out. */
    readonly unknownFields: 'fail' | 'drop';
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
