import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { StreamlineError, toStreamlineError } from '../base/error.ts';
import type { Clock } from '../base/clock.ts';
import { readFailure } from '../spec/text-file.ts';
import type { PlainRecord, RecordHeader } from '../pipeline/packed-batch.ts';
import type { SidecarConfig } from '../spec/sidecar-config.ts';
import type { StartOffset, TopicName } from '../spec/transformation-config.ts';
import { partBytes } from './input-records.ts';
import type { LabTransform } from './lab-transform.ts';

/** What the records of one run have in common. */
export interface SampleParts {
  readonly key: string | undefined;
  readonly headers: readonly RecordHeader[];
}

/** Each text as the value of a record: JSON where the input's format is avro. Throws what makes a text no record. */
export async function* textRecords(
  texts: Iterable<string> | AsyncIterable<string>,
  { key, headers }: SampleParts,
  transform: LabTransform,
  clock: Clock,
): AsyncGenerator<PlainRecord> {
  let offset = 0;
  for await (const text of texts) {
    yield {
      partition: 0,
      offset,
      timestampMs: clock.wallMs(),
      key: key === undefined ? null : partOf('key', key, offset, transform),
      value: partOf('value', text, offset, transform),
      headers,
    };
    offset += 1;
  }
}

function partOf(part: 'key' | 'value', text: string, offset: number, transform: LabTransform): Buffer | null {
  // A text is JSON already: nobody writes quotes around each line.
  const isAvro = transform.lens?.isAvro('input', part) === true;
  try {
    return partBytes(part, { as: isAvro ? 'json' : 'text', text }, transform);
  } catch (thrown) {
    const { code, message, suggestion } = toStreamlineError(thrown);
    const what = `the ${part} of record ${offset} is no record of its schema`;
    throw new StreamlineError(code, `${what}: ${message}`, { suggestion, cause: thrown });
  }
}

/** A record a line, `-` is stdin; empty lines are none. Rejects with request.invalid where the file cannot be read. */
export async function* linesOf(file: string, stdin: Readable): AsyncGenerator<string> {
  const input = file === '-' ? stdin : createReadStream(file);
  try {
    for await (const line of createInterface({ input, crlfDelay: Infinity })) if (line !== '') yield line;
  } catch (cause) {
    throw new StreamlineError('request.invalid', `${file} cannot be read: ${readFailure(cause)}`, {
      suggestion: 'Give a file with a record a line.',
      cause,
    });
  }
}

/** What is in a topic now, without a trace left there: see kafka/topic-peek.ts. Rejects with broker.*. */
export async function* topicRecords(
  topic: string,
  start: StartOffset,
  recordsMax: number,
  { kafka }: Pick<SidecarConfig, 'kafka'>,
  bootstrap: string | undefined,
): AsyncGenerator<PlainRecord> {
  // The client's addon is loaded by who needs a cluster, and by nobody else.
  const { peekTopic } = await import('../kafka/topic-peek.ts');
  const properties = { ...kafka.reveal(), ...(bootstrap === undefined ? {} : { 'bootstrap.servers': bootstrap }) };
  const options = { kafka: properties, clientId: 'streamline-cli', start, recordsMax, topic: topic as TopicName };
  yield* peekTopic(options);
}
