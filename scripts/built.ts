import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { globSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
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
    // Another build may have come first: either result is of some current source.
    rmSync(dist, { recursive: true, force: true });
    renameSync(folder, dist);
  } finally {
    rmSync(folder, { recursive: true, force: true });
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
