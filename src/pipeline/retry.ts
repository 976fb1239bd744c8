import { assert } from '../base/assert.ts';
import type { Assignment } from './assignment.ts';
import type { RecordFailure } from './failure-policy.ts';
import { packBatch, type PlainRecord } from './packed-batch.ts';
import { KIND_FAILED, KIND_FILTERED, ResultReader } from './packed-results.ts';
import type { OutputRange, WorkResult } from './ports.ts';
import { refusedTopics } from './refused-topics.ts';
import type { RecordTrace } from './tracing.ts';
import type { Version } from './version.ts';

/** The version that had the record first: it tries again. */
export type RetryPorts = Pick<Version, 'config' | 'executor' | 'topics' | 'stamp'>;

/** What the guest made of a record that it was shown once more. */
export type RetryOutcome =
  | { readonly kind: 'failed'; readonly failure: RecordFailure }
  | { readonly kind: 'filtered' }
  /** To be produced. */
  | { readonly kind: 'output'; readonly range: OutputRange; readonly fuelUsed: number; readonly several: boolean };

/** Runs one record again, by itself, and hands what comes out to `use`: it is valid until that is done. */
export async function retryRecord<T>(
  ports: RetryPorts,
  record: PlainRecord,
  assignment: Assignment,
  trace: RecordTrace | undefined,
  use: (outcome: RetryOutcome) => Promise<T>,
): Promise<T> {
  const batch = packBatch([record]);
  const work = await ports.executor.execute(batch, trace?.order);
  trace?.tried(work);
  const { config } = ports;
  const [segment] = work.segments;
  assert(segment !== undefined && segment.endByte > segment.startByte, 'retry: no result for the record');
  try {
    const range = {
      batch,
      result: work,
      startByte: segment.startByte,
      endByte: segment.endByte,
      defaultTopic: config.outputTopic,
      timestamp: config.output.timestamp,
      stamp: ports.stamp,
      assignment,
    };
    return await use(await outcomeOf(ports, work, range));
  } finally {
    ports.executor.release(work);
  }
}

async function outcomeOf({ config, topics }: RetryPorts, work: WorkResult, range: OutputRange): Promise<RetryOutcome> {
  const results = new ResultReader(work.buffer);
  const at = range.startByte;
  const kind = results.kind(at);
  if (kind === KIND_FAILED) return { kind: 'failed', failure: results.failure(at) };
  if (kind === KIND_FILTERED) return { kind: 'filtered' };
  const fuelUsed = results.fuelUsed(at);
  const refused = await refusedTopics(topics, config.outputTopic, work.topics);
  for (let entry = at; entry < range.endByte; entry = results.next(entry)) {
    const wrong = refused.get(results.topic(entry));
    if (wrong !== undefined) return { kind: 'failed', failure: { ...wrong, fuelUsed } };
  }
  return { kind: 'output', range, fuelUsed, several: results.next(at) < range.endByte };
}
