import { checkSpecs, type SpecFault } from '../spec/spec-set.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';
import {
  ManagedTransform,
  type ManagedOptions,
  type TransformLog,
  type TransformSnapshot,
} from './managed-transform.ts';

/** What should run: the spec directory, read. An error stands for a file that is there and gives no config. */
export interface DesiredSpecs {
  readonly configs: readonly TransformationConfig[];
  readonly errors: readonly SpecFault[];
}

export interface RegistryOptions extends Omit<ManagedOptions, 'log' | 'predecessor'> {
  readonly logFor: (transform: string) => TransformLog;
  /** `features.wasm_transforms`: off means that nothing starts and no group is joined; every transform is STOPPED. */
  readonly enabled: boolean;
}

/** Reconciles what should run with what runs. A transform that fails disturbs no other. */
export class TransformationRegistry {
  readonly #options: RegistryOptions;
  readonly #transforms = new Map<string, ManagedTransform>();
  #specErrors: readonly SpecFault[] = [];
  #work: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  /**
   * Starts what is new, stops what is gone, restarts what changed, side by side. I10: a transform whose file is there but wrong
   * runs on as it is. Resolves when each has come up or failed.
   */
  reconcile(desired: DesiredSpecs): Promise<void> {
    this.#work = this.#work.then(() => this.#reconcile(desired));
    return this.#work;
  }

  get specErrors(): readonly SpecFault[] {
    return this.#specErrors;
  }

  snapshots(): TransformSnapshot[] {
    return [...this.#transforms.values()].map((transform) => transform.snapshot());
  }

  /** Drains all of them side by side, those on their way up too (I8). Nothing starts any more. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#transforms.values()].map((transform) => transform.stop()));
    await this.#work;
  }

  async #reconcile(desired: DesiredSpecs): Promise<void> {
    const { wanted, errors, kept } = this.#plan(desired);
    this.#specErrors = errors;
    const names = new Set([...this.#transforms.keys(), ...wanted.keys()]);
    await Promise.all([...names].filter((name) => !kept.has(name)).map((name) => this.#bring(name, wanted.get(name))));
  }

  /**
   * What is to run of `desired`, and what runs on although its file is wrong by now. That was not there when the specs were
   * compared: a new one that would take its name or its group, or close a cycle with it, is refused, and then its own old version
   * runs on in turn.
   */
  #plan(desired: DesiredSpecs): Plan {
    const running = [...this.#transforms.values()].map((transform) => transform.config);
    const errors = [...desired.errors];
    let wanted = desired.configs;
    for (;;) {
      const wrong = new Set(errors.map(({ source }) => source));
      const kept = running.filter(({ source }) => wrong.has(source));
      const refused = checkSpecs([...kept, ...wanted]).errors.filter(({ source }) => !wrong.has(source));
      if (refused.length === 0) return { wanted: byName(wanted), errors, kept: byName(kept) };
      errors.push(...refused);
      const names = new Set(refused.map(({ source }) => source));
      wanted = wanted.filter(({ source }) => !names.has(source));
    }
  }

  /** Makes one name what is wanted of it: that spec and no other, or nothing. */
  async #bring(name: string, wanted: TransformationConfig | undefined): Promise<void> {
    const before = this.#transforms.get(name);
    if (before !== undefined && before.config.sha256 === wanted?.sha256) return before.adopt(wanted);
    await before?.stop();
    if (this.#closed) return;
    this.#transforms.delete(name);
    if (wanted === undefined) return;
    const log = this.#options.logFor(name);
    const transform = new ManagedTransform(wanted, { ...this.#options, log, predecessor: before?.snapshot() });
    this.#transforms.set(name, transform);
    if (this.#options.enabled) await transform.start();
  }
}

type ByName = ReadonlyMap<string, TransformationConfig>;

interface Plan {
  readonly wanted: ByName;
  readonly errors: readonly SpecFault[];
  readonly kept: ByName;
}

function byName(configs: readonly TransformationConfig[]): ByName {
  return new Map(configs.map((config) => [config.name, config]));
}
