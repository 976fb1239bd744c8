import type { COMPONENT_IMPORTS } from '../../catalog/component-imports.ts';
import type { HostItem } from '../../catalog/component-plan.ts';
import type { CanonicalMemory } from './canonical-memory.ts';
import { componentWasi } from './component-wasi.ts';
import { METRIC_FUEL, METRIC_NAME_BYTES_MAX, NO_METRIC } from './guest-metrics.ts';
import { BYTES_PER_UNIT, CALL_FUEL, LOG_LINE_FUEL, type HostContext, type SchemaIdentity } from './host-context.ts';
import { guestLogLevel } from './log-buffer.ts';

/** A host function as a component calls it, given the memory it is lowered to. */
export type LoweredFunction = (memory: CanonicalMemory) => (...args: never[]) => unknown;

/** Every function of one interface in catalog/component-imports.ts, and no other. */
export type LoweredInterface<T extends keyof typeof COMPONENT_IMPORTS> = Record<
  keyof (typeof COMPONENT_IMPORTS)[T],
  LoweredFunction
>;

type LoweredInterfaces = { readonly [T in keyof typeof COMPONENT_IMPORTS]: LoweredInterface<T> };

/** Everything a component may call, and nothing else (I9). Made once a thread; serves one instance after the other. */
export function componentFunctions(context: HostContext): LoweredInterfaces {
  return { ...streamline(context), ...componentWasi(context) };
}

/** The function a plan names, as the catalog has allowed it. */
export function lowerHostFunction(
  functions: LoweredInterfaces,
  context: HostContext,
  item: HostItem,
  memory: CanonicalMemory,
): (...args: never[]) => unknown {
  const known: Readonly<Record<string, Readonly<Record<string, LoweredFunction>>>> = functions;
  const name = item.module === '' ? item.name : `${item.module}.${item.name}`;
  if (Object.hasOwn(known, item.module)) {
    const of = known[item.module] ?? {};
    const lowered = Object.hasOwn(of, item.name) ? of[item.name] : undefined;
    if (lowered !== undefined) return lowered(memory);
  }
  // Handles of ours stand for nothing that would have to be released.
  if (item.module === 'canon') return () => context.charge(CALL_FUEL);
  return () => context.abort(`${name} was called, which is denied`);
}

function streamline(
  context: HostContext,
): Pick<
  LoweredInterfaces,
  | 'streamline:transform/log'
  | 'streamline:transform/metric'
  | 'streamline:transform/clock'
  | 'streamline:transform/schemas'
> {
  /** An option of `record { id: u32, name: string }`: case, id, and where the name is and how long. */
  const schemaOf =
    (schema: () => SchemaIdentity | undefined): LoweredFunction =>
    (memory) =>
    (pointer: number): void => {
      context.charge(CALL_FUEL);
      const found = schema();
      memory.u8(pointer, found === undefined ? 0 : 1);
      if (found === undefined) return;
      const name = Buffer.from(found.name, 'utf8');
      context.charge(Math.ceil(name.length / BYTES_PER_UNIT));
      const at = memory.allocate(name.length, 1);
      memory.at(at, name.length).set(name, at);
      memory.u32(pointer + 4, found.id);
      memory.u32(pointer + 8, at);
      memory.u32(pointer + 12, name.length);
    };
  const measure =
    (call: string, take: (name: string, amount: number) => boolean): LoweredFunction =>
    (memory) =>
    (pointer: number, length: number, amount: number): void => {
      context.charge(METRIC_FUEL);
      const bytes = memory.at(pointer, length);
      const end = (pointer >>> 0) + Math.min(length >>> 0, METRIC_NAME_BYTES_MAX + 1);
      if (!take(bytes.toString('latin1', pointer >>> 0, end), amount)) context.abort(`metric.${call}: ${NO_METRIC}`);
    };
  return {
    'streamline:transform/log': {
      log:
        (memory) =>
        (level: number, pointer: number, length: number): void => {
          if (!context.log.admit()) {
            context.charge(CALL_FUEL);
            return;
          }
          context.charge(LOG_LINE_FUEL);
          const bytes = memory.at(pointer, length);
          context.log.addBytes(guestLogLevel(level), bytes, pointer >>> 0, length >>> 0);
        },
    },
    'streamline:transform/metric': {
      add: measure('add', (name, amount) => context.metrics.add(name, amount)),
      set: measure('set', (name, amount) => context.metrics.set(name, amount)),
    },
    'streamline:transform/schemas': {
      'value-schema': schemaOf(() => context.valueSchema),
      'key-schema': schemaOf(() => context.keySchema),
    },
    'streamline:transform/clock': {
      'now-ms': () => (): bigint => {
        context.charge(CALL_FUEL);
        return BigInt(Date.now());
      },
    },
  };
}
