import { createHash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { moduleFiles } from '../catalog/module-files.ts';
import { isSpecFile, SPEC_FILES_MAX } from '../spec/spec-directory.ts';
import { schemaFiles } from './schema-files.ts';

/*
 * What a directory looks like without reading a file in it: two looks that differ mean that something changed. For where the file
 * system tells nothing by itself.
 */

/** Which directory is there under this name, links followed: another one has another. */
export async function identityOf(directory: string): Promise<string> {
  const facts = await stat(directory).catch(() => undefined);
  // The number of a removed directory is given to the next one.
  return facts?.isDirectory() === true ? [facts.dev, facts.ino, facts.birthtimeMs].join(' ') : 'none';
}

/** Of specs, and of the schema files that they may name. */
export async function specsSignature(directory: string): Promise<string> {
  const names = await readdir(directory).catch(() => undefined);
  if (names === undefined) return 'none';
  const hash = createHash('sha256');
  for (const name of names.filter(isSpecFile).toSorted().slice(0, SPEC_FILES_MAX)) {
    const facts = await stat(join(directory, name)).catch(() => undefined);
    hash.update(`${name}\0${facts === undefined ? '' : factsOf(facts)}\n`);
  }
  for await (const { path, stats } of schemaFiles(directory)) hash.update(`${path}\0${factsOf(stats)}\n`);
  return hash.digest('hex');
}

export async function modulesSignature(directory: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const { path, stats } of moduleFiles(directory)) hash.update(`${path}\0${factsOf(stats)}\n`);
  return hash.digest('hex');
}

function factsOf({ dev, ino, size, mtimeMs, ctimeMs }: Stats): string {
  return [dev, ino, size, mtimeMs, ctimeMs].join(' ');
}
