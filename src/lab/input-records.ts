import { toStreamlineError, StreamlineError } from '../base/error.ts';
import type { PlainRecord } from '../pipeline/packed-batch.ts';
import { giveSchema } from './lab-formats.ts';
import { subjectOfInput, type LabTransform } from './lab-transform.ts';
import type { InputRecord, TestCase, WrittenPart } from './test-case.ts';

/** A case's inputs as they would stand on the topic. Throws StreamlineError schema.* or record.* where Avro cannot be made of one. */
export function inputRecords(test: TestCase, transform: LabTransform): PlainRecord[] {
  return test.input.map((record, i) => inputRecord(record, i, transform, test.place));
}

function inputRecord(
  { key, value, headers, partition, offset, timestampMs }: InputRecord,
  index: number,
  transform: LabTransform,
  place: string,
): PlainRecord {
  const bytes = (part: 'key' | 'value', writtenPart: WrittenPart): Buffer | null => {
    try {
      return partBytes(part, writtenPart, transform);
    } catch (thrown) {
      const { code, message, suggestion } = toStreamlineError(thrown);
      const what = `the ${part} of ${index === 0 ? 'the input' : `input[${index}]`} is no record of its schema`;
      throw new StreamlineError(code, `${what}: ${message}`, { place, suggestion, cause: thrown });
    }
  };
  return {
    partition,
    offset: offset ?? index,
    timestampMs,
    key: bytes('key', key),
    value: bytes('value', value),
    headers,
  };
}

/** Throws StreamlineError as inputRecords, without a place. */
export function partBytes(
  part: 'key' | 'value',
  writtenPart: WrittenPart,
  { config, lens, schemas }: LabTransform,
): Buffer | null {
  if (writtenPart.as === 'null') return null;
  if (writtenPart.as === 'bytes') return writtenPart.bytes;
  if (lens?.isAvro('input', part) !== true) return Buffer.from(writtenPart.text, 'utf8');
  const json = writtenPart.as === 'json' ? writtenPart.text : JSON.stringify(writtenPart.text);
  const subject = subjectOfInput(config, part);
  if (schemas.find(subject) === undefined) {
    throw new StreamlineError('schema.missing', `no file was given for subject ${subject}`, {
      suggestion: giveSchema(subject),
    });
  }
  return lens.encode(json, subject);
}
