import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** Folders of src/, lower first: a folder imports itself and what is lower. Folders of one rank do not know each other. */
const RANKS: readonly (readonly string[])[] = [
  ['base'],
  ['spec'],
  ['pipeline'],
  ['kafka', 'catalog', 'guest', 'codec', 'observe'],
  ['registry'],
  // A transform in this process, without a cluster: for the command line alone, which may import it and nothing else that runs anything.
  // It stands above the parts that a sidecar is made of (catalog, guest, codec, and kafka to look into a topic), as registry does.
  ['lab'],
  // Projects of transforms: made from a template, built by their own tools.
  ['sdk'],
  ['cli', 'api'],
  ['bin'],
];

/** Exceptions within a rank: [importer, imported folder or file, type-only]. */
const SHARED: readonly (readonly [string, string, 'types' | 'values'])[] = [
  // The table of what a guest may import: checked by the catalog, implemented by the guest.
  ['src/guest/', 'src/catalog/known-imports.ts', 'values'],
  // What the catalog makes and the guest runs: one file describes it to both.
  ['src/guest/', 'src/catalog/prepared-module.ts', 'values'],
  ['src/guest/', 'src/catalog/', 'types'],
  ['src/catalog/', 'src/guest/guest-config.ts', 'types'],
  // What a guest sees is made from what is on the topic, and back, in its thread.
  ['src/guest/', 'src/codec/', 'values'],
  // What a spec says of schemas is the same with and without a registry; the rest of registry/ runs a sidecar.
  ['src/lab/', 'src/registry/subject-rules.ts', 'values'],
  ['src/lab/', 'src/registry/start-formats.ts', 'values'],
  ['src/lab/', 'src/registry/schema-files.ts', 'values'],
  // What goes over the wire: written by the API, read by the command line.
  ['src/cli/', 'src/api/rest-shapes.ts', 'types'],
];

/**
 * What a folder must not import although it is lower: the command line reaches a sidecar over REST only, what it runs by itself it runs in the
 * lab; and a sidecar has no lab.
 */
const FORBIDDEN_FOLDERS: Readonly<Record<string, readonly string[]>> = {
  lab: ['registry'],
  cli: ['registry', 'kafka', 'codec'],
  api: ['lab', 'sdk'],
};

/** Builtins a folder may use; folders that are not listed may use all. */
const BUILTINS: Readonly<Record<string, readonly string[]>> = {
  // The data path runs in a simulation: no clock, thread, file or socket of its own.
  pipeline: [],
  // Reads files, and nothing else of the world.
  spec: ['node:crypto', 'node:fs', 'node:fs/promises', 'node:net', 'node:path', 'node:util'],
};

/** Packages a folder may use; folders that are not listed may use all but the Kafka client. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = { base: [], pipeline: [], spec: ['yaml', 'zod'] };

const KAFKA_CLIENT = '@confluentinc/kafka-javascript';

export interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
  readonly line: number;
}

// At the start of a line, so that a sentence in a comment is none; `import(…)` anywhere.
const STATIC_IMPORT = /^(?:import|export)\s+(type\s+)?(?:[\w*{}\s,$]*?\sfrom\s*)?['"]([^'"]+)['"]/gm;
const DYNAMIC_IMPORT = /\bimport\(\s*['"]([^'"]+)['"]\s*\)|new URL\(\s*['"](\.[^'"]+\.ts)['"]\s*,\s*import\.meta\.url/g;

export function importsOf(source: string): Import[] {
  const lineAt = (index: number): number => source.slice(0, index).split('\n').length;
  const found: Import[] = [];
  for (const match of source.matchAll(STATIC_IMPORT)) {
    found.push({ specifier: match[2] ?? '', typeOnly: match[1] !== undefined, line: lineAt(match.index) });
  }
  for (const match of source.matchAll(DYNAMIC_IMPORT)) {
    found.push({ specifier: match[1] ?? match[2] ?? '', typeOnly: false, line: lineAt(match.index) });
  }
  return found;
}

/** Imports of one file of src/ that go against DESIGN's direction, as `file:line: what`. */
export function violationsOf(file: string, source: string): string[] {
  const problems: string[] = [];
  for (const found of importsOf(source)) {
    const problem = found.specifier.startsWith('.') ? relativeProblem(file, found) : packageProblem(file, found);
    if (problem !== undefined) problems.push(`${file}:${found.line}: ${problem}`);
  }
  return problems;
}

function relativeProblem(file: string, found: Import): string | undefined {
  const target = normalize(join(dirname(file), found.specifier));
  const from = folderOf(file);
  const to = folderOf(target);
  if (to === undefined) return isTest(file) || file === target ? undefined : `${target} is outside src/`;
  // A test may use any part to check its own.
  if (isTest(file) || from === to) return undefined;
  const shared = SHARED.find(([importer, imported]) => file.startsWith(importer) && target.startsWith(imported));
  if (shared !== undefined) {
    return shared[2] === 'values' || found.typeOnly ? undefined : `${target} may only be imported with "import type"`;
  }
  const [fromRank, toRank] = [rankOf(from), rankOf(to)];
  if (fromRank < 0 || toRank < 0) return `src/${fromRank < 0 ? from : to}/ has no place in the import order`;
  if (toRank >= fromRank || FORBIDDEN_FOLDERS[from ?? '']?.includes(to) === true)
    return `${from} must not import ${to}`;
  return undefined;
}

function packageProblem(file: string, { specifier }: Import): string | undefined {
  const folder = folderOf(file) ?? '';
  if (specifier.startsWith(KAFKA_CLIENT) && folder !== 'kafka') return `only src/kafka imports ${KAFKA_CLIENT}`;
  if (isTest(file)) return undefined;
  const allowed = specifier.startsWith('node:') ? BUILTINS[folder] : PACKAGES[folder];
  return allowed === undefined || allowed.includes(specifier) ? undefined : `${folder} must not import ${specifier}`;
}

function folderOf(file: string): string | undefined {
  const [top, folder, rest] = file.split('/');
  return top === 'src' && rest !== undefined ? folder : undefined;
}

function rankOf(folder: string | undefined): number {
  return RANKS.findIndex((rank) => folder !== undefined && rank.includes(folder));
}

function isTest(file: string): boolean {
  return /\.(test|contract)\.ts$|\/(sim|testing)\//.test(file);
}

export function checkBoundaries(root: string): string[] {
  const files = globSync('src/**/*.ts', { cwd: root }).toSorted();
  return files.flatMap((file) => violationsOf(file, readFileSync(join(root, file), 'utf8')));
}
