// @ts-check
import { createHash } from 'node:crypto';
import { cpSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { discard, publish, stagingFor } from './cache.mjs';

const MANIFEST = 'manifest.json';

/**
 * Keeps what an addon needs at run time, and the headers and shared library a later native build needs.
 * @param {string} buildFolder
 * @param {string} entry
 * @param {(path: string) => boolean} [isWorthKeeping] which files; those of a node-gyp build unless told otherwise
 */
export function storeBuild(buildFolder, entry, isWorthKeeping = isMoreThanAnInput) {
  const staged = stagingFor(entry);
  try {
    for (const path of filesOf(buildFolder).filter(isWorthKeeping)) {
      mkdirSync(dirname(join(staged, path)), { recursive: true });
      cpSync(join(buildFolder, path), join(staged, path), { verbatimSymlinks: true });
    }
    writeFileSync(join(staged, MANIFEST), `${JSON.stringify(digestsOf(staged), null, 1)}\n`);
    publish(staged, entry);
  } finally {
    rmSync(staged, { recursive: true, force: true });
  }
}

/**
 * Puts a cached build in place. The copy is what is checked, so what was checked is what runs.
 * @param {string} entry
 * @param {string} buildFolder
 * @returns {'restored' | 'absent' | 'damaged'} a damaged entry is removed
 */
export function restoreBuild(entry, buildFolder) {
  if (!exists(entry)) return 'absent';
  const staged = stagingFor(buildFolder);
  try {
    cpSync(entry, staged, { recursive: true, verbatimSymlinks: true });
    const manifest = readFileSync(join(staged, MANIFEST), 'utf8');
    rmSync(join(staged, MANIFEST));
    if (JSON.stringify(JSON.parse(manifest)) !== JSON.stringify(digestsOf(staged))) throw new Error('digest');
    publish(staged, buildFolder);
    return 'restored';
  } catch {
    discard(entry);
    return 'damaged';
  } finally {
    rmSync(staged, { recursive: true, force: true });
  }
}

/**
 * Leaves out what only the build itself reads: objects, make files, static libraries.
 * @param {string} path
 * @returns {boolean}
 */
function isMoreThanAnInput(path) {
  if (/\.(a|o|d|mk|Makefile|pc|stamp)$/.test(path) || path.includes('obj.target/') || path.includes('.deps/'))
    return false;
  return path.startsWith('Release/') || path.startsWith('deps/');
}

/**
 * @param {string} folder
 * @returns {Record<string, string>} path → sha256 of the file, or where a link points
 */
function digestsOf(folder) {
  return Object.fromEntries(
    filesOf(folder)
      .filter((path) => path !== MANIFEST)
      .map((path) => {
        const file = join(folder, path);
        if (lstatSync(file).isSymbolicLink()) return [path, `-> ${readlinkSync(file)}`];
        return [path, createHash('sha256').update(readFileSync(file)).digest('hex')];
      }),
  );
}

/**
 * @param {string} folder
 * @returns {string[]} files and links below it, sorted
 */
function filesOf(folder) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => !lstatSync(join(folder, path)).isDirectory())
    .toSorted();
}

/**
 * @param {string} path
 * @returns {boolean}
 */
function exists(path) {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
