import { assert } from '../base/assert.ts';
import { FUEL_PER_MS, type PreparedModule } from '../catalog/prepared-module.ts';
import { createBuiltin } from './builtin/builtin.ts';
import type { GuestConfig } from './guest-config.ts';
import { ComponentGuest } from './component/component-guest.ts';
import { GuestInstance } from './guest-instance.ts';
import type { Guest } from './guest.ts';
import type { GuestMetrics } from './host-functions/guest-metrics.ts';
import { componentFunctions } from './host-functions/component.ts';
import { HostContext } from './host-functions/host-context.ts';
import { hostImports } from './host-functions/host-imports.ts';
import type { LogBuffer } from './host-functions/log-buffer.ts';
import { RecordOutputs } from './record-outputs.ts';

/** Told when an instance is being made, and when one takes the place of one that failed. */
export interface StageEvents {
  making<T>(make: () => T): T;
  replaced(): void;
}

/**
 * One stage of a transform in a guest thread: its guest, and how another is made when that must not be used again. What its host functions
 * work on is its own: no other stage's memory can be reached from there (I9).
 */
export class Stage {
  readonly host: HostContext;
  /** Fuel units of a record. */
  readonly budget: number;
  readonly timeoutMs: number;
  readonly #config: GuestConfig;
  readonly #module: PreparedModule | undefined;
  readonly #log: LogBuffer;
  readonly #imports: Record<string, Record<string, unknown>>;
  readonly #componentFunctions: ReturnType<typeof componentFunctions>;
  readonly #events: StageEvents;
  #guest: Guest | undefined;

  /** @param number in a chain, from 0 */
  constructor(
    config: GuestConfig,
    module: PreparedModule | undefined,
    log: LogBuffer,
    metrics: GuestMetrics,
    events: StageEvents,
    number = 0,
  ) {
    this.#config = config;
    this.timeoutMs = config.timeoutMs;
    this.budget = config.timeoutMs * FUEL_PER_MS;
    this.#module = module;
    this.#log = log;
    this.#events = events;
    this.host = new HostContext(config.inputTopic, log, new RecordOutputs(config.limits), metrics, number);
    this.#imports = hostImports(this.host, config.payload);
    this.#componentFunctions = componentFunctions(this.host);
  }

  /** Makes the first guest. Throws StreamlineError guest.init_failed or guest.init_rejected. */
  open(): void {
    this.#guest = this.#events.making(() => this.#create());
  }

  /** The guest, made anew when the one before has failed. Throws as `open`. */
  get guest(): Guest {
    this.revive();
    assert(this.#guest !== undefined, 'a stage that was opened has a guest');
    return this.#guest;
  }

  /** Makes the guest anew when the one before has failed. Throws as `open`. */
  revive(): void {
    if (this.#guest !== undefined) return;
    this.#events.replaced();
    this.open();
  }

  /** It must not be used again. */
  drop(): void {
    this.#guest = undefined;
  }

  #create(): Guest {
    const config = this.#config;
    if (config.builtin !== undefined) return createBuiltin(config.builtin, config, this.#log);
    assert(this.#module !== undefined, 'a guest that is no builtin needs a module');
    const { component } = this.#module;
    if (component === undefined) return GuestInstance.create(this.#module, config, this.host, this.#imports);
    return ComponentGuest.create({ ...this.#module, component }, config, this.host, this.#componentFunctions);
  }
}
