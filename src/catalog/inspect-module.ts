import { createHash } from 'node:crypto';
import { StreamlineError, type ErrorDetails } from '../base/error.ts';
import type { ErrorCode } from '../base/error-code.ts';
import { FunctionScanner } from './function-scan.ts';
import { findKnownImport, sameSignature, signatureText, type FunctionType } from './known-imports.ts';
import { TABLE_ELEMENTS_MAX } from './meter-module.ts';
import { METER_PREFIX, type ModuleFacts } from './prepared-module.ts';
import { decodeModule, type ModuleImport, type WasmModule } from './wasm-module.ts';
import { TooLargeError, UnsupportedFeatureError, WasmFormatError } from './wasm-reader.ts';

export const MODULE_BYTES_MAX = 64 << 20;
export const PAGES_PER_MB = 16;
const TABLES_MAX = 8;
/** Beyond these a module is not the output of a toolchain, and lists of errors would be as long. */
const ERRORS_MAX = 50;

export type Inspection =
  | { readonly facts: ModuleFacts; readonly errors?: never }
  | { readonly facts?: never; readonly errors: readonly [StreamlineError, ...StreamlineError[]] };

export interface InspectionLimits {
  /** 1–4096; undefined: any. */
  readonly maxMemoryMb?: number;
  readonly moduleBytesMax?: number;
}

/** What a guest may export to the host, with its signature (DESIGN.md, "Core ABI"). */
export const GUEST_EXPORTS: Readonly<Record<string, FunctionType>> = {
  transform: { params: ['i32', 'i32', 'i32'], results: ['i32'] },
  filter: { params: ['i32', 'i32'], results: ['i32'] },
  init: { params: ['i32', 'i32'], results: ['i32'] },
  route: { params: ['i32', 'i32', 'i32'], results: ['i32'] },
  alloc: { params: ['i32'], results: ['i32'] },
  _initialize: { params: [], results: [] },
};

class Findings {
  readonly errors: StreamlineError[] = [];

  add(code: ErrorCode, message: string, suggestion?: string, details: ErrorDetails = {}): void {
    if (this.errors.length < ERRORS_MAX)
      this.errors.push(new StreamlineError(code, message, { ...details, suggestion }));
  }
}

/** Checks a module without running it. Gives every reason to refuse it, not just the first. Never throws for bad bytes. */
export function inspectModule(bytes: Uint8Array, limits: InspectionLimits = {}): Inspection {
  const findings = new Findings();
  const module = decode(bytes, limits.moduleBytesMax ?? MODULE_BYTES_MAX, findings);
  if (module !== undefined) {
    checkNames(module, findings);
    checkExports(module, findings);
    for (const entry of module.imports) checkImport(entry, module, findings);
    checkMemory(module, limits.maxMemoryMb, findings);
    checkTables(module, findings);
  }
  const [first, ...rest] = findings.errors;
  if (first !== undefined) return { errors: [first, ...rest] };
  if (module === undefined)
    return { errors: [new StreamlineError('bug.assertion', 'module neither decoded nor refused')] };
  return { facts: factsOf(module) };
}

function decode(bytes: Uint8Array, bytesMax: number, findings: Findings): WasmModule | undefined {
  const refuse = (...found: Parameters<Findings['add']>): undefined => {
    findings.add(...found);
    return undefined;
  };
  if (bytes.length > bytesMax) {
    return refuse('module.too_large', `the module has ${bytes.length} bytes, at most ${bytesMax} are taken`, STRIP);
  }
  if (bytes.length < 8 || bytes[0] !== 0 || bytes[1] !== 0x61 || bytes[2] !== 0x73 || bytes[3] !== 0x6d) {
    const text = 'not a WebAssembly module: it does not start with \\0asm';
    return refuse('module.invalid', text, 'give the .wasm file a compiler wrote, not its text form or an archive');
  }
  if (bytes[4] === 0x0d && bytes[6] === 1) {
    const text = 'this is a WebAssembly component, and only core modules are taken';
    return refuse('module.is_component', text, 'the component ABI arrives later; build a core module');
  }
  // I7: before the engine sees it. There are modules that V8 answers by ending the process, and this keeps them from it.
  // Every operator must be one the meter knows, too: code it cannot read it cannot stop.
  let module: WasmModule;
  try {
    module = decodeModule(bytes);
    const scanner = new FunctionScanner(module);
    for (let i = 0; i < module.bodies.length; i += 1) scanner.scan(i);
  } catch (error) {
    return noteFormat(error, findings);
  }
  const reason = invalidity(bytes);
  if (reason === undefined) return module;
  return refuse('module.invalid', `not a valid WebAssembly module: ${reason}`, REBUILD);
}

