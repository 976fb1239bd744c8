import type { FormFault } from './check-shape.ts';
import { quoted } from './quoted.ts';
import { hasControlCharacter, normalModule } from './spec-name.ts';

/* What names a schema: a subject and its version, the full name of a record, a file. */

export const SUBJECT_LENGTH_MAX = 512;

/** Versions are a Java int in every registry. */
export const VERSION_MAX = 2_147_483_647;

/** Avro's own rule for full names. */
export const RECORD_NAME_PATTERN = /^[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*$/;
// With a topic of 249 characters before it, it still is a subject.
const RECORD_NAME_LENGTH_MAX = 255;
const FILE_LENGTH_MAX = 255;

/** A subject is a part of a URL's path: whatever is no text, and what would lead to another path, is none. */
export function subjectFault(subject: string): FormFault | undefined {
  const isLegal =
    subject !== '' &&
    subject.length <= SUBJECT_LENGTH_MAX &&
    !hasControlCharacter(subject) &&
    subject.isWellFormed() &&
    subject !== '.' &&
    subject !== '..';
  if (isLegal) return undefined;
  return {
    code: 'spec.bad_name',
    message: `a subject must be 1 to ${SUBJECT_LENGTH_MAX} characters without control characters, and not . or .. alone`,
    suggestion: 'Write it as the schema registry lists it, such as api-logs-value.',
  };
}

export function versionFault(version: unknown): FormFault | undefined {
  const isNumber = typeof version === 'number';
  if (version === 'latest') return undefined;
  if (isNumber && Number.isInteger(version) && version >= 1 && version <= VERSION_MAX) return undefined;
  return {
    code: isNumber || typeof version === 'string' ? 'spec.out_of_range' : 'spec.wrong_type',
    message: `a version must be latest or a whole number from 1 to ${VERSION_MAX}`,
    suggestion:
      typeof version === 'string' && /^[1-9][0-9]{0,8}$/.test(version)
        ? `Write it without quotes: \`version: ${version}\`.`
        : 'Write for example `version: 3`, or `version: latest`.',
  };
}

export function recordNameFault(name: string): FormFault | undefined {
  if (RECORD_NAME_PATTERN.test(name) && name.length <= RECORD_NAME_LENGTH_MAX) return undefined;
  return {
    code: 'spec.bad_name',
    message:
      name.length > RECORD_NAME_LENGTH_MAX
        ? `record_name has more than ${RECORD_NAME_LENGTH_MAX} characters`
        : `record_name ${quoted(name)} is no full name of an Avro record`,
    suggestion: 'Write namespace and name as in the schema, such as com.example.ApiLog.',
  };
}

/** I9: nothing a spec says leads out of the folder it stands in. */
export function schemaFileFault(file: string): FormFault | undefined {
  const fault = (message: string, suggestion: string): FormFault => ({ code: 'spec.bad_name', message, suggestion });
  const example = "Write a path below the spec's own folder, such as schemas/api-log.avsc.";
  if (file.length > FILE_LENGTH_MAX) return fault(`schema_file has more than ${FILE_LENGTH_MAX} characters`, example);
  if (hasControlCharacter(file) || !file.isWellFormed())
    return fault('schema_file contains a control character', example);
  if (file.includes('\\')) return fault('schema_file contains a backslash', 'Separate folders with /.');
  if (file.startsWith('/') || file.startsWith('~')) return fault('schema_file is an absolute path', example);
  if (/^[a-z][a-z0-9+.-]*:/i.test(file)) return fault(`schema_file ${quoted(file)} is no relative path`, example);
  if (file.split('/').includes('..')) return fault("schema_file leads out of the spec's folder with ..", example);
  if (!/[^/]\.(?:avsc|json)$/.test(file))
    return fault(
      `schema_file ${quoted(file)} ends neither in .avsc nor in .json`,
      'Write an Avro schema, which is JSON text, into a file with one of these endings.',
    );
  return undefined;
}

/** One spelling for one file, as modules have it. */
export const normalSchemaFile = normalModule;
