import type { Stats } from 'node:fs';
import { readdir, realpath, rmdir, stat, utimes } from 'node:fs/promises';
import { join, sep } from 'node:path';
import {
  fileErrorCode,
  makeDirectory,
  removeAtomically,
  sweepAsides,
  writeAtomically,
  writeFailure,
} from '../base/atomic-file.ts';
import type { AtomicOptions } from '../base/atomic-file.ts';
import { StreamlineError } from '../base/error.ts';
import { Serial } from '../base/serial.ts';
import { nameFault } from '../spec/spec-name.ts';
import { MODULE_BYTES_MAX } from './inspect-module.ts';
import { readModuleFile } from './module-file.ts';
import { moduleFiles } from './module-files.ts';
import type { ModuleFile } from './module-files.ts';

/** The folder of uploads within the modules directory: `uploaded/<name>/<sha256>.wasm`. All else was put there by hand. */
const UPLOADS = 'uploaded';
const UPLOAD = /^uploaded\/([^/]+)\/([0-9a-f]{64})\.wasm$/;
/** Within one tick of the file system's clock a file may change twice and look the same. */
const TICK_MS = 50;

export interface StoredModule {
  /** Relative to the modules directory: what a spec writes under `wasm_module`. */
  readonly path: string;
  /** `mask-pii` of `uploaded/mask-pii/<sha256>.wasm`; for a file put there by hand its path without `.wasm`. */
  readonly name: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  /** False for a file put there by hand: never deleted by us. */
  readonly uploaded: boolean;
  readonly modifiedMs: number;
  /** Names of the specs that use it. */
  readonly usedBy: readonly string[];
}

/** Names of the specs that use a module, by its path. */
export type UsedBy = (path: string) => readonly string[];

interface Digested {
  readonly signature: string;
  readonly sha256: string;
}

/** The modules directory: what is in it, uploads by digest, and their end when nobody uses them any more. */
export class ModuleStore {
  readonly #directory: string;
  readonly #options: AtomicOptions;
  readonly #writes = new Serial();
  #digests = new Map<string, Digested>();

  constructor(directory: string, options: AtomicOptions = {}) {
    this.#directory = directory;
    this.#options = options;
  }

