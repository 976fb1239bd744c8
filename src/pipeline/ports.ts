import type { ErrorCode } from '../base/error-code.ts';
import type { StreamlineError } from '../base/error.ts';
import type { TopicName } from '../spec/transformation-config.ts';
import type { Assignment } from './assignment.ts';
import type { PackedBatch, RecordHeader } from './packed-batch.ts';
import type { TraceOrder, TracedRecord } from './tracing.ts';

/*
 * What the data path needs from the outside. Adapters (kafka/, guest/, the simulation's fakes) implement these;
 * pipeline/ imports none of them. The main thread touches batches, segments and rare failures: never each record.
 */

// ---- consumer ------------------------------------------------------------------------------------------------

export interface PartitionOffset {
  readonly partition: number;
  /** The next offset to read. */
  readonly offset: number;
}

/** Names the group member whose offsets a transaction commits: made by a source, understood by the sink of the same adapter. */
export interface GroupMember {
  readonly adapter: string;
}

/** Called one at a time: a rebalance ends before the next begins. */
export interface SourceHandlers {
  /**
   * Partitions gained. Never called while a poll is under way: so what a poll returns for a partition that has a lane was
   * read within that lane's assignment, and leftovers of an earlier one find no lane (I5).
   */
  assigned(partitions: readonly number[]): void;
  /** Partitions about to go: the adapter gives them up when the promise resolves (bounded by the pipeline's drain). */
  revoked(partitions: readonly number[]): Promise<void>;
  /** Partitions already gone (fenced, session expired): nothing of them may be produced or committed any more. */
  lost(partitions: readonly number[]): void;
  /** The consumer is beyond repair: the transform restarts. Transient trouble is only logged by the adapter. */
  failed(error: StreamlineError): void;
}

/** One consumer-group member on one input topic. */
export interface RecordSource {
  /** Connects and joins. Rejects with a StreamlineError of origin broker. */
  start(handlers: SourceHandlers): Promise<void>;
  /**
   * Up to `recordsMax` records, as soon as there is at least one; undefined when there was none for `waitMs`.
   * One call at a time. The batch's buffer comes from `release`d ones where possible.
   */
  poll(recordsMax: number, waitMs: number): Promise<PackedBatch | undefined>;
  /** The batch's buffer may be reused. Called once a batch; after `close` too, for what was under way then. */
  release(batch: PackedBatch): void;
  /** Until `resume`, or until the assignment ends: a partition that comes back is read. */
  pause(partitions: readonly number[]): void;
  resume(partitions: readonly number[]): void;
  /** Offsets are next-to-read. Resolves when the broker has them; rejects with broker.commit_failed or broker.fatal. */
  commit(offsets: readonly PartitionOffset[]): Promise<void>;
  /** For the transaction that commits this member's offsets. */
  member(): Promise<GroupMember>;
  /**
   * Reads again from these offsets. Never while a poll is under way; nothing read before comes after it, and `assigned` is not called
   * meanwhile. Clears what was prefetched. Partitions that were given up by now are passed over.
   */
  seek(offsets: readonly PartitionOffset[]): Promise<void>;
  /** Leaves the group. Idempotent. Calls no handler any more. While `start` is under way: start rejects, nothing stays open. */
  close(): Promise<void>;
}

// ---- guests --------------------------------------------------------------------------------------------------

/** A record the guest must not be shown again: it stuck a thread. The thread answers with this failure instead. */
export interface Condemned {
  readonly recordIndex: number;
  readonly code: ErrorCode;
  readonly message: string;
}

/** Results for one segment of the batch: entries [startByte, endByte) of the buffer. */
export interface SegmentResult {
  readonly startByte: number;
  readonly endByte: number;
  /** Records that have an output, or several. */
  readonly outputs: number;
  readonly filtered: number;
  readonly failed: number;
}

export interface WorkResult {
  readonly buffer: SharedArrayBuffer;
  /** Same order as the batch's segments. */
  readonly segments: readonly SegmentResult[];
  /** Names the entries' topic indexes stand for, as route() wrote them: unchecked. */
  readonly topics: readonly string[];
  /** How long a guest was at it, from the first record to the last; undefined: it is not known. */
  readonly elapsedMs?: number;
  /** Records that are traced, in order; undefined: none. */
  readonly traced?: readonly TracedRecord[] | undefined;
  /** Records that others sample and that were more than TraceOrder allows. */
  readonly untraced?: number;
}

