import { randomFillSync } from 'node:crypto';
import type { COMPONENT_IMPORTS } from '../../catalog/component-imports.ts';
import type { CanonicalMemory } from './canonical-memory.ts';
import type { LoweredFunction, LoweredInterface } from './component.ts';
import { CALL_FUEL, type HostContext } from './host-context.ts';
import { WRITTEN_BYTES_MAX } from './log-buffer.ts';
import {
  CLOCK_STEP_NS,
  LISTED_FUEL,
  LISTED_MAX,
  NS_PER_MS,
  RANDOM_BYTES_MAX,
  RANDOM_BYTE_FUEL,
  RANDOM_FUEL,
  WRITTEN_BYTE_FUEL,
} from './wasi-costs.ts';

/** Handles: there is one of each kind, and it is always the same. */
const STDIN = 1;
const STDOUT = 2;
const STDERR = 3;
const POLLABLE = 4;

/** Case of `stream-error`. */
const CLOSED = 1;

type WasiName = Extract<keyof typeof COMPONENT_IMPORTS, `wasi:${string}`>;
type WasiInterfaces = { readonly [T in WasiName]: LoweredInterface<T> };

/** The least of WASI 0.2 that Rust, wasi-libc, TinyGo, Python and JavaScript runtimes need to start (I9). */
export function componentWasi(context: HostContext): WasiInterfaces {
  return { ...emptyProcess(context), ...streams(context), ...clocks(context), ...random(context) };
}

function emptyProcess(
  context: HostContext,
): Pick<WasiInterfaces, Extract<WasiName, `wasi:cli/${string}` | `wasi:filesystem/${string}` | `wasi:io/error`>> {
  const emptyList: LoweredFunction = (memory) => (pointer: number) => {
    context.charge(CALL_FUEL);
    memory.emptyList(pointer, 4);
  };
  const none: LoweredFunction = (memory) => (pointer: number) => {
    context.charge(CALL_FUEL);
    memory.u8(pointer, 0);
  };
  const handle = (number: number): LoweredFunction => {
    return () => () => (context.charge(CALL_FUEL), number);
  };
  return {
    'wasi:cli/environment': { 'get-environment': emptyList, 'get-arguments': emptyList, 'initial-cwd': none },
    'wasi:cli/exit': {
      exit: () => (failed: number) =>
        context.abort(`the guest exited ${failed === 0 ? 'with success' : 'with failure'}`),
      'exit-with-code': () => (code: number) => context.abort(`the guest exited with code ${String(code >>> 0)}`),
    },
    'wasi:cli/stdin': { 'get-stdin': handle(STDIN) },
    'wasi:cli/stdout': { 'get-stdout': handle(STDOUT) },
    'wasi:cli/stderr': { 'get-stderr': handle(STDERR) },
    'wasi:cli/terminal-stdin': { 'get-terminal-stdin': none },
    'wasi:cli/terminal-stdout': { 'get-terminal-stdout': none },
    'wasi:cli/terminal-stderr': { 'get-terminal-stderr': none },
    'wasi:filesystem/preopens': { 'get-directories': emptyList },
    'wasi:io/error': {
      '[method]error.to-debug-string': (memory) => (_self: number, pointer: number) => {
        context.charge(CALL_FUEL);
        memory.emptyList(pointer, 1);
      },
    },
  };
}

