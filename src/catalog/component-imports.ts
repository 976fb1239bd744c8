import type { KnownImport, ValueType } from './known-imports.ts';

const i = 'i32';
const l = 'i64';
const nothing = 'nothing';
const of = (params: readonly ValueType[], result: ValueType | undefined, grants: string): KnownImport => ({
  params,
  results: result === undefined ? [] : [result],
  grants,
});
const empty = (params: readonly ValueType[], result?: ValueType): KnownImport => of(params, result, nothing);

const logging = 'write log lines through stdout and stderr (rate-limited)';
const random = 'read random bytes';
const clock = 'read the clock as the host shows it';
const write = of([i, i, i, i], undefined, logging);

/**
 * Every function a component may import, by interface, with the signature it has once lowered to core WebAssembly: results of more
 * than one value are written where the last parameter says. Implemented in guest/host-functions, which must cover this table. I9.
 */
export const COMPONENT_IMPORTS = {
  'streamline:transform/log': { log: of([i, i, i], undefined, 'write log lines (rate-limited)') },
  'streamline:transform/metric': {
    add: of([i, i, 'f64'], undefined, 'count metrics of its own'),
    set: of([i, i, 'f64'], undefined, 'count metrics of its own'),
  },
  'streamline:transform/clock': { 'now-ms': of([], l, "read the machine's clock") },
  'streamline:transform/schemas': {
    'value-schema': of([i], undefined, 'ask for the schema of its record'),
    'key-schema': of([i], undefined, 'ask for the schema of its record'),
  },
  'wasi:cli/environment': { 'get-environment': empty([i]), 'get-arguments': empty([i]), 'initial-cwd': empty([i]) },
  'wasi:cli/exit': {
    exit: of([i], undefined, 'fail the record with an exit code'),
    'exit-with-code': of([i], undefined, 'fail the record with an exit code'),
  },
  'wasi:cli/stdin': { 'get-stdin': empty([], i) },
  'wasi:cli/stdout': { 'get-stdout': of([], i, logging) },
  'wasi:cli/stderr': { 'get-stderr': of([], i, logging) },
  'wasi:cli/terminal-stdin': { 'get-terminal-stdin': empty([i]) },
  'wasi:cli/terminal-stdout': { 'get-terminal-stdout': empty([i]) },
  'wasi:cli/terminal-stderr': { 'get-terminal-stderr': empty([i]) },
  'wasi:io/error': { '[method]error.to-debug-string': empty([i, i]) },
  'wasi:io/poll': {
    '[method]pollable.ready': empty([i], i),
    '[method]pollable.block': empty([i]),
    poll: empty([i, i, i]),
  },
  'wasi:io/streams': {
    '[method]input-stream.read': empty([i, l, i]),
    '[method]input-stream.blocking-read': empty([i, l, i]),
    '[method]input-stream.skip': empty([i, l, i]),
    '[method]input-stream.blocking-skip': empty([i, l, i]),
    '[method]input-stream.subscribe': empty([i], i),
    '[method]output-stream.check-write': empty([i, i]),
    '[method]output-stream.write': write,
    '[method]output-stream.blocking-write-and-flush': write,
    '[method]output-stream.flush': empty([i, i]),
    '[method]output-stream.blocking-flush': empty([i, i]),
    '[method]output-stream.subscribe': empty([i], i),
    '[method]output-stream.write-zeroes': empty([i, l, i]),
    '[method]output-stream.blocking-write-zeroes-and-flush': empty([i, l, i]),
    '[method]output-stream.splice': empty([i, i, l, i]),
    '[method]output-stream.blocking-splice': empty([i, i, l, i]),
  },
  'wasi:clocks/monotonic-clock': {
    now: of([], l, clock),
    resolution: of([], l, clock),
    'subscribe-instant': empty([l], i),
    'subscribe-duration': empty([l], i),
  },
  'wasi:clocks/wall-clock': { now: of([i], undefined, clock), resolution: of([i], undefined, clock) },
  'wasi:filesystem/preopens': { 'get-directories': empty([i]) },
  'wasi:random/random': {
    'get-random-bytes': of([l, i], undefined, random),
    'get-random-u64': of([], l, random),
  },
  'wasi:random/insecure': {
    'get-insecure-random-bytes': of([l, i], undefined, random),
    'get-insecure-random-u64': of([], l, random),
  },
  'wasi:random/insecure-seed': { 'insecure-seed': of([i], undefined, random) },
} as const satisfies Record<string, Record<string, KnownImport>>;

/** Interfaces that toolchains link whether they are used or not. Nothing is behind them: a call ends the guest's. */
const DENIED = /^wasi:(filesystem\/types|sockets\/[a-z-]+)$/;

export type ComponentImport =
  | { readonly kind: 'known'; readonly import: KnownImport }
  /** Of any signature: it answers nothing. */
  | { readonly kind: 'denied' };

const table = new Map<string, Map<string, KnownImport>>(
  Object.entries(COMPONENT_IMPORTS).map(([module, functions]) => [module, new Map(Object.entries(functions))]),
);
const drop: KnownImport = empty([i]);

/**
 * undefined: no such function, the component is refused.
 * @param module `wasi:io/streams`, without a version; `canon` for what the component model itself offers
 */
export function findComponentImport(module: string, name: string): ComponentImport | undefined {
  if (module === 'canon') return name === 'resource.drop' ? { kind: 'known', import: drop } : undefined;
  const known = table.get(module)?.get(name);
  if (known !== undefined) return { kind: 'known', import: known };
  return DENIED.test(module) ? { kind: 'denied' } : undefined;
}
