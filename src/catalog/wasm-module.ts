import type { FunctionType, ValueType } from './known-imports.ts';
import { UnsupportedFeatureError, WasmFormatError, WasmReader } from './wasm-reader.ts';

export const SECTION = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  element: 9,
  code: 10,
  data: 11,
  dataCount: 12,
  tag: 13,
} as const;

/** Order in the file, which is not the order of the ids. */
export const SECTION_ORDER = [
  SECTION.type,
  SECTION.import,
  SECTION.function,
  SECTION.table,
  SECTION.memory,
  SECTION.tag,
  SECTION.global,
  SECTION.export,
  SECTION.start,
  SECTION.element,
  SECTION.dataCount,
  SECTION.code,
  SECTION.data,
] as const;

export type ExternalKind = 'function' | 'table' | 'memory' | 'global' | 'tag';
const KINDS: readonly ExternalKind[] = ['function', 'table', 'memory', 'global', 'tag'];
const FUNCTION_TYPE = 0x60;

export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export interface ModuleImport {
  readonly module: string;
  readonly name: string;
  readonly kind: ExternalKind;
  /** Of a function. */
  readonly typeIndex: number;
}

export interface ModuleExport {
  readonly name: string;
  readonly kind: ExternalKind;
  readonly index: number;
}

export interface Limits {
  readonly min: number;
  readonly max: number | undefined;
  readonly shared: boolean;
  readonly is64: boolean;
}

export interface Table {
  /** funcref 0x70 or externref 0x6f. */
  readonly elementType: number;
  readonly limits: Limits;
}

/** The skeleton of a module: everything but the function bodies, which stay bytes. */
export interface WasmModule {
  readonly bytes: Uint8Array;
  /** Payload of each known section present. */
  readonly sections: ReadonlyMap<number, ByteRange>;
  readonly customSections: readonly { readonly name: string; readonly range: ByteRange }[];
  readonly types: readonly FunctionType[];
  readonly imports: readonly ModuleImport[];
  readonly importedFunctions: number;
  /** Type index of every function, imported ones first. */
  readonly functionTypes: readonly number[];
  readonly tables: readonly Table[];
  readonly memories: readonly Limits[];
  readonly globals: number;
  readonly exports: readonly ModuleExport[];
  readonly bodies: readonly ByteRange[];
  readonly hasStart: boolean;
}

const VALUE_TYPES = new Map<number, ValueType>([
  [0x7f, 'i32'],
  [0x7e, 'i64'],
  [0x7d, 'f32'],
  [0x7c, 'f64'],
  [0x7b, 'v128'],
  [0x70, 'funcref'],
  [0x6f, 'externref'],
  [0x69, 'exnref'],
]);

export function readValueType(reader: WasmReader): ValueType {
  const byte = reader.u8();
  const type = VALUE_TYPES.get(byte);
  if (type === undefined) throw new UnsupportedFeatureError('garbage-collected or typed references');
  return type;
}

export function valueTypeByte(type: ValueType): number {
  for (const [byte, known] of VALUE_TYPES) if (known === type) return byte;
  throw new WasmFormatError(`no such type ${type}`);
}

function readFunctionType(reader: WasmReader): FunctionType {
  // Structs, arrays and recursive groups live in V8's heap, which no memory limit of ours bounds.
  if (reader.u8() !== FUNCTION_TYPE) throw new UnsupportedFeatureError('garbage collection (struct and array types)');
  const list = (): ValueType[] => Array.from({ length: reader.count() }, () => readValueType(reader));
  return { params: list(), results: list() };
}

function readLimits(reader: WasmReader): Limits {
  const flags = reader.u8();
  if (flags > 7) throw new UnsupportedFeatureError('custom page sizes');
  const is64 = (flags & 4) !== 0;
  if (is64) {
    // Refused by the inspector: sizes are of no interest.
    reader.skipLeb();
    if ((flags & 1) !== 0) reader.skipLeb();
    return { min: 0, max: undefined, shared: (flags & 2) !== 0, is64 };
  }
  const min = reader.u32();
  return { min, max: (flags & 1) !== 0 ? reader.u32() : undefined, shared: (flags & 2) !== 0, is64 };
}

