import type { ComponentPlan } from './component-plan.ts';
import type { ModuleFacts } from './prepared-module.ts';
import { WasmReader } from './wasm-reader.ts';
import { WasmWriter } from './wasm-writer.ts';

/** Bump whenever a plan is made, or must be read, in another way: artefacts of another version are made anew. */
export const COMPONENT_VERSION = 1;

/** What is kept of a component: enough to run it without looking at it again. */
export interface ComponentArtefact {
  readonly facts: ModuleFacts;
  readonly plan: ComponentPlan;
  /** Metered, in the order the plan counts them. */
  readonly modules: readonly Uint8Array[];
}

const HEADER = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
const PLAN_SECTION = 'streamline.plan';
const MODULE_SECTION = 'streamline.module';
const utf8 = new TextEncoder();

/** A WebAssembly module of nothing but custom sections, so that the cache is of one kind: the plan, then each module. */
export function packComponent({ facts, plan, modules }: ComponentArtefact): Uint8Array<ArrayBuffer> {
  const json = utf8.encode(JSON.stringify({ facts, plan }));
  const bytes = modules.reduce((sum, module) => sum + module.length + 64, json.length + 64);
  const out = new WasmWriter(bytes).raw(HEADER);
  section(out, PLAN_SECTION, json);
  for (const module of modules) section(out, MODULE_SECTION, module);
  return out.bytes();
}

function section(out: WasmWriter, name: string, bytes: Uint8Array): void {
  const title = new WasmWriter().name(name).bytes();
  out
    .u8(0)
    .u32(title.length + bytes.length)
    .raw(title)
    .raw(bytes);
}

/** Of bytes that the cache has vouched for. Throws when they are not what packComponent writes. */
export function unpackComponent(bytes: Uint8Array): ComponentArtefact {
  const reader = new WasmReader(bytes, HEADER.length);
  let said: Pick<ComponentArtefact, 'facts' | 'plan'> | undefined;
  const modules: Uint8Array[] = [];
  while (!reader.done) {
    reader.u8();
    const length = reader.u32();
    const inner = new WasmReader(bytes, reader.at, reader.at + length);
    reader.skip(length);
    const name = inner.name();
    const payload = bytes.subarray(inner.at, inner.end);
    if (name === PLAN_SECTION) said = JSON.parse(Buffer.from(payload).toString('utf8')) as typeof said;
    else if (name === MODULE_SECTION) modules.push(payload);
  }
  if (said === undefined) throw new Error('an artefact without a plan');
  return { ...said, modules };
}
