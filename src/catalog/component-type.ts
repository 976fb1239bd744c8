import { UnsupportedFeatureError, WasmFormatError, type WasmReader } from './wasm-reader.ts';

/**
 * A type of the component model, as text: two types are the same if their texts are. Names of types do not count, labels do.
 * Resources are told apart by nobody here: host functions take handles as numbers and check them.
 */
export type ComponentType =
  | { readonly kind: 'value'; readonly text: string }
  | { readonly kind: 'function'; readonly text: string }
  | { readonly kind: 'instance'; readonly exports: ReadonlyMap<string, ExternType> }
  | { readonly kind: 'component' };

/** What an import or export is said to be. */
export type ExternType =
  | { readonly sort: 'func' | 'instance' | 'type'; readonly type: ComponentType }
  | { readonly sort: 'component' | 'module' };

/** Types refer to types: without an end, a few bytes could ask for a text of any length. Ours come to 300. */
const TEXT_LENGTH_MAX = 4096;
/** Instance types nest, and each nests a call here. */
const DEPTH_MAX = 16;

const PRIMITIVES = new Map<number, string>([
  [0x7f, 'bool'],
  [0x7e, 's8'],
  [0x7d, 'u8'],
  [0x7c, 's16'],
  [0x7b, 'u16'],
  [0x7a, 's32'],
  [0x79, 'u32'],
  [0x78, 's64'],
  [0x77, 'u64'],
  [0x76, 'f32'],
  [0x75, 'f64'],
  [0x74, 'char'],
  [0x73, 'string'],
  [0x64, 'error-context'],
]);

/** One scope of type indices: a component's, or that of an instance type. */
export class TypeScope {
  readonly types: ComponentType[] = [];
  readonly instances: ComponentType[] = [];
  readonly outer: TypeScope | undefined;
  readonly #depth: number;

