import { watch } from 'chokidar';
import type { ChokidarOptions } from 'chokidar';
import type { Stats } from 'node:fs';
import { basename, relative, sep } from 'node:path';
import { fileErrorCode } from '../base/atomic-file.ts';
import { repeat, systemClock } from '../base/clock.ts';
import type { Clock } from '../base/clock.ts';
import { StreamlineError } from '../base/error.ts';
import { Serial } from '../base/serial.ts';
import { identityOf, modulesSignature, specsSignature } from './directory-signature.ts';
import { isSchemaFile, SCHEMA_DEPTH_MAX } from './schema-files.ts';

export interface WatchTimings {
  /** So long nothing happens any more before `changed` is called … */
  readonly quietMs: number;
  /** … but so long after the first event at the latest, however busy it is. */
  readonly latestMs: number;
  /** Between two looks at whether it is still the same directories: two calls of stat. */
  readonly identityMs: number;
  /** Between two looks at all files, for where the file system tells nothing (network mounts). */
  readonly lookMs: number;
  /** The same, once the file system has said that it cannot tell. */
  readonly troubledLookMs: number;
}

const TIMINGS: WatchTimings = { quietMs: 100, latestMs: 500, identityMs: 300, lookMs: 5000, troubledLookMs: 500 };
/** Deeper than anybody sorts modules; moduleFiles goes as deep. */
const MODULES_DEPTH_MAX = 16;

/** What is used of chokidar's FSWatcher. */
export interface TreeWatcher {
  on(event: 'all' | 'ready', listener: () => void): unknown;
  on(event: 'error', listener: (error: unknown) => void): unknown;
  close(): Promise<void>;
}

export interface SpecWatchOptions {
  readonly specsDirectory: string;
  readonly modulesDirectory: string;
  /** Something may have changed in one of them: read them. Told also when nothing that matters has. Must not throw. */
  readonly changed: () => void;
  /** Once of each kind of trouble; changes are noticed all the same, if later. */
  readonly trouble: (error: StreamlineError) => void;
  readonly clock?: Clock;
  readonly timings?: Partial<WatchTimings>;
  /** For tests. */
  readonly watchTree?: (directory: string, options: ChokidarOptions) => TreeWatcher;
}

interface Tree {
  readonly directory: string;
  readonly options: ChokidarOptions;
  /** Of the directory that `watcher` watches. */
  identity: string;
  watcher: TreeWatcher | undefined;
}

/**
 * Notices within a second what changes in the directories of specs (and schema files beside them) and modules: editors that write aside and rename, writes in pieces,
 * removals, the swap of links with which Kubernetes and git-sync put a whole new version in place, directories that go and come back.
 * Three sources: the file system's events; whether the directory is still the same one, because the events of one that was replaced
 * end without a word; and a slow look at all files, for mounts without events.
 */
export class SpecWatch {
  readonly #options: SpecWatchOptions;
  readonly #clock: Clock;
  readonly #timings: WatchTimings;
  readonly #trees: readonly Tree[];
  readonly #looks = new Serial();
  readonly #troubles = new Set<string>();
  #signature = '';
  #firstEventMs: number | undefined;
  #cancelCall = (): void => undefined;
  #stopIdentity = (): void => undefined;
  #stopLook = (): void => undefined;
  readonly #closing = Promise.withResolvers<void>();
  #closed = false;

