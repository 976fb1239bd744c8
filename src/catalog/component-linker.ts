import type { CoreExport, CoreItem, ImportLink, InstantiationStep, LiftedFunction } from './component-plan.ts';
import { readComponentType, readExternName, readExternType, TypeScope, type ComponentType } from './component-type.ts';
import { decodeModule, type ByteRange, type WasmModule } from './wasm-module.ts';
import { TooLargeError, UnsupportedFeatureError, WasmFormatError, WasmReader } from './wasm-reader.ts';

const SECTION = {
  coreModule: 1,
  coreInstance: 2,
  coreType: 3,
  component: 4,
  instance: 5,
  alias: 6,
  type: 7,
  canon: 8,
  import: 10,
  export: 11,
} as const;

/** Of all components nested in this one together: instantiating the same one twice in each of a chain doubles with each link. */
const DEFINITIONS_MAX = 100_000;
const DEPTH_MAX = 8;
/** Python takes 38 modules, each instantiated once. */
const MODULES_MAX = 100;
const STEPS_MAX = 100;

const CORE_SORTS = ['func', 'table', 'memory', 'global'] as const;
type CoreSort = (typeof CORE_SORTS)[number];

interface CanonOptions {
  utf8: boolean;
  memory: CoreItem | undefined;
  realloc: CoreItem | undefined;
  postReturn: CoreItem | undefined;
}

export type ComponentFunction =
  | { readonly kind: 'lifted'; readonly type: string; readonly core: CoreItem; readonly options: CanonOptions }
  | { readonly kind: 'host'; readonly module: string; readonly name: string };

export type Entity =
  | { readonly sort: 'func'; readonly func: ComponentFunction }
  | { readonly sort: 'instance'; readonly exports: ReadonlyMap<string, Entity> }
  | { readonly sort: 'type'; readonly type: ComponentType }
  | { readonly sort: 'module'; readonly index: number }
  | { readonly sort: 'component'; readonly range: ByteRange; readonly scope: Scope };

/** An instance of a core module, or a handful of items under one name. */
type CoreInstance = { readonly step: number } | { readonly items: ReadonlyMap<string, CoreItem> };

/** The index spaces of one component while it is read. */
interface Scope {
  readonly outer: Scope | undefined;
  readonly types: TypeScope;
  readonly modules: number[];
  readonly components: Extract<Entity, { sort: 'component' }>[];
  readonly instances: Extract<Entity, { sort: 'instance' }>[];
  readonly functions: ComponentFunction[];
  readonly coreInstances: CoreInstance[];
  readonly core: Record<CoreSort, CoreItem[]>;
}

export interface LinkedComponent {
  readonly modules: readonly WasmModule[];
  readonly steps: readonly InstantiationStep[];
  /** `wasi:io/streams@0.2.6`: name and version of each instance imported. */
  readonly imports: readonly string[];
  readonly exports: ReadonlyMap<string, Entity>;
}

function at<T>(list: readonly T[], index: number, what: string): T {
  const found = list[index];
  if (found === undefined) throw new WasmFormatError(`no ${what} ${index}`);
  return found;
}

/** `wasi:io/streams@0.2.6` → `wasi:io/streams`. */
function withoutVersion(name: string): string {
  const cut = name.indexOf('@');
  return cut < 0 ? name : name.slice(0, cut);
}

/**
 * Reads a component and works out which core modules it instantiates in what order with which imports, and what it exports. It
 * does at deploy what an engine for components does at each start, so that a guest thread has only to follow a list, and no code is
 * generated from what a component says. Components of one piece, as toolchains make them: one that calls another is refused.
 *
 * Throws UnsupportedFeatureError, TooLargeError or WasmFormatError. Pure, and takes bytes nobody has validated.
 */
export function linkComponent(bytes: Uint8Array): LinkedComponent {
  return new Linker(bytes).link();
}

