import { createHash } from 'node:crypto';
import { StreamlineError } from '../base/error.ts';
import { artefactKey, type ArtefactCache } from './artefact-cache.ts';
import { compileMetered, reasonOf } from './compile-metered.ts';
import { COMPONENT_VERSION, packComponent, unpackComponent, type ComponentArtefact } from './component-artefact.ts';
import type { PreparedComponent } from './component-plan.ts';
import { inspectModule } from './inspect-module.ts';
import { PAGES_PER_MB } from './module-checks.ts';
import { meterModule } from './meter-module.ts';
import type { Artefact, ArtefactRequest } from './prepare-artefact.ts';

/**
 * As prepareArtefact, of a component. Its core modules are capped and metered each as a core guest is. What is known about it is
 * kept with them: one of 10 MB takes seconds to look at, and a second deploy should not.
 */
export function prepareComponent(
  request: ArtefactRequest,
  cache: ArtefactCache | undefined,
  trouble: string | undefined,
): Artefact {
  const { bytes, maxMemoryMb, initialFuel } = request;
  const options = { maxMemoryPages: maxMemoryMb * PAGES_PER_MB, initialFuel };
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const key = artefactKey(`component ${COMPONENT_VERSION} ${sha256}`, options);
  const hit = cache?.read(key);
  if (hit !== undefined) {
    const compiled = attempt(() => compile(unpackComponent(hit), options.maxMemoryPages));
    if (compiled !== undefined && !('errors' in compiled)) return { ...compiled, cached: true, cacheTrouble: trouble };
  }
  const inspection = inspectModule(bytes, { maxMemoryMb });
  if (inspection.errors !== undefined) return { errors: inspection.errors };
  const { facts, component } = inspection;
  if (component === undefined) return { errors: [new StreamlineError('bug.assertion', 'a component without a plan')] };
  const modules = component.modules.map((module) => meterModule(module.bytes, options));
  const artefact = { facts, plan: component.plan, modules };
  const compiled = compile(artefact, options.maxMemoryPages);
  if ('errors' in compiled) return compiled;
  try {
    cache?.write(key, packComponent(artefact));
  } catch (error) {
    return { ...compiled, cached: false, cacheTrouble: reasonOf(error) };
  }
  return { ...compiled, cached: false, cacheTrouble: trouble };
}

type Compiled =
  | {
      readonly facts: ComponentArtefact['facts'];
      readonly module: WebAssembly.Module;
      readonly component: PreparedComponent;
    }
  | { readonly errors: readonly [StreamlineError] };

function compile({ facts, plan, modules }: ComponentArtefact, maxMemoryPages: number): Compiled {
  const compiled: WebAssembly.Module[] = [];
  for (const metered of modules) {
    const module = compileMetered(metered, maxMemoryPages);
    if (module instanceof StreamlineError) return { errors: [module] };
    compiled.push(module);
  }
  const module = compiled[plan.steps[plan.transform.call.step]?.module ?? -1];
  if (module === undefined) return { errors: [new StreamlineError('bug.assertion', 'a component without modules')] };
  return { facts, module, component: { plan, modules: compiled } };
}

function attempt<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch {
    return undefined; // sealed by someone's hand: made anew
  }
}
