import { createHash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import type { ErrorCode } from '../base/error-code.ts';
import { StreamlineError } from '../base/error.ts';
import { placeOf } from '../spec/spec-place.ts';
import { readFailure, readTextFile } from '../spec/text-file.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';

/** What a spec's `schema_file`s say. */
export interface SchemaFiles {
  /** Texts; undefined: that side names none. */
  readonly input: string | undefined;
  readonly output: string | undefined;
  /** Of both, hex. */
  readonly sha256: string;
}

const SIDES = ['input', 'output'] as const;
/** Bounds of one look at the folders below the specs, which may be links to anywhere. */
const FILES_MAX = 1000;
const ENTRIES_MAX = 10 * FILES_MAX;
export const SCHEMA_DEPTH_MAX = 8;

/**
 * Reads the schema files that a spec names; undefined where it names none. Rejects with schema.file_unreadable or schema.invalid.
 * @param specsFolder of specs that are no file yet
 */
export async function readSchemaFiles(
  config: TransformationConfig,
  specsFolder: string,
  bytesMax: number,
): Promise<SchemaFiles | undefined> {
  if (SIDES.every((side) => config[side].schemaFile === undefined)) return undefined;
  const hash = createHash('sha256');
  const texts: Record<(typeof SIDES)[number], string | undefined> = { input: undefined, output: undefined };
  for (const side of SIDES) {
    const { schemaFile } = config[side];
    if (schemaFile === undefined) continue;
    // A spec that comes over the API stands in no folder yet.
    const folder = config.source.includes('.') ? dirname(config.source) : specsFolder;
    const text = await readText(config, `/${side}/schema_file`, join(folder, schemaFile), bytesMax);
    texts[side] = text;
    hash.update(`${side}\0${text.length}\0${text}`);
  }
  return { ...texts, sha256: hash.digest('hex') };
}

async function readText(
  config: TransformationConfig,
  configPath: string,
  path: string,
  bytesMax: number,
): Promise<string> {
  const refuse = (code: ErrorCode, message: string, suggestion: string, cause?: unknown): StreamlineError => {
    const at = { place: placeOf(config, configPath), configPath };
    return new StreamlineError(code, message, { ...at, suggestion, cause });
  };
  let text: string | undefined;
  try {
    text = await readTextFile(path, bytesMax);
  } catch (cause) {
    const message = `the schema file ${path} cannot be read: ${readFailure(cause)}`;
    throw refuse('schema.file_unreadable', message, 'Put the file beside the spec, or correct schema_file.', cause);
  }
  if (text === undefined) {
    const message = `the schema file ${path} is larger than ${bytesMax} bytes`;
    throw refuse('schema.file_unreadable', message, 'Raise schema_registry.schema_bytes.');
  }
  try {
    JSON.parse(text);
  } catch (cause) {
    // Whether it is a schema is seen where guests are made: they compile it.
    throw refuse('schema.invalid', `the schema file ${path} is not JSON`, 'Write an Avro schema into it.', cause);
  }
  return text;
}

/** Not hidden, and what `schema_file` may name. */
export function isSchemaFile(name: string): boolean {
  return /^[^.#~].*\.(?:avsc|json)$/.test(name);
}

/** Every file below a folder of specs that one of them may name, in alphabetical order; links are followed as long as they stay inside. */
export async function* schemaFiles(
  specsFolder: string,
): AsyncGenerator<{ readonly path: string; readonly stats: Stats }> {
  const root = await realpath(specsFolder).catch(() => undefined);
  if (root === undefined) return;
  const inside = root.endsWith(sep) ? root : root + sep;
  const seen = new Set([root]);
  const left = { files: FILES_MAX, entries: ENTRIES_MAX };

  async function* walk(
    folder: string,
    depth: number,
  ): AsyncGenerator<{ readonly path: string; readonly stats: Stats }> {
    const entries = await readdir(join(root ?? '', folder), { withFileTypes: true }).catch(() => []);
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      if (left.files === 0 || left.entries-- <= 0) return;
      const isSchema = isSchemaFile(entry.name);
      if (entry.name.startsWith('.') || (entry.isFile() && !isSchema)) continue;
      const path = join(folder, entry.name);
      const real = await realpath(join(root ?? '', path)).catch(() => undefined);
      if (real === undefined) continue;
      const stats = await stat(real).catch(() => undefined);
      if (stats?.isFile() === true && isSchema) {
        left.files--;
        yield { path, stats };
      } else if (stats?.isDirectory() === true && depth < SCHEMA_DEPTH_MAX && real.startsWith(inside)) {
        if (seen.has(real)) continue;
        seen.add(real);
        yield* walk(path, depth + 1);
      }
    }
  }

  yield* walk('', 0);
}
