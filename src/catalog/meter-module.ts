import { MEMORY_GROW_COST, MEMORY_GROW_REFUSED_COST, MEMORY_PAGE_COST } from './fuel-cost.ts';
import { FunctionMeter, type MeterIndices } from './function-meter.ts';
import { FunctionScanner } from './function-scan.ts';
import type { FunctionType } from './known-imports.ts';
import { FUEL_LEFT, FUEL_SET } from './prepared-module.ts';
import { decodeModule, SECTION, SECTION_ORDER, valueTypeByte, type Limits, type WasmModule } from './wasm-module.ts';
import { WasmFormatError, WasmReader } from './wasm-reader.ts';
import { WasmWriter } from './wasm-writer.ts';

export interface MeterOptions {
  /** Becomes the memory's declared maximum, the only thing that bounds it. */
  readonly maxMemoryPages: number;
  /** What start and _initialize may use before the host sets a budget. */
  readonly initialFuel: number;
}

/** More elements than any table needs; a table's entries are 100 times their size in the engine. */
export const TABLE_ELEMENTS_MAX = 100_000;
/** Kept for readable traps; larger ones and debug sections are dropped. */
const NAME_SECTION_BYTES_MAX = 1 << 20;

const header = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
const SET_TYPE: FunctionType = { params: ['f64'], results: [] };
const LEFT_TYPE: FunctionType = { params: [], results: ['f64'] };
const GROW_TYPE: FunctionType = { params: ['i32'], results: ['i32'] };

/** What is added to the module's index spaces: always at their ends, so that no index of the guest's changes. */
class Additions {
  readonly types: FunctionType[] = [];
  readonly #firstType: number;
  readonly #known = new Map<string, number>();

  constructor(firstType: number) {
    this.#firstType = firstType;
  }

