import { toStreamlineError } from '../base/error.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';
import type { RecordFailure } from './failure-policy.ts';
import type { PackedBatch } from './packed-batch.ts';
import type { PartitionOffset, ProduceFailure, WorkResult } from './ports.ts';
import type { Outcome } from './tally.ts';

/*
 * Spans, as the data path sees them. Where tracing is off nothing of this exists, and nobody asks more than that. The main thread knows
 * batches; which of their records are traced is decided in the guest thread, where headers are read, and told with the results.
 */

/** A span as others name it: hexadecimal, as in W3C Trace Context. */
export interface SpanName {
  readonly traceId: string;
  readonly spanId: string;
}

/** Whether a record that brings a context of its own is traced: as that says, or whatever it says. */
export type ContextRule = 'as_it_says' | 'always' | 'never' | { readonly ratio: number };

/** What a guest thread is told with a batch. */
export interface TraceOrder {
  readonly contexts: ContextRule;
  /** Records to trace at most: the others pass with the headers they came with. */
  readonly recordsMax: number;
  /** Largest record produced, bytes: one that a context would make larger goes without. */
  readonly recordBytesMax: number;
  /** The span of the batch, when it is sampled: records without a context of their own belong to it. */
  readonly batch?: SpanName | undefined;
  /** One record that is tried again, and its span: it was decided on when it came first. */
  readonly again?: SpanName | undefined;
}

/** A context that came in the headers of a record. */
export interface RemoteContext extends SpanName {
  readonly sampled: boolean;
  readonly traceState: string | undefined;
}

/** A call into the guest. */
export interface Phase {
  readonly name: string;
  /** Of a chain, from 0. */
  readonly stage: number;
  readonly beganMs: number;
  readonly endedMs: number;
}

/** One record that is traced: what the guest thread saw of it. Times are those of `process.hrtime`, ms: one clock for all threads. */
export interface TracedRecord {
  readonly recordIndex: number;
  /** undefined: it belongs to the batch. */
  readonly context: RemoteContext | undefined;
  /** The span its outputs name as where they come from: of their sending. */
  readonly sendSpanId: string;
  readonly beganMs: number;
  readonly endedMs: number;
  readonly phases: readonly Phase[];
  readonly outcome: 'output' | 'filtered' | 'failed';
  /** How many it has. */
  readonly outputs: number;
  /** Of its outputs, as in packed results; undefined: they go to several. */
  readonly topic: number | undefined;
}

/** Records of a batch that go the same way. */
export interface RecordRun {
  readonly recordCount: number;
  readonly lastRecord: number;
  /** Records of it that have outputs. */
  readonly outputs: number;
}

/** Ends a span: with what the cluster did not take, or with why nobody will know (`lost`). */
export type Sent = (failures: readonly ProduceFailure[], lost?: { readonly code: string }) => void;

/** What became of records that are handed over; their span, if they have one, ends with it, however that ends. */
export function untilSent(
  produced: Promise<readonly ProduceFailure[]>,
  sent: Sent | undefined,
): Promise<readonly ProduceFailure[]> {
  return sent === undefined ? produced : endedWith(produced, sent);
}

async function endedWith(produced: Promise<readonly ProduceFailure[]>, sent: Sent): Promise<readonly ProduceFailure[]> {
  try {
    const failures = await produced;
    sent(failures);
    return failures;
  } catch (thrown) {
    sent([], toStreamlineError(thrown));
    throw thrown;
  }
}

/** The spans of one transform. Never throws, never waits. */
export interface Tracing {
  /** A batch was polled. @param pollBeganMs of the monotonic clock that Clock.nowMs is */
  polled(batch: PackedBatch, config: TransformationConfig, pollBeganMs: number): BatchTrace;
  /** Offsets are being committed. @returns to be called when they are, or with why they are not */
  committing(offsets: readonly PartitionOffset[]): (error?: { readonly code: string }) => void;
}

/** Of one polled batch, from then until its last record has its outcome. */
export interface BatchTrace {
  readonly order: TraceOrder;
  /** Handed to the guests. */
  dispatched(): void;
  /** The results are there; undefined: they never will be. */
  answered(work: WorkResult | undefined): void;
  /** A run of records is handed to the producer, or has no outputs. */
  sending(run: RecordRun): Sent;
  /** undefined: it is not traced. */
  record(recordIndex: number): RecordTrace | undefined;
  /** Nothing of the batch is under way any more. */
  ended(): void;
}

/** Of one record that failed and is traced. */
export interface RecordTrace {
  readonly order: TraceOrder;
  failed(failure: RecordFailure, attempt: number): void;
  /** The guest was shown it once more. */
  tried(work: WorkResult): void;
  /** An output, or the dead letter, is handed to the producer. @param topic undefined: where its outputs go */
  sending(topic: string | undefined): Sent;
  settled(outcome: Partial<Outcome>): void;
}
