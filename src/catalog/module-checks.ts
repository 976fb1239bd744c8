import type { StreamlineError } from '../base/error.ts';
import type { ComponentPlan } from './component-plan.ts';
import { FunctionScanner } from './function-scan.ts';
import type { FunctionType } from './known-imports.ts';
import { TABLE_ELEMENTS_MAX } from './meter-module.ts';
import { noteFormat, REBUILD, STRIP, type Findings } from './module-findings.ts';
import type { ModuleFacts } from './prepared-module.ts';
import type { WasmModule } from './wasm-module.ts';

/* What core modules and those inside of components have in common to be checked. */

export const PAGES_PER_MB = 16;
const TABLES_MAX = 8;

export type Inspection =
  | { readonly facts: ModuleFacts; readonly component?: InspectedComponent | undefined; readonly errors?: never }
  | {
      readonly facts?: never;
      readonly component?: never;
      readonly errors: readonly [StreamlineError, ...StreamlineError[]];
    };

export interface InspectionLimits {
  /** 1–4096; undefined: any. */
  readonly maxMemoryMb?: number;
  readonly moduleBytesMax?: number;
}

/** A component's core modules and how they are put together. */
export interface InspectedComponent {
  readonly plan: ComponentPlan;
  readonly modules: readonly WasmModule[];
}

/** A component's binary says layer 1 where a core module's says 0. */
export function isComponent(bytes: Uint8Array): boolean {
  const start = [0, 0x61, 0x73, 0x6d];
  return bytes.length >= 8 && start.every((byte, i) => bytes[i] === byte) && bytes[6] === 1 && bytes[7] === 0;
}

/** Size of a module, and what to do about it. */
export function tooManyBytes(length: number, bytesMax: number): [message: string, suggestion: string] {
  return [`the module has ${length} bytes, at most ${bytesMax} are taken`, STRIP];
}

/**
 * I7: before the engine sees it. There are modules that V8 answers by ending the process, and this keeps them from it.
 * Every operator must be one the meter knows, too: code it cannot read it cannot stop.
 */
export function isSafe(module: WasmModule, findings: Findings): boolean {
  try {
    const scanner = new FunctionScanner(module);
    for (let i = 0; i < module.bodies.length; i += 1) scanner.scan(i);
  } catch (error) {
    noteFormat(error, findings);
    return false;
  }
  const reason = invalidity(module.bytes);
  if (reason === undefined) return true;
  findings.add('module.invalid', `not a valid WebAssembly module: ${reason}`, REBUILD);
  return false;
}

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

/** Type of an exported function. */
export function exportedFunction(module: WasmModule, name: string): FunctionType | undefined {
  const entry = module.exports.find((candidate) => candidate.name === name);
  if (entry?.kind !== 'function') return undefined;
  return module.types[module.functionTypes[entry.index] ?? -1];
}

export function checkMemory(module: WasmModule, maxMemoryMb: number | undefined, findings: Findings): void {
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

export function checkTables(module: WasmModule, findings: Findings): void {
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