/** Standard output and error become log lines; the input is at its end; nothing else can be open. */
function streams(context: HostContext): Pick<WasiInterfaces, 'wasi:io/streams' | 'wasi:io/poll'> {
  /** A result with `stream-error` whose payload, of an alignment of `payloadAt`, says that the stream is closed. */
  const closed = (memory: CanonicalMemory, pointer: number, payloadAt: number): void => {
    memory.u8(pointer, 1);
    memory.u8(pointer + payloadAt, CLOSED);
  };
  const isOutput = (stream: number): boolean => stream === STDOUT || stream === STDERR;
  const write: LoweredFunction = (memory) => (stream: number, pointer: number, length: number, result: number) => {
    context.charge(CALL_FUEL);
    if (!isOutput(stream)) {
      closed(memory, result, 4);
      return;
    }
    const bytes = memory.at(pointer, length);
    context.charge(LISTED_FUEL + Math.min(length >>> 0, WRITTEN_BYTES_MAX) * WRITTEN_BYTE_FUEL);
    const lines = context.log.write(stream === STDERR ? 'warn' : 'info', bytes, pointer >>> 0, length >>> 0);
    context.charge(lines * LISTED_FUEL);
    memory.u8(result, 0);
  };
  const flush: LoweredFunction = (memory) => (stream: number, result: number) => {
    context.charge(CALL_FUEL);
    if (isOutput(stream)) memory.u8(result, 0);
    else closed(memory, result, 4);
  };
  const endOfInput =
    (payloadAt: number): LoweredFunction =>
    (memory) =>
    (_stream: number, _length: bigint, result: number) => {
      context.charge(CALL_FUEL);
      closed(memory, result, payloadAt);
    };
  const splice: LoweredFunction = (memory) => (_to: number, _from: number, _length: bigint, result: number) => {
    context.charge(CALL_FUEL);
    closed(memory, result, 8);
  };
  const subscribe: LoweredFunction = () => () => (context.charge(CALL_FUEL), POLLABLE);
  return {
    'wasi:io/streams': {
      '[method]input-stream.read': endOfInput(4),
      '[method]input-stream.blocking-read': endOfInput(4),
      '[method]input-stream.skip': endOfInput(8),
      '[method]input-stream.blocking-skip': endOfInput(8),
      '[method]input-stream.subscribe': subscribe,
      '[method]output-stream.check-write': (memory) => (stream: number, result: number) => {
        context.charge(CALL_FUEL);
        if (!isOutput(stream)) return closed(memory, result, 8);
        memory.u8(result, 0);
        memory.u64(result + 8, BigInt(WRITTEN_BYTES_MAX));
      },
      '[method]output-stream.write': write,
      '[method]output-stream.blocking-write-and-flush': write,
      '[method]output-stream.flush': flush,
      '[method]output-stream.blocking-flush': flush,
      '[method]output-stream.subscribe': subscribe,
      '[method]output-stream.write-zeroes': endOfInput(4),
      '[method]output-stream.blocking-write-zeroes-and-flush': endOfInput(4),
      '[method]output-stream.splice': splice,
      '[method]output-stream.blocking-splice': splice,
    },
    // Whatever is waited for has happened: sleeping takes no time (the clock has been moved, see below).
    'wasi:io/poll': {
      '[method]pollable.ready': () => () => (context.charge(CALL_FUEL), 1),
      '[method]pollable.block': () => () => context.charge(CALL_FUEL),
      poll: (memory) => (_pollables: number, count: number, result: number) => {
        const polled = count >>> 0;
        if (polled === 0 || polled > LISTED_MAX) context.abort(`poll of ${String(polled)} pollables`);
        context.charge(CALL_FUEL + polled * LISTED_FUEL);
        const list = memory.allocate(polled * 4, 4);
        for (let i = 0; i < polled; i += 1) memory.u32(list + i * 4, i);
        memory.u32(result, list);
        memory.u32(result + 4, polled);
      },
    },
  };
}

function clocks(context: HostContext): Pick<WasiInterfaces, 'wasi:clocks/monotonic-clock' | 'wasi:clocks/wall-clock'> {
  const look = (): bigint => {
    context.charge(CALL_FUEL);
    context.monotonicNs += CLOCK_STEP_NS;
    return context.monotonicNs;
  };
  const datetime = (memory: CanonicalMemory, pointer: number, ms: bigint, ns: bigint): void => {
    memory.u64(pointer, ms / 1000n);
    memory.u32(pointer + 8, Number((ms % 1000n) * NS_PER_MS + ns));
  };
  return {
    'wasi:clocks/monotonic-clock': {
      now: () => look,
      resolution: () => () => (context.charge(CALL_FUEL), CLOCK_STEP_NS),
      'subscribe-instant': () => (instant: bigint) => {
        const wanted = BigInt.asUintN(64, instant);
        if (wanted > look()) context.monotonicNs = wanted;
        return POLLABLE;
      },
      'subscribe-duration': () => (duration: bigint) => {
        look();
        context.monotonicNs = BigInt.asUintN(64, context.monotonicNs + BigInt.asUintN(64, duration));
        return POLLABLE;
      },
    },
    'wasi:clocks/wall-clock': {
      now: (memory) => (pointer: number) => {
        look();
        datetime(memory, pointer, BigInt(Math.max(0, Math.trunc(context.timestampMs()))), 0n);
      },
      resolution: (memory) => (pointer: number) => {
        context.charge(CALL_FUEL);
        datetime(memory, pointer, 0n, CLOCK_STEP_NS);
      },
    },
  };
}

function random(
  context: HostContext,
): Pick<WasiInterfaces, 'wasi:random/random' | 'wasi:random/insecure' | 'wasi:random/insecure-seed'> {
  const bytes: LoweredFunction = (memory) => (wanted: bigint, result: number) => {
    const count = BigInt.asUintN(64, wanted);
    if (count > RANDOM_BYTES_MAX) context.abort(`${String(count)} random bytes asked for at once`);
    const length = Number(count);
    context.charge(CALL_FUEL + RANDOM_FUEL + length * RANDOM_BYTE_FUEL);
    const pointer = memory.allocate(length, 1);
    randomFillSync(memory.at(pointer, length), pointer, length);
    memory.u32(result, pointer);
    memory.u32(result + 4, length);
  };
  const word = Buffer.alloc(8);
  const u64 = (): bigint => {
    context.charge(CALL_FUEL + RANDOM_FUEL);
    return randomFillSync(word).readBigInt64LE();
  };
  return {
    'wasi:random/random': { 'get-random-bytes': bytes, 'get-random-u64': () => u64 },
    'wasi:random/insecure': { 'get-insecure-random-bytes': bytes, 'get-insecure-random-u64': () => u64 },
    'wasi:random/insecure-seed': {
      'insecure-seed': (memory) => (pointer: number) => {
        memory.u64(pointer, u64());
        memory.u64(pointer + 8, u64());
      },
    },
  };
}
