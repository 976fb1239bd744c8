import { StreamlineError } from '../base/error.ts';
import type { RecordFormats } from '../codec/record-formats.ts';
import type { SchemaAnswer } from '../codec/schema.ts';
import { startFormats } from '../registry/start-formats.ts';
import { hasFormats, rulesOf, type Named } from '../registry/subject-rules.ts';
import { placeOf } from '../spec/spec-place.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';
import type { LocalSchemas } from './local-schemas.ts';

/** Texts of the spec's own schema files. */
export interface SpecSchemas {
  readonly input: string | undefined;
  readonly output: string | undefined;
}

/** One test needs few, and a thread ends with it. */
const SCHEMAS_MAX = 1000;

/**
 * What guests are started with, as a sidecar's SchemaDesk finds it, but for the registry: subjects are files. undefined where all is bytes.
 * The spec's own output schema goes to `schemas`. Rejects with schema.missing, schema.unsupported or schema.invalid.
 */
export async function labFormats(
  config: TransformationConfig,
  files: SpecSchemas,
  schemas: LocalSchemas,
  itemsMax: number,
): Promise<RecordFormats | undefined> {
  if (!hasFormats(config)) return undefined;
  const rules = rulesOf(config, files.output);
  return startFormats(config, rules, files.input, { schemasMax: SCHEMAS_MAX, itemsMax }, (named) => {
    const { wish, path } = named;
    if (wish.by === 'file' && files.output !== undefined)
      schemas.add(wish.subject, files.output, placeOf(config, path));
    return known(config, named, schemas);
  });
}

async function known(
  config: TransformationConfig,
  { wish, wanted, path }: Named,
  schemas: LocalSchemas,
): Promise<SchemaAnswer> {
  const answer = await schemas.get(wish);
  const at = { place: placeOf(config, path), configPath: path };
  if ('fault' in answer) {
    throw new StreamlineError(answer.fault.code, answer.fault.message, {
      ...at,
      suggestion: giveSchema(wish.subject),
    });
  }
  if (answer.schema.type === wanted) return answer;
  const names = { AVRO: 'an Avro schema', JSON: 'a JSON Schema', PROTOBUF: 'Protobuf' } as const;
  const message = `the schema of subject ${wish.subject} is ${names[answer.schema.type]}, not ${names[wanted]}`;
  throw new StreamlineError('schema.unsupported', message, { ...at, suggestion: 'Correct the format or the file.' });
}

export function giveSchema(subject: string): string {
  return `Write \`schemas: { ${subject}: FILE }\` in the cases file, or give --schema ${subject}=FILE.`;
}
