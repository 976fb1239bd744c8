import { createHash } from 'node:crypto';
import { findComponentImport } from './component-imports.ts';
import { liftedFunction, linkComponent, type Entity, type LinkedComponent } from './component-linker.ts';
import type { CoreExport, ComponentPlan, ImportLink, LiftedFunction } from './component-plan.ts';
import { interfaceName, WIT_PACKAGE, WIT_VERSION, WORLD_EXPORTS } from './component-world.ts';
import {
  checkMemory,
  checkTables,
  exportedFunction,
  isSafe,
  tooManyBytes,
  type Inspection,
  type InspectionLimits,
} from './module-checks.ts';
import { sameSignature, signatureText, type FunctionType } from './known-imports.ts';
import { noteFormat, quote, type Findings } from './module-findings.ts';
import { FUEL_LEFT, FUEL_SET, type ModuleFacts } from './prepared-module.ts';
import type { WasmModule } from './wasm-module.ts';

/** Of all instances together: each is 100,000 elements at most. */
const TABLES_MAX = 8;
/**
 * Of all instances together what one module may have (wasm-module.ts): types stay in the engine for as long as the process lives, and all is
 * made anew after every trap. Python comes to 1,300 types, 15,000 functions, 4,400 exports.
 */
const TOTALS: readonly (readonly [what: string, max: number, of: (module: WasmModule) => number])[] = [
  ['types', 10_000, (module) => module.types.length],
  ['functions', 200_000, (module) => module.functionTypes.length],
  ['exports', 10_000, (module) => module.exports.length],
  ['bytes in the modules it instantiates', 64 << 20, (module) => module.bytes.length],
];
const WASI_VERSION = /@0\.2\./;
const REBUILD = `rebuild it with wit/ of this version: ${WIT_PACKAGE}@${WIT_VERSION}`;

/** What the core functions behind exports look like: values of more than a few parts travel through memory. */
const CORE_TYPES: Record<keyof typeof WORLD_EXPORTS, FunctionType> = {
  transform: {
    params: [...flat('i32', 8), 'i32', 'i64', 'i32', 'i32', 'i32', 'i64'],
    results: ['i32'],
  },
  init: { params: ['i32', 'i32'], results: ['i32'] },
};
const REALLOC: FunctionType = { params: flat('i32', 4), results: ['i32'] };
const POST_RETURN: FunctionType = { params: ['i32'], results: [] };

function flat(type: 'i32', count: number): 'i32'[] {
  return Array.from({ length: count }, () => type);
}

/** As inspectModule, of a component. */
export function inspectComponent(
  bytes: Uint8Array,
  limits: InspectionLimits,
  bytesMax: number,
  findings: Findings,
): Inspection {
  const checked = bytes.length > bytesMax ? undefined : check(bytes, limits, findings);
  if (bytes.length > bytesMax) findings.add('module.too_large', ...tooManyBytes(bytes.length, bytesMax));
  const errors = findings.refusal;
  if (errors !== undefined) return { errors };
  if (checked === undefined) throw new Error('a component neither checked nor refused');
  const { linked, plan } = checked;
  return { facts: factsOf(bytes, linked, plan), component: { plan, modules: linked.modules } };
}

function check(
  bytes: Uint8Array,
  limits: InspectionLimits,
  findings: Findings,
): { linked: LinkedComponent; plan: ComponentPlan } | undefined {
  if (bytes[4] !== 0x0d) {
    const text = `a component in version ${bytes[4] ?? 0} of the binary format, which is not the one of WASI 0.2`;
    findings.add('module.unsupported_feature', text, 'build it with current tools');
    return undefined;
  }
  try {
    const linked = linkComponent(bytes);
    checkImports(linked, findings);
    const exports = checkExports(linked, findings);
    for (const step of linked.steps) {
      const module = linked.modules[step.module];
      if (module !== undefined) step.imports.forEach((link, i) => checkLink(link, module, i, findings));
    }
    checkLimits(linked, limits, findings);
    // Last, for it takes longest, and in vain when the rest is wrong.
    if (findings.errors.length === 0) linked.modules.every((module) => isSafe(module, findings));
    return exports === undefined ? undefined : { linked, plan: { steps: linked.steps, ...exports } };
  } catch (error) {
    return noteFormat(error, findings);
  }
}

