import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  futimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { MeterOptions } from './meter-module.ts';
import { METER_VERSION } from './prepared-module.ts';
import { WasmWriter } from './wasm-writer.ts';

const FILES_MAX = 200;
const BYTES_MAX = 1 << 30;
/** One artefact; a metered module is at most a few times its original. */
const ARTEFACT_BYTES_MAX = 512 << 20;
/** A file left aside by a process that died is removed after this. */
const ASIDE_MS_MAX = 3_600_000;
const SHA256_BYTES = 32;
const SEAL_NAME = 'streamline.sha256';
const SEAL_BYTES = 2 + 1 + SEAL_NAME.length + SHA256_BYTES;

export interface CacheLimits {
  readonly filesMax: number;
  readonly bytesMax: number;
}

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** Everything the metered bytes depend on. */
export function artefactKey(moduleSha256: string, options: MeterOptions): string {
  const parts = [moduleSha256, options.maxMemoryPages, options.initialFuel, METER_VERSION];
  return createHash('sha256').update(parts.join('|')).digest('hex');
}

/**
 * Metered modules on disk: `<key>.wasm`, closed by a custom section that holds the sha256 of all before it. Checked on every
 * read: a damaged file is as good as none. Only a directory that others cannot write to is trusted, because whoever writes here
 * decides what runs unmetered. Synchronous: used in the catalog thread only.
 */
export class ArtefactCache {
  readonly #dir: string;
  readonly #limits: CacheLimits;

  /** Throws when the directory cannot be made or is open to others. */
  constructor(dir: string, limits: CacheLimits = { filesMax: FILES_MAX, bytesMax: BYTES_MAX }) {
    this.#dir = dir;
    this.#limits = limits;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const stat = statSync(dir);
    if (!isMine(stat.uid) || (stat.mode & 0o022) !== 0) throw new Error('others may write to it');
  }

  /** undefined = none, damaged, or unreadable. */
  read(key: string): Uint8Array | undefined {
    let fd: number;
    try {
      fd = openSync(this.#path(key), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch {
      return undefined;
    }
    try {
      const stat = fstatSync(fd);
      // Someone else's file: from the time before the directory was closed to others.
      if (!stat.isFile() || !isMine(stat.uid) || stat.size > ARTEFACT_BYTES_MAX) return undefined;
      const bytes = readFileSync(fd);
      if (!isSealed(bytes)) return undefined;
      const now = new Date();
      try {
        futimesSync(fd, now, now); // last used, for prune
      } catch {
        // A read-only cache still serves.
      }
      return bytes;
    } catch {
      return undefined;
    } finally {
      closeSync(fd);
    }
  }

  /** Throws when it cannot be written; whatever happens, a reader sees a whole artefact or none. */
  write(key: string, metered: Uint8Array): void {
    const aside = join(this.#dir, `.${key}.${randomBytes(6).toString('hex')}.aside`);
    try {
      const fd = openSync(aside, 'wx', 0o600);
      try {
        writeFileSync(fd, metered);
        writeFileSync(fd, seal(metered));
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      renameSync(aside, this.#path(key));
    } catch (error) {
      rmSync(aside, { force: true });
      throw error;
    }
    this.#prune(key);
  }

  #path(key: string): string {
    return join(this.#dir, `${key}.wasm`);
  }

  /** Drops the longest unused until both limits hold; `keep` was just written. */
  #prune(keep: string): void {
    const entries = readdirSync(this.#dir).flatMap((name) => {
      const path = join(this.#dir, name);
      const stat = statSync(path, { throwIfNoEntry: false });
      if (stat === undefined) return [];
      if (name.endsWith('.aside') && Date.now() - stat.mtimeMs > ASIDE_MS_MAX) rmSync(path, { force: true });
      return /^[0-9a-f]{64}\.wasm$/.test(name) ? [{ path, size: stat.size, usedMs: stat.mtimeMs }] : [];
    });
    entries.sort((a, b) => b.usedMs - a.usedMs);
    let files = 0;
    let bytes = 0;
    for (const entry of entries) {
      files += 1;
      bytes += entry.size;
      const over = files > this.#limits.filesMax || bytes > this.#limits.bytesMax;
      if (over && entry.path !== this.#path(keep)) rmSync(entry.path, { force: true });
    }
  }
}

function isMine(uid: number): boolean {
  return process.getuid === undefined || uid === process.getuid();
}

/** A custom section, so that the file stays a WebAssembly module for every tool. */
function seal(metered: Uint8Array): Uint8Array {
  const payload = new WasmWriter().name(SEAL_NAME).raw(sha256(metered)).bytes();
  return new WasmWriter().section(0, payload).bytes();
}

function isSealed(bytes: Uint8Array): boolean {
  if (bytes.length <= SEAL_BYTES) return false;
  const metered = bytes.subarray(0, bytes.length - SEAL_BYTES);
  return Buffer.compare(bytes.subarray(metered.length), seal(metered)) === 0;
}
