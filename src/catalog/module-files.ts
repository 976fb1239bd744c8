import type { Stats } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';

/** Bounds of one look at the modules directory, which may hold what nobody expects: a home directory, a link to its own parent. */
const MODULE_FILES_MAX = 10_000;
const ENTRIES_MAX = 10 * MODULE_FILES_MAX;
const DEPTH_MAX = 16;

export interface ModuleFile {
  /** Relative to the modules directory, with `/`: as a spec names it. */
  readonly path: string;
  /** Of the file itself, links followed. */
  readonly stats: Stats;
  /** With all links followed; inside the modules directory. */
  readonly realPath: string;
}

/**
 * Every .wasm file below the modules directory, in alphabetical order. Hidden files and folders (.cache, .state, `..data` of a
 * ConfigMap) are passed over; links are followed as long as they stay inside. A directory that cannot be read has no files.
 */
export async function* moduleFiles(modulesDir: string): AsyncGenerator<ModuleFile> {
  const root = await realpath(modulesDir).catch(() => undefined);
  if (root === undefined) return;
  const inside = root.endsWith(sep) ? root : root + sep;
  const seen = new Set([root]);
  const left = { files: MODULE_FILES_MAX, entries: ENTRIES_MAX };

  async function* walk(folder: string, depth: number): AsyncGenerator<ModuleFile> {
    const entries = await readdir(join(root ?? '', folder), { withFileTypes: true }).catch(() => []);
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      if (left.files === 0 || left.entries-- <= 0) return;
      const isModule = entry.name.endsWith('.wasm');
      if (entry.name.startsWith('.') || (entry.isFile() && !isModule)) continue;
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      const real = await realpath(join(root ?? '', path)).catch(() => undefined);
      if (real === undefined || !real.startsWith(inside)) continue;
      const stats = await stat(real).catch(() => undefined);
      if (stats?.isFile() === true && isModule) {
        left.files--;
        yield { path, stats, realPath: real };
      } else if (stats?.isDirectory() === true && depth < DEPTH_MAX && !seen.has(real)) {
        seen.add(real);
        yield* walk(path, depth + 1);
      }
    }
  }

  yield* walk('', 0);
}
