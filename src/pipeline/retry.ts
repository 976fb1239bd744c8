import { assert } from '../base/assert.ts';
import { StreamlineError } from '../base/error.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';
import { isRecordsFault, type RecordFailure } from './failure-policy.ts';
import { packBatch, type PackedBatch, type PlainRecord } from './packed-batch.ts';
import { KIND_FAILED, KIND_FILTERED, ResultReader } from './packed-results.ts';
import type { AssignmentToken, Executor, RecordSink, TopicDirectory, WorkResult } from './ports.ts';
import { refusedTopics } from './refused-topics.ts';

export interface RetryPorts {
  readonly config: TransformationConfig;
  readonly executor: Executor;
  readonly sink: RecordSink;
  readonly topics: TopicDirectory;
}

/** What became of a record that was run once more. */
export type RetryOutcome =
  | { readonly kind: 'output' }
  | { readonly kind: 'filtered' }
  | { readonly kind: 'failed'; readonly failure: RecordFailure }
  /** The cluster's fault: whether it arrived is unsure. */
  | { readonly kind: 'unsure'; readonly error: StreamlineError }
  /** The assignment ended meanwhile: it went nowhere. */
  | { readonly kind: 'ended' };

/** Runs one record again, by itself, and produces what comes out. */
export async function retryRecord(
  ports: RetryPorts,
  record: PlainRecord,
  assignment: AssignmentToken,
): Promise<RetryOutcome> {
  const batch = packBatch([record]);
  const work = await ports.executor.execute(batch);
  try {
    return await produceAgain(ports, batch, work, assignment);
  } finally {
    ports.executor.release(work);
  }
}

async function produceAgain(
  ports: RetryPorts,
  batch: PackedBatch,
  work: WorkResult,
  assignment: AssignmentToken,
): Promise<RetryOutcome> {
  const { config, sink, topics } = ports;
  if (assignment.ended) return { kind: 'ended' };
  const segment = work.segments[0];
  assert(segment !== undefined && segment.endByte > segment.startByte, 'retry: no result for the record');
  const results = new ResultReader(work.buffer);
  const at = segment.startByte;
  const kind = results.kind(at);
  if (kind === KIND_FAILED) return { kind: 'failed', failure: results.failure(at) };
  if (kind === KIND_FILTERED) return { kind: 'filtered' };
  const fuelUsed = results.fuelUsed(at);
  const refused = (await refusedTopics(topics, config.outputTopic, work.topics)).get(results.topic(at));
  if (refused !== undefined) return { kind: 'failed', failure: { ...refused, fuelUsed } };
  const failures = await sink.produce({
    batch,
    result: work,
    startByte: at,
    endByte: segment.endByte,
    defaultTopic: config.outputTopic,
    timestamp: config.output.timestamp,
    assignment,
  });
  const failure = failures[0];
  if (failure === undefined) return { kind: 'output' };
  const { code, message } = failure;
  if (isRecordsFault(code)) return { kind: 'failed', failure: { code, message, fuelUsed } };
  return { kind: 'unsure', error: new StreamlineError(code, message) };
}
