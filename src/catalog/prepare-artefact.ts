import { StreamlineError } from '../base/error.ts';
import { ArtefactCache, artefactKey } from './artefact-cache.ts';
import { compileMetered, reasonOf } from './compile-metered.ts';
import type { PreparedComponent } from './component-plan.ts';
import { inspectModule } from './inspect-module.ts';
import { isComponent, PAGES_PER_MB } from './module-checks.ts';
import { meterModule } from './meter-module.ts';
import { prepareComponent } from './prepare-component.ts';
import type { ModuleFacts } from './prepared-module.ts';

export interface ArtefactRequest {
  readonly bytes: Uint8Array;
  readonly maxMemoryMb: number;
  readonly initialFuel: number;
  readonly cacheDir: string | undefined;
}

export type Artefact =
  | {
      readonly facts: ModuleFacts;
      readonly module: WebAssembly.Module;
      readonly component?: PreparedComponent | undefined;
      readonly cached: boolean;
      readonly cacheTrouble: string | undefined;
    }
  | { readonly errors: readonly [StreamlineError, ...StreamlineError[]] };

/** Inspect, meter (or take from the cache) and compile. Blocks for as long as that takes: never call it in the main thread. */
export function prepareArtefact(request: ArtefactRequest): Artefact {
  const { cache, trouble } = openCache(request.cacheDir);
  if (isComponent(request.bytes)) return prepareComponent(request, cache, trouble);
  const inspection = inspectModule(request.bytes, { maxMemoryMb: request.maxMemoryMb });
  if (inspection.errors !== undefined) return { errors: inspection.errors };
  const { facts } = inspection;
  const options = { maxMemoryPages: request.maxMemoryMb * PAGES_PER_MB, initialFuel: request.initialFuel };
  const key = artefactKey(facts.sha256, options);

  const hit = cache?.read(key);
  if (hit !== undefined) {
    try {
      return { facts, module: new WebAssembly.Module(hit), cached: true, cacheTrouble: trouble };
    } catch {
      // Sealed by another engine or by someone's hand: made anew below.
    }
  }
  const metered = meterModule(request.bytes, options);
  const module = compileMetered(metered, options.maxMemoryPages);
  if (module instanceof StreamlineError) return { errors: [module] };
  try {
    cache?.write(key, metered);
  } catch (error) {
    return { facts, module, cached: false, cacheTrouble: reasonOf(error) };
  }
  return { facts, module, cached: false, cacheTrouble: trouble };
}

function openCache(dir: string | undefined): { cache?: ArtefactCache; trouble?: string } {
  if (dir === undefined) return {};
  try {
    return { cache: new ArtefactCache(dir) };
  } catch (error) {
    return { trouble: reasonOf(error) };
  }
}