  constructor(outer?: TypeScope) {
    this.outer = outer;
    this.#depth = outer === undefined ? 0 : outer.#depth + 1;
    if (this.#depth > DEPTH_MAX) throw new WasmFormatError(`types nested more than ${DEPTH_MAX} deep`);
  }

  type(index: number): ComponentType {
    const type = this.types[index];
    if (type === undefined) throw new WasmFormatError(`no type ${index}`);
    return type;
  }

  /** The type `index` of the scope `count` levels up. */
  outerType(count: number, index: number): ComponentType {
    if (count === 0) return this.type(index);
    if (this.outer === undefined) throw new WasmFormatError('a type of a scope that is not there');
    return this.outer.outerType(count - 1, index);
  }
}

function bounded(text: string): string {
  if (text.length > TEXT_LENGTH_MAX) throw new WasmFormatError('a type that is too large');
  return text;
}

const RESOURCE: ComponentType = { kind: 'value', text: 'resource' };

function valueType(reader: WasmReader, scope: TypeScope): string {
  const primitive = PRIMITIVES.get(reader.peek());
  if (primitive !== undefined) {
    reader.u8();
    return primitive;
  }
  const type = scope.type(reader.u32());
  if (type.kind !== 'value') throw new WasmFormatError('a type that is no value');
  return type.text;
}

function list<T>(reader: WasmReader, read: () => T): T[] {
  return Array.from({ length: reader.count() }, read);
}

function optional(reader: WasmReader, read: () => string): string | undefined {
  const flag = reader.u8();
  if (flag > 1) throw new WasmFormatError(`unknown option ${flag}`);
  return flag === 0 ? undefined : read();
}

function fields(reader: WasmReader, scope: TypeScope): string {
  return list(reader, () => `${reader.name()}: ${valueType(reader, scope)}`).join(', ');
}

function functionText(reader: WasmReader, scope: TypeScope): string {
  const params = fields(reader, scope);
  const results = reader.u8();
  if (results === 0) return `func(${params}) -> ${valueType(reader, scope)}`;
  if (results === 1 && reader.u8() === 0) return `func(${params})`;
  throw new UnsupportedFeatureError('functions with named results');
}

function definedValue(opcode: number, reader: WasmReader, scope: TypeScope): string {
  const value = (): string => valueType(reader, scope);
  const label = (): string => reader.name();
  switch (opcode) {
    case 0x72:
      return `record{${fields(reader, scope)}}`;
    case 0x71: {
      const cases = list(reader, () => {
        const name = reader.name();
        const payload = optional(reader, value);
        if (reader.u8() !== 0) throw new UnsupportedFeatureError('variants that refine');
        return payload === undefined ? name : `${name}(${payload})`;
      });
      return `variant{${cases.join(', ')}}`;
    }
    case 0x70:
      return `list<${value()}>`;
    case 0x6f:
      return `tuple<${list(reader, value).join(', ')}>`;
    case 0x6e:
      return `flags{${list(reader, label).join(', ')}}`;
    case 0x6d:
      return `enum{${list(reader, label).join(', ')}}`;
    case 0x6b:
      return `option<${value()}>`;
    case 0x6a:
      return `result<${optional(reader, value) ?? '_'}, ${optional(reader, value) ?? '_'}>`;
    case 0x69:
    case 0x68:
      scope.type(reader.u32());
      return opcode === 0x69 ? 'own<resource>' : 'borrow<resource>';
    default:
      throw new UnsupportedFeatureError(`component types of kind 0x${opcode.toString(16)} (streams, futures, maps)`);
  }
}

/** Reads one definition of a type section. */
export function readComponentType(reader: WasmReader, scope: TypeScope): ComponentType {
  const opcode = reader.u8();
  const primitive = PRIMITIVES.get(opcode);
  if (primitive !== undefined) return { kind: 'value', text: primitive };
  if (opcode === 0x40) return { kind: 'function', text: bounded(functionText(reader, scope)) };
  if (opcode === 0x43) throw new UnsupportedFeatureError('asynchronous functions');
  if (opcode === 0x3f) throw new UnsupportedFeatureError('resources of the component itself');
  if (opcode === 0x42) return instanceType(reader, scope);
  if (opcode === 0x41) {
    componentType(reader, scope);
    return { kind: 'component' };
  }
  return { kind: 'value', text: bounded(definedValue(opcode, reader, scope)) };
}

function instanceType(reader: WasmReader, outer: TypeScope): ComponentType {
  const scope = new TypeScope(outer);
  const exports = new Map<string, ExternType>();
  const count = reader.count();
  for (let i = 0; i < count; i += 1) declaration(reader, reader.u8(), scope, exports);
  return { kind: 'instance', exports };
}

/** Only passed over: the type of a component that is imported or nested is of no use here. */
function componentType(reader: WasmReader, outer: TypeScope): void {
  const scope = new TypeScope(outer);
  const count = reader.count();
  for (let i = 0; i < count; i += 1) {
    const kind = reader.u8();
    if (kind === 3) {
      readExternName(reader);
      readExternType(reader, scope);
    } else declaration(reader, kind, scope, new Map());
  }
}

function declaration(reader: WasmReader, kind: number, scope: TypeScope, exports: Map<string, ExternType>): void {
  if (kind === 1) scope.types.push(readComponentType(reader, scope));
  else if (kind === 2) aliasDeclaration(reader, scope);
  else if (kind === 4) {
    const name = readExternName(reader);
    exports.set(name, readExternType(reader, scope));
  } else throw new UnsupportedFeatureError(`declarations of kind ${kind} in a component's type`);
}

const SORT_TYPE = 3;

function aliasDeclaration(reader: WasmReader, scope: TypeScope): void {
  const sort = reader.u8();
  if (sort !== SORT_TYPE) throw new UnsupportedFeatureError("aliases of anything but types in a component's type");
  const target = reader.u8();
  if (target === 2) scope.types.push(scope.outerType(reader.u32(), reader.u32()));
  else if (target === 0) scope.types.push(exportedType(scope.instances[reader.u32()], reader.name()));
  else throw new WasmFormatError(`unknown alias ${target}`);
}

function exportedType(instance: ComponentType | undefined, name: string): ComponentType {
  const found = instance?.kind === 'instance' ? instance.exports.get(name) : undefined;
  if (found?.sort !== 'type') throw new WasmFormatError(`an instance has no type ${JSON.stringify(name.slice(0, 80))}`);
  return found.type;
}

/** The name of an import or export, without what some tools note beside it. */
export function readExternName(reader: WasmReader): string {
  const form = reader.u8();
  if (form > 1) throw new UnsupportedFeatureError('names of imports and exports with options');
  return reader.name();
}

/** Reads what an import or export is; what it brings into the scope of types and instances is added there. */
export function readExternType(reader: WasmReader, scope: TypeScope): ExternType {
  const kind = reader.u8();
  switch (kind) {
    case 0x00:
      reader.u8();
      reader.u32();
      return { sort: 'module' };
    case 0x01: {
      const type = scope.type(reader.u32());
      if (type.kind !== 'function') throw new WasmFormatError('a function whose type is none');
      return { sort: 'func', type };
    }
    case 0x03: {
      const type = reader.u8() === 0 ? scope.type(reader.u32()) : RESOURCE;
      scope.types.push(type);
      return { sort: 'type', type };
    }
    case 0x04:
      reader.u32();
      return { sort: 'component' };
    case 0x05: {
      const type = scope.type(reader.u32());
      if (type.kind !== 'instance') throw new WasmFormatError('an instance whose type is none');
      scope.instances.push(type);
      return { sort: 'instance', type };
    }
    default:
      throw new UnsupportedFeatureError('values as imports and exports of components');
  }
}