  /** At the start: what a process that died left aside. */
  async sweep(olderThanMs?: number): Promise<void> {
    for (const name of await this.#names()) await sweepAsides(join(this.#directory, UPLOADS, name), olderThanMs);
  }

  /** Every module there is, by path; at most 10,000. A file that cannot be read is left out. */
  async list(usedBy: UsedBy): Promise<StoredModule[]> {
    const modules: StoredModule[] = [];
    const digests = new Map<string, Digested>();
    for await (const file of moduleFiles(this.#directory)) {
      const sha256 = await this.#digestOf(file.path, file.stats).catch(() => undefined);
      if (sha256 === undefined) continue;
      const kept = this.#digests.get(file.path);
      if (kept !== undefined) digests.set(file.path, kept);
      modules.push(await this.#module(file, sha256, usedBy));
    }
    // Of what is gone nothing is kept.
    this.#digests = digests;
    return modules;
  }

  /**
   * sha256 of one module, hex; undefined when there is no such file. While it is unchanged this is one look at its size and times.
   * Rejects with module.unreadable, or module.too_large.
   */
  async digest(path: string): Promise<string | undefined> {
    const stats = await stat(join(this.#directory, path)).catch(() => undefined);
    if (stats === undefined) return undefined;
    try {
      return await this.#digestOf(path, stats);
    } catch (thrown) {
      if (thrown instanceof StreamlineError && thrown.code === 'spec.module_missing') return undefined;
      throw thrown;
    }
  }

  /**
   * Keeps a version of the module `name`. The bytes were checked before. The same bytes again are no error: `created` is false, and the
   * version counts as new to collectGarbage. Rejects with spec.bad_name or module.read_only.
   */
  upload(name: string, bytes: Uint8Array): Promise<{ readonly module: StoredModule; readonly created: boolean }> {
    return this.#writes.run(async () => {
      const fault = nameFault(name);
      if (fault !== undefined) {
        const suggestion =
          'Name the module as a spec: lower-case letters, digits and single hyphens, such as mask-pii.';
        throw new StreamlineError(fault.code, `module ${fault.message}`, { suggestion });
      }
      const sha256 = await digestOfBytes(bytes);
      const path = `${UPLOADS}/${name}/${sha256}.wasm`;
      const file = join(this.#directory, path);
      const isThere = (await this.digest(path).catch(() => undefined)) === sha256;
      await this.#writing(path, async () => {
        if (isThere) {
          const now = new Date();
          await utimes(file, now, now);
          return;
        }
        const folder = join(this.#directory, UPLOADS, name);
        await makeDirectory(folder, 0o755, this.#options);
        await this.#checkFolder(folder);
        await writeAtomically(file, bytes, this.#options);
      });
      const { size, mtimeMs } = await stat(file);
      const module = {
        path,
        name,
        sha256,
        sizeBytes: size,
        uploaded: true,
        modifiedMs: Math.round(mtimeMs),
        usedBy: [],
      };
      return { module, created: !isThere };
    });
  }

  /**
   * Removes the uploads with this digest, whatever their name. Rejects with module.not_found, module.in_use, and module.read_only when
   * only files put there by hand have it.
   */
  remove(sha256: string, usedBy: UsedBy): Promise<void> {
    return this.#writes.run(async () => {
      const found = (await this.list(usedBy)).filter((module) => module.sha256 === sha256);
      const uploads = found.filter((module) => module.uploaded);
      const users = new Set(uploads.flatMap((module) => module.usedBy));
      const [byHand] = found;
      if (byHand === undefined) {
        throw new StreamlineError('module.not_found', `there is no module with the digest ${sha256.slice(0, 64)}`, {
          suggestion: 'See which there are with GET /modules.',
        });
      }
      if (users.size > 0) {
        throw new StreamlineError('module.in_use', `the module is used by ${[...users].join(', ')}`, {
          place: uploads[0]?.path,
          suggestion: 'Deploy another version there first, or undeploy it.',
        });
      }
      if (uploads.length === 0) {
        throw new StreamlineError('module.read_only', `${byHand.path} was not uploaded but put there by hand`, {
          place: byHand.path,
          suggestion: 'Remove the file where it comes from.',
        });
      }
      for (const { path, name } of uploads) await this.#removeUpload(path, name);
    });
  }

  /**
   * Removes uploaded versions that no spec uses, that are older than `graceMs`, and that are not among the newest `keepPerName` of
   * those of their name that no spec uses. @returns their paths
   */
  collectGarbage(inUse: ReadonlySet<string>, keepPerName: number, graceMs: number): Promise<readonly string[]> {
    return this.#writes.run(async () => {
      const used = await this.#realPaths(inUse);
      const beforeMs = Date.now() - graceMs;
      const unused: (ModuleFile & { readonly name: string })[] = [];
      for await (const file of moduleFiles(this.#directory)) {
        const name = UPLOAD.exec(file.path)?.[1];
        if (name === undefined || inUse.has(file.path) || used.has(file.realPath)) continue;
        if (await this.#isUpload(file, await this.#digestOf(file.path, file.stats).catch(() => undefined)))
          unused.push({ ...file, name });
      }
      const removed: string[] = [];
      for (const versions of Map.groupBy(unused, ({ name }) => name).values()) {
        versions.sort((a, b) => b.stats.mtimeMs - a.stats.mtimeMs);
        for (const { path, name, stats } of versions.slice(keepPerName)) {
          if (stats.mtimeMs > beforeMs) continue;
          await this.#removeUpload(path, name);
          removed.push(path);
        }
      }
      await this.sweep();
      for (const name of await this.#names()) await this.#removeIfEmpty(name);
      return removed;
    });
  }

  async #removeUpload(path: string, name: string): Promise<void> {
    await this.#writing(path, () => removeAtomically(join(this.#directory, path), this.#options));
    this.#digests.delete(path);
    await this.#removeIfEmpty(name);
  }

  async #removeIfEmpty(name: string): Promise<void> {
    await rmdir(join(this.#directory, UPLOADS, name)).catch(() => undefined);
  }

  /** Folders of uploads. */
  async #names(): Promise<string[]> {
    const names = await readdir(join(this.#directory, UPLOADS)).catch(() => []);
    return names.filter((name) => nameFault(name) === undefined);
  }

  async #module(file: ModuleFile, sha256: string, usedBy: UsedBy): Promise<StoredModule> {
    const { path, stats } = file;
    const uploaded = await this.#isUpload(file, sha256);
    const name = uploaded ? (UPLOAD.exec(path)?.[1] ?? path) : path.slice(0, -'.wasm'.length);
    const modifiedMs = Math.round(stats.mtimeMs);
    return { path, name, sha256, sizeBytes: stats.size, uploaded, modifiedMs, usedBy: usedBy(path) };
  }

  /** Ours: where uploads go, what its name says, and no link. */
  async #isUpload({ path, realPath }: ModuleFile, sha256: string | undefined): Promise<boolean> {
    const [, name, named] = UPLOAD.exec(path) ?? [];
    if (name === undefined || nameFault(name) !== undefined || named !== sha256) return false;
    return realPath === join(await realpath(this.#directory), path);
  }

  async #digestOf(path: string, stats: Stats): Promise<string> {
    const signature = signatureOf(stats);
    const kept = this.#digests.get(path);
    if (kept?.signature === signature) return kept.sha256;
    // What is read may be newer than what was looked at: then the next look has another signature.
    const readMs = Date.now();
    const sha256 = await digestOfBytes(await readModuleFile(this.#directory, path, MODULE_BYTES_MAX));
    if (stats.ctimeMs < readMs - TICK_MS) this.#digests.set(path, { signature, sha256 });
    else this.#digests.delete(path);
    return sha256;
  }

  /** Whoever made `uploaded` a link to elsewhere does not make us write there. */
  async #checkFolder(folder: string): Promise<void> {
    const root = await realpath(this.#directory);
    if ((await realpath(folder)).startsWith(root.endsWith(sep) ? root : root + sep)) return;
    throw new StreamlineError('module.read_only', `${folder} leads out of the modules directory`, {
      place: folder,
      suggestion: 'Replace the link by a directory.',
    });
  }

  async #realPaths(paths: ReadonlySet<string>): Promise<ReadonlySet<string>> {
    const found = await Promise.all([...paths].map((path) => realpath(join(this.#directory, path)).catch(() => '')));
    return new Set(found);
  }

  async #writing(path: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      if (fileErrorCode(thrown) === undefined) throw thrown;
      throw new StreamlineError('module.read_only', `modules cannot be written here: ${writeFailure(thrown)}`, {
        place: join(this.#directory, path),
        suggestion:
          'Put the module there by the way the directory is filled, or name a writable directory under paths.modules.',
        cause: thrown,
      });
    }
  }
}

function signatureOf({ size, mtimeMs, ctimeMs, ino, dev }: Stats): string {
  return [size, mtimeMs, ctimeMs, ino, dev].join(' ');
}

/** Not on the main thread: a module may have 64 MiB (I7). */
async function digestOfBytes(bytes: Uint8Array): Promise<string> {
  return Buffer.from(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)).toString('hex');
}
