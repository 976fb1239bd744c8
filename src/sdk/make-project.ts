import { cp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { StreamlineError, toStreamlineError } from '../base/error.ts';
import { nameFault } from '../spec/spec-name.ts';
import { LANGUAGES, readSdk, type Language, type Project, type Sdk } from './sdk-manifest.ts';

/** What `transforms build` looks for. */
export const PROJECT_FILE = 'streamline.json';

/** Of an SDK's library, what a project does not need. */
const NOT_VENDORED = /(?:^|\/)(?:target|node_modules|build|testing|tests|__pycache__)(?:\/|$)|_test\.go$|\.test\.ts$/;
/** npm keeps no .gitignore in a package. */
const RENAMED: Readonly<Record<string, string>> = { gitignore: '.gitignore' };

export interface MadeProject {
  readonly directory: string;
  readonly project: Project;
  /** Paths in it, sorted. */
  readonly files: readonly string[];
}

/**
 * Makes a project from a language's template. Rejects with spec.bad_name, build.directory_in_use or build.no_sdk; then nothing has been
 * written.
 * @param name of the transform, kebab-case; by default made of the directory's
 */
export async function makeProject(directory: string, language: Language, name?: string): Promise<MadeProject> {
  const root = resolve(directory);
  const chosen = name ?? kebab(basename(root));
  const fault = nameFault(chosen);
  if (fault !== undefined) {
    throw new StreamlineError(fault.code, fault.message, {
      suggestion: 'Give one by --name, such as --name mask-pii.',
    });
  }
  const sdk = readSdk(language);
  if (sdk === undefined) {
    const there = LANGUAGES.filter((other) => readSdk(other) !== undefined).join(', ');
    const suggestion = `There are ${there}; for others docs/abi.md says what a module exports.`;
    throw new StreamlineError('build.no_sdk', `this version has no SDK for ${language}`, { suggestion });
  }
  await assertEmpty(root);
  const words = { name: chosen, snake: chosen.replaceAll('-', '_') };
  const fill = (text: string): string => text.replaceAll('{{name}}', words.name).replaceAll('{{snake}}', words.snake);
  // Made aside: a half project would be in the way of the next try.
  const aside = join(dirname(root), `.${basename(root)}-${process.pid}.part`);
  const project: Project = {
    name: chosen,
    language,
    module: `modules/transforms/${words.snake}.wasm`,
    needs: sdk.needs,
    build: sdk.build.map(([program, ...args]) => [fill(program), ...args.map(fill)]),
    artefact: fill(sdk.artefact),
  };
  try {
    await mkdir(aside, { recursive: true });
    await fillTemplate(join(sdk.folder, 'template'), aside, fill);
    await vendor(sdk, aside);
    await writeFile(join(aside, PROJECT_FILE), `${JSON.stringify(project, null, 2)}\n`);
    await rename(aside, root);
  } catch (cause) {
    await rm(aside, { recursive: true, force: true }).catch(() => undefined);
    const { message } = toStreamlineError(cause);
    throw new StreamlineError('build.directory_in_use', `the project cannot be written: ${message}`, {
      place: root,
      cause,
    });
  }
  return { directory: root, project, files: await filesOf(root) };
}

async function assertEmpty(root: string): Promise<void> {
  const facts = await stat(root).catch(() => undefined);
  if (facts === undefined) return;
  if (facts.isDirectory() && (await readdir(root)).length === 0) return;
  const message = facts.isDirectory() ? 'the directory is not empty' : 'there is a file of that name';
  throw new StreamlineError('build.directory_in_use', message, {
    place: root,
    suggestion: 'Give the path of a new directory.',
  });
}

async function fillTemplate(from: string, to: string, fill: (text: string) => string): Promise<void> {
  for (const entry of await readdir(from, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const source = join(entry.parentPath, entry.name);
    const place = join(relative(from, entry.parentPath), RENAMED[entry.name] ?? entry.name);
    const target = join(to, fill(place));
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, fill(await readFile(source, 'utf8')));
  }
}

async function vendor(sdk: Sdk, to: string): Promise<void> {
  for (const { from, to: place } of sdk.vendor) {
    const source = join(sdk.folder, from);
    const filter = (path: string): boolean => !NOT_VENDORED.test(relative(source, path));
    await cp(source, join(to, place), { recursive: true, filter });
  }
}

async function filesOf(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();
}

function kebab(text: string): string {
  return text
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
}
