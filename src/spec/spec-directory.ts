import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { StreamlineError } from '../base/error.ts';
import { parseSpec, type SpecOutcome } from './parse-spec.ts';
import { checkSpecs } from './spec-set.ts';
import type { SpecFault } from './spec-set.ts';
import { readFailure, readTextFile } from './text-file.ts';
import type { TransformationConfig } from './transformation-config.ts';
import { YAML_BYTES_MAX } from './yaml-tree.ts';

export const SPEC_FILES_MAX = 1000;
const TOO_MANY = `more than ${SPEC_FILES_MAX} specs in one directory`;

export interface SpecDirectory {
  readonly configs: readonly TransformationConfig[];
  /** At least one for each file that gave no config. */
  readonly errors: readonly SpecFault[];
  /** Every spec file there is, good or bad, as in `source`: what is not here any more was removed. */
  readonly files: readonly string[];
}

/**
 * Reads and checks all specs of a directory. A bad file is an error of that file alone. Rejects (spec.unreadable) only
 * when the directory cannot be listed: that is no reason to take every transform for removed.
 * @param known what was read before: a text that is still the same is not parsed again
 */
export async function loadSpecDirectory(directory: string, known: KnownSpecs = new Map()): Promise<SpecDirectory> {
  const names = (await listNames(directory)).filter(isSpecFile).toSorted();
  const parsed: TransformationConfig[] = [];
  const errors: SpecFault[] = [];
  const files: string[] = [];
  for (const [i, name] of names.entries()) {
    const source = join(directory, name);
    const text =
      i < SPEC_FILES_MAX
        ? await readSpec(source)
        : tooLarge(source, TOO_MANY, 'Run a second sidecar on a directory of its own.');
    if (text === undefined) continue;
    files.push(source);
    const outcome = typeof text === 'string' ? parsedOnce(text, source, known) : { errors: [text] };
    if ('config' in outcome) parsed.push(outcome.config);
    else errors.push(...outcome.errors.map((error) => ({ source, error })));
  }
  const there = new Set(files);
  for (const source of known.keys()) if (!there.has(source)) known.delete(source);
  const { accepted, errors: between } = checkSpecs(parsed);
  return { configs: accepted, errors: [...errors, ...between], files };
}

/** The text of each file and what came of it. */
export type KnownSpecs = Map<string, { readonly text: string; readonly outcome: SpecOutcome }>;

function parsedOnce(text: string, source: string, known: KnownSpecs): SpecOutcome {
  const before = known.get(source);
  if (before?.text === text) return before.outcome;
  const outcome = parseSpec(text, source);
  known.set(source, { text, outcome });
  return outcome;
}

/** Not hidden (Kubernetes' `..data`, `.x.yaml.swp`, Emacs' `.#x.yaml`), no leftover of an editor or of Office, and no cases of a spec. */
export function isSpecFile(name: string): boolean {
  return /^[^.#~].*\.ya?ml$/.test(name) && !isCasesFile(name);
}

/** `mask-pii.test.yaml` beside mask-pii.yaml: what `streamline-cli transforms test` runs. */
export function isCasesFile(name: string): boolean {
  return /^[^.#~].*\.test\.ya?ml$/.test(name);
}

async function listNames(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (thrown) {
    throw new StreamlineError('spec.unreadable', `the directory of specs cannot be read: ${readFailure(thrown)}`, {
      place: directory,
      suggestion: 'Create it or name another with --specs.',
      cause: thrown,
    });
  }
}

/** The text, why there is none, or undefined when the file was removed since it was listed. */
async function readSpec(source: string): Promise<string | StreamlineError | undefined> {
  try {
    return (
      (await readTextFile(source, YAML_BYTES_MAX)) ??
      tooLarge(source, `the file has more than ${YAML_BYTES_MAX / 1024} KiB`, 'Keep data out of it.')
    );
  } catch (thrown) {
    if (!(await exists(source))) return undefined;
    return new StreamlineError('spec.unreadable', `the file cannot be read: ${readFailure(thrown)}`, {
      place: source,
      suggestion: 'Check that it is a plain text file in UTF-8 that this process may read.',
      cause: thrown,
    });
  }
}

/** The name itself, not what it links to: a broken link is an error worth telling. */
async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

function tooLarge(source: string, message: string, suggestion: string): StreamlineError {
  return new StreamlineError('spec.too_large', message, { place: source, suggestion });
}