  typeIndex(type: FunctionType): number {
    const key = `${type.params.join()}>${type.results.join()}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const index = this.#firstType + this.types.length;
    this.types.push(type);
    this.#known.set(key, index);
    return index;
  }

  /** Of a block that takes nothing and yields `type`'s results. */
  blockType(type: FunctionType): Uint8Array {
    const [first, second] = type.results;
    if (first === undefined) return Uint8Array.of(0x40);
    if (second === undefined) return Uint8Array.of(valueTypeByte(first));
    return new WasmWriter(8).s64(this.typeIndex({ params: [], results: type.results })).bytes();
  }
}

/**
 * Rewrites a module that inspectModule accepted: fuel charges (function-meter.ts), memory and tables capped, debug sections
 * dropped, and the exports FUEL_SET and FUEL_LEFT added. The fuel is a global of its own that is not exported and has an index
 * the guest's code cannot name.
 */
export function meterModule(bytes: Uint8Array, options: MeterOptions): Uint8Array<ArrayBuffer> {
  const module = decodeModule(bytes);
  const additions = new Additions(module.types.length);
  const addedTypes = [SET_TYPE, LEFT_TYPE, GROW_TYPE].map((type) => additions.typeIndex(type));
  const firstAdded = module.functionTypes.length;
  const indices: MeterIndices = { fuelGlobal: module.globals, growFunction: firstAdded + 2 };
  const code = meterCode(module, indices, additions);

  const sections = new Map<number, Uint8Array>();
  for (const [id, range] of module.sections) sections.set(id, bytes.subarray(range.start, range.end));
  const append = (id: number, count: number, extra: WasmWriter): void => {
    sections.set(id, appendEntries(sections.get(id), count, extra));
  };
  const types = new WasmWriter();
  for (const type of additions.types) writeFunctionType(types, type);
  append(SECTION.type, additions.types.length, types);
  const functions = new WasmWriter();
  for (const index of addedTypes) functions.u32(index);
  append(SECTION.function, addedTypes.length, functions);
  const global = new WasmWriter().u8(0x7e, 1, 0x42).s64(Math.floor(options.initialFuel)).u8(0x0b);
  append(SECTION.global, 1, global);
  const exports = new WasmWriter().name(FUEL_SET).u8(0).u32(firstAdded);
  exports
    .name(FUEL_LEFT)
    .u8(0)
    .u32(firstAdded + 1);
  append(SECTION.export, 2, exports);
  sections.set(SECTION.code, code);
  if (module.memories.length > 0) sections.set(SECTION.memory, cappedMemory(module, options.maxMemoryPages));
  if (module.tables.length > 0) sections.set(SECTION.table, cappedTables(module));

  const out = new WasmWriter(bytes.length + (bytes.length >> 1) + 1024).raw(header);
  for (const id of SECTION_ORDER) {
    const payload = sections.get(id);
    if (payload !== undefined) out.section(id, payload);
  }
  for (const custom of module.customSections) {
    const small = custom.range.end - custom.range.start <= NAME_SECTION_BYTES_MAX;
    if (custom.name === 'name' && small)
      out.section(SECTION.custom, bytes.subarray(custom.range.start, custom.range.end));
  }
  return out.bytes();
}

function meterCode(module: WasmModule, indices: MeterIndices, additions: Additions): Uint8Array {
  const scanner = new FunctionScanner(module);
  const meter = new FunctionMeter(indices);
  const out = new WasmWriter(1 << 16);
  const hasMemory = module.memories.length > 0 || module.imports.some(({ kind }) => kind === 'memory');
  const helpers = helperBodies(indices, hasMemory);
  out.u32(module.bodies.length + helpers.length);
  module.bodies.forEach((body, i) => {
    const type = module.types[module.functionTypes[module.importedFunctions + i] ?? -1];
    if (type === undefined) throw new WasmFormatError(`function ${i} has no type`);
    const metered = meter.write(module.bytes, body, scanner.scan(i), additions.blockType(type));
    out.u32(metered.length).raw(metered);
  });
  for (const body of helpers) out.u32(body.length).raw(body);
  return out.view();
}

/** FUEL_SET, FUEL_LEFT and the stand-in for memory.grow, in this order. */
function helperBodies(indices: MeterIndices, hasMemory: boolean): Uint8Array[] {
  const fuel = indices.fuelGlobal;
  const trapWhenOut = (out: WasmWriter): WasmWriter => out.u8(0x23).u32(fuel).u8(0x42, 0, 0x53, 0x04, 0x40, 0x00, 0x0b);
  const set = trapWhenOut(new WasmWriter().u8(0, 0x20, 0, 0xfc, 6, 0x24).u32(fuel)).u8(0x0b);
  const left = new WasmWriter().u8(0, 0x23).u32(fuel).u8(0xb9, 0x0b);
  const grow = new WasmWriter();
  if (!hasMemory) return [set.bytes(), left.bytes(), grow.u8(0, 0x41, 0x7f, 0x0b).bytes()];
  const charge = (amount: () => void): void => {
    grow.u8(0x23).u32(fuel);
    amount();
    grow.u8(0x7d, 0x24).u32(fuel);
  };
  grow.u8(1, 1, 0x7f); // one local: the result
  charge(() => grow.u8(0x42).s64(MEMORY_GROW_REFUSED_COST));
  trapWhenOut(grow);
  grow.u8(0x20, 0, 0x45, 0x04, 0x40, 0x3f, 0, 0x0f, 0x0b); // by nothing: memory.size
  // Pages are charged once they are there: allocators ask for more than the limit and expect a refusal, not a trap.
  grow.u8(0x20, 0, 0x40, 0, 0x22, 1, 0x41, 0x7f, 0x47, 0x04, 0x40);
  charge(() => grow.u8(0x20, 0, 0xad, 0x42).s64(MEMORY_PAGE_COST).u8(0x7e, 0x42).s64(MEMORY_GROW_COST).u8(0x7c));
  trapWhenOut(grow);
  grow.u8(0x0b, 0x20, 1, 0x0b);
  return [set.bytes(), left.bytes(), grow.bytes()];
}

function writeFunctionType(out: WasmWriter, type: FunctionType): void {
  out
    .u8(0x60)
    .u32(type.params.length)
    .u8(...type.params.map(valueTypeByte));
  out.u32(type.results.length).u8(...type.results.map(valueTypeByte));
}

/** A section that is a vector, with entries added at its end. */
function appendEntries(payload: Uint8Array | undefined, count: number, extra: WasmWriter): Uint8Array {
  if (payload === undefined) return new WasmWriter().u32(count).raw(extra.view()).bytes();
  const reader = new WasmReader(payload);
  const existing = reader.u32();
  return new WasmWriter(payload.length + 64)
    .u32(existing + count)
    .copy(payload, reader.at, payload.length)
    .raw(extra.view())
    .bytes();
}

function writeLimits(out: WasmWriter, limits: Limits, cap: number): void {
  out
    .u8(1)
    .u32(limits.min)
    .u32(Math.max(limits.min, Math.min(limits.max ?? cap, cap)));
}

function cappedMemory(module: WasmModule, maxMemoryPages: number): Uint8Array {
  const out = new WasmWriter().u32(module.memories.length);
  for (const memory of module.memories) writeLimits(out, memory, maxMemoryPages);
  return out.bytes();
}

function cappedTables(module: WasmModule): Uint8Array {
  const out = new WasmWriter().u32(module.tables.length);
  for (const table of module.tables) {
    out.u8(table.elementType);
    writeLimits(out, table.limits, TABLE_ELEMENTS_MAX);
  }
  return out.bytes();
}
