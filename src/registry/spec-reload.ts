import { Serial } from '../base/serial.ts';
import { toStreamlineError } from '../base/error.ts';
import { loadSpecDirectory, type KnownSpecs, type SpecDirectory } from '../spec/spec-directory.ts';
import type { SpecFault } from '../spec/spec-set.ts';
import type { TransformationRegistry } from './transformation-registry.ts';

export interface ReloadLog {
  error(fields: Record<string, unknown>, message: string): void;
  info(fields: Record<string, unknown>, message: string): void;
}

/** Reads the spec directory and makes the registry follow: at the start, when something changed, and when the API wrote. */
export class SpecReload {
  readonly #directory: string;
  readonly #registry: TransformationRegistry;
  readonly #log: ReloadLog;
  readonly #reads = new Serial();
  readonly #known: KnownSpecs = new Map();
  #waiting: Promise<ReadSpecs> | undefined;
  /** Told once each, as long as they stay. */
  #told = new Set<string>();
  #unreadable: string | undefined;

  constructor(directory: string, registry: TransformationRegistry, log: ReloadLog) {
    this.#directory = directory;
    this.#registry = registry;
    this.#log = log;
  }

  /**
   * Reads what is there now: resolves when the registry knows, `up` when each transform has come up or failed. Calls that come while one
   * waits share it. Rejects with spec.unreadable when the directory cannot be listed; then all runs on.
   */
  run(): Promise<ReadSpecs> {
    this.#waiting ??= this.#reads.run(async () => {
      this.#waiting = undefined;
      return this.#read();
    });
    return this.#waiting;
  }

  /** For whoever cannot do anything about it: told in the log, once. */
  async runQuietly(): Promise<void> {
    try {
      await this.run();
      this.#unreadable = undefined;
    } catch (thrown) {
      const error = toStreamlineError(thrown);
      if (this.#unreadable !== error.message) this.#log.error(error.toJSON(), 'specs cannot be read, all runs on');
      this.#unreadable = error.message;
    }
  }

  async #read(): Promise<ReadSpecs> {
    const specs = await loadSpecDirectory(this.#directory, this.#known);
    const up = this.#registry.reconcile(specs);
    // Those of the registry: what runs on although its file is wrong may be in the way of others.
    this.#tell(this.#registry.specErrors);
    return { specs, up };
  }

  #tell(errors: readonly SpecFault[]): void {
    const now = new Set<string>();
    for (const { error } of errors) {
      const text = error.describe();
      now.add(text);
      if (!this.#told.has(text)) this.#log.error(error.toJSON(), 'spec refused');
    }
    this.#told = now;
  }
}

export interface ReadSpecs {
  readonly specs: SpecDirectory;
  readonly up: Promise<void>;
}
