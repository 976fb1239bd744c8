import type { StreamlineError } from '../base/error.ts';
import type { ErrorCode } from '../base/error-code.ts';
import type { TransformationType } from '../spec/transformation-config.ts';
import type { SpecFault } from '../spec/spec-set.ts';
import type { StoredModule as ModuleView } from '../catalog/module-store.ts';
import type { OffsetTarget } from '../kafka/offset-target.ts';
import type { LogLevel } from '../observe/log-level.ts';
import type { LogLine, LogQuery } from '../observe/log-tail.ts';
import type { TransformState } from './transform-snapshot.ts';
import type { SchemaPlan as PlannedSchema } from './schema-refusals.ts';

export { LOG_LEVELS } from '../observe/log-level.ts';
export type { LogLevel, LogLine, LogQuery, ModuleView, OffsetTarget, PlannedSchema };

/*
 * Everything that can be asked of a sidecar and done to it while it runs: what the REST API calls. Every method that cannot do what it was
 * asked to rejects (or throws) with a StreamlineError; a name that is not known with transform.not_found.
 */

/** What a person wants of a transform. Kept over a restart of the sidecar. */
export type TargetState = 'RUNNING' | 'PAUSED' | 'STOPPED';

/** One version of a transform: a module with a config, as it was when it took over. */
export interface VersionView {
  /** Counts from 1 within this process. */
  readonly number: number;
  /** As the spec names it: `transforms/mask_pii.wasm`, `builtin:pass-through`. */
  readonly module: string;
  /** sha256 of the module's file, hex; `builtin` for a builtin. */
  readonly moduleSha256: string;
  readonly configSha256: string;
  readonly sinceMs: number;
  /** Records of this version that have an outcome. */
  readonly records: number;
}

/** A version that does not serve, or not all: on its way up, tried on its first records, or refused. */
export interface CandidateView {
  readonly stage: 'PREPARING' | 'CANARY' | 'REFUSED';
  readonly module: string;
  readonly moduleSha256: string | undefined;
  readonly configSha256: string;
  readonly sinceMs: number;
  /** Why it was refused. */
  readonly error: StreamlineError | undefined;
  /** CANARY: records tried and to be tried. */
  readonly canary: { readonly done: number; readonly of: number } | undefined;
}

/** What records wait for: read, not given up, and done when it is there. */
export interface WaitingView {
  readonly for: 'schema_registry';
  readonly sinceMs: number;
  /** Why, the last time it was tried. */
  readonly error: StreamlineError;
}

export interface TransformStatus {
  readonly name: string;
  /** PAUSED and STOPPED as asked for, else what it is in. STOPPED with error transform.disabled: the feature is off. */
  readonly state: TransformState;
  readonly target: TargetState;
  readonly type: TransformationType;
  readonly workerId: string;
  readonly groupId: string;
  /** Partitions this worker has. */
  readonly partitions: readonly number[];
  /** Why it is FAILED or RESTARTING. */
  readonly error: StreamlineError | undefined;
  /** It is RUNNING, and gets no further meanwhile. */
  readonly waiting: WaitingView | undefined;
  /** What serves, or served last; undefined before the first. */
  readonly version: VersionView | undefined;
  readonly candidate: CandidateView | undefined;
  /** Errors of the spec file as it is now, while an older version runs on. */
  readonly specErrors: readonly StreamlineError[];
  readonly instances: { readonly busy: number; readonly idle: number };
  readonly restarts: number;
}

/** The consumer group as the cluster sees it: who has which partitions. */
export interface GroupView {
  readonly groupId: string;
  /** As Kafka names it: Stable, Empty, Dead, PreparingRebalance, CompletingRebalance, Unknown. */
  readonly state: string;
  readonly members: readonly GroupMemberView[];
}

export interface GroupMemberView {
  readonly memberId: string;
  readonly clientId: string;
  readonly host: string;
  readonly partitions: readonly number[];
  /** This worker. */
  readonly self: boolean;
}

/** Nanoseconds; 0 while there was no record. */
export interface LatencySummary {
  readonly mean: number;
  readonly p50: number;
  readonly p99: number;
}

export interface TransformMetrics {
  readonly received: number;
  readonly output: number;
  readonly deadLettered: number;
  readonly filtered: number;
  readonly skipped: number;
  readonly returned: number;
  readonly inFlight: number;
  readonly retries: number;
  readonly errors: ReadonlyMap<ErrorCode, number>;
  /** Of `deadLettered`: by the code of their last failure. */
  readonly deadLetters: ReadonlyMap<ErrorCode, number>;
  /** Of one record in the guest. */
  readonly latencyNs: LatencySummary;
  /** From the moment a record was read to its outcome. */
  readonly endToEndNs: LatencySummary;
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly fuelUsed: number;
  readonly inFlightBytes: number;
  readonly instances: { readonly busy: number; readonly idle: number };
  readonly instanceRestarts: number;
  readonly stuckThreads: number;
  readonly logLinesDropped: number;
  readonly lag: readonly { readonly partition: number; readonly lag: number }[];
  readonly lastCommitMs: number | undefined;
}

/** A spec as it was written. */
export interface SpecText {
  readonly name: string;
  /** The file. */
  readonly source: string;
  /** YAML. */
  readonly text: string;
  /** The same as plain data. */
  readonly config: Readonly<Record<string, unknown>>;
}

export interface DeployOutcome {
  readonly name: string;
  readonly created: boolean;
  /** False when the spec is the one that is there. */
  readonly changed: boolean;
  readonly configSha256: string;
  readonly source: string;
}

