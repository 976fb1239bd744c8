import { Serial } from '../base/serial.ts';
import { nearestName } from '../spec/nearest-name.ts';
import { StreamlineError } from '../base/error.ts';
import { checkSpecs, type SpecFault } from '../spec/spec-set.ts';
import type { TransformationConfig } from '../spec/transformation-config.ts';
import type { TargetState } from './control.ts';
import { ManagedTransform, type ManagedOptions, type TransformLog } from './managed-transform.ts';
import type { TransformSnapshot } from './transform-snapshot.ts';
import { UNKNOWN_FILES } from './version-change.ts';

/** What should run: the spec directory, read. An error stands for a file that is there and gives no config. */
export interface DesiredSpecs {
  readonly configs: readonly TransformationConfig[];
  readonly errors: readonly SpecFault[];
}

export interface RegistryOptions extends Omit<ManagedOptions, 'log' | 'target' | 'digests'> {
  readonly logFor: (transform: string) => TransformLog;
  /** What a person wanted of a transform before this process. */
  readonly targetOf?: (transform: string) => TargetState;
  /** Its spec is gone, and it has drained. Another of its name comes up behind this. Must not reject. */
  readonly removed?: (transform: string) => Promise<void>;
}

/** Reconciles what should run with what runs. A transform that fails disturbs no other. */
export class TransformationRegistry {
  readonly #options: RegistryOptions;
  readonly #transforms = new Map<string, ManagedTransform>();
  /** Changes of one name, one after the other: one that hangs holds up no other. */
  readonly #changes = new Map<string, { readonly serial: Serial; pending: number }>();
  #specErrors: readonly SpecFault[] = [];
  #closed = false;

  constructor(options: RegistryOptions) {
    this.#options = options;
  }

  /**
   * Starts what is new, stops what is gone, changes what changed, side by side. I10: a transform whose file is there but wrong
   * runs on as it is. Resolves when each has come up or failed; what is wanted later does not wait for that.
   */
  async reconcile(desired: DesiredSpecs): Promise<void> {
    const { wanted, errors, kept } = this.#plan(desired);
    this.#specErrors = errors;
    const names = [...new Set([...this.#transforms.keys(), ...this.#changes.keys(), ...wanted.keys()])];
    const changed = names.filter((name) => !kept.has(name)).map((name) => this.#change(name, wanted.get(name)));
    await Promise.all(changed);
  }

  /** Resolves when what was wanted of a name so far is begun, and what is not wanted any more is gone. */
  async noted(name: string): Promise<void> {
    await this.#changes.get(name)?.serial.run(async () => undefined);
  }

  get specErrors(): readonly SpecFault[] {
    return this.#specErrors;
  }

  snapshots(): TransformSnapshot[] {
    return [...this.#transforms.values()].map((transform) => transform.snapshot());
  }

  names(): string[] {
    return [...this.#transforms.keys()].toSorted();
  }

  find(name: string): ManagedTransform | undefined {
    return this.#transforms.get(name);
  }

  /** Throws transform.not_found, with what may have been meant. */
  get(name: string): ManagedTransform {
    const transform = this.#transforms.get(name);
    if (transform !== undefined) return transform;
    const nearest = nearestName(name, this.names());
    const suggestion = nearest === undefined ? 'List them: GET /transforms.' : `Did you mean ${nearest}?`;
    throw new StreamlineError('transform.not_found', `there is no transform ${name.slice(0, 128)}`, { suggestion });
  }

  /** Drains all of them side by side, those on their way up too (I8). Nothing starts any more. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#transforms.values()].map((transform) => transform.stop()));
    // Those under way see that all is over.
    await Promise.all([...this.#changes.values()].map(({ serial }) => serial.run(async () => undefined)));
  }

  async #change(name: string, wanted: TransformationConfig | undefined): Promise<void> {
    const changes = this.#changes.get(name) ?? { serial: new Serial(), pending: 0 };
    this.#changes.set(name, changes);
    changes.pending += 1;
    const { up } = await changes.serial.run(() => this.#bring(name, wanted));
    changes.pending -= 1;
    if (changes.pending === 0) this.#changes.delete(name);
    await up;
  }

  /**
   * What is to run of `desired`, and what runs on although its file is wrong by now. That was not there when the specs were
   * compared: a new one that would take its name or its group, or close a cycle with it, is refused, and then its own old version
   * runs on in turn.
   */
  #plan(desired: DesiredSpecs): Plan {
    const running = [...this.#transforms.values()].map((transform) => transform.wantedConfig);
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

  /**
   * Makes one name what is wanted of it: that spec and no other, or nothing.
   * @returns `up`: it has come up or failed. The next change does not wait for that
   */
  async #bring(name: string, wanted: TransformationConfig | undefined): Promise<{ readonly up?: Promise<void> }> {
    const { factory, targetOf, removed, logFor } = this.#options;
    const before = this.#transforms.get(name);
    if (wanted === undefined) {
      await before?.stop();
      if (this.#closed) return {};
      this.#transforms.delete(name);
      await removed?.(name);
      return {};
    }
    // A file that is not there is found out by whoever needs it, with the place of the spec.
    const digests = await factory.digest(wanted).catch(() => UNKNOWN_FILES);
    if (this.#closed) return {};
    if (before !== undefined) return { up: before.update(wanted, digests) };
    const target = targetOf?.(name) ?? 'RUNNING';
    const options = { ...this.#options, log: logFor(name), target, digests };
    const transform = new ManagedTransform(wanted, options);
    this.#transforms.set(name, transform);
    return { up: transform.start() };
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
