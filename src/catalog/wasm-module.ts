import type { FunctionType, ValueType } from './known-imports.ts';
import { IMMEDIATE, IMMEDIATES, OP } from './wasm-operator.ts';
import { TooLargeError, UnsupportedFeatureError, WasmFormatError, WasmReader } from './wasm-reader.ts';

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

/**
 * How many entries of a section are taken. All of this is work and memory before a line of the guest's runs, and again for each
 * new instance; types stay in the engine for as long as the process lives, and past one million of them V8 ends it.
 */
const ENTRIES_MAX: ReadonlyMap<number, readonly [max: number, what: string]> = new Map([
  [SECTION.type, [10_000, 'types']],
  [SECTION.import, [1000, 'imports']],
  [SECTION.function, [200_000, 'functions']],
  [SECTION.table, [100, 'tables']],
  [SECTION.memory, [100, 'memories']],
  [SECTION.tag, [1000, 'exception tags']],
  [SECTION.export, [10_000, 'exports']],
  [SECTION.code, [200_000, 'functions']],
  [SECTION.data, [100_000, 'data segments']],
]);
/** Sections of constant expressions, which are evaluated for each new instance. */
const SECTION_BYTES_MAX: ReadonlyMap<number, readonly [max: number, what: string]> = new Map([
  [SECTION.global, [1 << 20, 'globals']],
  [SECTION.element, [1 << 20, 'table elements']],
]);
const CUSTOM_SECTIONS_MAX = 1000;
/** Of one constant expression where a section of them cannot be limited as a whole: an address and its end. */
const OFFSET_BYTES_MAX = 16;
/** As in the engine. */
const VALUES_MAX = 1000;

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
  /** Of a memory or table. */
  readonly limits: Limits | undefined;
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
  /** Imported ones too. */
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

const NO_VALUE = 0x40;

/**
 * A block's type: the index of a function type, or -1 for the short forms (no result, or one). Short forms of typed references
 * take more than a byte: passed over as one, their rest would be read as operators the engine never executes.
 */
export function readBlockType(reader: WasmReader): number {
  const first = reader.peek();
  if (first < NO_VALUE || first >= 0x80) return reader.u32();
  if (first === NO_VALUE) reader.u8();
  else readValueType(reader);
  return -1;
}

export function valueTypeByte(type: ValueType): number {
  for (const [byte, known] of VALUE_TYPES) if (known === type) return byte;
  throw new WasmFormatError(`no such type ${type}`);
}

function readFunctionType(reader: WasmReader): FunctionType {
  // Structs, arrays and recursive groups live in V8's heap, which no memory limit of ours bounds.
  if (reader.u8() !== FUNCTION_TYPE) throw new UnsupportedFeatureError('garbage collection (struct and array types)');
  const list = (): ValueType[] => {
    const length = reader.count();
    if (length > VALUES_MAX) throw new TooLargeError(`a function type of ${length} values (at most ${VALUES_MAX})`);
    return Array.from({ length }, () => readValueType(reader));
  };
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

function readTag(reader: WasmReader): void {
  reader.u8();
  reader.u32();
}

function readImport(reader: WasmReader): ModuleImport {
  const module = reader.name();
  const name = reader.name();
  const kind = KINDS[reader.u8()];
  let typeIndex = -1;
  let limits: Limits | undefined;
  if (kind === 'function') typeIndex = reader.u32();
  else if (kind === 'table') ({ limits } = readTable(reader));
  else if (kind === 'memory') limits = readLimits(reader);
  else if (kind === 'global') {
    readValueType(reader);
    reader.u8();
  } else if (kind === 'tag') readTag(reader);
  else throw new WasmFormatError(`unknown kind of import ${module}.${name}`);
  return { module, name, kind, typeIndex, limits };
}

function readExport(reader: WasmReader): ModuleExport {
  const name = reader.name();
  const kind = KINDS[reader.u8()];
  if (kind === undefined) throw new WasmFormatError(`unknown kind of export ${name}`);
  return { name, kind, index: reader.u32() };
}

function readBody(reader: WasmReader): ByteRange {
  const length = reader.u32();
  const start = reader.at;
  reader.skip(length);
  return { start, end: reader.at };
}

function passOffset(reader: WasmReader): void {
  const start = reader.at;
  for (let opcode = reader.u8(); opcode !== OP.end; opcode = reader.u8()) {
    if (IMMEDIATES[opcode] === IMMEDIATE.leb) reader.skipLeb();
    else if (IMMEDIATES[opcode] !== IMMEDIATE.none) throw new WasmFormatError(`no address at byte ${start}`);
    if (reader.at - start > OFFSET_BYTES_MAX)
      throw new TooLargeError('a data segment whose address is a long expression');
  }
}

/** Only for its limits: nobody needs the data itself. */
function passDataSegment(reader: WasmReader): void {
  const flags = reader.u32();
  if (flags === 2) reader.u32();
  if (flags !== 1) passOffset(reader);
  reader.skip(reader.u32());
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
    const [bytesMax, what] = SECTION_BYTES_MAX.get(id) ?? [Infinity, ''];
    if (length > bytesMax) throw new TooLargeError(`${length} bytes of ${what} (at most ${bytesMax})`);
    if (customSections.length > CUSTOM_SECTIONS_MAX) {
      throw new TooLargeError(`more than ${CUSTOM_SECTIONS_MAX} custom sections`);
    }
  }
  return { sections, customSections };
}

/**
 * Decodes the skeleton of a module, which the engine need not have seen: to decode it before is what protects the engine.
 * Throws TooLargeError, UnsupportedFeatureError for what V8 takes and the sandbox does not, WasmFormatError for bytes that make
 * no sense.
 */
export function decodeModule(bytes: Uint8Array): WasmModule {
  const { sections, customSections } = findSections(bytes);
  function list<T>(id: number, read: (reader: WasmReader) => T): T[] {
    const range = sections.get(id);
    if (range === undefined) return [];
    const reader = new WasmReader(bytes, range.start, range.end);
    const length = reader.count();
    const [entriesMax, what] = ENTRIES_MAX.get(id) ?? [Infinity, ''];
    if (length > entriesMax) throw new TooLargeError(`${length} ${what} (at most ${entriesMax})`);
    return Array.from({ length }, () => read(reader));
  }
  list(SECTION.data, passDataSegment);
  list(SECTION.tag, readTag);
  const imports = list(SECTION.import, readImport);
  const imported = imports.filter((entry) => entry.kind === 'function').map((entry) => entry.typeIndex);
  const importedGlobals = imports.filter((entry) => entry.kind === 'global').length;
  const globalRange = sections.get(SECTION.global);
  const globals = globalRange === undefined ? 0 : new WasmReader(bytes, globalRange.start, globalRange.end).count();
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
    globals: importedGlobals + globals,
    exports: list(SECTION.export, readExport),
    bodies: list(SECTION.code, readBody),
    hasStart: sections.has(SECTION.start),
  };
}
