import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

/*
 * A file is there whole, old or new, whatever happens between any two steps: written aside under a hidden name in the same directory,
 * brought to the disk, put over the old one, and the directory brought to the disk too. Only then is it told as done.
 */

/** In the order they are passed. Each says what has just been done. */
export type AtomicStep =
  'directory_made' | 'opened' | 'written' | 'synced' | 'renamed' | 'removed' | 'directory_synced';

export interface AtomicOptions {
  /** For tests: the process may be killed here. */
  readonly step?: ((step: AtomicStep) => void) | undefined;
}

const NO_SYNC = new Set(['EINVAL', 'ENOTSUP', 'ENOSYS', 'EBADF', 'EACCES', 'EPERM']);
const FILE_MODE = 0o644;
/** Longer than any write takes, so that no other process's is taken for a leftover. */
const ASIDE_MS_MAX = 60_000;

/** `.NAME.RANDOM.aside`: what a process that died in the middle leaves behind. */
function isAside(name: string): boolean {
  return name.startsWith('.') && name.endsWith('.aside');
}

/** Rejects with the file system's own error; then the old file is there as it was. Keeps the old file's mode. */
export async function writeAtomically(
  path: string,
  content: string | Uint8Array,
  { step }: AtomicOptions = {},
): Promise<void> {
  const directory = dirname(path);
  const aside = join(directory, `.${basename(path)}.${randomBytes(6).toString('hex')}.aside`);
  const mode = await modeOf(path);
  try {
    const file = await open(aside, 'wx', mode ?? FILE_MODE);
    try {
      step?.('opened');
      // The process's umask has taken bits from what `open` was given.
      if (mode !== undefined) await file.chmod(mode);
      await file.writeFile(content);
      step?.('written');
      await file.sync();
      step?.('synced');
    } finally {
      await file.close();
    }
    await rename(aside, path);
  } catch (thrown) {
    await rm(aside, { force: true }).catch(() => undefined);
    throw thrown;
  }
  step?.('renamed');
  await syncDirectory(directory, step);
}

/** @returns whether it was there */
export async function removeAtomically(path: string, { step }: AtomicOptions = {}): Promise<boolean> {
  try {
    await unlink(path);
  } catch (thrown) {
    if (fileErrorCode(thrown) === 'ENOENT') return false;
    throw thrown;
  }
  step?.('removed');
  await syncDirectory(dirname(path), step);
  return true;
}

/** Makes a directory and those above it, each of which is on the disk before a file in it is. */
export async function makeDirectory(path: string, mode: number, { step }: AtomicOptions = {}): Promise<void> {
  const first = await makeAll(path, mode);
  if (first === undefined) return;
  step?.('directory_made');
  const top = dirname(resolve(first));
  let parent = resolve(path);
  do {
    parent = dirname(parent);
    await syncDirectory(parent, step);
  } while (parent !== top && parent !== dirname(parent));
}

/** Removes what dead processes left aside in one directory. Rejects never: where it cannot be done, it does no harm. */
export async function sweepAsides(directory: string, olderThanMs = ASIDE_MS_MAX): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  for (const name of names.filter(isAside)) {
    const path = join(directory, name);
    const facts = await stat(path).catch(() => undefined);
    if (facts?.isFile() !== true) continue;
    // The file system's time has fractions of a millisecond: what is new may seem to come from the future.
    if (Math.max(0, Date.now() - facts.mtimeMs) < olderThanMs) continue;
    await unlink(path).catch(() => undefined);
  }
}

/** `EROFS` of an error of the file system. */
export function fileErrorCode(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
}

/** Why a directory or file cannot be written to, for a person. */
export function writeFailure(thrown: unknown): string {
  const code = fileErrorCode(thrown);
  switch (code) {
    case 'EROFS':
      return 'the file system is read-only';
    case 'EACCES':
    case 'EPERM':
      return 'no permission to write';
    case 'ENOSPC':
    case 'EDQUOT':
      return 'no space is left';
    case 'ENOENT':
    case 'ENOTDIR':
      return 'there is no such directory';
    default:
      return code ?? (thrown instanceof Error ? thrown.message : String(thrown));
  }
}

/** @returns the first directory that was made */
async function makeAll(path: string, mode: number): Promise<string | undefined> {
  try {
    return await mkdir(path, { recursive: true, mode });
  } catch (thrown) {
    // What Node says of a read-only file system too, when it makes more than one: made by itself, the first that is missing tells the truth.
    if (fileErrorCode(thrown) !== 'ENOENT') throw thrown;
    let missing = resolve(path);
    while (!(await isThere(dirname(missing)))) missing = dirname(missing);
    await mkdir(missing, { mode });
    await mkdir(path, { recursive: true, mode });
    return missing;
  }
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function modeOf(path: string): Promise<number | undefined> {
  const facts = await stat(path).catch(() => undefined);
  return facts?.isFile() === true ? facts.mode & 0o777 : undefined;
}

async function syncDirectory(path: string, step: AtomicOptions['step']): Promise<void> {
  let directory: FileHandle | undefined;
  try {
    directory = await open(path, 'r');
    await directory.sync();
  } catch (thrown) {
    // Some network file systems know no sync of a directory, and one may be written to but not read: it is as durable as it gets.
    if (!NO_SYNC.has(fileErrorCode(thrown) ?? '')) throw thrown;
  } finally {
    await directory?.close();
  }
  step?.('directory_synced');
}
