import type { FunctionType, ValueType } from './known-imports.ts';
import { SECTION, valueTypeByte } from './wasm-module.ts';
import { WasmWriter } from './wasm-writer.ts';

/** One function of a hand-made module. `code` is without the final end. */
export interface BuiltFunction extends FunctionType {
  readonly export?: string;
  readonly locals?: readonly (readonly [count: number, type: ValueType])[];
  readonly code: readonly number[];
}

export interface BuiltModule {
  readonly imports?: readonly ({ readonly module: string; readonly name: string } & FunctionType)[];
  readonly functions: readonly BuiltFunction[];
  /** Minimum pages and maximum; default [1]. Exported as `memory`. */
  readonly memory?: readonly [number, number?] | undefined;
  /** Function indices in a funcref table. */
  readonly table?: readonly number[];
  /** More sections, by id, as payloads: replace what the rest would write. */
  readonly sections?: ReadonlyMap<number, Uint8Array>;
  readonly exportMemoryAs?: string | undefined;
}

/** Signed LEB128, for constants in `code`. */
export function leb(value: number): number[] {
  return [...new WasmWriter(10).s64(value).bytes()];
}

/** Assembles a small module for tests. Function indices count imports first; type i is that of import or function i. */
export function buildModule(built: BuiltModule): Uint8Array<ArrayBuffer> {
  const imports = built.imports ?? [];
  const sections = new Map<number, Uint8Array>();
  const vector = <T>(
    id: number,
    entries: readonly T[],
    write: (out: WasmWriter, entry: T, i: number) => void,
  ): void => {
    if (entries.length === 0) return;
    const out = new WasmWriter().u32(entries.length);
    entries.forEach((entry, i) => write(out, entry, i));
    sections.set(id, out.bytes());
  };
  const valueTypes = (out: WasmWriter, types: readonly ValueType[]): void =>
    void out.u32(types.length).u8(...types.map(valueTypeByte));
  vector<FunctionType>(SECTION.type, [...imports, ...built.functions], (out, type) => {
    out.u8(0x60);
    valueTypes(out, type.params);
    valueTypes(out, type.results);
  });
  vector(SECTION.import, imports, (out, entry, i) => out.name(entry.module).name(entry.name).u8(0).u32(i));
  vector(SECTION.function, built.functions, (out, _, i) => out.u32(imports.length + i));
  const table = built.table ?? [];
  if (table.length > 0) sections.set(SECTION.table, new WasmWriter().u8(1, 0x70, 0).u32(table.length).bytes());
  const memory = 'memory' in built ? built.memory : ([1] as const);
  if (memory !== undefined) {
    const [min, max] = memory;
    const out = new WasmWriter().u8(1, max === undefined ? 0 : 1).u32(min);
    sections.set(SECTION.memory, (max === undefined ? out : out.u32(max)).bytes());
  }
  const exported = built.functions.flatMap((fn, i) =>
    fn.export === undefined ? [] : [{ name: fn.export, kind: 0, index: imports.length + i }],
  );
  if (memory !== undefined) exported.push({ name: built.exportMemoryAs ?? 'memory', kind: 2, index: 0 });
  vector(SECTION.export, exported, (out, entry) => out.name(entry.name).u8(entry.kind).u32(entry.index));
  if (table.length > 0) {
    const out = new WasmWriter().u8(1, 0, 0x41, 0, 0x0b).u32(table.length);
    for (const index of table) out.u32(index);
    sections.set(SECTION.element, out.bytes());
  }
  vector(SECTION.code, built.functions, (out, fn) => {
    const body = new WasmWriter().u32(fn.locals?.length ?? 0);
    for (const [count, type] of fn.locals ?? []) body.u32(count).u8(valueTypeByte(type));
    body.raw(Uint8Array.from(fn.code)).u8(0x0b);
    out.u32(body.length).raw(body.view());
  });
  for (const [id, payload] of built.sections ?? []) sections.set(id, payload);
  return assemble(sections);
}

function assemble(sections: ReadonlyMap<number, Uint8Array>): Uint8Array<ArrayBuffer> {
  const out = new WasmWriter().u8(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
  const order = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11, 0];
  for (const id of order) {
    const payload = sections.get(id);
    if (payload !== undefined) out.section(id, payload);
  }
  return out.bytes();
}
