import type { ErrorCode } from '../base/error-code.ts';
import { StreamlineError, toStreamlineError } from '../base/error.ts';
import type { Assignment } from './assignment.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';
import type { RecordFailure } from './failure-policy.ts';
import type { PlainRecord, RecordHeader } from './packed-batch.ts';
import type { ProduceRecord, RecordSink } from './ports.ts';

/** Which module it was. On each output too, when the spec asks for it. */
export const MODULE_HEADER = 'streamline.module.sha256';

export interface DeadLetterContext {
  readonly config: TransformationConfig;
  readonly moduleSha256: string;
  readonly workerId: string;
}

/** Exception message on a dead letter, UTF-16 units: a guest must not be able to make its own dead letters unproducible. */
const MESSAGE_CHARACTERS_MAX = 2000;

const utf8 = new TextEncoder();

/**
 * How much of a record a dead letter keeps, tried in this order when the broker finds it too large.
 * A dead letter that fits nowhere would wedge the partition for ever.
 */
export const TRUNCATIONS = ['none', 'half', 'small', 'headers_only'] as const;
export type Truncation = (typeof TRUNCATIONS)[number];

/**
 * Resolves when the dead letter is acknowledged, cut down as far as the broker demands.
 * @param truncations those not known to be too large yet
 * @throws what the sink rejects with; broker.produce_failed when not even the headers fit
 */
export async function sendDeadLetter(
  sink: RecordSink,
  record: PlainRecord,
  failure: RecordFailure,
  context: DeadLetterContext,
  recordBytesMax: number,
  assignment: Assignment,
  truncations: readonly Truncation[] = TRUNCATIONS,
): Promise<void> {
  for (const truncation of truncations) {
    try {
      await sink.produceOne(deadLetter(record, failure, context, truncation, recordBytesMax, assignment));
      return;
    } catch (thrown) {
      const error = toStreamlineError(thrown);
      if (error.code !== 'record.too_large') throw error;
    }
  }
  throw new StreamlineError(
    'broker.produce_failed',
    'the dead-letter topic does not even take the headers of a record',
    {
      suggestion: `raise max.message.bytes of ${context.config.errors.deadLetterTopic}`,
    },
  );
}

/**
 * The dead letter of a record: original key, value, headers and timestamp, plus Kafka Connect's context headers and ours
 * (DESIGN.md, "Dead letters"). Context headers come after the record's own.
 * @param recordBytesMax the largest record the sidecar produces, bytes
 */
export function deadLetter(
  record: PlainRecord,
  failure: RecordFailure,
  context: DeadLetterContext,
  truncation: Truncation,
  recordBytesMax: number,
  assignment: Assignment,
): ProduceRecord {
  const { config } = context;
  const keep = keptValueBytes(truncation, recordBytesMax);
  const value = record.value !== null && record.value.length > keep ? record.value.subarray(0, keep) : record.value;
  const bare = truncation === 'headers_only';
  const headers: RecordHeader[] = bare ? [] : [...record.headers];
  const add = (name: string, text: string): void => void headers.push({ name, value: utf8.encode(text) });
  const connect = (name: string, text: string): void => add(`__connect.errors.${name}`, text);
  const message = failure.message.slice(0, MESSAGE_CHARACTERS_MAX);
  connect('topic', config.inputTopic);
  connect('partition', String(record.partition));
  connect('offset', String(record.offset));
  connect('connector.name', config.name);
  connect('task.id', context.workerId);
  connect('stage', stageOf(failure));
  const stage = failure.stage ?? 0;
  connect('class.name', (config.stages[stage] ?? config.stages[0]).wasmModule);
  connect('exception.class.name', failure.code);
  connect('exception.message', message);
  connect('exception.stacktrace', `${failure.code}: ${message}`);
  add('streamline.error.code', failure.code);
  add(MODULE_HEADER, context.moduleSha256);
  add('streamline.config.sha256', config.sha256);
  add('streamline.fuel.used', String(failure.fuelUsed));
  if (config.stages.length > 1) add('streamline.stage', String(stage + 1));
  if (truncation !== 'none') {
    add('streamline.truncated', truncation);
    add('streamline.original.key.bytes', String(record.key?.length ?? -1));
    add('streamline.original.value.bytes', String(record.value?.length ?? -1));
    add('streamline.original.headers', String(record.headers.length));
  }
  return {
    topic: config.errors.deadLetterTopic,
    key: bare ? null : record.key,
    value: bare ? null : value,
    headers,
    timestampMs: record.timestampMs,
    assignment,
  };
}

function keptValueBytes(truncation: Truncation, recordBytesMax: number): number {
  switch (truncation) {
    case 'none':
      return Infinity;
    case 'half':
      return Math.floor(recordBytesMax / 2);
    case 'small':
      return 4096;
    case 'headers_only':
      return 0;
  }
}

/** Connect's stage names: what the operator's tooling already knows. */
function stageOf({ code, message }: RecordFailure): string {
  if (code === 'record.too_large' || code === 'record.rejected') return 'TASK_PUT';
  if (!code.startsWith('schema.') && !FORMAT_CODES.has(code)) return 'TRANSFORMATION';
  // Both sides' formats are converters there; the message begins with the side and the part.
  return /^(?:in|out)put key: /.test(message) ? 'KEY_CONVERTER' : 'VALUE_CONVERTER';
}

const FORMAT_CODES: ReadonlySet<ErrorCode> = new Set([
  'record.not_framed',
  'record.malformed',
  'record.not_json',
  'record.schema_mismatch',
]);
