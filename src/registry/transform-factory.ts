import type { PreparedModule } from '../catalog/prepared-module.ts';
import type { Executor, RecordSink, RecordSource, TopicDirectory } from '../pipeline/ports.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';

/** What a set of guest instances has done and is doing. Counts since the executor was made. */
export interface GuestReport {
  /** Records by latency inside the guest thread: latencyBucket → count. */
  readonly latencies: ArrayLike<number>;
  readonly fuelUsed: number;
  readonly instances: { readonly busy: number; readonly idle: number };
  readonly instanceRestarts: number;
  readonly stuckThreads: number;
  readonly logLinesDropped: number;
}

export interface GuestEngine {
  readonly executor: Executor;
  /** Absent for a builtin. Kept, so that a version can be made again when its file has changed meanwhile. */
  readonly module: PreparedModule | undefined;
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
   * Reads, checks, compiles and warms the module. Rejects with module.*, guest.init_* or spec.*: nothing the cluster could
   * change.
   * @param module of an earlier engine, to be used instead of the file
   */
  guest(config: TransformationConfig, module?: PreparedModule): Promise<GuestEngine>;
  /** sha256 of the module's file as it is now, hex; `builtin`; undefined when there is none. Cheap while nothing changes. */
  digest(config: TransformationConfig): Promise<string | undefined>;
  /** Checks (and where allowed creates) the topics a version writes to. Rejects with broker.*. */
  topics(config: TransformationConfig): Promise<TopicDirectory>;
  /** Checks (and where allowed creates) topics, fixes the start offset. Rejects with broker.* before the group is joined. */
  edge(config: TransformationConfig): Promise<KafkaEdge>;
}