const REBUILD = 'rebuild it; the file may be cut off';

const STRIP = 'strip debug information: wasm-strip, -Wl,--strip-all, or -ldflags "-s -w"';

/** V8's reason, or undefined for a valid module. */
function invalidity(bytes: Uint8Array): string | undefined {
  if (WebAssembly.validate(bytes)) return undefined;
  try {
    // Only the constructor says why; it fails on the same bytes before it compiles.
    new WebAssembly.Module(bytes);
    return 'it does not validate';
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return text.replace(/^WebAssembly\.Module\(\):\s*/, '').slice(0, 300);
  }
}

function noteFormat(error: unknown, findings: Findings): undefined {
  if (error instanceof UnsupportedFeatureError) {
    const hint = 'build without it: the sandbox takes WebAssembly 2.0 with SIMD, tail calls and exceptions';
    findings.add('module.unsupported_feature', `the module uses ${error.message}, which is not taken`, hint);
  } else if (error instanceof WasmFormatError) {
    findings.add('module.invalid', `not a module that can be read: ${error.message}`, REBUILD);
  } else if (error instanceof TooLargeError) {
    const hint = 'no toolchain makes that of an ordinary program: split what is so large';
    findings.add('module.too_large', `the module has ${error.message}, more than can be run safely`, hint);
  } else throw error;
}

function checkNames(module: WasmModule, findings: Findings): void {
  for (const { name } of module.exports) {
    if (!name.startsWith(METER_PREFIX)) continue;
    findings.add(
      'module.reserved_name',
      `export ${quote(name)}: names starting with ${quote(METER_PREFIX)} are reserved`,
    );
  }
}

/** Type of an exported function. */
export function exportedFunction(module: WasmModule, name: string): FunctionType | undefined {
  const entry = module.exports.find((candidate) => candidate.name === name);
  if (entry?.kind !== 'function') return undefined;
  return module.types[module.functionTypes[entry.index] ?? -1];
}

function checkExports(module: WasmModule, findings: Findings): void {
  const kinds = new Map(module.exports.map((entry) => [entry.name, entry.kind]));
  if (kinds.get('memory') !== 'memory') {
    const hint = 'linkers export it unless told otherwise (--export-memory)';
    findings.add('module.missing_export', 'the module exports no memory named "memory"', hint);
  }
  if (kinds.get('transform') !== 'function') {
    const hint = kinds.has('_start')
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

function checkMemory(module: WasmModule, maxMemoryMb: number | undefined, findings: Findings): void {
  const [memory, second] = module.memories;
  const refuse = (feature: string): void =>
    findings.add('module.unsupported_feature', `the module uses ${feature}, which is not taken`, 'build without it');
  if (second !== undefined) refuse('more than one memory');
  if (memory === undefined) return; // then it exports none, or imports it: said elsewhere
  if (memory.shared) refuse('shared memory (threads)');
  if (memory.is64) refuse('64-bit memory');
  const neededMb = Math.ceil(memory.min / PAGES_PER_MB);
  if (maxMemoryMb === undefined || memory.min <= maxMemoryMb * PAGES_PER_MB) return;
  const suggestion = neededMb <= 4096 ? `set max_memory_mb: ${neededMb} or more` : 'build it with a smaller memory';
  findings.add(
    'module.memory_limit',
    `the module starts with ${neededMb} MB of memory, max_memory_mb is ${maxMemoryMb}`,
    suggestion,
    {
      configPath: '/max_memory_mb',
    },
  );
}

function checkTables(module: WasmModule, findings: Findings): void {
  if (module.tables.length > TABLES_MAX) {
    findings.add(
      'module.table_limit',
      `the module has ${module.tables.length} tables, at most ${TABLES_MAX} are taken`,
    );
  }
  for (const { limits } of module.tables) {
    if (limits.is64) findings.add('module.unsupported_feature', 'the module uses a 64-bit table, which is not taken');
    else if (limits.shared)
      findings.add('module.unsupported_feature', 'the module uses a shared table, which is not taken');
    else if (limits.min > TABLE_ELEMENTS_MAX) {
      findings.add('module.table_limit', `a table of ${limits.min} elements, at most ${TABLE_ELEMENTS_MAX} are taken`);
    }
  }
}

function factsOf(module: WasmModule): ModuleFacts {
  const has = (name: string): boolean => exportedFunction(module, name) !== undefined;
  const memory = module.memories[0];
  return {
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

/** A guest's name in a message: bounded, and no control characters for a terminal. */
function quote(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
}
