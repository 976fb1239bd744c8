import { createHash } from 'node:crypto';
import type { StreamlineError } from '../base/error.ts';
import { findComponentImport } from './component-imports.ts';
import { linkComponent } from './component-linker.ts';
import { inspectModule } from './inspect-module.ts';
import { findKnownImport, signatureText } from './known-imports.ts';
import {
  exportedFunction,
  isComponent,
  PAGES_PER_MB,
  type Inspection,
  type InspectionLimits,
} from './module-checks.ts';
import type { ModuleFacts } from './prepared-module.ts';
import { decodeModule, type WasmModule } from './wasm-module.ts';

const LISTED_MAX = 64;

export interface ModuleDescription {
  readonly valid: boolean;
  readonly abi: ModuleFacts['abi'];
  readonly sha256: string;
  readonly sizeBytes: number;
  /** Absent when the module is refused. */
  readonly type?: ModuleFacts['type'];
  readonly exports: readonly { readonly name: string; readonly signature: string }[];
  readonly imports: readonly { readonly name: string; readonly grants: string }[];
  readonly memory?: ModuleFacts['memory'];
  readonly errors: readonly StreamlineError[];
  /** The same for a person. */
  readonly lines: readonly string[];
}

/** What a module is, what it can do, and every reason it is refused. Pure: nothing of it runs. */
export function describeModule(bytes: Uint8Array, limits: InspectionLimits = {}): ModuleDescription {
  const inspection = inspectModule(bytes, limits);
  const description = {
    valid: inspection.errors === undefined,
    sha256: inspection.facts?.sha256 ?? createHash('sha256').update(bytes).digest('hex'),
    sizeBytes: bytes.length,
    ...(inspection.facts === undefined ? {} : { type: inspection.facts.type }),
    ...(isComponent(bytes) ? componentOf(bytes, inspection) : coreOf(bytes, inspection)),
    errors: inspection.errors ?? [],
  };
  return { ...description, lines: linesOf(description) };
}

type Contents = Pick<ModuleDescription, 'abi' | 'exports' | 'imports' | 'memory'>;

function coreOf(bytes: Uint8Array, { errors }: Inspection): Contents {
  const module = decodeLeniently(bytes, errors);
  return {
    abi: 'core',
    exports: module === undefined ? [] : exportsOf(module),
    imports: module === undefined ? [] : importsOf(module),
    ...memoryOf(module),
  };
}

function componentOf(bytes: Uint8Array, { errors }: Inspection): Contents {
  const empty = { abi: 'component', exports: [], imports: [] } as const;
  if (errors?.some(({ code }) => code === 'module.too_large') === true) return empty;
  try {
    const { exports, steps, modules } = linkComponent(bytes);
    const imports = new Map<string, string>();
    for (const { item } of steps.flatMap((step) => step.imports)) {
      if (!('host' in item) || item.host.module === 'canon') continue;
      const { module, name } = item.host;
      const found = findComponentImport(module, name);
      const grants = found === undefined ? 'refused' : found.kind === 'known' ? found.import.grants : 'nothing';
      imports.set(`${module}.${name}`, grants);
    }
    return {
      abi: 'component',
      exports: [...exports].slice(0, LISTED_MAX).map(([name, { sort }]) => ({ name, signature: sort })),
      imports: [...imports].slice(0, LISTED_MAX).map(([name, grants]) => ({ name, grants })),
      ...memoryOf(modules.find(({ memories }) => memories.length > 0)),
    };
  } catch {
    return empty; // the reason is among the errors
  }
}

/** A refused module may still be readable enough to show. */
function decodeLeniently(bytes: Uint8Array, errors: readonly StreamlineError[] | undefined): WasmModule | undefined {
  const unreadable = ['module.too_large', 'module.invalid'];
  if (errors?.some((error) => unreadable.includes(error.code)) === true) return undefined;
  try {
    return decodeModule(bytes);
  } catch {
    return undefined; // the reason is among the errors
  }
}

function exportsOf(module: WasmModule): ModuleDescription['exports'] {
  return module.exports.slice(0, LISTED_MAX).map(({ name, kind }) => {
    const type = exportedFunction(module, name);
    return { name, signature: type === undefined ? kind : signatureText(type) };
  });
}

function importsOf(module: WasmModule): ModuleDescription['imports'] {
  return module.imports.slice(0, LISTED_MAX).map((entry) => ({
    name: `${entry.module}.${entry.name}`,
    grants: findKnownImport(entry.module, entry.name)?.grants ?? 'refused',
  }));
}

function memoryOf(module: WasmModule | undefined): Pick<ModuleDescription, 'memory'> {
  const memory = module?.memories[0];
  return memory === undefined ? {} : { memory: { minPages: memory.min, maxPages: memory.max } };
}

const printable = (text: string): string => JSON.stringify(text).slice(1, -1).slice(0, 120);

function linesOf(description: Omit<ModuleDescription, 'lines'>): string[] {
  const lines = [
    `sha256   ${description.sha256}`,
    `size     ${description.sizeBytes} bytes`,
    `abi      ${description.abi}`,
  ];
  if (description.type !== undefined) lines.push(`type     ${description.type}`);
  if (description.memory !== undefined) {
    const { minPages, maxPages } = description.memory;
    const max = maxPages === undefined ? 'up to max_memory_mb' : `at most ${maxPages / PAGES_PER_MB} MB`;
    lines.push(`memory   starts with ${minPages / PAGES_PER_MB} MB, ${max}`);
  }
  description.exports.forEach(({ name, signature }, i) => {
    lines.push(`${i === 0 ? 'exports  ' : '         '}${printable(name)} ${signature}`);
  });
  description.imports.forEach(({ name, grants }, i) => {
    lines.push(`${i === 0 ? 'imports  ' : '         '}${printable(name)}: ${grants}`);
  });
  const grants = new Set(description.imports.map((entry) => entry.grants));
  const can = [...grants].filter((grant) => grant !== 'nothing' && grant !== 'refused');
  if (description.valid)
    lines.push(`it can   read its record and config${can.map((grant) => `, ${grant}`).join('')}; nothing else`);
  for (const error of description.errors) lines.push(`refused  ${error.describe().replaceAll('\n', '\n       ')}`);
  return lines;
}