/** Runs filter → transform → route over batches. Implementations: threads (production), in-thread (tests, tools). */
export interface Executor {
  /** Batches worth having under way at once. */
  readonly parallelism: number;
  /**
   * A record's failure is an entry; a rejection (StreamlineError guest.*) means the transform as a whole cannot go on.
   * Calls may finish out of order.
   * @param trace undefined: nothing of it is traced
   */
  execute(batch: PackedBatch, trace?: TraceOrder): Promise<WorkResult>;
  /** The result's buffer may be reused. Called once a result; after `close` too, for what was under way then. */
  release(result: WorkResult): void;
  close(): Promise<void>;
}

// ---- producer ------------------------------------------------------------------------------------------------

/** Entries of kind output in [startByte, endByte) of `result`, to be produced in this order; other kinds are passed over. */
export interface OutputRange {
  readonly batch: PackedBatch;
  readonly result: WorkResult;
  readonly startByte: number;
  readonly endByte: number;
  /** Topic for DEFAULT_TOPIC entries; undefined when the spec has none. */
  readonly defaultTopic: TopicName | undefined;
  /** Stamp outputs with the input's timestamp, or let the client stamp them. */
  readonly timestamp: 'input' | 'now';
  /** A header put behind the output's own: one text under one name. */
  readonly stamp?: { readonly name: string; readonly value: string } | undefined;
  /** I5: looked at when the range is really handed to the client: a range of an assignment that has ended is not. */
  readonly assignment: Assignment;
}

/** A whole record built on the main thread: dead letters. */
export interface ProduceRecord {
  readonly topic: TopicName;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
  /** -1 = now. */
  readonly timestampMs: number;
  /** I5, as in OutputRange. */
  readonly assignment: Assignment;
}

export interface ProduceFailure {
  /** Index of the record in its batch. */
  readonly recordIndex: number;
  /** record.*: this record can never be produced. Anything else is the cluster's. */
  readonly code: ErrorCode;
  readonly message: string;
  /**
   * Exactly once: the cluster refused the record, by itself or with others of its batch, and the transaction can only be aborted. A record
   * that the client itself does not take leaves the transaction alone.
   */
  readonly endsTransaction?: boolean;
}

/**
 * Exactly once. One transaction is always open between the sink's start and close; everything is produced inside it. One call at a time.
 */
export interface Transactions {
  /**
   * Commits what was produced since the last commit or abort, and these offsets with it; then begins the next. Called when all that was
   * handed over is acknowledged, and nothing is handed over until it is done. Rejects with broker.transaction_aborted (call abort, replay)
   * or broker.fenced, broker.fatal (new producer, rejoin, replay); it has settled then what it can: the outcome is never left open to both.
   */
  commit(offsets: readonly PartitionOffset[], member: GroupMember): Promise<void>;
  /** For the fault suite: called when the offsets are in the transaction and it is not committed yet. */
  offsetsSent?: (() => void) | undefined;
  /**
   * Drops what was produced since the last commit; then begins the next. The assignments of all that was handed over have ended: what is
   * still unacknowledged resolves. Rejects with broker.fenced or broker.fatal.
   */
  abort(): Promise<void>;
}

export interface RecordSink {
  /** There when the sink was made for exactly once. */
  readonly transactions?: Transactions | undefined;
  start(failed: (error: StreamlineError) => void): Promise<void>;
  /**
   * Queues a range in order. Resolves when each record in it is acknowledged or has failed; the failures, usually none.
   * A range whose assignment ended before it was handed to the client is dropped and resolves too: nobody counts it.
   * A full queue is back-pressure, not an error. Rejects only when the producer as a whole is lost.
   */
  produce(range: OutputRange): Promise<readonly ProduceFailure[]>;
  /**
   * Queues one record, in order with the ranges. Rejects with record.too_large or broker.*; exactly once: with
   * broker.transaction_aborted, whose cause is record.too_large, when the cluster and not the client refused it.
   */
  produceOne(record: ProduceRecord): Promise<void>;
  /** Asks that what is queued be acknowledged as soon as possible (drain). */
  hurry(): void;
  /**
   * Waits for what is queued, at most `timeoutMs`, then releases; what is left is dropped and its promises reject. Idempotent.
   * While `start` is under way: start rejects, nothing stays open.
   */
  close(timeoutMs: number): Promise<void>;
}

/** Says whether a topic named by route() may be written to, creating it where the sidecar may. Cached by the adapter. */
export interface TopicDirectory {
  /** undefined = fine; else the failure of the records that named it. */
  check(topic: string): Promise<{ readonly code: ErrorCode; readonly message: string } | undefined>;
  /** Names that were fine so far. */
  named?(): readonly string[];
  /** The cached answer, without waiting; `unknown` = call check. */
  known(topic: string): 'ok' | 'unknown';
}
