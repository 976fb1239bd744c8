import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  globSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { NODE_ARGUMENTS } from '../src/catalog/compilation-mode.ts';

const root = dirname(import.meta.dirname);
const dist = join(root, 'dist');

/**
 * Node's arguments that run a program as it is shipped: plain JavaScript. From TypeScript every guest thread would load Node's type
 * stripper first, which costs tens of MB and is itself WebAssembly.
 */
export function builtProgram(name: 'streamline-sidecar' | 'streamline-cli'): string[] {
  ensureBuilt();
  return [...NODE_ARGUMENTS, join(dist, 'bin', `${name}.js`)];
}

/** Builds dist/ unless it is of these sources. Throws when they do not compile. */
export function ensureBuilt(): void {
  const stamp = sourceStamp();
  if (readStamp() === stamp) return;
  const folder = mkdtempSync(join(root, '.dist-'));
  try {
    const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    const args = [tsc, '-p', 'tsconfig.build.json', '--outDir', folder];
    const { status, stdout } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
    if (status !== 0) throw new Error(`src does not compile:\n${stdout}`);
    writeFileSync(join(folder, '.stamp'), stamp);
    // A temporary folder is its owner's only.
    chmodSync(folder, 0o755);
    replaceDist(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const REPLACE_ATTEMPTS_MAX = 100;
const REPLACE_PAUSE_MS_MAX = 10;

/**
 * Programs run from dist/ and start threads from it while it is replaced: so it is gone for the moment between two renames only.
 * Another build may come in between: either result is of some current source.
 */
export function replaceDist(folder: string, target = dist): void {
  for (let attempt = 1; ; attempt += 1) {
    const old = mkdtempSync(join(dirname(target), '.dist-'));
    try {
      // Over an empty folder, which a rename replaces.
      if (existsSync(target)) renameSync(target, old);
      renameSync(folder, target);
      return;
    } catch (thrown) {
      const code = (thrown as NodeJS.ErrnoException).code ?? '';
      if (attempt === REPLACE_ATTEMPTS_MAX || !['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(code)) throw thrown;
      // Uneven, or two that trip over each other do so again and again.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Math.random() * REPLACE_PAUSE_MS_MAX);
    } finally {
      rmSync(old, { recursive: true, force: true });
    }
  }
}

function readStamp(): string | undefined {
  try {
    return readFileSync(join(dist, '.stamp'), 'utf8');
  } catch {
    return undefined;
  }
}

function sourceStamp(): string {
  const hash = createHash('sha256');
  const files = [
    ...globSync('src/**/*.ts', { cwd: root }).toSorted(),
    'tsconfig.json',
    'tsconfig.build.json',
    'package-lock.json',
  ];
  for (const file of files) {
    const { size, mtimeMs } = statSync(join(root, file));
    hash.update(`${file} ${size} ${mtimeMs}\n`);
  }
  return hash.digest('hex');
}