class Linker {
  readonly #bytes: Uint8Array;
  readonly #modules: WasmModule[] = [];
  readonly #steps: InstantiationStep[] = [];
  readonly #imports: string[] = [];
  #definitions = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  link(): LinkedComponent {
    const whole = { start: 8, end: this.#bytes.length };
    const exports = this.#component(whole, undefined, undefined, 0);
    return { modules: this.#modules, steps: this.#steps, imports: this.#imports, exports };
  }

  /** @param given what the imports of a nested component are; undefined for the outermost, whose imports are the host's */
  #component(
    range: ByteRange,
    outer: Scope | undefined,
    given: ReadonlyMap<string, Entity> | undefined,
    depth: number,
  ): ReadonlyMap<string, Entity> {
    if (depth > DEPTH_MAX) throw new TooLargeError(`components nested more than ${DEPTH_MAX} deep`);
    const scope: Scope = {
      outer,
      types: new TypeScope(outer?.types),
      modules: [],
      components: [],
      instances: [],
      functions: [],
      coreInstances: [],
      core: { func: [], table: [], memory: [], global: [] },
    };
    const exports = new Map<string, Entity>();
    const reader = new WasmReader(this.#bytes, range.start, range.end);
    while (!reader.done) {
      const id = reader.u8();
      const length = reader.u32();
      const section = new WasmReader(this.#bytes, reader.at, reader.at + length);
      reader.skip(length);
      this.#section(id, section, scope, exports, given, depth);
    }
    return exports;
  }

  #section(
    id: number,
    reader: WasmReader,
    scope: Scope,
    exports: Map<string, Entity>,
    given: ReadonlyMap<string, Entity> | undefined,
    depth: number,
  ): void {
    const each = (read: () => void): void => {
      const count = reader.count();
      for (let i = 0; i < count; i += 1) {
        this.#count();
        read();
      }
      if (!reader.done) throw new WasmFormatError(`bytes left at the end of section ${id}`);
    };
    const range = { start: reader.at, end: reader.end };
    switch (id) {
      case 0: // custom: names and notes
      case SECTION.coreType: // of modules that are imported: those are refused
        return;
      case SECTION.coreModule:
        this.#count();
        scope.modules.push(this.#modules.length);
        this.#modules.push(decodeModule(this.#bytes.subarray(range.start, range.end)));
        if (this.#modules.length > MODULES_MAX) throw new TooLargeError(`more than ${MODULES_MAX} core modules`);
        return;
      case SECTION.component:
        this.#count();
        scope.components.push({ sort: 'component', range: { start: range.start + 8, end: range.end }, scope });
        return;
      case SECTION.coreInstance:
        return each(() => scope.coreInstances.push(this.#coreInstance(reader, scope)));
      case SECTION.instance:
        return each(() => scope.instances.push(this.#instance(reader, scope, depth)));
      case SECTION.alias:
        return each(() => this.#alias(reader, scope));
      case SECTION.type:
        return each(() => scope.types.types.push(readComponentType(reader, scope.types)));
      case SECTION.canon:
        return each(() => this.#canon(reader, scope));
      case SECTION.import:
        return each(() => this.#import(reader, scope, given));
      case SECTION.export:
        return each(() => this.#export(reader, scope, exports));
      default:
        throw new UnsupportedFeatureError(`section ${id} in a component`);
    }
  }

  #count(): void {
    this.#definitions += 1;
    if (this.#definitions > DEFINITIONS_MAX) throw new TooLargeError(`more than ${DEFINITIONS_MAX} definitions`);
  }

  #coreInstance(reader: WasmReader, scope: Scope): CoreInstance {
    const form = reader.u8();
    if (form === 1) {
      const items = new Map<string, CoreItem>();
      const count = reader.count();
      for (let i = 0; i < count; i += 1) {
        const name = reader.name();
        items.set(name, at(scope.core[coreSort(reader)], reader.u32(), 'core item'));
      }
      return { items };
    }
    if (form !== 0) throw new WasmFormatError(`unknown core instance ${form}`);
    const module = at(scope.modules, reader.u32(), 'core module');
    const imports: ImportLink[] = [];
    const count = reader.count();
    const instances = new Map<string, CoreInstance>();
    for (let i = 0; i < count; i += 1) {
      const name = reader.name();
      if (reader.u8() !== 0x12) throw new WasmFormatError('a core module is given something that is no instance');
      instances.set(name, at(scope.coreInstances, reader.u32(), 'core instance'));
    }
    for (const { module: from, name } of at(this.#modules, module, 'core module').imports) {
      const instance = instances.get(from);
      const item = instance === undefined ? undefined : exported(instance, name);
      if (item === undefined)
        throw new WasmFormatError(`a core module is not given ${JSON.stringify(from.slice(0, 80))}`);
      imports.push({ module: from, name, item });
    }
    this.#steps.push({ module, imports });
    if (this.#steps.length > STEPS_MAX) throw new TooLargeError(`more than ${STEPS_MAX} core instances`);
    return { step: this.#steps.length - 1 };
  }

  #instance(reader: WasmReader, scope: Scope, depth: number): Extract<Entity, { sort: 'instance' }> {
    const form = reader.u8();
    if (form > 1) throw new WasmFormatError(`unknown instance ${form}`);
    const component = form === 0 ? at(scope.components, reader.u32(), 'component') : undefined;
    const entities = new Map<string, Entity>();
    const count = reader.count();
    for (let i = 0; i < count; i += 1) {
      const name = form === 0 ? reader.name() : readExternName(reader);
      entities.set(name, this.#entity(reader, scope));
    }
    if (component === undefined) return { sort: 'instance', exports: entities };
    return { sort: 'instance', exports: this.#component(component.range, component.scope, entities, depth + 1) };
  }

  /** A sort and an index, as in arguments and exports. */
  #entity(reader: WasmReader, scope: Scope): Entity {
    const sort = reader.u8();
    if (sort === 0) {
      if (reader.u8() !== 0x11) throw new WasmFormatError('a core item where a component one is wanted');
      return { sort: 'module', index: at(scope.modules, reader.u32(), 'core module') };
    }
    const index = reader.u32();
    switch (sort) {
      case 1:
        return { sort: 'func', func: at(scope.functions, index, 'function') };
      case 3:
        return { sort: 'type', type: scope.types.type(index) };
      case 4:
        return at(scope.components, index, 'component');
      case 5:
        return at(scope.instances, index, 'instance');
      default:
        throw new UnsupportedFeatureError('values between components');
    }
  }

  #alias(reader: WasmReader, scope: Scope): void {
    const sort = reader.u8();
    const core = sort === 0 ? reader.u8() : -1;
    const target = reader.u8();
    if (target === 1) {
      const kind = at(CORE_SORTS, core, 'kind of core item');
      const instance = at(scope.coreInstances, reader.u32(), 'core instance');
      const name = reader.name();
      const item = exported(instance, name);
      if (item === undefined) throw new WasmFormatError(`a core instance has no ${JSON.stringify(name.slice(0, 80))}`);
      scope.core[kind].push(item);
    } else if (target === 2) {
      this.#outerAlias(sort, core, reader, scope);
    } else if (target === 0) {
      this.#exportAlias(sort, reader, scope);
    } else throw new WasmFormatError(`unknown alias ${target}`);
  }

  #outerAlias(sort: number, core: number, reader: WasmReader, scope: Scope): void {
    const levels = reader.u32();
    const index = reader.u32();
    let from: Scope | undefined = scope;
    for (let i = 0; i < levels; i += 1) from = from?.outer;
    if (from === undefined) throw new WasmFormatError(`no component ${levels} levels up`);
    if (sort === 3) scope.types.types.push(from.types.type(index));
    else if (sort === 4) scope.components.push(at(from.components, index, 'component'));
    else if (sort === 0 && core === 0x11) scope.modules.push(at(from.modules, index, 'core module'));
    else throw new UnsupportedFeatureError('an alias of this kind');
  }

  #exportAlias(sort: number, reader: WasmReader, scope: Scope): void {
    const instance = at(scope.instances, reader.u32(), 'instance');
    const name = reader.name();
    const entity = instance.exports.get(name);
    if (entity === undefined) throw new WasmFormatError(`an instance has no ${JSON.stringify(name.slice(0, 80))}`);
    addEntity(entity, scope);
    const sorts = ['', 'func', '', 'type', 'component', 'instance'];
    if (entity.sort !== (sort === 0 ? 'module' : sorts[sort])) throw new WasmFormatError('an alias of another kind');
  }

  #canon(reader: WasmReader, scope: Scope): void {
    const kind = reader.u8();
    if (kind === 0 || kind === 1) {
      if (reader.u8() !== 0) throw new WasmFormatError('an unknown canonical function');
      const index = reader.u32();
      const options = readOptions(reader, scope);
      if (kind === 0) scope.functions.push(lifted(at(scope.core.func, index, 'core function'), options, reader, scope));
      else scope.core.func.push(lowered(at(scope.functions, index, 'function'), options));
    } else if (kind === 3) {
      scope.types.type(reader.u32());
      scope.core.func.push({ host: { module: 'canon', name: 'resource.drop', memory: undefined, realloc: undefined } });
    } else if (kind === 2 || kind === 4) {
      throw new UnsupportedFeatureError('resources of the component itself');
    } else throw new UnsupportedFeatureError('asynchronous functions');
  }

  #import(reader: WasmReader, scope: Scope, given: ReadonlyMap<string, Entity> | undefined): void {
    const name = readExternName(reader);
    const said = readExternType(reader, scope.types);
    if (given !== undefined) {
      const entity = given.get(name);
      if (entity === undefined || entity.sort !== said.sort) {
        throw new WasmFormatError(`a nested component is not given ${JSON.stringify(name.slice(0, 80))}`);
      }
      // Types came into their scope with what the import is said to be; an abstract one is now the one given.
      if (entity.sort === 'type') scope.types.types[scope.types.types.length - 1] = entity.type;
      else addEntity(entity, scope);
      return;
    }
    this.#imports.push(name);
    if (said.sort === 'instance' && said.type.kind === 'instance') {
      const module = withoutVersion(name);
      const exports = new Map<string, Entity>();
      for (const [item, type] of said.type.exports) {
        if (type.sort === 'func') exports.set(item, { sort: 'func', func: { kind: 'host', module, name: item } });
        else if (type.sort === 'type') exports.set(item, { sort: 'type', type: type.type });
      }
      scope.instances.push({ sort: 'instance', exports });
    } else if (said.sort === 'func') {
      scope.functions.push({ kind: 'host', module: '', name: withoutVersion(name) });
    } else if (said.sort !== 'type') {
      throw new UnsupportedFeatureError(`a ${said.sort} to be imported (${JSON.stringify(name.slice(0, 80))})`);
    }
  }

  #export(reader: WasmReader, scope: Scope, exports: Map<string, Entity>): void {
    const name = readExternName(reader);
    const entity = this.#entity(reader, scope);
    exports.set(name, entity);
    const ascribed = reader.u8();
    if (ascribed > 1) throw new WasmFormatError(`unknown export ${ascribed}`);
    // The type only restates what the entity is; what it brings into scope comes with the entity.
    if (ascribed === 1) readExternType(reader, new TypeScopeView(scope.types));
    addEntity(entity, scope);
  }
}

/** Resolves types as its original does, and keeps what is added to itself. */
class TypeScopeView extends TypeScope {
  readonly #original: TypeScope;
  constructor(original: TypeScope) {
    super(original.outer);
    this.#original = original;
  }
  override type(index: number): ComponentType {
    return this.#original.type(index);
  }
}

function addEntity(entity: Entity, scope: Scope): void {
  switch (entity.sort) {
    case 'func':
      scope.functions.push(entity.func);
      break;
    case 'instance':
      scope.instances.push(entity);
      break;
    case 'type':
      scope.types.types.push(entity.type);
      break;
    case 'component':
      scope.components.push(entity);
      break;
    case 'module':
      scope.modules.push(entity.index);
      break;
  }
}

function exported(instance: CoreInstance, name: string): CoreItem | undefined {
  return 'step' in instance ? { from: { step: instance.step, name } } : instance.items.get(name);
}

function coreSort(reader: WasmReader): CoreSort {
  return at(CORE_SORTS, reader.u8(), 'kind of core item');
}

function readOptions(reader: WasmReader, scope: Scope): CanonOptions {
  const options: CanonOptions = { utf8: true, memory: undefined, realloc: undefined, postReturn: undefined };
  const count = reader.count();
  for (let i = 0; i < count; i += 1) {
    const option = reader.u8();
    if (option <= 2) options.utf8 = option === 0;
    else if (option === 3) options.memory = at(scope.core.memory, reader.u32(), 'memory');
    else if (option === 4) options.realloc = at(scope.core.func, reader.u32(), 'core function');
    else if (option === 5) options.postReturn = at(scope.core.func, reader.u32(), 'core function');
    else throw new UnsupportedFeatureError('asynchronous functions');
  }
  return options;
}

function lifted(core: CoreItem, options: CanonOptions, reader: WasmReader, scope: Scope): ComponentFunction {
  const type = scope.types.type(reader.u32());
  if (type.kind !== 'function') throw new WasmFormatError('a function whose type is none');
  return { kind: 'lifted', type: type.text, core, options };
}

function lowered(func: ComponentFunction, options: CanonOptions): CoreItem {
  if (func.kind === 'lifted') throw new UnsupportedFeatureError('calls from one component into another (composition)');
  if (!options.utf8) throw new UnsupportedFeatureError('strings in an encoding other than UTF-8');
  const { memory, realloc } = options;
  return {
    host: {
      module: func.module,
      name: func.name,
      memory: memory === undefined ? undefined : coreExport(memory),
      realloc: realloc === undefined ? undefined : coreExport(realloc),
    },
  };
}

function coreExport(item: CoreItem): CoreExport {
  if ('from' in item) return item.from;
  throw new WasmFormatError('a host function where one of the component is wanted');
}

/** An exported function as the host calls it. */
export function liftedFunction(func: Extract<ComponentFunction, { kind: 'lifted' }>): LiftedFunction {
  const { core, options } = func;
  if (!options.utf8) throw new UnsupportedFeatureError('strings in an encoding other than UTF-8');
  if (options.memory === undefined || options.realloc === undefined) {
    throw new WasmFormatError('an exported function without memory or realloc');
  }
  return {
    call: coreExport(core),
    memory: coreExport(options.memory),
    realloc: coreExport(options.realloc),
    postReturn: options.postReturn === undefined ? undefined : coreExport(options.postReturn),
  };
}
