import { globSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ASSEMBLED } from '../../integration/guests/assemble.ts';

export interface Guest {
  /** Of the binary, without `.wasm`. */
  readonly name: string;
  readonly language: 'c' | 'rust' | 'assembled';
  /** The C file, the Cargo project's folder, or the assembler; relative to the repository, as all paths here. */
  readonly source: string;
  /** Every file the binary depends on. */
  readonly sources: readonly string[];
  readonly includes: readonly string[];
  readonly linkerFlags: readonly string[];
  readonly binary: string;
  readonly manifest: string;
}

const ROOT = dirname(dirname(import.meta.dirname));
const EXAMPLES = 'examples/guests';
const TESTS = 'integration/guests';
const LINKER_FLAGS: Readonly<Record<string, readonly string[]>> = {
  memory_min: ['-Wl,--initial-memory=134217728'],
};

const found = (pattern: string): string[] => globSync(pattern, { cwd: ROOT }).sort();
const headers = (includes: readonly string[]): string[] => includes.flatMap((folder) => found(`${folder}/*.h`));

function cGuest(source: string, includes: readonly string[], folder: string, manifest: string): Guest {
  const name = basename(source, '.c');
  const sources = [source, ...headers(includes)];
  const binary = `${folder}/${name}.wasm`;
  return { name, language: 'c', source, sources, includes, linkerFlags: LINKER_FLAGS[name] ?? [], binary, manifest };
}

function rustGuest(manifestFile: string): Guest {
  const source = dirname(manifestFile);
  const name = basename(source).replaceAll('-', '_');
  const sources = [manifestFile, join(source, 'Cargo.lock'), ...found(`${source}/src/**/*.rs`)];
  return { name, language: 'rust', source, sources, includes: [], linkerFlags: [], ...exampleFiles(name) };
}

const exampleFiles = (name: string): { readonly binary: string; readonly manifest: string } => ({
  binary: `modules/transforms/${name}.wasm`,
  manifest: 'modules/guests.json',
});

function assembledGuest(name: string): Guest {
  const source = `${TESTS}/assemble.ts`;
  const binary = `${TESTS}/modules/${name}.wasm`;
  const manifest = `${TESTS}/modules/guests.json`;
  return { name, language: 'assembled', source, sources: [source], includes: [], linkerFlags: [], binary, manifest };
}

const exampleInclude = `${EXAMPLES}/include`;

/** Everything that is built, by name; names are unique over both folders. */
export const GUESTS: readonly Guest[] = [
  ...found(`${EXAMPLES}/*.c`).map((file) =>
    cGuest(file, [exampleInclude], 'modules/transforms', 'modules/guests.json'),
  ),
  ...found(`${EXAMPLES}/*/Cargo.toml`).map(rustGuest),
  ...found(`${TESTS}/{,load/}*.c`).map((file) =>
    cGuest(file, [exampleInclude, `${TESTS}/include`], `${TESTS}/modules`, `${TESTS}/modules/guests.json`),
  ),
  ...Object.keys(ASSEMBLED).map(assembledGuest),
];
