import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, lstat, open, readdir, unlink } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { assert } from '../../base/assert.ts';
import { fileErrorCode, removeAtomically, sweepAsides, writeAtomically, writeFailure } from '../../base/atomic-file.ts';
import type { AtomicOptions } from '../../base/atomic-file.ts';
import { systemClock } from '../../base/clock.ts';
import type { Clock } from '../../base/clock.ts';
import { StreamlineError } from '../../base/error.ts';
import { Serial } from '../../base/serial.ts';
import { ProblemList } from '../../spec/problem-list.ts';
import { quoted } from '../../spec/quoted.ts';
import { isSpecFile, SPEC_FILES_MAX } from '../../spec/spec-directory.ts';
import { nameFault } from '../../spec/spec-name.ts';
import { readFailure, readTextFile } from '../../spec/text-file.ts';
import { textAt } from '../../spec/yaml-value.ts';
import { readYaml, YAML_BYTES_MAX } from '../../spec/yaml-tree.ts';

/** How long what a probe found is taken for true. */
const PROBE_MS = 10_000;

export interface SpecStoreOptions extends AtomicOptions {
  readonly clock?: Clock;
}

/**
 * The spec directory, the only truth, written to as a person would: a spec the API puts there and one put there by hand are equal. Each
 * file is whole at any instant. Where the directory is read-only, writes reject with spec.read_only and say what to change instead.
 */
export class SpecStore {
  readonly #directory: string;
  readonly #options: SpecStoreOptions;
  readonly #clock: Clock;
  readonly #writes = new Serial();
  #probed: { readonly atMs: number; readonly reason: string | undefined } | undefined;

  constructor(directory: string, options: SpecStoreOptions = {}) {
    this.#directory = directory;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** At the start: what a process that died left aside. */
  async sweep(olderThanMs?: number): Promise<void> {
    await sweepAsides(this.#directory, olderThanMs);
  }

  /** The spec as it was written. `source` as loadSpecDirectory names it. Rejects with spec.unreadable or spec.too_large. */
  async read(source: string): Promise<string> {
    this.#checkSource(source);
    let text: string | undefined;
    try {
      text = await readTextFile(source, YAML_BYTES_MAX);
    } catch (thrown) {
      throw new StreamlineError('spec.unreadable', `the file cannot be read: ${readFailure(thrown)}`, {
        place: source,
        suggestion: 'Look at what is there now, and try again.',
        cause: thrown,
      });
    }
    if (text === undefined) throw tooLarge(source);
    return text;
  }

  /**
   * Puts a spec there, over the file that has it now, else as `<name>.yaml`. Never over a file with another spec in it. `existingSource`:
   * the file that is known to be the spec's, however broken it is by now. @returns the file
   */
  write(name: string, text: string, options: { readonly existingSource?: string | undefined } = {}): Promise<string> {
    return this.#writes.run(async () => {
      const fault = nameFault(name);
      if (fault !== undefined) throw new StreamlineError(fault.code, fault.message, { suggestion: fault.suggestion });
      if (Buffer.byteLength(text) > YAML_BYTES_MAX) throw tooLarge(`${name}.yaml`);
      await this.#refuseMounted();
      const source = await this.#target(name, options.existingSource);
      await this.#refuseLink(source);
      await this.#writing(source, () => writeAtomically(source, text, this.#options));
      return source;
    });
  }

