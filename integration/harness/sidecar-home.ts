import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { guardFolder } from '../cluster/guard.ts';

/** Which of the two adapters the sidecars of a run use; unset: whichever a sidecar takes by itself. */
export const TRANSPORT_VARIABLE = 'STREAMLINE_TEST_TRANSPORT';

const ROOT = dirname(dirname(import.meta.dirname));
const MODULES = join(ROOT, 'modules', 'transforms');
const HOSTILE_MODULES = join(ROOT, 'integration', 'guests', 'modules');

/** sidecar.yaml without what the harness sets: where things are, the port. */
export interface Settings {
  readonly kafka?: Readonly<Record<string, string | number | boolean>>;
  readonly topics?: Readonly<Record<string, unknown>>;
  readonly limits?: Readonly<Record<string, number>>;
  readonly features?: Readonly<Record<string, boolean>>;
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

  constructor(bootstrap: string, settings: Settings = {}) {
    this.folder = mkdtempSync(join(tmpdir(), 'streamline-sidecar-'));
    this.#release = guardFolder(this.folder);
    this.specs = join(this.folder, 'specs');
    this.modules = join(this.folder, 'modules');
    this.configFile = join(this.folder, 'sidecar.yaml');
    mkdirSync(this.specs);
    cpSync(MODULES, join(this.modules, 'transforms'), { recursive: true });
    cpSync(HOSTILE_MODULES, join(this.modules, 'hostile'), { recursive: true });
    const config = {
      kafka: { 'bootstrap.servers': bootstrap, ...transportOfRun(), ...settings.kafka },
      topics: { create: true, ...settings.topics },
      paths: { specs: 'specs', modules: 'modules', cache: 'cache' },
      http: { port: 0 },
      limits: settings.limits ?? {},
      features: settings.features ?? {},
    };
    writeFileSync(this.configFile, JSON.stringify(config, undefined, 2));
  }

  writeSpec(file: string, text: string): void {
    writeFileSync(join(this.specs, file), text);
  }

  removeSpec(file: string): void {
    rmSync(join(this.specs, file));
  }

  /** The process that is to end with this folder. */
  runs(pid: number): void {
    writeFileSync(join(this.folder, 'pid'), String(pid));
  }

  /** Kills what runs in it and removes it. */
  async remove(): Promise<void> {
    await this.#release();
  }
}

function transportOfRun(): { transport?: string } {
  const transport = process.env[TRANSPORT_VARIABLE] ?? '';
  return transport === '' ? {} : { transport };
}
