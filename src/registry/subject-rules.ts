import { subjectFor, wishFor, type SubjectRule } from '../codec/record-formats.ts';
import type { SchemaType, SchemaWish } from '../codec/schema.ts';
import { StreamlineError } from '../base/error.ts';
import { subjectPath } from '../spec/late-fault.ts';
import { placeOf } from '../spec/spec-place.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';

/* Whose schemas a spec writes and reads with. Pure. */

export function hasFormats({ input, output }: TransformationConfig): boolean {
  return [input.format, input.keyFormat, output.format, output.keyFormat].some((format) => format !== 'bytes');
}

/** Of outputs. */
export interface SubjectRules {
  readonly value: SubjectRule | undefined;
  readonly key: SubjectRule | undefined;
}

/** Throws schema.invalid where a subject would have to be made of a name that is not there. */
export function rulesOf(config: TransformationConfig, fileText: string | undefined): SubjectRules {
  const { output } = config;
  const value = valueRule(output, fileText);
  if ((value?.strategy === 'record' || value?.strategy === 'topic_record') && value.name === '') {
    const configPath = '/output/schema_file';
    throw new StreamlineError('schema.invalid', 'the schema of schema_file has no name to make a subject of', {
      place: placeOf(config, configPath),
      configPath,
      suggestion: 'Write a record with a name, or `subject:` in place of the strategy.',
    });
  }
  return { value, key: keyRule(output) };
}

function valueRule(output: TransformationConfig['output'], fileText: string | undefined): SubjectRule | undefined {
  const { format, subject, version, schemaFile, subjectNameStrategy } = output;
  if (format === 'bytes') return undefined;
  const of = { suffix: '-value', version: schemaFile === undefined ? version : ('file' as const) };
  if (subject !== undefined) return { strategy: 'fixed', name: subject, ...of };
  if (format === 'json') return undefined;
  const strategy = subjectNameStrategy ?? 'topic';
  return { strategy, name: strategy === 'topic' ? '' : (output.recordName ?? recordName(fileText)), ...of };
}

function keyRule({ keyFormat, keySubject }: TransformationConfig['output']): SubjectRule | undefined {
  if (keyFormat === 'bytes') return undefined;
  if (keySubject !== undefined) return { strategy: 'fixed', name: keySubject, suffix: '', version: 'latest' };
  return keyFormat === 'json' ? undefined : { strategy: 'topic', name: '', suffix: '-key', version: 'latest' };
}

/** Full name of the type a schema text defines; empty where it has none. */
function recordName(text: string | undefined): string {
  try {
    const { name, namespace } = JSON.parse(text ?? '{}') as { name?: unknown; namespace?: unknown };
    if (typeof name !== 'string') return '';
    return typeof namespace === 'string' && namespace !== '' && !name.includes('.') ? `${namespace}.${name}` : name;
  } catch {
    return '';
  }
}

/** A schema that can be named before the first record is there. */
export interface Named {
  readonly part: 'value' | 'key' | 'reader';
  readonly wish: Extract<SchemaWish, { readonly subject: string }>;
  readonly wanted: SchemaType;
  /** Field of the spec. */
  readonly path: string;
}

/** Those that are known before the first record. Where route() names the topic, a subject made of it is asked for when the first record goes there. */
export function namedSchemas(config: TransformationConfig, rules: SubjectRules): Named[] {
  const { input, output, outputTopic } = config;
  const named: Named[] = [];
  const add = (part: 'value' | 'key', rule: SubjectRule | undefined, format: string, path: string): void => {
    if (rule === undefined) return;
    if (outputTopic === undefined && subjectFor(rule, '') !== subjectFor(rule, 'x')) return;
    const wish = wishFor(rule, outputTopic ?? '');
    if (wish.by !== 'id') named.push({ part, wish, wanted: format === 'json' ? 'JSON' : 'AVRO', path });
  };
  const valuePath =
    output.schemaFile !== undefined
      ? '/output/schema_file'
      : output.subject === undefined
        ? '/output/format'
        : subjectPath(config);
  add('value', rules.value, output.format, valuePath);
  add(
    'key',
    rules.key,
    output.keyFormat,
    output.keySubject === undefined ? '/output/key_format' : '/output/key_subject',
  );
  if (input.reader !== undefined) {
    named.push({ part: 'reader', wish: { by: 'subject', ...input.reader }, wanted: 'AVRO', path: '/input/subject' });
  }
  return named;
}