function readTable(reader: WasmReader): Table {
  const elementType = reader.u8();
  // Tables of exceptions or typed references, or with initialiser expressions: no toolchain of ours makes them.
  if (elementType !== 0x70 && elementType !== 0x6f) throw new UnsupportedFeatureError('typed tables');
  return { elementType, limits: readLimits(reader) };
}

function readImport(reader: WasmReader): ModuleImport {
  const module = reader.name();
  const name = reader.name();
  const kind = KINDS[reader.u8()];
  let typeIndex = -1;
  if (kind === 'function') typeIndex = reader.u32();
  else if (kind === 'table') readTable(reader);
  else if (kind === 'memory') readLimits(reader);
  else if (kind === 'global') {
    readValueType(reader);
    reader.u8();
  } else if (kind === 'tag') {
    reader.u8();
    reader.u32();
  } else throw new WasmFormatError(`unknown kind of import ${module}.${name}`);
  return { module, name, kind, typeIndex };
}

function readExport(reader: WasmReader): ModuleExport {
  const name = reader.name();
  const kind = KINDS[reader.u8()];
  if (kind === undefined) throw new WasmFormatError(`unknown kind of export ${name}`);
  return { name, kind, index: reader.u32() };
}

function readBodies(reader: WasmReader): ByteRange[] {
  return Array.from({ length: reader.count(2) }, () => {
    const length = reader.u32();
    const start = reader.at;
    reader.skip(length);
    return { start, end: reader.at };
  });
}

function findSections(bytes: Uint8Array): Pick<WasmModule, 'sections' | 'customSections'> {
  const sections = new Map<number, ByteRange>();
  const customSections: { name: string; range: ByteRange }[] = [];
  const known = new Set<number>(SECTION_ORDER);
  const reader = new WasmReader(bytes, 8);
  while (!reader.done) {
    const id = reader.u8();
    const length = reader.u32();
    const range = { start: reader.at, end: reader.at + length };
    reader.skip(length);
    if (id === SECTION.custom)
      customSections.push({ name: new WasmReader(bytes, range.start, range.end).name(), range });
    else if (!known.has(id)) throw new UnsupportedFeatureError(`section ${id}`);
    else if (sections.has(id)) throw new WasmFormatError(`section ${id} appears twice`);
    else sections.set(id, range);
  }
  return { sections, customSections };
}

/**
 * Decodes the skeleton of a module that WebAssembly.validate has accepted. Throws UnsupportedFeatureError for what V8 takes
 * and the sandbox does not, WasmFormatError for bytes that make no sense.
 */
export function decodeModule(bytes: Uint8Array): WasmModule {
  const { sections, customSections } = findSections(bytes);
  function list<T>(id: number, read: (reader: WasmReader) => T): T[] {
    const range = sections.get(id);
    if (range === undefined) return [];
    const reader = new WasmReader(bytes, range.start, range.end);
    return Array.from({ length: reader.count() }, () => read(reader));
  }
  const imports = list(SECTION.import, readImport);
  const imported = imports.filter((entry) => entry.kind === 'function').map((entry) => entry.typeIndex);
  const codeRange = sections.get(SECTION.code);
  const globalRange = sections.get(SECTION.global);
  return {
    bytes,
    sections,
    customSections,
    types: list(SECTION.type, readFunctionType),
    imports,
    importedFunctions: imported.length,
    functionTypes: [...imported, ...list(SECTION.function, (reader) => reader.u32())],
    tables: list(SECTION.table, readTable),
    memories: list(SECTION.memory, readLimits),
    globals: globalRange === undefined ? 0 : new WasmReader(bytes, globalRange.start, globalRange.end).count(),
    exports: list(SECTION.export, readExport),
    bodies: codeRange === undefined ? [] : readBodies(new WasmReader(bytes, codeRange.start, codeRange.end)),
    hasStart: sections.has(SECTION.start),
  };
}
