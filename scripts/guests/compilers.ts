import { spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ASSEMBLED } from '../../integration/guests/assemble.ts';
import { goCompiler } from './go-compiler.ts';
import type { Guest } from './guest-list.ts';
import { javascriptCompiler } from './javascript-compiler.ts';
import { pythonCompiler } from './python-compiler.ts';

export interface Compiler {
  /** What has to be installed; undefined when all is there. */
  readonly missing: string | undefined;
  /** The same version on the same source gives the same bytes, unless it is not reproducible. */
  readonly version: string;
  /** false: no two builds have the same bytes, so that tests compare what they do. */
  readonly reproducible?: false;
  compile(root: string, guest: Guest): Uint8Array;
}

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env, cwd?: string): string {
  const result = spawnSync(command, args, { encoding: 'utf8', env, cwd });
  if (result.error !== undefined) throw result.error;
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')}\n${result.stderr}`);
  return result.stdout;
}

/** First line of the command's version, '' when it cannot be run. */
function versionOf(command: string): string {
  const result = spawnSync(command, ['--version'], { encoding: 'utf8' });
  return result.status === 0 ? (result.stdout.split('\n')[0] ?? '').trim() : '';
}

const COMPILE_FLAGS = ['-std=c11', '-O2', '-mbulk-memory', '-Wall', '-Wextra', '-Werror', '-Wno-unused-function'];
// Without -O: clang would run a wasm-opt it finds in PATH, and the bytes would depend on the machine. --stack-first: a stack
// that overflows traps instead of writing over the data.
const LINK_FLAGS = ['-mexec-model=reactor', '-Wl,--strip-all', '-Wl,--stack-first', '-Wl,-z,stack-size=65536'];
const TARGET = '--target=wasm32-wasi';

