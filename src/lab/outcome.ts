import type { ErrorCode } from '../base/error-code.ts';
import { BatchReader, readHeaders, type PackedBatch, type RecordHeader } from '../pipeline/packed-batch.ts';
import {
  DEFAULT_TOPIC,
  HEADERS_FROM_INPUT,
  KEY_FROM_INPUT,
  KIND_FAILED,
  KIND_OUTPUT,
  RESULT,
  ResultReader,
  VALUE_FROM_INPUT,
} from '../pipeline/packed-results.ts';
import type { WorkResult } from '../pipeline/ports.ts';
import { topicFault } from '../spec/spec-name.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';

/** A record as it would be produced. */
export interface OutputRecord {
  readonly topic: string;
  /** undefined: by key. */
  readonly partition: number | undefined;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

export interface RecordFailure {
  readonly code: ErrorCode;
  readonly message: string;
  /** Of a chain, from 1, as dead letters count; undefined: there is one only, or it is no stage's failure. */
  readonly stage?: number | undefined;
}

/** What became of one record. No output and no failure: it was dropped. */
export interface RecordOutcome {
  readonly outputs: readonly OutputRecord[];
  readonly failure: RecordFailure | undefined;
  readonly fuelUsed: number;
  /** An output whose key and value are the input's. */
  readonly unchanged: boolean;
  /** route() named a topic. */
  readonly routed: boolean;
}

/** Reads the answer to a batch of one record. What a pipeline refuses of it, a topic that is none, is its failure here too. */
export function outcomeOf(
  batch: PackedBatch,
  result: WorkResult,
  config: Pick<TransformationConfig, 'outputTopic' | 'stages'>,
): RecordOutcome {
  const results = new ResultReader(result.buffer);
  const input = new BatchReader(batch.buffer).plain(0);
  const outputs: OutputRecord[] = [];
  let failure: RecordFailure | undefined;
  let fuelUsed = 0;
  let unchanged = false;
  let routed = false;
  for (const { startByte, endByte } of result.segments) {
    for (let at = startByte; at < endByte; at = results.next(at)) {
      fuelUsed += results.fuelUsed(at);
      const kind = results.kind(at);
      if (kind === KIND_FAILED) {
        const { code, message, stage } = results.failure(at);
        failure ??= { code, message, stage: config.stages.length > 1 ? stage + 1 : undefined };
      }
      if (kind !== KIND_OUTPUT) continue;
      const flags = results.flags(at);
      const index = results.topic(at);
      routed ||= index !== DEFAULT_TOPIC;
      unchanged ||= (flags & KEY_FROM_INPUT) !== 0 && (flags & VALUE_FROM_INPUT) !== 0;
      const topic = index === DEFAULT_TOPIC ? config.outputTopic : (result.topics[index] ?? '');
      failure ??= topicFailure(topic);
      const partition = results.partition(at);
      outputs.push({
        topic: topic ?? '',
        partition: partition < 0 ? undefined : partition,
        ...partsAt(results, at, flags, input),
      });
    }
  }
  return { outputs: failure === undefined ? outputs : [], failure, fuelUsed, unchanged, routed };
}

function topicFailure(topic: string | undefined): RecordFailure | undefined {
  if (topic === undefined) {
    return { code: 'route.missing', message: 'route() named no topic and the spec has no output_topic' };
  }
  const fault = topicFault(topic);
  return fault === undefined ? undefined : { code: 'route.invalid_topic', message: `route: ${fault.message}` };
}

function partsAt(
  results: ResultReader,
  at: number,
  flags: number,
  input: {
    readonly key: Uint8Array | null;
    readonly value: Uint8Array | null;
    readonly headers: readonly RecordHeader[];
  },
): Pick<OutputRecord, 'key' | 'value' | 'headers'> {
  const keyLength = results.keyLength(at);
  const valueLength = results.valueLength(at);
  const keyAt = at + RESULT.key;
  const valueAt = keyAt + Math.max(0, keyLength);
  const headersAt = valueAt + Math.max(0, valueLength);
  const part = (from: number, length: number): Uint8Array | null =>
    length < 0 ? null : results.bytes.slice(from, from + length);
  return {
    key: (flags & KEY_FROM_INPUT) !== 0 ? input.key : part(keyAt, keyLength),
    value: (flags & VALUE_FROM_INPUT) !== 0 ? input.value : part(valueAt, valueLength),
    headers:
      (flags & HEADERS_FROM_INPUT) !== 0
        ? input.headers
        : readHeaders(results.bytes, results.view, headersAt, results.headersLength(at)),
  };
}