  constructor(options: SpecWatchOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#timings = { ...TIMINGS, ...options.timings };
    const common = { ignoreInitial: true, atomic: false, ignorePermissionErrors: true };
    this.#trees = [
      // A spec may be a link to anywhere, and is read through it; `..data` is what such links of a ConfigMap lead through.
      treeOf(options.specsDirectory, { ...common, depth: 0 }, (name) => name.startsWith('.') && !name.startsWith('..')),
      // Schema files may stand in folders below. Links are not followed by events: they may lead to `/`.
      treeOf(
        options.specsDirectory,
        { ...common, depth: SCHEMA_DEPTH_MAX, followSymlinks: false },
        (name) => name.startsWith('.'),
        (path) => !isSchemaFile(basename(path)),
      ),
      // The same of modules.
      treeOf(
        options.modulesDirectory,
        { ...common, depth: MODULES_DEPTH_MAX, followSymlinks: false },
        (name) => name.startsWith('.') && name !== '..data',
      ),
    ];
  }

  /** Resolves when whatever happens from now on is noticed: the directories are to be read after that for the first time. */
  async start(): Promise<void> {
    this.#signature = await this.#look();
    await Promise.all(this.#trees.map((tree) => this.#attach(tree)));
    if (this.#closed) return;
    this.#stopIdentity = repeat(this.#clock, this.#timings.identityMs, () => this.#checkIdentities());
    this.#lookEvery(this.#troubles.size === 0 ? this.#timings.lookMs : this.#timings.troubledLookMs);
  }

  /** Nothing is called any more. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#closing.resolve();
    this.#cancelCall();
    this.#stopIdentity();
    this.#stopLook();
    await Promise.all(this.#trees.map((tree) => detach(tree)));
  }

  /** Resolves when events come in; at once when there is nothing to watch. */
  async #attach(tree: Tree): Promise<void> {
    await detach(tree);
    tree.identity = await identityOf(tree.directory);
    if (tree.identity === 'none' || this.#closed) return;
    const ready = Promise.withResolvers<void>();
    try {
      const watcher: TreeWatcher = (this.#options.watchTree ?? watch)(tree.directory, tree.options);
      tree.watcher = watcher;
      watcher.on('all', () => this.#event());
      watcher.on('ready', () => ready.resolve());
      watcher.on('error', (error) => {
        this.#troubled(tree, error);
        ready.resolve();
      });
    } catch (thrown) {
      return this.#troubled(tree, thrown);
    }
    await Promise.race([ready.promise, this.#closing.promise]);
  }

  async #checkIdentities(): Promise<void> {
    const changed: Tree[] = [];
    for (const tree of this.#trees) if ((await identityOf(tree.directory)) !== tree.identity) changed.push(tree);
    if (this.#closed) return;
    // All of them first: watchers of one directory share what they hold of it.
    await Promise.all(changed.map((tree) => detach(tree)));
    for (const tree of changed) {
      if (this.#closed) return;
      this.#event();
      await this.#attach(tree).catch((thrown: unknown) => this.#troubled(tree, thrown));
      // What happened before there were events.
      this.#event();
    }
  }

  #event(): void {
    if (this.#closed) return;
    const { quietMs, latestMs } = this.#timings;
    const nowMs = this.#clock.nowMs();
    this.#firstEventMs ??= nowMs;
    this.#cancelCall();
    const delayMs = Math.max(0, Math.min(quietMs, this.#firstEventMs + latestMs - nowMs));
    this.#cancelCall = this.#clock.after(delayMs, () => {
      this.#firstEventMs = undefined;
      void this.#call();
    });
  }

  /** The look comes first: what changes after it is either read by whom is called, or seen by the next look. */
  async #call(): Promise<void> {
    this.#signature = await this.#look();
    if (!this.#closed) this.#options.changed();
  }

  #lookEvery(delayMs: number): void {
    this.#stopLook();
    this.#stopLook = repeat(this.#clock, delayMs, async () => {
      const before = this.#signature;
      const now = await this.#look();
      // Somebody else has looked meanwhile, and told.
      if (now === before || this.#signature !== before) return;
      this.#event();
    });
  }

  #look(): Promise<string> {
    const { specsDirectory, modulesDirectory } = this.#options;
    return this.#looks.run(
      async () => `${await specsSignature(specsDirectory)} ${await modulesSignature(modulesDirectory)}`,
    );
  }

  #troubled(tree: Tree, error: unknown): void {
    const code = fileErrorCode(error) ?? 'unknown';
    if (this.#closed || this.#troubles.has(code)) return;
    this.#troubles.add(code);
    this.#options.trouble(troubleOf(code, tree.directory, this.#timings.troubledLookMs, error));
    this.#event();
    this.#lookEvery(this.#timings.troubledLookMs);
  }
}

function treeOf(
  directory: string,
  options: ChokidarOptions,
  isHidden: (name: string) => boolean,
  isOtherFile: (path: string) => boolean = () => false,
): Tree {
  const ignored = (path: string, stats?: Stats): boolean =>
    (stats?.isFile() === true && isOtherFile(path)) ||
    relative(directory, path)
      .split(sep)
      .some((name) => name !== '..' && isHidden(name));
  return { directory, options: { ...options, ignored }, identity: 'none', watcher: undefined };
}

async function detach(tree: Tree): Promise<void> {
  const { watcher } = tree;
  tree.watcher = undefined;
  await watcher?.close();
}

function troubleOf(code: string, directory: string, lookMs: number, cause: unknown): StreamlineError {
  const limit =
    'Raise fs.inotify.max_user_watches and max_user_instances (sysctl), or keep other files out of the directory.';
  return new StreamlineError(
    'spec.unreadable',
    `the file system does not tell all changes (${code}): they are looked for every ${lookMs} ms instead`,
    {
      place: directory,
      suggestion: code === 'ENOSPC' || code === 'EMFILE' ? limit : 'Changes are noticed all the same, a little later.',
      cause,
    },
  );
}
