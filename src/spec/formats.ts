import { fieldName, written } from './check-shape.ts';
import type { FieldPath, ProblemList } from './problem-list.ts';
import { quoted } from './quoted.ts';
import { normalSchemaFile, subjectFault } from './schema-name.ts';
import { REGISTRY_SUBJECTS } from './spec-place.ts';
import type { SpecFields } from './spec-schema.ts';
import type { RecordFormat, TransformationConfig } from './transformation-config.ts';
import { nodeAt, offsetAt, textAt } from './yaml-value.ts';
import type { YamlNode } from './yaml-tree.ts';

/* What a spec says about formats and schemas, and the rules between those fields. */

const FORMATS: readonly RecordFormat[] = ['bytes', 'json', 'avro'];
const STRATEGIES = ['topic', 'record', 'topic_record'] as const;

type Side = 'input' | 'output';
type FormatField = 'format' | 'key_format';

/** A field that does something only where one of `of` is one of `formats`. */
interface Effect {
  readonly side: Side;
  readonly field: string;
  readonly of: readonly FormatField[];
  readonly formats: readonly RecordFormat[];
}

const VALUE: readonly FormatField[] = ['format'];
const KEY: readonly FormatField[] = ['key_format'];
const AVRO: readonly RecordFormat[] = ['avro'];
const SCHEMA: readonly RecordFormat[] = ['avro', 'json'];

const EFFECTS: readonly Effect[] = [
  { side: 'input', field: 'json', of: [...VALUE, ...KEY], formats: AVRO },
  // A JSON value that has a schema names it itself.
  { side: 'input', field: 'subject', of: VALUE, formats: AVRO },
  { side: 'input', field: 'version', of: VALUE, formats: AVRO },
  { side: 'input', field: 'schema_file', of: VALUE, formats: AVRO },
  { side: 'output', field: 'json', of: [...VALUE, ...KEY], formats: AVRO },
  { side: 'output', field: 'subject', of: VALUE, formats: SCHEMA },
  { side: 'output', field: 'key_subject', of: KEY, formats: SCHEMA },
  { side: 'output', field: 'subject_name_strategy', of: VALUE, formats: AVRO },
  { side: 'output', field: 'record_name', of: VALUE, formats: AVRO },
  { side: 'output', field: 'version', of: VALUE, formats: SCHEMA },
  { side: 'output', field: 'schema_file', of: VALUE, formats: AVRO },
  { side: 'output', field: 'auto_register', of: VALUE, formats: AVRO },
  { side: 'output', field: 'unknown_fields', of: VALUE, formats: AVRO },
];

/** On the tree, not on checked fields: one misspelt field must not hide what else is wrong. */
export function checkFormats(root: YamlNode, problems: ProblemList): void {
  checkRegistrySubject(root, problems);
  for (const effect of EFFECTS) checkEffect(effect, root, problems);
  if (formatAt(root, 'input', 'format') === 'avro') checkReader(root, problems);
  const output = formatAt(root, 'output', 'format');
  if (output === 'json') checkJsonVersion(root, problems);
  if (output !== 'avro') return;
  checkStrategy(root, problems);
  checkSchemaFile(root, problems);
}

/** In a fixed order of fields: see normalise. */
export function inputFormats(
  input: SpecFields['input'],
): Pick<TransformationConfig['input'], 'format' | 'keyFormat' | 'json' | 'reader' | 'schemaFile'> {
  return {
    format: input.format,
    keyFormat: input.key_format,
    json: input.json,
    reader: input.subject === undefined ? undefined : { subject: input.subject, version: input.version },
    schemaFile: input.schema_file === undefined ? undefined : normalSchemaFile(input.schema_file),
  };
}