  /** No error when it is not there any more; not when another spec is there by now. */
  remove(name: string, source: string): Promise<void> {
    return this.#writes.run(async () => {
      this.#checkSource(source);
      await this.#refuseMounted();
      await this.#refuseLink(source);
      const holder = nameIn(await readOrNothing(source));
      if (holder !== undefined && holder !== name) throw heldByOther(source, name, holder);
      await this.#writing(source, () => removeAtomically(source, this.#options));
    });
  }

  /** Why nothing can be written here; undefined: it can. Found out by trying, at most every 10 s. */
  async readOnlyReason(): Promise<string | undefined> {
    const mounted = await this.#mountedReason();
    if (mounted !== undefined) return mounted;
    const nowMs = this.#clock.nowMs();
    if (this.#probed === undefined || nowMs - this.#probed.atMs > PROBE_MS) {
      this.#probed = { atMs: nowMs, reason: await probe(this.#directory) };
    }
    return this.#probed.reason;
  }

  async #target(name: string, existingSource: string | undefined): Promise<string> {
    if (existingSource !== undefined) {
      this.#checkSource(existingSource);
      const holder = nameIn(await readOrNothing(existingSource));
      // A file that was known to be the spec's, and is another's by now: somebody has been at it a moment ago.
      if (holder !== undefined && holder !== name) throw heldByOther(existingSource, name, holder);
      return existingSource;
    }
    const { found, isFull } = await this.#search(name);
    if (found.length > 1) {
      const files = found.map((source) => basename(source)).join(' and ');
      throw new StreamlineError('spec.duplicate_name', `${files} both hold a spec named ${name}`, {
        place: this.#directory,
        suggestion: 'Remove all but one of them.',
      });
    }
    if (found[0] !== undefined) return found[0];
    const fresh = join(this.#directory, `${name}.yaml`);
    const text = await readOrNothing(fresh);
    // An empty file holds nobody's work.
    if ((text === undefined && (await exists(fresh))) || (text ?? '').trim() !== '')
      throw heldByOther(fresh, name, nameIn(text));
    if (isFull && text === undefined) {
      throw new StreamlineError('spec.too_large', `there are ${SPEC_FILES_MAX} specs already`, {
        place: this.#directory,
        suggestion: 'Run a second sidecar on a directory of its own.',
      });
    }
    return fresh;
  }

  /** Files that hold a spec of that name, broken ones too. */
  async #search(name: string): Promise<{ readonly found: readonly string[]; readonly isFull: boolean }> {
    const files = (await readdir(this.#directory).catch(() => [])).filter(isSpecFile).toSorted();
    const found: string[] = [];
    for (const file of files.slice(0, SPEC_FILES_MAX)) {
      const source = join(this.#directory, file);
      const text = await readOrNothing(source);
      if (text?.includes(name) === true && nameIn(text) === name) found.push(source);
    }
    return { found, isFull: files.length >= SPEC_FILES_MAX };
  }

  /** Nothing outside the directory, and nothing in it that is no spec: `source` never comes from a request as it is. */
  #checkSource(source: string): void {
    const isInside = resolve(dirname(source)) === resolve(this.#directory) && isSpecFile(basename(source));
    assert(isInside, `${quoted(source)} is no file of the spec directory`);
  }

  /** Kubernetes puts a link named `..data` into what it mounts from an object of its own, and swaps it as a whole. */
  async #mountedReason(): Promise<string | undefined> {
    const isMounted = await isLink(join(this.#directory, '..data'));
    return isMounted ? 'the directory is mounted from a ConfigMap or Secret' : undefined;
  }

  async #refuseMounted(): Promise<void> {
    const reason = await this.#mountedReason();
    if (reason !== undefined) throw this.#readOnly(reason, this.#directory, undefined);
  }

  /** Written over, a link would become a file, and what it pointed to would not change. */
  async #refuseLink(source: string): Promise<void> {
    if (await isLink(source)) throw this.#readOnly('the file is a symbolic link', source, undefined);
  }

  async #writing(source: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
      this.#probed = undefined;
    } catch (thrown) {
      throw fileErrorCode(thrown) === undefined ? thrown : this.#readOnly(writeFailure(thrown), source, thrown);
    }
  }

  #readOnly(reason: string, place: string, cause: unknown): StreamlineError {
    return new StreamlineError('spec.read_only', `specs cannot be written here: ${reason}`, {
      place,
      suggestion: `Change it where it comes from (the ConfigMap, the Git repository): the sidecar notices by itself. Or name a writable directory under paths.specs.`,
      cause,
    });
  }
}

async function readOrNothing(source: string): Promise<string | undefined> {
  return readTextFile(source, YAML_BYTES_MAX).catch(() => undefined);
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

async function isLink(path: string): Promise<boolean> {
  const facts = await lstat(path).catch(() => undefined);
  return facts?.isSymbolicLink() === true;
}

/** Whose spec a text is, as far as it can be told: a file half written by a person still has its name. */
function nameIn(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const tree = readYaml(text, new ProblemList('spec', 'spec'));
  return textAt(tree, ['name']) ?? /^name:[ \t]*["']?([a-z0-9-]+)["']?[ \t]*(?:#.*)?\r?$/m.exec(text)?.[1];
}

function heldByOther(source: string, name: string, holder: string | undefined): StreamlineError {
  const what = holder === undefined ? 'holds something that is no spec' : `holds the spec ${quoted(holder)}`;
  return new StreamlineError('spec.conflict', `${basename(source)} ${what}: it is left as it is for ${name}`, {
    place: source,
    configPath: '/name',
    suggestion:
      holder === undefined
        ? 'Correct or remove the file.'
        : `Rename the file to ${holder}.yaml if it is, or deploy under another name.`,
  });
}

function tooLarge(place: string): StreamlineError {
  return new StreamlineError('spec.too_large', `the spec has more than ${YAML_BYTES_MAX / 1024} KiB`, {
    place,
    suggestion: 'Keep data out of it.',
  });
}

/** Permissions do not tell all (root, quotas, exotic mounts): only a write does. Hidden and gone at once. */
async function probe(directory: string): Promise<string | undefined> {
  const path = join(directory, `.probe.${randomBytes(6).toString('hex')}.aside`);
  try {
    await access(directory, constants.W_OK | constants.X_OK);
    await (await open(path, 'wx', 0o600)).close();
    await unlink(path);
    return undefined;
  } catch (thrown) {
    return writeFailure(thrown);
  }
}
