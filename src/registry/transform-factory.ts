import type { SchemaWaiting } from '../codec/registry/schema-supply.ts';
import type { StageTally } from '../guest/guest-stats.ts';
import type { DistributionView } from '../pipeline/distribution.ts';
import type { Executor, RecordSink, RecordSource, TopicDirectory } from '../pipeline/ports.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';
import type { FileDigests, VersionFiles } from './version-change.ts';

/** What a set of guest instances has done and is doing. Counts since the executor was made. */
export interface GuestReport {
  /** Of records: nanoseconds inside the guest thread. */
  readonly latency: DistributionView;
  /** The same, units. */
  readonly fuel: DistributionView;
  /** Keys, values and headers of the records shown. */
  readonly inputBytes: number;
  /** The same of the outputs. */
  readonly outputBytes: number;
  readonly instances: InstanceCounts;
  readonly instanceRestarts: number;
  readonly stuckThreads: number;
  readonly logLinesDropped: number;
  /** What the guests themselves have counted and set, by name. */
  readonly guestMetrics: GuestMetricValues;
  /** Of a chain, each of its stages in order; none of a single guest. */
  readonly stages: readonly StageTally[];
  /** The schema registry cannot be asked, and records wait for it. */
  readonly waiting?: SchemaWaiting | undefined;
}

export interface InstanceCounts {
  readonly busy: number;
  readonly idle: number;
  readonly starting: number;
}

export interface GuestMetricValues {
  readonly counters: ReadonlyMap<string, number>;
  readonly gauges: ReadonlyMap<string, number>;
}

export interface GuestEngine {
  readonly executor: Executor;
  /** What it was made of. */
  readonly files: VersionFiles;
  report(): GuestReport;
}

export interface KafkaEdge {
  readonly source: RecordSource;
  readonly sink: RecordSink;
  readonly topics: TopicDirectory;
  /** Records between the position of the group and the end, by partition assigned here. */
  lag(): readonly { readonly partition: number; readonly lag: number }[];
  /** Ends of partitions of the input, asked by another connection than the consumer's. */
  endOffsets(partitions: readonly number[]): Promise<ReadonlyMap<number, number>>;
}

/** Makes the parts of one transform. The one implementation wires catalog, guest and kafka; tests bring their own. */
export interface TransformFactory {
  /**
   * Reads, checks, compiles and warms the module, and fetches the schemas that can be named. Rejects with module.*, guest.init_*,
   * spec.* or schema.*: nothing the cluster could change; with registry.* while the schema registry cannot be asked.
   * @param known of an earlier engine, to be used instead of what the files are by now
   */
  guest(config: TransformationConfig, known?: VersionFiles): Promise<GuestEngine>;
  /** Of the files as they are now. Cheap while nothing changes. */
  digest(config: TransformationConfig): Promise<FileDigests>;
  /** Checks (and where allowed creates) the topics a version writes to. Rejects with broker.*. */
  topics(config: TransformationConfig): Promise<TopicDirectory>;
  /** Checks (and where allowed creates) topics, fixes the start offset. Rejects with broker.* before the group is joined. */
  edge(config: TransformationConfig): Promise<KafkaEdge>;
}