/** In a fixed order of fields: see normalise. */
export function outputFormats(
  output: SpecFields['output'],
  root: YamlNode,
): Omit<TransformationConfig['output'], 'partition' | 'timestamp' | 'moduleHeader'> {
  const registrySubject = textAt(root, registrySubjectPath(root) ?? []);
  const format = registrySubject === undefined ? output.format : 'avro';
  const subject = registrySubject ?? output.subject;
  const needsStrategy =
    (format === 'avro' && subject === undefined) || (output.key_format === 'avro' && output.key_subject === undefined);
  return {
    format,
    keyFormat: output.key_format,
    json: output.json,
    subject,
    keySubject: output.key_subject,
    subjectNameStrategy: output.subject_name_strategy ?? (needsStrategy ? 'topic' : undefined),
    recordName: output.record_name,
    version: output.version,
    schemaFile: output.schema_file === undefined ? undefined : normalSchemaFile(output.schema_file),
    autoRegister: output.auto_register,
    unknownFields: output.unknown_fields,
  };
}

/** `config.schema_registry_subject` of the stage there is. */
function registrySubjectPath(root: YamlNode): FieldPath | undefined {
  const isChain = nodeAt(root, ['transforms']) !== undefined;
  return REGISTRY_SUBJECTS.find((path) => (path[0] === 'transforms') === isChain && nodeAt(root, path) !== undefined);
}

/** undefined: a word that is no format, which is said elsewhere. */
function formatAt(root: YamlNode, side: Side, field: FormatField): RecordFormat | undefined {
  if (side === 'output' && field === 'format' && registrySubjectPath(root) !== undefined) return 'avro';
  const path = [side, field];
  if (nodeAt(root, path) === undefined) return 'bytes';
  return FORMATS.find((format) => format === textAt(root, path));
}

function checkRegistrySubject(root: YamlNode, problems: ProblemList): void {
  const path = registrySubjectPath(root);
  if (path === undefined) return;
  const name = fieldName(path);
  const subject = textAt(root, path);
  if (subject === undefined) {
    const node = nodeAt(root, path);
    problems.add(
      'spec.wrong_type',
      path,
      offsetAt(root, path),
      `${name} must be text, not ${node === undefined ? 'nothing' : written(node)}`,
      'Write the subject of the output as text, such as `schema_registry_subject: api-logs-value`.',
    );
    return;
  }
  const fault = subjectFault(subject);
  if (fault !== undefined) problems.add(fault.code, path, offsetAt(root, path), fault.message, fault.suggestion);
  const refuse = (field: string, message: string, suggestion: string): void => {
    const at = ['output', field];
    problems.add('spec.conflict', at, offsetAt(root, at), message, suggestion);
  };
  const format = textAt(root, ['output', 'format']);
  if (format === 'bytes' || format === 'json') {
    refuse(
      'format',
      `${name} asks for Avro, and output.format is ${format}`,
      'Write `format: avro`, or remove one of the two lines.',
    );
  }
  const other = textAt(root, ['output', 'subject']);
  if (other !== undefined && other !== subject) {
    refuse('subject', `output.subject is ${quoted(other)}, and ${name} is ${quoted(subject)}`, 'Keep one of the two.');
  }
  if (nodeAt(root, ['output', 'subject_name_strategy']) !== undefined) {
    refuse(
      'subject_name_strategy',
      `${name} and output.subject_name_strategy cannot stand together`,
      'Keep the subject, or the strategy that makes one.',
    );
  }
}

function checkEffect({ side, field, of, formats }: Effect, root: YamlNode, problems: ProblemList): void {
  const path = [side, field];
  if (nodeAt(root, path) === undefined) return;
  const found = of.map((name) => ({ name: `${side}.${name}`, format: formatAt(root, side, name) }));
  if (found.some(({ format }) => format === undefined || formats.includes(format))) return;
  const is = found.map(({ name, format }) => `${name} is ${format}`).join(' and ');
  const choices = of.flatMap((name) => formats.map((format) => `\`${name}: ${format}\``)).join(' or ');
  problems.add(
    'spec.conflict',
    path,
    offsetAt(root, path),
    `${fieldName(path)} has no effect: ${is}`,
    `Write ${choices} under ${side}:, or remove the line.`,
  );
}

