import type { PreparedComponent } from './component-plan.ts';
import type { TransformationType } from '../spec/transformation-config.ts';

/** Bump whenever what the meter writes changes: cached artefacts of another version are rebuilt, never run. */
export const METER_VERSION = 2;

/**
 * Fuel units per millisecond of timeout_ms. One unit is about one WebAssembly instruction; measured in bench/README.md.
 */
export const FUEL_PER_MS = 5_000_000;

/** Exports the meter adds. A guest that brings a name starting with this prefix is refused (module.reserved_name). */
export const METER_PREFIX = 'streamline:';
/** (f64 units) → (): sets what is left; traps when that is negative, and no handler of the guest catches a trap. */
export const FUEL_SET = 'streamline:fuel_set';
/** () → f64: what is left; negative once the guest ran out. */
export const FUEL_LEFT = 'streamline:fuel_left';

export interface ModuleExports {
  readonly filter: boolean;
  readonly route: boolean;
  readonly init: boolean;
  readonly alloc: boolean;
  /** `_initialize`, called once before init. */
  readonly initialize: boolean;
}

/** What a module is and can do, without running it. */
export interface ModuleFacts {
  /** A core module, or a component (wit/). */
  readonly abi: 'core' | 'component';
  /** sha256 of the file as read, hex. */
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly exports: ModuleExports;
  /** `module.name` of every import. */
  readonly imports: readonly string[];
  readonly memory: { readonly minPages: number; readonly maxPages: number | undefined };
  /** As the exports tell it. */
  readonly type: Exclude<TransformationType, 'enrich'>;
}

/** A module checked, capped, metered and compiled: ready to be instantiated in any guest thread. */
export interface PreparedModule {
  readonly facts: ModuleFacts;
  /** Structured-cloneable: posted to guest threads, which share the compiled code. Of a component: the module that has its exports. */
  readonly module: WebAssembly.Module;
  /** Of a component: all of its modules, and how they are put together. */
  readonly component?: PreparedComponent | undefined;
  readonly maxMemoryMb: number;
}