export interface UploadOutcome {
  readonly module: ModuleView;
  readonly created: boolean;
}

/** What a check of one spec and its module found; nothing is changed, no cluster is asked. */
export interface ValidationReport {
  readonly ok: boolean;
  readonly name: string | undefined;
  readonly type: TransformationType | undefined;
  readonly module: ModuleSummary | undefined;
  readonly errors: readonly StreamlineError[];
}

export interface ModuleSummary {
  readonly path: string;
  readonly sha256: string;
  readonly exports: readonly string[];
  readonly imports: readonly string[];
}

export interface PlannedTopic {
  readonly role: 'input' | 'output' | 'dead_letter';
  /** undefined: route() names it. */
  readonly topic: string | undefined;
  /** undefined: there is no such topic. */
  readonly partitions: number | undefined;
  /** It would be created. */
  readonly creates: boolean;
}

/** What would change if a spec were deployed. */
export interface DeployPlan {
  readonly name: string;
  /**
   * create: there is none of this name. in_place: the next batch is the new version's, the group notices nothing. restart: it drains,
   * leaves the group and joins again.
   */
  readonly action: 'create' | 'unchanged' | 'in_place' | 'restart';
  readonly changes: readonly { readonly field: string; readonly before: unknown; readonly after: unknown }[];
  readonly module: (ModuleSummary & { readonly before: string | undefined }) | undefined;
  readonly group: {
    readonly groupId: string;
    readonly state: string;
    readonly members: number;
    /** Records between what is committed and the end; undefined when nothing is committed. */
    readonly lag: number | undefined;
    /** Where it would begin, in words: `at the committed offsets`, `latest`. */
    readonly start: string;
  };
  readonly topics: readonly PlannedTopic[];
  /** That can be named before there are records, as far as the registry answered. */
  readonly schemas: readonly PlannedSchema[];
  /** Whether, and how, order or guests' state is affected, in sentences. */
  readonly effects: readonly string[];
  /** Why it would be refused. */
  readonly errors: readonly StreamlineError[];
}

export interface PartitionOffsets {
  readonly topic: string;
  readonly partition: number;
  /** What is committed; undefined: nothing. */
  readonly committed: number | undefined;
  readonly earliest: number;
  readonly latest: number;
  /** latest − committed; undefined without the latter. */
  readonly lag: number | undefined;
  /** Where in this process the serving version took over, when it did so on this partition. */
  readonly switched:
    | {
        readonly offset: number;
        readonly moduleSha256: string;
        readonly configSha256: string;
        readonly version: number;
      }
    | undefined;
}

export interface LoggerView {
  /** `root`, or a transform's name. */
  readonly name: string;
  readonly level: LogLevel;
  readonly lastModifiedMs: number | undefined;
}

export interface SidecarView {
  readonly version: string;
  readonly workerId: string;
  readonly transport: string;
  readonly wasmTransforms: boolean;
  readonly specsDirectory: string;
  /** Why the API cannot write specs; undefined: it can. */
  readonly specsReadOnly: string | undefined;
}

export interface Control {
  about(): Promise<SidecarView>;

  // ---- reading
  /** Of every transform there is, in alphabetical order. */
  names(): readonly string[];
  /** Files that are there and wrong, those of running transforms too. */
  specErrors(): readonly SpecFault[];
  status(name: string): TransformStatus;
  /** Asks the cluster. */
  group(name: string): Promise<GroupView>;
  metrics(name: string): TransformMetrics;
  spec(name: string): Promise<SpecText>;
  /** Input, output and dead-letter topic, and those route() has named in this process. */
  topics(name: string): readonly string[];
  logs(name: string, query: LogQuery): AsyncIterable<LogLine>;

  // ---- specs. `text` is YAML (JSON is YAML). What is written is written whole or not at all.
  /** Resolves when the spec is in the directory and the sidecar has taken note of it; the version itself comes up afterwards. */
  deploy(text: string, options: { readonly name?: string; readonly createOnly: boolean }): Promise<DeployOutcome>;
  /** JSON merge patch (RFC 7396), as text, on the spec as written. */
  patch(name: string, patch: string): Promise<DeployOutcome>;
  /** Resolves when it has drained and left its group. */
  undeploy(name: string): Promise<void>;
  validate(text: string): Promise<ValidationReport>;
  plan(text: string): Promise<DeployPlan>;

  // ---- life
  /** Resolves when the wish is kept; the state follows. Idempotent. */
  setTarget(name: string, target: TargetState): Promise<void>;
  /** Resolves when it was taken down and begins anew. `onlyFailed`: nothing happens unless it is FAILED. */
  restart(name: string, options: { readonly onlyFailed: boolean }): Promise<void>;

  // ---- offsets
  offsets(name: string): Promise<readonly PartitionOffsets[]>;
  /** transform.not_stopped unless the state is STOPPED and no other worker is in the group. */
  resetOffsets(name: string, target: OffsetTarget): Promise<readonly PartitionOffsets[]>;
  /** The same. Then the group begins at input.start, as a new one. */
  deleteOffsets(name: string): Promise<void>;

  // ---- modules
  modules(): Promise<readonly ModuleView[]>;
  /** Checked first: module.* with every reason. The same bytes again are no error, and not `created`. */
  uploadModule(name: string, bytes: Uint8Array): Promise<UploadOutcome>;
  /** module.in_use when a spec names it, module.read_only for a file put there by hand. */
  deleteModule(sha256: string): Promise<void>;

  // ---- logging
  loggers(): readonly LoggerView[];
  /** @returns the loggers whose level changed */
  setLogLevel(name: string, level: LogLevel): readonly string[];
}