function checkReader(root: YamlNode, problems: ProblemList): void {
  const has = (field: string): boolean => nodeAt(root, ['input', field]) !== undefined;
  const refuse = (field: string, message: string, suggestion: string): void => {
    const path = ['input', field];
    problems.add('spec.conflict', path, offsetAt(root, path), message, suggestion);
  };
  if (has('subject') && has('schema_file')) {
    refuse(
      'schema_file',
      'input.subject and input.schema_file both name the schema to read into',
      'Keep one of the two.',
    );
  }
  if (has('version') && !has('subject')) {
    refuse(
      'version',
      'input.version has no effect: there is no input.subject',
      'Write the subject too, or remove the line.',
    );
  }
}

function checkJsonVersion(root: YamlNode, problems: ProblemList): void {
  const path = ['output', 'version'];
  if (nodeAt(root, path) === undefined || nodeAt(root, ['output', 'subject']) !== undefined) return;
  problems.add(
    'spec.conflict',
    path,
    offsetAt(root, path),
    'output.version has no effect: there is no output.subject',
    'Write the subject too, or remove the line.',
  );
}

/** Of an Avro value. What `config.schema_registry_subject` forbids is said there. */
function checkStrategy(root: YamlNode, problems: ProblemList): void {
  const path = ['output', 'subject_name_strategy'];
  const node = nodeAt(root, path);
  const strategy = node === undefined ? 'topic' : STRATEGIES.find((name) => name === textAt(root, path));
  const has = (field: string): boolean => nodeAt(root, ['output', field]) !== undefined;
  // Of a word that is no strategy nothing follows.
  if (strategy === undefined) return;
  if (has('subject') && node !== undefined) {
    problems.add(
      'spec.conflict',
      path,
      offsetAt(root, path),
      'output.subject and output.subject_name_strategy cannot stand together',
      'Keep the subject, or the strategy that makes one.',
    );
    return;
  }
  if (strategy === 'topic') {
    if (!has('record_name')) return;
    const name = ['output', 'record_name'];
    problems.add(
      'spec.conflict',
      name,
      offsetAt(root, name),
      'output.record_name has no effect: no subject is made of it',
      'Write `subject_name_strategy: record` or `topic_record`, or remove the line.',
    );
    return;
  }
  if (!has('record_name') && !has('schema_file')) {
    problems.add(
      'spec.missing_field',
      ['output', 'record_name'],
      offsetAt(root, path),
      `output.record_name is missing: subject_name_strategy ${strategy} makes the subject of it`,
      'Write for example `record_name: com.example.ApiLog`, or schema_file with the schema.',
    );
  }
  if (formatAt(root, 'output', 'key_format') === 'avro' && !has('key_subject')) {
    problems.add(
      'spec.missing_field',
      ['output', 'key_subject'],
      offsetAt(root, path),
      `output.key_subject is missing: subject_name_strategy ${strategy} makes subjects of values only`,
      'Write for example `key_subject: api-logs-key`.',
    );
  }
}

/** Of an Avro value. */
function checkSchemaFile(root: YamlNode, problems: ProblemList): void {
  const has = (field: string): boolean => nodeAt(root, ['output', field]) !== undefined;
  if (has('schema_file') && has('version')) {
    const path = ['output', 'version'];
    problems.add(
      'spec.conflict',
      path,
      offsetAt(root, path),
      'output.schema_file and output.version both say which schema',
      'Keep one of the two.',
    );
  }
  const path = ['output', 'auto_register'];
  const node = nodeAt(root, path);
  if (node?.kind === 'scalar' && node.value === true && !has('schema_file')) {
    problems.add(
      'spec.missing_field',
      ['output', 'schema_file'],
      offsetAt(root, path),
      'output.schema_file is missing: auto_register has no schema to register',
      'Write for example `schema_file: schemas/api-log.avsc`, or remove auto_register.',
    );
  }
}
