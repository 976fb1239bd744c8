// @ts-check
import { mkdirSync, readFileSync, rmdirSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 200;
/** Longer than the slowest set-up: a source build on one slow core. */
const WAIT_MS_MAX = 20 * 60_000;
/** Breaking a dead owner's lock takes microseconds; a breaker that is older than this died in between. */
const BREAKER_MS_MAX = 10_000;

/**
 * Runs `work` while no other set-up of this user does: two of them must not install into one tree, nor build twice.
 * @template T
 * @param {string} folder
 * @param {(owner: string) => void} onWait called once when another set-up is running
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(folder, onWait, work) {
  const file = join(folder, 'set-up.lock');
  const deadline = Date.now() + WAIT_MS_MAX;
  let told = false;
  while (!tryLock(file)) {
    if (!told) onWait(ownerOf(file) ?? 'unknown');
    told = true;
    if (Date.now() > deadline)
      throw new Error(`another set-up holds ${file} for too long; remove the file if none runs`);
    await delay(POLL_MS);
  }
  const release = () => {
    if (ownerOf(file) === String(process.pid)) unlinkSync(file);
  };
  process.once('exit', release);
  try {
    return await work();
  } finally {
    process.removeListener('exit', release);
    release();
  }
}

/**
 * @param {string} file
 * @returns {boolean}
 */
function tryLock(file) {
  if (createLock(file)) return true;
  const owner = ownerOf(file);
  if (owner === undefined || isAlive(owner)) return false;
  // Only one may break a dead owner's lock, or the second would break the first one's new lock.
  const breaker = `${file}.breaker`;
  try {
    mkdirSync(breaker);
  } catch {
    removeOldBreaker(breaker);
    return false;
  }
  try {
    if (ownerOf(file) === owner) unlinkSync(file);
    return createLock(file);
  } finally {
    rmdirSync(breaker);
  }
}

/**
 * @param {string} file
 * @returns {boolean}
 */
function createLock(file) {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * @param {string} file
 * @returns {string | undefined} undefined: no lock
 */
function ownerOf(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * @param {string} owner
 * @returns {boolean}
 */
function isAlive(owner) {
  const pid = Number(owner);
  // An empty file is a lock being written at this moment.
  if (owner === '') return true;
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}

/** @param {string} breaker */
function removeOldBreaker(breaker) {
  try {
    if (Date.now() - statSync(breaker).mtimeMs > BREAKER_MS_MAX) rmdirSync(breaker);
  } catch {
    // Its owner removed it in the meantime.
  }
}
