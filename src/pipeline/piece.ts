import type { ErrorCode } from '../base/error-code.ts';
import type { RecordFailure } from './failure-policy.ts';
import { RECORD, type BatchReader } from './packed-batch.ts';
import { KIND_FAILED, KIND_FILTERED, KIND_OUTPUT, type ResultReader } from './packed-results.ts';
import type { SegmentResult } from './ports.ts';

/** Records next to each other in a segment that are produced together: bytes [startByte, endByte) of the results. */
export interface RangePiece {
  readonly kind: 'range';
  readonly startByte: number;
  readonly endByte: number;
  readonly recordCount: number;
  readonly outputs: number;
  readonly filtered: number;
  readonly lastRecord: number;
  /** Set when the piece is one record that waits for its key (ordering: key). */
  readonly key: string | undefined;
  /** One record that nothing else may be produced with (exactly once). */
  readonly alone: boolean;
}

/** One record that did not make it. */
export interface FailedPiece {
  readonly kind: 'failed';
  readonly recordCount: 1;
  readonly lastRecord: number;
  readonly failure: RecordFailure;
}

export type Piece = RangePiece | FailedPiece;

/** Why an output cannot be produced: its topic, or the cluster's answer. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
}

export interface CutRules {
  /** What is wrong with the output of a record, or with the topic its entry names; undefined = nothing. */
  readonly outputFailure: (topic: number, recordIndex: number) => Refusal | undefined;
  /** ordering: key: the record's key when an earlier record of that key is held up. */
  readonly heldKey: (recordIndex: number) => string | undefined;
  /** exactly once: nothing else may be produced with the record. */
  readonly alone: (recordIndex: number) => boolean;
}

const EMPTY_RANGE = { kind: 'range', endByte: 0, recordCount: 0, outputs: 0, filtered: 0 } as const;

/** The whole segment as one piece: the usual case, decided without looking at a single record. */
export function wholePiece(segment: SegmentResult, recordCount: number, lastRecord: number): RangePiece {
  return {
    kind: 'range',
    startByte: segment.startByte,
    endByte: segment.endByte,
    recordCount,
    outputs: segment.outputs,
    filtered: segment.filtered,
    lastRecord,
    key: undefined,
    alone: false,
  };
}

/**
 * Cuts a segment at its failures, at entries whose topic is refused, and at records that must wait for their key.
 * Lazy on purpose: what happens to one piece (its key is held up) decides how the rest is cut.
 */
export function* cutPieces(
  results: ResultReader,
  segment: Pick<SegmentResult, 'startByte' | 'endByte'>,
  rules: CutRules,
): Generator<Piece> {
  let open: { -readonly [K in keyof RangePiece]: RangePiece[K] } | undefined;
  for (let at = segment.startByte, next = at; at < segment.endByte; at = next) {
    next = results.nextRecord(at, segment.endByte);
    const lastRecord = results.recordIndex(at);
    const failure = failureOf(results, at, next, rules);
    const key = failure === undefined ? rules.heldKey(lastRecord) : undefined;
    const alone = failure === undefined && rules.alone(lastRecord);
    if (open !== undefined && (failure !== undefined || key !== undefined || alone)) {
      yield open;
      open = undefined;
    }
    if (failure !== undefined) {
      yield { kind: 'failed', recordCount: 1, lastRecord, failure };
      continue;
    }
    open ??= { ...EMPTY_RANGE, startByte: at, lastRecord, key, alone };
    open.endByte = next;
    open.recordCount += 1;
    open.lastRecord = lastRecord;
    // A record with several outputs is one.
    if (results.kind(at) === KIND_OUTPUT) open.outputs += 1;
    if (results.kind(at) === KIND_FILTERED) open.filtered += 1;
    if (key !== undefined || alone) {
      yield open;
      open = undefined;
    }
  }
  if (open !== undefined) yield open;
}

/** Of a record with several outputs one that cannot be produced keeps all of them back. */
function failureOf(results: ResultReader, at: number, end: number, rules: CutRules): RecordFailure | undefined {
  if (results.kind(at) === KIND_FAILED) return results.failure(at);
  if (results.kind(at) !== KIND_OUTPUT) return undefined;
  for (let entry = at; entry < end; entry = results.next(entry)) {
    const wrong = rules.outputFailure(results.topic(entry), results.recordIndex(at));
    if (wrong !== undefined) return { code: wrong.code, message: wrong.message, fuelUsed: results.fuelUsed(at) };
  }
  return undefined;
}

/** A record's key as a map key; undefined for a null key, which no other record has to wait for. */
export function keyOf(batch: BatchReader, recordIndex: number): string | undefined {
  const at = batch.recordAt(recordIndex);
  const length = batch.keyLength(at);
  if (length < 0) return undefined;
  return Buffer.from(batch.bytes.buffer, at + RECORD.key, length).toString('latin1');
}
