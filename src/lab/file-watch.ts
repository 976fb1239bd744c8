import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { watch, type FSWatcher } from 'chokidar';

/** So long nothing happens any more before a change is told: editors and compilers write in pieces. */
const QUIET_MS = 150;

/**
 * Waits for changes of files. Their folders are watched, not they: an editor that writes aside and renames, and a compiler that removes first,
 * leave another file of the same name.
 */
export class FileWatch {
  readonly #concerns: (path: string) => boolean;
  #files = new Set<string>();
  readonly #folders = new Set<string>();
  readonly #watcher: FSWatcher;
  #changed = false;
  #timer: NodeJS.Timeout | undefined;
  #wake: (() => void) | undefined;
  /** Resolves when the files given at first are being watched. */
  readonly ready: Promise<void>;

  /** @param concerns of other files in the same folders, that are new */
  constructor(files: readonly string[], concerns: (path: string) => boolean = () => false) {
    this.#concerns = concerns;
    this.#watcher = watch(this.#take(files), { ignoreInitial: true, depth: 0 });
    this.ready = new Promise((done) => this.#watcher.once('ready', () => done()));
    this.#watcher.on('all', (_event, path) => this.#event(resolve(path)));
    // What cannot be watched is not told about; the files that can are.
    this.#watcher.on('error', () => {});
  }

  /** From now on these. Folders that were watched before stay so. */
  watchFor(files: readonly string[]): void {
    this.#watcher.add(this.#take(files));
  }

  /** @returns folders that are not watched yet */
  #take(files: readonly string[]): string[] {
    this.#files = new Set(files.map((file) => resolve(file)));
    const folders = new Set([...this.#files].map((file) => dirname(file)));
    const added = [...folders].filter((folder) => !this.#folders.has(folder) && existsSync(folder));
    for (const folder of added) this.#folders.add(folder);
    return added;
  }

  /** Resolves with true at the next change, or one since the last call; false once the signal has come. */
  async next(signal: AbortSignal): Promise<boolean> {
    const stop = (): void => this.#wake?.();
    signal.addEventListener('abort', stop);
    try {
      while (!this.#changed && !signal.aborted) {
        await new Promise<void>((wake) => {
          this.#wake = wake;
        });
      }
      this.#changed = false;
      return !signal.aborted;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#watcher.close();
  }

  #event(path: string): void {
    if (!this.#files.has(path) && !this.#concerns(path)) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#changed = true;
      this.#wake?.();
    }, QUIET_MS);
  }
}
