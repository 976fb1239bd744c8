import type { FirstSchema, RecordFormats } from '../codec/record-formats.ts';
import type { SchemaAnswer, SchemaWish } from '../codec/schema.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';
import { namedSchemas, type Named, type SubjectRules } from './subject-rules.ts';

/** The schema that a reader gets from a file is nobody's subject. */
const READER_FILE: SchemaWish = { by: 'file', subject: '' };

/**
 * What guests are started with: formats, subjects, and the schemas that are named before the first record.
 * @param readerText of input.schema_file
 * @param known finds a schema; what it rejects with is passed on
 */
export async function startFormats(
  config: TransformationConfig,
  rules: SubjectRules,
  readerText: string | undefined,
  bounds: Pick<RecordFormats, 'schemasMax' | 'itemsMax'>,
  known: (named: Named) => Promise<SchemaAnswer>,
): Promise<RecordFormats> {
  const { input, output } = config;
  const reader: SchemaWish | undefined = input.reader === undefined ? undefined : { by: 'subject', ...input.reader };
  const schemas: FirstSchema[] = [];
  for (const named of namedSchemas(config, rules)) {
    schemas.push({ part: named.part, wish: named.wish, answer: await known(named) });
  }
  if (readerText !== undefined) {
    const answer: SchemaAnswer = { schema: { id: 0, type: 'AVRO', text: readerText, references: [] } };
    schemas.push({ part: 'reader', wish: READER_FILE, answer });
  }
  return {
    input: {
      value: input.format,
      key: input.keyFormat,
      json: input.json,
      reader: readerText === undefined ? reader : READER_FILE,
    },
    output: {
      value: output.format,
      key: output.keyFormat,
      json: output.json,
      unknownFields: output.unknownFields,
      valueSubject: rules.value,
      keySubject: rules.key,
      topic: config.outputTopic,
    },
    ...bounds,
    schemas,
  };
}
