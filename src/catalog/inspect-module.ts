import { createHash } from 'node:crypto';
import { StreamlineError } from '../base/error.ts';
import { WIT_PACKAGE } from './component-world.ts';
import { inspectComponent } from './inspect-component.ts';
import { findKnownImport, sameSignature, signatureText, type FunctionType } from './known-imports.ts';
import {
  checkMemory,
  checkTables,
  exportedFunction,
  isComponent,
  isSafe,
  tooManyBytes,
  type Inspection,
  type InspectionLimits,
} from './module-checks.ts';
import { Findings, noteFormat, quote } from './module-findings.ts';
import { METER_PREFIX, type ModuleFacts } from './prepared-module.ts';
import { decodeModule, type ModuleImport, type WasmModule } from './wasm-module.ts';

export const MODULE_BYTES_MAX = 64 << 20;

/** What a guest may export to the host, with its signature (DESIGN.md, "Core ABI"). */
export const GUEST_EXPORTS: Readonly<Record<string, FunctionType>> = {
  transform: { params: ['i32', 'i32', 'i32'], results: ['i32'] },
  filter: { params: ['i32', 'i32'], results: ['i32'] },
  init: { params: ['i32', 'i32'], results: ['i32'] },
  route: { params: ['i32', 'i32', 'i32'], results: ['i32'] },
  alloc: { params: ['i32'], results: ['i32'] },
  _initialize: { params: [], results: [] },
};

/** Checks a module without running it. Gives every reason to refuse it, not just the first. Never throws for bad bytes. */
export function inspectModule(bytes: Uint8Array, limits: InspectionLimits = {}): Inspection {
  const findings = new Findings();
  const bytesMax = limits.moduleBytesMax ?? MODULE_BYTES_MAX;
  if (isComponent(bytes)) return inspectComponent(bytes, limits, bytesMax, findings);
  const module = decode(bytes, bytesMax, findings);
  if (module !== undefined) {
    checkNames(module, findings);
    checkExports(module, findings);
    for (const entry of module.imports) checkImport(entry, module, findings);
    checkMemory(module, limits.maxMemoryMb, findings);
    checkTables(module, findings);
  }
  const errors = findings.refusal;
  if (errors !== undefined) return { errors };
  if (module === undefined)
    return { errors: [new StreamlineError('bug.assertion', 'module neither decoded nor refused')] };
  return { facts: factsOf(module) };
}

function decode(bytes: Uint8Array, bytesMax: number, findings: Findings): WasmModule | undefined {
  const refuse = (...found: Parameters<Findings['add']>): undefined => {
    findings.add(...found);
    return undefined;
  };
  if (bytes.length > bytesMax) return refuse('module.too_large', ...tooManyBytes(bytes.length, bytesMax));
  if (bytes.length < 8 || bytes[0] !== 0 || bytes[1] !== 0x61 || bytes[2] !== 0x73 || bytes[3] !== 0x6d) {
    const text = 'not a WebAssembly module: it does not start with \\0asm';
    return refuse('module.invalid', text, 'give the .wasm file a compiler wrote, not its text form or an archive');
  }
  return decodeSafely(bytes, findings);
}

/** A module that the engine may be given. */
function decodeSafely(bytes: Uint8Array, findings: Findings): WasmModule | undefined {
  try {
    const module = decodeModule(bytes);
    return isSafe(module, findings) ? module : undefined;
  } catch (error) {
    return noteFormat(error, findings);
  }
}

function checkNames(module: WasmModule, findings: Findings): void {
  for (const { name } of module.exports) {
    if (!name.startsWith(METER_PREFIX) || name.startsWith(`${WIT_PACKAGE}/`)) continue;
    findings.add(
      'module.reserved_name',
      `export ${quote(name)}: names starting with ${quote(METER_PREFIX)} are reserved`,
    );
  }
}

function checkExports(module: WasmModule, findings: Findings): void {
  const kinds = new Map(module.exports.map((entry) => [entry.name, entry.kind]));
  if (kinds.get('memory') !== 'memory') {
    const hint = 'linkers export it unless told otherwise (--export-memory)';
    findings.add('module.missing_export', 'the module exports no memory named "memory"', hint);
  }
  if (kinds.get('transform') !== 'function') {
    const hint = [...kinds.keys()].some((name) => name.startsWith(`${WIT_PACKAGE}/`))
      ? 'this is the inside of a component: make one of it, wasm-tools component new MODULE -o COMPONENT'
      : kinds.has('_start')
        ? 'this is a command (it exports _start): build a reactor, -mexec-model=reactor or -buildmode=c-shared, and export transform'
        : 'export transform(in: i32, in_len: i32, out: i32) -> i32';
    findings.add('module.missing_export', 'the module exports no function named "transform"', hint);
  }
  for (const [name, wanted] of Object.entries(GUEST_EXPORTS)) {
    const kind = kinds.get(name);
    if (kind === undefined) continue;
    const type = exportedFunction(module, name);
    if (type !== undefined && sameSignature(type, wanted)) continue;
    if (kind !== 'function' && name === 'transform') continue; // said above
    const is = type === undefined ? `a ${kind}` : signatureText(type);
    findings.add('module.bad_signature', `export ${name} is ${is}, not ${signatureText(wanted)}`);
  }
}

function checkImport(entry: ModuleImport, module: WasmModule, findings: Findings): void {
  const name = quote(`${entry.module}.${entry.name}`);
  if (entry.kind !== 'function') {
    const hint = entry.kind === 'memory' ? 'let the module define its memory (no --import-memory)' : undefined;
    findings.add(
      'module.unknown_import',
      `the module imports the ${entry.kind} ${name}; only functions can be imported`,
      hint,
    );
    return;
  }
  const known = findKnownImport(entry.module, entry.name);
  if (known === undefined) {
    const hint = 'a guest may import streamline.* functions, env.abort and part of wasi_snapshot_preview1';
    findings.add('module.unknown_import', `the module imports ${name}, which the host does not have`, hint);
    return;
  }
  const type = module.types[entry.typeIndex];
  if (type !== undefined && sameSignature(type, known)) return;
  const is = type === undefined ? 'of no type' : signatureText(type);
  findings.add('module.bad_signature', `import ${name} is ${is}, not ${signatureText(known)}`);
}

function factsOf(module: WasmModule): ModuleFacts {
  const has = (name: string): boolean => exportedFunction(module, name) !== undefined;
  const memory = module.memories[0];
  return {
    abi: 'core',
    sha256: createHash('sha256').update(module.bytes).digest('hex'),
    sizeBytes: module.bytes.length,
    exports: {
      filter: has('filter'),
      route: has('route'),
      init: has('init'),
      alloc: has('alloc'),
      initialize: has('_initialize'),
    },
    imports: module.imports.map((entry) => `${entry.module}.${entry.name}`),
    memory: { minPages: memory?.min ?? 0, maxPages: memory?.max },
    type: has('route') ? 'route' : has('filter') ? 'filter' : 'map',
  };
}
