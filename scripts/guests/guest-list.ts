import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ASSEMBLED } from '../../integration/guests/assemble.ts';

export interface Guest {
  /** Of the binary, without `.wasm`. */
  readonly name: string;
  readonly language: 'c' | 'rust' | 'assemblyscript' | 'go' | 'javascript' | 'python' | 'assembled';
  /** The C file, the folder of the Cargo or AssemblyScript project or the Go module, or the assembler; relative to the repository, as all paths here. */
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
const RUST_SDK = 'sdk/rust/lib';
const GO_SDK = 'sdk/go/lib';
const PYTHON_SDK = 'sdk/python/lib/streamline';
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
  const usesSdk = readFileSync(join(ROOT, manifestFile), 'utf8').includes('streamline-guest');
  const sdk = usesSdk ? [`${RUST_SDK}/Cargo.toml`, ...found(`${RUST_SDK}/src/**/*.rs`)] : [];
  const sources = [manifestFile, join(source, 'Cargo.lock'), ...found(`${source}/src/**/*.rs`), ...sdk];
  return { name, language: 'rust', source, sources, includes: [], linkerFlags: [], ...exampleFiles(name) };
}

function goGuest(manifestFile: string): Guest {
  const source = dirname(manifestFile);
  const name = basename(source).replaceAll('-', '_');
  const written = (folder: string): string[] => found(`${folder}/*.go`).filter((file) => !file.endsWith('_test.go'));
  const sources = [manifestFile, ...written(source), `${GO_SDK}/go.mod`, ...written(GO_SDK)];
  return { name, language: 'go', source, sources, includes: [], linkerFlags: [], ...exampleFiles(name) };
}

function javascriptGuest(entry: string): Guest {
  const source = dirname(entry);
  const name = basename(source).replaceAll('-', '_');
  const sdk = [...found('sdk/js/lib/*.js'), 'sdk/js/template/build.mjs', ...found('wit/*.wit')];
  const sources = [...found(`${source}/*.js`), ...sdk];
  return { name, language: 'javascript', source, sources, includes: [], linkerFlags: [], ...exampleFiles(name) };
}

function pythonGuest(entry: string): Guest {
  const source = dirname(entry);
  const name = basename(source).replaceAll('-', '_');
  const written = found(`${source}/*.py`).filter((file) => !basename(file).startsWith('test_'));
  const sources = [...written, ...found(`${PYTHON_SDK}/*.py`), ...found('wit/*.wit')];
  return { name, language: 'python', source, sources, includes: [], linkerFlags: [], ...exampleFiles(name) };
}

function assemblyScriptGuest(entry: string): Guest {
  const source = dirname(dirname(entry));
  const name = basename(source).replaceAll('-', '_');
  const sources = [...found(`${source}/assembly/**/*.ts`), ...found('sdk/assemblyscript/lib/*.ts')];
  return { name, language: 'assemblyscript', source, sources, includes: [], linkerFlags: [], ...exampleFiles(name) };
}

/** Does what a record tells it, so that tests see the AssemblyScript library from outside. */
function assemblyScriptProbe(): Guest {
  const folder = 'sdk/assemblyscript/testing';
  const guest = assemblyScriptGuest(`${folder}/assembly/index.ts`);
  const binary = `${folder}/probe.wasm`;
  return { ...guest, name: 'assemblyscript_probe', binary, manifest: `${folder}/guests.json` };
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
  ...found(`${EXAMPLES}/*/assembly/index.ts`).map(assemblyScriptGuest),
  assemblyScriptProbe(),
  ...found(`${EXAMPLES}/*/go.mod`).map(goGuest),
  ...found(`${EXAMPLES}/*/component.js`).map(javascriptGuest),
  ...found(`${EXAMPLES}/*/app.py`).map(pythonGuest),
  ...found(`${TESTS}/{,load/}*.c`).map((file) =>
    cGuest(file, [exampleInclude, `${TESTS}/include`], `${TESTS}/modules`, `${TESTS}/modules/guests.json`),
  ),
  ...Object.keys(ASSEMBLED).map(assembledGuest),
];
