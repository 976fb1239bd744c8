/*
 * How a component is put together out of its core modules: all that is left of it once it has been checked. Plain data: it is kept
 * with the artefact and posted to guest threads.
 */

/** Something a core instance exports. */
export interface CoreExport {
  /** Index into `steps`. */
  readonly step: number;
  readonly name: string;
}

/** A host function, lowered: it reads and writes the guest's values in `memory`, and asks `realloc` for room. */
export interface HostItem {
  /** `wasi:io/streams`, without its version. */
  readonly module: string;
  readonly name: string;
  readonly memory: CoreExport | undefined;
  readonly realloc: CoreExport | undefined;
}

/** What a core module imports: from another core instance, or of the host. */
export type CoreItem = { readonly from: CoreExport } | { readonly host: HostItem };

export interface ImportLink {
  readonly module: string;
  readonly name: string;
  readonly item: CoreItem;
}

/** One core instance. */
export interface InstantiationStep {
  /** Index into the component's core modules. */
  readonly module: number;
  readonly imports: readonly ImportLink[];
}

/** An exported function: the core function behind it and what its values travel through. */
export interface LiftedFunction {
  readonly call: CoreExport;
  readonly memory: CoreExport;
  readonly realloc: CoreExport;
  /** Called with the result once it has been read. */
  readonly postReturn: CoreExport | undefined;
}

export interface ComponentPlan {
  /** In order: each refers to earlier ones only. */
  readonly steps: readonly InstantiationStep[];
  readonly transform: LiftedFunction;
  readonly init: LiftedFunction | undefined;
}

/** A component ready to be put together in any guest thread. */
export interface PreparedComponent {
  readonly plan: ComponentPlan;
  /** Metered, capped and compiled; structured-cloneable, so all threads share the code. */
  readonly modules: readonly WebAssembly.Module[];
}
