import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { guardFolder } from '../cluster/guard.ts';

/** Which of the two adapters the sidecars of a run use; unset: whichever a sidecar takes by itself. */
export const TRANSPORT_VARIABLE = 'STREAMLINE_TEST_TRANSPORT';

const ROOT = dirname(dirname(import.meta.dirname));
const MODULES = join(ROOT, 'modules', 'transforms');
const HOSTILE_MODULES = join(ROOT, 'integration', 'guests', 'modules');

/** sidecar.yaml; where things are and the port are set by the harness unless given. */
export interface Settings {
  readonly kafka?: Readonly<Record<string, string | number | boolean>>;
  readonly topics?: Readonly<Record<string, unknown>>;
  readonly limits?: Readonly<Record<string, number>>;
  readonly features?: Readonly<Record<string, boolean>>;
  readonly http?: Readonly<Record<string, unknown>>;
  readonly paths?: Readonly<Record<string, string>>;
  readonly schema_registry?: Readonly<Record<string, unknown>>;
  readonly logging?: Readonly<Record<string, unknown>>;
  readonly log_level?: string;
}

/**
 * A folder a sidecar lives in: `specs/`, `modules/transforms/` (the examples), `modules/hostile/` (the guests that misbehave),
 * `cache/` and `sidecar.yaml`. It and what runs in it are gone when this process is, however it ends.
 */
export class SidecarHome {
  readonly folder: string;
  readonly configFile: string;
  readonly specs: string;
  readonly modules: string;
  readonly #release: () => Promise<void>;
  readonly #bootstrap: string;
  /** Read-only by their permissions, and by a mount. */
  readonly #closed: string[] = [];
  readonly #mounts: string[] = [];

  constructor(bootstrap: string, settings: Settings = {}) {
    this.folder = mkdtempSync(join(tmpdir(), 'streamline-sidecar-'));
    this.#release = guardFolder(this.folder);
    this.specs = join(this.folder, 'specs');
    this.modules = join(this.folder, 'modules');
    this.configFile = join(this.folder, 'sidecar.yaml');
    mkdirSync(this.specs);
    cpSync(MODULES, join(this.modules, 'transforms'), { recursive: true });
    cpSync(HOSTILE_MODULES, join(this.modules, 'hostile'), { recursive: true });
    this.#bootstrap = bootstrap;
    this.configure(settings);
  }

  /** Writes sidecar.yaml anew: for what is started from now on. */
  configure(settings: Settings): void {
    const config = {
      kafka: { 'bootstrap.servers': this.#bootstrap, ...transportOfRun(), ...settings.kafka },
      topics: { create: true, ...settings.topics },
      paths: { specs: 'specs', modules: 'modules', cache: 'cache', ...settings.paths },
      http: { port: 0, ...settings.http },
      limits: settings.limits ?? {},
      features: settings.features ?? {},
      ...(settings.schema_registry === undefined ? {} : { schema_registry: settings.schema_registry }),
      ...(settings.logging === undefined ? {} : { logging: settings.logging }),
      ...(settings.log_level === undefined ? {} : { log_level: settings.log_level }),
    };
    writeFileSync(this.configFile, JSON.stringify(config, undefined, 2));
  }

  writeSpec(file: string, text: string): void {
    writeFileSync(join(this.specs, file), text);
  }

  removeSpec(file: string): void {
    rmSync(join(this.specs, file));
  }

  /**
   * Makes a directory read-only for what is started from now on. Permissions bind everybody but root, for whom it is mounted so, in a
   * namespace of its own. @returns why that is not possible here
   */
  makeReadOnly(directory: string): string | undefined {
    if (process.getuid?.() !== 0) {
      chmodSync(directory, 0o555);
      this.#closed.push(directory);
      return undefined;
    }
    const [program = '', ...words] = mounted([directory], ['true']);
    if (spawnSync(program, words).status !== 0) return 'this process is root and may not mount';
    this.#mounts.push(directory);
    return undefined;
  }

  /** A command line as it is to be started here. */
  command(words: readonly string[]): readonly string[] {
    return this.#mounts.length === 0 ? words : mounted(this.#mounts, words);
  }

  /** The process that is to end with this folder. */
  runs(pid: number): void {
    writeFileSync(join(this.folder, 'pid'), String(pid));
  }

  /** Kills what runs in it and removes it. */
  async remove(): Promise<void> {
    for (const directory of this.#closed) chmodSync(directory, 0o755);
    await this.#release();
  }
}

function transportOfRun(): { transport?: string } {
  const transport = process.env[TRANSPORT_VARIABLE] ?? '';
  return transport === '' ? {} : { transport };
}

/** Nobody else sees the mounts, and they are gone with the process, which is the one that was started. */
function mounted(directories: readonly string[], words: readonly string[]): readonly string[] {
  const script = `count=$1; shift
while [ "$count" -gt 0 ]; do
  mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" || exit 125
  count=$((count - 1)); shift
done
exec "$@"`;
  return ['unshare', '--mount', 'sh', '-c', script, 'sh', String(directories.length), ...directories, ...words];
}