function checkImports(linked: LinkedComponent, findings: Findings): void {
  for (const name of linked.imports) {
    const other = name.startsWith(`${WIT_PACKAGE}/`) && !name.endsWith(`@${WIT_VERSION}`);
    if (other) findings.add('module.unknown_import', `the component imports ${quote(name)}: ${OTHER_VERSION}`, REBUILD);
    if (name.startsWith('wasi:') && !WASI_VERSION.test(name)) {
      const text = `the component imports ${quote(name)}, and only version 0.2 of WASI is taken`;
      findings.add('module.unknown_import', text, 'build it for WASI 0.2 (wasm32-wasip2)');
    }
  }
}

const OTHER_VERSION = `this sidecar has version ${WIT_VERSION}`;

/** The world of a component is what it exports. */
function checkExports(linked: LinkedComponent, findings: Findings): Omit<ComponentPlan, 'steps'> | undefined {
  const transform = lifted('transform', linked, findings);
  const init = lifted('init', linked, findings);
  if (transform !== undefined) return { transform, init };
  const wanted = interfaceName(WORLD_EXPORTS.transform.interface);
  if (linked.exports.has(wanted)) return undefined; // said in `lifted`
  const names = [...linked.exports.keys()];
  const other = names.find((name) => name.startsWith(`${WIT_PACKAGE}/`) && !name.endsWith(`@${WIT_VERSION}`));
  if (other !== undefined) {
    findings.add('module.missing_export', `the component exports ${quote(other)}: ${OTHER_VERSION}`, REBUILD);
    return undefined;
  }
  const has = names.length === 0 ? 'nothing' : names.slice(0, 5).map(quote).join(', ');
  const hint = names.some((name) => name.startsWith('wasi:cli/run'))
    ? 'this is a command: export transform instead, see the worlds in wit/transform.wit'
    : 'build it for one of the worlds in wit/transform.wit';
  findings.add('module.missing_export', `the component exports ${has}, and not ${wanted}`, hint);
  return undefined;
}

function lifted(
  which: keyof typeof WORLD_EXPORTS,
  linked: LinkedComponent,
  findings: Findings,
): LiftedFunction | undefined {
  const wanted = WORLD_EXPORTS[which];
  const name = interfaceName(wanted.interface);
  const instance = linked.exports.get(name);
  if (instance === undefined) return undefined;
  const entity: Entity | undefined = instance.sort === 'instance' ? instance.exports.get(wanted.name) : undefined;
  const refuse = (text: string): undefined => {
    findings.add('module.bad_signature', `export ${name} ${text}`, REBUILD);
    return undefined;
  };
  if (entity?.sort !== 'func' || entity.func.kind !== 'lifted') return refuse(`has no function ${wanted.name}`);
  if (entity.func.type !== wanted.type) {
    return refuse(`: ${wanted.name} is ${entity.func.type.slice(0, 1000)}, not ${wanted.type}`);
  }
  const func = liftedFunction(entity.func);
  const typed =
    isFunction(func.call, CORE_TYPES[which], linked) &&
    isFunction(func.realloc, REALLOC, linked) &&
    (func.postReturn === undefined || isFunction(func.postReturn, POST_RETURN, linked));
  return typed ? func : refuse(`: ${wanted.name} is not what its type says`);
}

function isFunction({ step, name }: CoreExport, wanted: FunctionType, linked: LinkedComponent): boolean {
  const module = linked.modules[linked.steps[step]?.module ?? -1];
  const type = module === undefined ? undefined : exportedFunction(module, name);
  return type !== undefined && sameSignature(type, wanted);
}

