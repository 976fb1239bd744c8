// @ts-check
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, isAbsolute, join } from 'node:path';

/**
 * The user's cache folder of this project. What is slow to fetch or build is kept here, keyed by what it was made from.
 * @returns {string}
 */
export function cacheFolder() {
  const base = process.env['XDG_CACHE_HOME'];
  // The XDG specification: a relative path is invalid and ignored.
  const root = base !== undefined && isAbsolute(base) ? base : join(homedir(), '.cache');
  const folder = join(root, 'streamline-wasm-transforms');
  mkdirSync(folder, { recursive: true });
  // Programs are run from here: nobody else may write to it.
  chmodSync(folder, 0o700);
  return folder;
}

/**
 * A new empty folder beside `target`, on the same file system, so that publish() is one rename.
 * @param {string} target
 * @returns {string}
 */
export function stagingFor(target) {
  mkdirSync(dirname(target), { recursive: true });
  return mkdtempSync(join(dirname(target), `.${basename(target)}-`));
}

/**
 * Puts a complete staged folder in place of whatever is at `target`: a reader sees the old or the new one, never half. Other users may
 * read it, as a service or an image has one of its own to run what root has built; a temporary folder is its owner's only.
 * @param {string} staged
 * @param {string} target
 */
export function publish(staged, target) {
  chmodSync(staged, 0o755);
  discard(target);
  renameSync(staged, target);
}

/**
 * Removes a folder by moving it aside first, so that nobody finds it half removed.
 * @param {string} target
 */
export function discard(target) {
  const aside = `${target}.old-${process.pid}`;
  try {
    renameSync(target, aside);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return;
    throw error;
  }
  rmSync(aside, { recursive: true, force: true });
}
