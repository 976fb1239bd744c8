import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  fileErrorCode,
  makeDirectory,
  removeAtomically,
  sweepAsides,
  writeAtomically,
  writeFailure,
} from '../../base/atomic-file.ts';
import type { AtomicOptions } from '../../base/atomic-file.ts';
import { systemClock } from '../../base/clock.ts';
import type { Clock } from '../../base/clock.ts';
import { assert } from '../../base/assert.ts';
import { StreamlineError } from '../../base/error.ts';
import { Serial } from '../../base/serial.ts';
import { nameFault } from '../../spec/spec-name.ts';
import { readFailure, readTextFile } from '../../spec/text-file.ts';
import type { TargetState } from '../control.ts';

/** `{"target":"PAUSED","since":"2026-01-31T00:00:00.000Z"}` and air. */
const FILE_BYTES_MAX = 4096;

export interface TargetStoreOptions extends AtomicOptions {
  /** What was ignored, and why. */
  readonly warn: (message: string) => void;
  readonly clock?: Clock;
}

interface Kept {
  readonly target: Exclude<TargetState, 'RUNNING'>;
  readonly since: string;
}

/**
 * Which transforms a person has paused or stopped, over restarts: one small file each in `paths.state`, none for one that runs. It is no
 * part of the spec, which is the same for every sidecar that reads it.
 */
export class TargetStore {
  readonly #directory: string;
  readonly #options: TargetStoreOptions;
  readonly #clock: Clock;
  readonly #kept = new Map<string, Kept>();
  readonly #writes = new Serial();

  constructor(directory: string, options: TargetStoreOptions) {
    this.#directory = directory;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /** Once, at the start. A file that cannot be used is warned of and means RUNNING; never rejects. */
  async load(): Promise<void> {
    await sweepAsides(this.#directory);
    let names: string[] = [];
    try {
      names = await readdir(this.#directory);
    } catch (thrown) {
      if (fileErrorCode(thrown) !== 'ENOENT')
        this.#options.warn(`${this.#directory} is ignored: ${readFailure(thrown)}`);
    }
    for (const name of names.toSorted()) {
      if (name.startsWith('.')) continue;
      const path = join(this.#directory, name);
      const transform = name.endsWith('.json') ? name.slice(0, -'.json'.length) : '';
      const kept = nameFault(transform) === undefined ? await readKept(path) : 'not one of ours';
      if (typeof kept === 'string') this.#options.warn(`${path} is ignored: ${kept}`);
      else this.#kept.set(transform, kept);
    }
  }

  get(name: string): TargetState {
    return this.#kept.get(name)?.target ?? 'RUNNING';
  }

  /** Resolves when it is on the disk. Rejects with state.read_only, and then is what it was. */
  set(name: string, target: TargetState): Promise<void> {
    return this.#writes.run(async () => {
      assert(nameFault(name) === undefined, 'a transform is named as its spec');
      if (this.get(name) === target) return;
      const path = join(this.#directory, `${name}.json`);
      try {
        if (target === 'RUNNING') {
          await removeAtomically(path, this.#options);
          this.#kept.delete(name);
          return;
        }
        const kept = { target, since: new Date(this.#clock.wallMs()).toISOString() };
        await makeDirectory(this.#directory, 0o755, this.#options);
        await writeAtomically(path, `${JSON.stringify(kept)}\n`, this.#options);
        this.#kept.set(name, kept);
      } catch (thrown) {
        throw fileErrorCode(thrown) === undefined ? thrown : this.#readOnly(path, thrown);
      }
    });
  }

  /** The transform is gone: one of that name that comes later runs. */
  forget(name: string): Promise<void> {
    return this.set(name, 'RUNNING');
  }

  #readOnly(place: string, cause: unknown): StreamlineError {
    return new StreamlineError('state.read_only', `it cannot be kept over a restart: ${writeFailure(cause)}`, {
      place,
      configPath: '/paths/state',
      suggestion: 'Set paths.state to a writable directory.',
      cause,
    });
  }
}

/** What the file says, or why it is of no use. */
async function readKept(path: string): Promise<Kept | string> {
  let content: unknown;
  try {
    const text = await readTextFile(path, FILE_BYTES_MAX);
    if (text === undefined) return `more than ${FILE_BYTES_MAX} bytes`;
    content = JSON.parse(text);
  } catch (thrown) {
    return thrown instanceof SyntaxError ? 'no JSON' : readFailure(thrown);
  }
  if (typeof content !== 'object' || content === null || !('target' in content) || !('since' in content))
    return 'no target or since in it';
  const { target, since } = content;
  if (target !== 'PAUSED' && target !== 'STOPPED') return 'target is neither PAUSED nor STOPPED';
  if (typeof since !== 'string' || Number.isNaN(Date.parse(since))) return 'since is no time';
  return { target, since };
}