/** Host functions, with the signature they are called with. What modules import of one another is for the engine to check. */
function checkLink({ item }: ImportLink, module: WasmModule, index: number, findings: Findings): void {
  if (!('host' in item)) return;
  const { host } = item;
  const entry = module.imports[index];
  const name = quote(host.module === '' ? host.name : `${host.module}.${host.name}`);
  const found = findComponentImport(host.module, host.name);
  if (found === undefined) {
    const hint = host.module.startsWith('wasi:http/')
      ? 'a transform has no network: build without HTTP (componentize-js: disableFeatures http and fetch-event)'
      : `a component may import ${WIT_PACKAGE} log, metric and clock, and wasi:cli, clocks, filesystem, io, random and sockets`;
    findings.add('module.unknown_import', `the component imports ${name}, which the host does not have`, hint);
    return;
  }
  const type = entry?.kind === 'function' ? module.types[entry.typeIndex] : undefined;
  if (type !== undefined && (found.kind === 'denied' || sameSignature(type, found.import))) return;
  const is = type === undefined ? 'no function' : signatureText(type);
  const wanted = found.kind === 'denied' ? 'a function' : signatureText(found.import);
  findings.add('module.bad_signature', `import ${name} is ${is}, not ${wanted}`, REBUILD);
}

function checkLimits(linked: LinkedComponent, limits: InspectionLimits, findings: Findings): void {
  const instantiated = linked.steps.flatMap((step) => linked.modules[step.module] ?? []);
  // Modules are compiled whether they are instantiated or not.
  const all = [...instantiated, ...linked.modules.filter((module) => !instantiated.includes(module))];
  const total = (of: (module: WasmModule) => number): number => all.reduce((sum, module) => sum + of(module), 0);
  for (const [what, max, of] of TOTALS) {
    if (total(of) <= max) continue;
    findings.add('module.too_large', `the component has ${total(of)} ${what}, at most ${max} are taken`);
  }
  const memories = total((module) => module.memories.length);
  const tables = total((module) => module.tables.length);
  // max_memory_mb is meant for the whole of a guest.
  if (memories > 1) {
    findings.add('module.unsupported_feature', 'the component has more than one memory, which is not taken');
  }
  if (tables > TABLES_MAX) {
    findings.add('module.table_limit', `the component has ${tables} tables, at most ${TABLES_MAX} are taken`);
  }
  for (const module of linked.modules) {
    checkMemory(module, limits.maxMemoryMb, findings);
    checkTables(module, findings);
    for (const { limits: size } of module.imports) {
      if (size?.is64 === true || size?.shared === true) {
        findings.add('module.unsupported_feature', 'the component uses 64-bit or shared memory, which is not taken');
      }
    }
    for (const { name } of module.exports) {
      if (name !== FUEL_SET && name !== FUEL_LEFT) continue;
      findings.add('module.reserved_name', `a core module exports ${quote(name)}, which is reserved`);
    }
  }
}

function factsOf(bytes: Uint8Array, linked: LinkedComponent, plan: ComponentPlan): ModuleFacts {
  const memory = linked.modules.flatMap(({ memories }) => memories)[0];
  const imports = new Set<string>();
  for (const { imports: links } of plan.steps) {
    for (const { item } of links) {
      if ('host' in item && item.host.module !== 'canon') imports.add(`${item.host.module}.${item.host.name}`);
    }
  }
  return {
    abi: 'component',
    sha256: createHash('sha256').update(bytes).digest('hex'),
    sizeBytes: bytes.length,
    // Records are dropped and sent elsewhere by what transform returns.
    exports: { filter: true, route: true, init: plan.init !== undefined, alloc: false, initialize: false },
    imports: [...imports].toSorted(),
    memory: { minPages: memory?.min ?? 0, maxPages: memory?.max },
    type: 'map',
  };
}