function cCompiler(): Compiler {
  const version = versionOf('clang');
  const linker = versionOf('wasm-ld');
  const ready = version !== '' && linker !== '' && existsSync('/usr/include/wasm32-wasi/stdlib.h');
  return {
    missing: ready ? undefined : 'needs the Debian packages clang lld wasi-libc libclang-rt-14-dev-wasm32',
    version: `${version}, ${linker}`,
    compile(root, guest) {
      const folder = mkdtempSync(join(tmpdir(), 'guest-'));
      try {
        const object = join(folder, 'guest.o');
        const binary = join(folder, 'guest.wasm');
        const includes = guest.includes.map((include) => `-I${join(root, include)}`);
        const source = join(root, guest.source);
        run('clang', [
          TARGET,
          ...COMPILE_FLAGS,
          `-ffile-prefix-map=${root}=.`,
          ...includes,
          '-c',
          source,
          '-o',
          object,
        ]);
        run('clang', [TARGET, ...LINK_FLAGS, ...guest.linkerFlags, object, '-o', binary]);
        return readFileSync(binary);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  };
}

const RUST_TARGET = 'wasm32-unknown-unknown';

interface RustToolchain {
  readonly cargo: string;
  readonly rustc: string;
  /** Debian has no wasm32 standard library: it is built from rust-web-src. */
  readonly buildsStd: boolean;
}

function rustToolchain(): RustToolchain | undefined {
  if (existsSync('/usr/bin/cargo') && existsSync('/usr/lib/rustlib/src/rust') && existsSync('/usr/bin/rust-lld')) {
    return { cargo: '/usr/bin/cargo', rustc: '/usr/bin/rustc', buildsStd: true };
  }
  const installed = spawnSync('rustup', ['target', 'list', '--installed'], { encoding: 'utf8' });
  if (installed.status !== 0 || !installed.stdout.includes(RUST_TARGET)) return undefined;
  return { cargo: 'cargo', rustc: 'rustc', buildsStd: false };
}

function rustCompiler(): Compiler {
  const toolchain = rustToolchain();
  return {
    missing:
      toolchain === undefined
        ? `needs "rustup target add ${RUST_TARGET}", or the Debian packages rustc-web cargo-web rust-web-src rust-web-llvm lld-22`
        : undefined,
    version: toolchain === undefined ? '' : versionOf(toolchain.rustc),
    compile(root, guest) {
      if (toolchain === undefined) throw new Error('no Rust toolchain');
      const cargoHome = process.env['CARGO_HOME'] ?? join(homedir(), '.cargo');
      const sysroot = run(toolchain.rustc, ['--print', 'sysroot']).trim();
      const target = join(root, '.cache/guests');
      const project = join(root, guest.source);
      // Crates lie in a folder named after the registry they came from, which differs between machines; before the first is fetched there is none.
      run(toolchain.cargo, ['fetch', '--locked'], { ...process.env, RUSTC: toolchain.rustc }, project);
      const registries = globSync(`${cargoHome}/registry/src/*`).map((folder) => `${folder}=crates`);
      const remaps = [`${root}=.`, ...registries, `${sysroot}/lib/rustlib/src/rust=rust`];
      const env = {
        ...process.env,
        RUSTC: toolchain.rustc,
        CARGO_TARGET_DIR: target,
        RUSTFLAGS: remaps.map((remap) => `--remap-path-prefix=${remap}`).join(' '),
        ...(toolchain.buildsStd ? { RUSTC_BOOTSTRAP: '1' } : {}),
      };
      const std = toolchain.buildsStd ? ['-Zbuild-std=std,panic_abort'] : [];
      run(toolchain.cargo, ['build', '--release', '--locked', '--target', RUST_TARGET, ...std], env, project);
      return readFileSync(join(target, RUST_TARGET, 'release', `${crateName(project)}.wasm`));
    },
  };
}

function crateName(project: string): string {
  const name = /^name = "([\w-]+)"/m.exec(readFileSync(join(project, 'Cargo.toml'), 'utf8'))?.[1];
  if (name === undefined) throw new Error(`${project}/Cargo.toml names no package`);
  return name.replaceAll('-', '_');
}

/** As sdk/assemblyscript/template/package.json pins it. Not a dependency of the repository: with binaryen it is 100 MB. */
const ASSEMBLYSCRIPT = 'assemblyscript@0.28.20';
const ASSEMBLYSCRIPT_FOLDER = '.cache/assemblyscript';

function assemblyScriptCompiler(): Compiler {
  const folder = join(dirname(dirname(import.meta.dirname)), ASSEMBLYSCRIPT_FOLDER, 'node_modules/assemblyscript');
  const version = existsSync(folder)
    ? `assemblyscript@${(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }).version}`
    : '';
  return {
    missing:
      version === ASSEMBLYSCRIPT
        ? undefined
        : `needs "npm install --ignore-scripts --no-save --prefix ${ASSEMBLYSCRIPT_FOLDER} ${ASSEMBLYSCRIPT}"`,
    version,
    compile(root, guest) {
      const out = mkdtempSync(join(tmpdir(), 'guest-'));
      try {
        const binary = join(out, 'guest.wasm');
        // In its folder: the binary names its sources, as they are given, for what it aborts with.
        const flags = ['assembly/index.ts', '--outFile', binary, '-O3', '--runtime', 'incremental'];
        run(process.execPath, [join(folder, 'bin/asc.js'), ...flags], process.env, join(root, guest.source));
        return readFileSync(binary);
      } finally {
        rmSync(out, { recursive: true });
      }
    },
  };
}

const assembler: Compiler = {
  missing: undefined,
  version: 'by hand',
  compile(_root, guest) {
    const bytes = ASSEMBLED[guest.name];
    if (bytes === undefined) throw new Error(`no such assembled module: ${guest.name}`);
    return bytes;
  },
};

export const compilers: Readonly<Record<Guest['language'], Compiler>> = {
  c: cCompiler(),
  rust: rustCompiler(),
  assemblyscript: assemblyScriptCompiler(),
  go: goCompiler(),
  javascript: javascriptCompiler(),
  python: pythonCompiler(),
  assembled: assembler,
};
