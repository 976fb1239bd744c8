import type { StreamlineError } from '../base/error.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';
import {
  ManagedTransform,
  type ManagedOptions,
  type TransformLog,
  type TransformSnapshot,
} from './managed-transform.ts';

/** What should run: the spec directory, read. */
export interface DesiredSpecs {
  readonly configs: readonly TransformationConfig[];
  readonly errors: readonly { readonly source: string; readonly error: StreamlineError }[];
}

export interface RegistryOptions extends Omit<ManagedOptions, 'log'> {
  readonly logFor: (transform: string) => TransformLog;
  /** `features.wasm_transforms`: off means that nothing starts and no group is joined. */
  readonly enabled: boolean;
}

/** Reconciles what should run with what runs. A transform that fails disturbs no other. */
export class TransformationRegistry {
  readonly #options: RegistryOptions;
  readonly #transforms = new Map<string, ManagedTransform>();
  #specErrors: DesiredSpecs['errors'] = [];
  #disabled: readonly TransformationConfig[] = [];
  #work: Promise<void> = Promise.resolve();

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  /** Starts what is new, stops what is gone, restarts what changed. Resolves when each has come up or failed. */
  reconcile(desired: DesiredSpecs): Promise<void> {
    this.#work = this.#work.then(() => this.#reconcile(desired));
    return this.#work;
  }

  get specErrors(): DesiredSpecs['errors'] {
    return this.#specErrors;
  }

  /** Specs that would run if the feature were on. */
  get disabled(): readonly TransformationConfig[] {
    return this.#disabled;
  }

  snapshots(): TransformSnapshot[] {
    return [...this.#transforms.values()].map((transform) => transform.snapshot());
  }

  /** Drains all of them side by side. */
  async close(): Promise<void> {
    await this.#work;
    await Promise.all([...this.#transforms.values()].map((transform) => transform.stop()));
  }

  async #reconcile(desired: DesiredSpecs): Promise<void> {
    this.#specErrors = desired.errors;
    if (!this.#options.enabled) {
      this.#disabled = desired.configs;
      return;
    }
    const wanted = new Map(desired.configs.map((config) => [String(config.name), config]));
    const gone = [...this.#transforms].filter(([name, t]) => wanted.get(name)?.sha256 !== t.config.sha256);
    await Promise.all(gone.map(([, transform]) => transform.stop()));
    for (const [name] of gone) this.#transforms.delete(name);
    const starting: Promise<void>[] = [];
    for (const [name, config] of wanted) {
      if (this.#transforms.has(name)) continue;
      const transform = new ManagedTransform(config, { ...this.#options, log: this.#options.logFor(name) });
      this.#transforms.set(name, transform);
      starting.push(transform.start());
    }
    await Promise.all(starting);
  }
}
