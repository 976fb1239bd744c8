import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { StreamlineError } from '../base/error.ts';
import { isCasesFile, isSpecFile } from '../spec/spec-directory.ts';
import { readFailure } from '../spec/text-file.ts';

/** A spec and the file of its cases. */
export interface LabTarget {
  readonly spec: string;
  readonly cases: string;
}

/** Deeper than anybody sorts examples. */
const DEPTH_MAX = 6;
const ENTRIES_MAX = 20_000;
/** What toolchains put in a project. */
const PASSED_OVER = ['node_modules', 'target', 'build', 'dist'];

/**
 * The specs to test: one that is named, by itself or by its cases, or all below a directory that have cases.
 * Rejects with spec.unreadable where there is nothing to test.
 */
export async function labTargets(path: string): Promise<readonly LabTarget[]> {
  const facts = await stat(path).catch((thrown: unknown) => {
    throw new StreamlineError('spec.unreadable', `it cannot be read: ${readFailure(thrown)}`, {
      place: path,
      suggestion: 'Give the path of a spec, or of a directory with specs.',
      cause: thrown,
    });
  });
  if (!facts.isDirectory()) return [await targetOf(path)];
  const left = { entries: ENTRIES_MAX };
  const targets: LabTarget[] = [];
  await walk(path, 0, left, targets);
  if (targets.length > 0) return targets;
  throw new StreamlineError('spec.unreadable', 'there is no spec with cases in it or below', {
    place: path,
    suggestion: 'Write cases beside a spec: mask-pii.test.yaml for mask-pii.yaml.',
  });
}

async function targetOf(path: string): Promise<LabTarget> {
  const [folder, name] = [dirname(path), basename(path)];
  const names = await readdir(folder);
  const found = isCasesFile(name)
    ? { spec: specOf(name, names), cases: name }
    : { spec: name, cases: names.find((other) => isCasesFile(other) && stem(other) === stem(name)) };
  // Of a file that is not there the name is made, for the message of whoever reads it.
  const spec = join(folder, found.spec ?? `${stem(name)}.yaml`);
  if (found.cases !== undefined) return { spec, cases: join(folder, found.cases) };
  throw new StreamlineError('spec.unreadable', 'the spec has no cases', {
    place: path,
    suggestion: `Write them into ${join(folder, `${stem(name)}.test.yaml`)}.`,
  });
}

async function walk(folder: string, depth: number, left: { entries: number }, targets: LabTarget[]): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.map(({ name }) => name);
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (left.entries-- <= 0) return;
    const { name } = entry;
    if (isCasesFile(name)) {
      targets.push({ spec: join(folder, specOf(name, names) ?? `${stem(name)}.yaml`), cases: join(folder, name) });
    } else if (entry.isDirectory() && depth < DEPTH_MAX && !name.startsWith('.') && !PASSED_OVER.includes(name)) {
      await walk(join(folder, name), depth + 1, left, targets);
    }
  }
}

function specOf(cases: string, names: readonly string[]): string | undefined {
  return names.find((name) => isSpecFile(name) && stem(name) === stem(cases));
}

/** `mask-pii` of mask-pii.yaml and of mask-pii.test.yaml. */
function stem(name: string): string {
  return name.replace(/(?:\.test)?\.ya?ml$/, '');
}
