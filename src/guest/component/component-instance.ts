import { StreamlineError } from '../../base/error.ts';
import type { CoreExport, CoreItem, LiftedFunction, PreparedComponent } from '../../catalog/component-plan.ts';
import { FUEL_LEFT, FUEL_SET } from '../../catalog/prepared-module.ts';
import { GuestMemory } from '../guest-memory.ts';
import { CanonicalMemory, type CanonicalSource } from '../host-functions/canonical-memory.ts';
import type { HostContext } from '../host-functions/host-context.ts';
import { lowerHostFunction, type componentFunctions } from '../host-functions/component.ts';
import { GuestFault } from '../guest-failure.ts';

type CoreFunction = (...args: never[]) => unknown;
type Reallocate = (old: number, oldBytes: number, align: number, bytes: number) => number;

interface Meter {
  readonly set: (units: number) => void;
  readonly left: () => number;
}

/** An exported function with all that its values travel through. */
export interface Lifted<T extends CoreFunction> {
  readonly call: T;
  readonly memory: GuestMemory;
  readonly realloc: Reallocate;
  readonly postReturn: ((result: number) => void) | undefined;
}

/** A component put together out of its core modules, by the plan the catalog has made. */
export class ComponentInstance {
  readonly #host: HostContext;
  readonly #exports: WebAssembly.Instance['exports'][] = [];
  readonly #meters: Meter[] = [];

  /**
   * Instantiates every step; start sections run, each on the budget its meter begins with.
   * Throws what a start section throws, WebAssembly.LinkError, RangeError when there is no memory.
   * @param startFuel what host functions called by start sections may take together
   */
  constructor(
    prepared: PreparedComponent,
    host: HostContext,
    functions: ReturnType<typeof componentFunctions>,
    startFuel: number,
  ) {
    this.#host = host;
    host.detach();
    host.attach(NO_MEMORY, startGauge(startFuel));
    for (const step of prepared.plan.steps) {
      const imports: Record<string, Record<string, unknown>> = Object.create(null) as Record<string, never>;
      for (const { module, name, item } of step.imports) {
        const names = (imports[module] ??= Object.create(null) as Record<string, never>);
        names[name] = 'host' in item ? this.#hostFunction(item, functions) : this.#find(item.from);
      }
      const module = prepared.modules[step.module];
      if (module === undefined) throw new StreamlineError('bug.assertion', 'a plan without its module');
      const { exports } = new WebAssembly.Instance(module, imports);
      this.#exports.push(exports);
      const set = exports[FUEL_SET];
      const left = exports[FUEL_LEFT];
      if (typeof set === 'function' && typeof left === 'function') {
        this.#meters.push({ set: set as Meter['set'], left: left as Meter['left'] });
      }
    }
  }

  /** From here on, host functions charge the module whose function this is. */
  attach({ call }: LiftedFunction, memory: GuestMemory): void {
    const set = this.#exports[call.step]?.[FUEL_SET] as Meter['set'] | undefined;
    const left = this.#exports[call.step]?.[FUEL_LEFT] as Meter['left'] | undefined;
    this.#host.attach(memory, set === undefined || left === undefined ? undefined : { set, left });
  }

  lifted<T extends CoreFunction>(func: LiftedFunction): Lifted<T> {
    const memory = this.#find(func.memory);
    if (!(memory instanceof WebAssembly.Memory) || memory.buffer instanceof SharedArrayBuffer) {
      throw new StreamlineError('guest.init_failed', 'the component has no memory of its own');
    }
    return {
      call: this.#function(func.call) as T,
      memory: new GuestMemory(memory),
      realloc: this.#function(func.realloc) as Reallocate,
      postReturn: func.postReturn && (this.#function(func.postReturn) as (result: number) => void),
    };
  }

  /** Each core module has a fuel of its own: all get the whole budget, and what they use together must not be more. */
  setFuel(units: number): void {
    for (const meter of this.#meters) meter.set(units);
  }

  /** Of a budget of `units`; negative once one of the modules, or all together, have used more. Infinity without a meter. */
  fuelLeft(units: number): number {
    if (this.#meters.length === 0) return Infinity;
    let left = units;
    for (const meter of this.#meters) left -= units - meter.left();
    return left;
  }

  #find({ step, name }: CoreExport): unknown {
    const exports = this.#exports[step];
    return exports !== undefined && Object.hasOwn(exports, name) ? exports[name] : undefined;
  }

  #function(from: CoreExport): CoreFunction {
    const found = this.#find(from);
    if (typeof found === 'function') return found as CoreFunction;
    throw new StreamlineError('guest.init_failed', 'a core module of the component has no such function');
  }

  #hostFunction(
    { host: item }: Extract<CoreItem, { host: unknown }>,
    functions: ReturnType<typeof componentFunctions>,
  ): CoreFunction {
    const find = (): CanonicalSource => {
      const memory = item.memory === undefined ? undefined : this.#find(item.memory);
      const realloc = item.realloc === undefined ? undefined : this.#find(item.realloc);
      return {
        memory: memory instanceof WebAssembly.Memory ? memory : undefined,
        realloc: typeof realloc === 'function' ? (realloc as Reallocate) : undefined,
      };
    };
    return lowerHostFunction(functions, this.#host, item, new CanonicalMemory(this.#host, find));
  }
}

/** Host functions of components find their memory by themselves. */
const NO_MEMORY = new GuestMemory(new WebAssembly.Memory({ initial: 0, maximum: 0 }));

/** While start sections run, no fuel of theirs can be reached: what host functions charge is counted here. */
function startGauge(units: number): { set: (units: number) => void; left: () => number } {
  let left = units;
  return {
    set: (now) => {
      left = now;
      if (left < 0) throw new GuestFault('guest.out_of_fuel', 'start: host functions used up the fuel');
    },
    left: () => left,
  };
}
