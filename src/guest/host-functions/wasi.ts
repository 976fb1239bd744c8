import { randomFillSync } from 'node:crypto';
import { KNOWN_IMPORTS } from '../../catalog/known-imports.ts';
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

/** WASI errno values, from its specification (preview 1). */
const SUCCESS = 0;
const EBADF = 8;
const EFAULT = 21;
const EINVAL = 28;
const ENOSYS = 52;

const CLOCK_REALTIME = 0;
const CLOCK_CPUTIME_THREAD = 3;
const STDOUT = 1;
const STDERR = 2;
/** Sizes and tag of WASI's `subscription` and `event`. */
const SUBSCRIPTION_BYTES = 48;
const EVENT_BYTES = 32;
const EVENT_CLOCK = 0;

type WasiName = keyof typeof KNOWN_IMPORTS.wasi_snapshot_preview1;
type WasiFunctions = Record<WasiName, (...args: never[]) => unknown>;

/**
 * The least of WASI that Go, Rust's std, wasi-libc and AssemblyScript need to start (I9). Not node:wasi: that one is made to
 * hand out files, environment and clocks, and this has none to hand out. Where a function is not named below, it answers
 * EBADF if it takes a file descriptor or a path (there are no open ones), else ENOSYS.
 */
export function wasiFunctions(context: HostContext): WasiFunctions {
  const denied = Object.fromEntries(
    Object.keys(KNOWN_IMPORTS.wasi_snapshot_preview1).map((name) => {
      const errno = /^(fd|path|sock)_/.test(name) ? EBADF : ENOSYS;
      return [name, () => (context.charge(CALL_FUEL), errno)];
    }),
  ) as unknown as WasiFunctions;
  return { ...denied, ...emptyProcess(context), ...clocks(context), ...output(context) };
}

/** No arguments, no environment, an exit that ends the call. */
function emptyProcess(context: HostContext): Partial<WasiFunctions> {
  const noStrings = (countPointer: number, bytesPointer: number): number => {
    context.charge(CALL_FUEL);
    return writeU32(context, countPointer, 0) && writeU32(context, bytesPointer, 0) ? SUCCESS : EFAULT;
  };
  const nothingToWrite = (): number => (context.charge(CALL_FUEL), SUCCESS);
  return {
    args_sizes_get: noStrings,
    environ_sizes_get: noStrings,
    args_get: nothingToWrite,
    environ_get: nothingToWrite,
    sched_yield: nothingToWrite,
    proc_exit(code: number): void {
      context.abort(`the guest exited with code ${String(code >>> 0)}`);
    },
    /**
     * Real randomness, though it costs a guest that asks for it its determinism: predictable bytes would be a trap for one
     * that salts hashes or makes identifiers with them, and the verdict of a guest that does not ask is unaffected.
     */
    random_get(pointer: number, length: number): number {
      const bytes = length >>> 0;
      context.charge(CALL_FUEL);
      if (bytes > RANDOM_BYTES_MAX) return EINVAL;
      if (!context.memory.contains(pointer, bytes)) return EFAULT;
      context.charge(RANDOM_FUEL + bytes * RANDOM_BYTE_FUEL);
      randomFillSync(context.memory.view.bytes, pointer >>> 0, bytes);
      return SUCCESS;
    },
  };
}

/**
 * No clock of the machine's (I9): the wall clock shows the record's own timestamp, so the same record gives the same
 * answer whenever it is replayed; the monotonic clock counts how often it was looked at. Both satisfy Go's runtime, which
 * reads them at start and refuses to run on a monotonic clock at zero.
 */
function clocks(context: HostContext): Partial<WasiFunctions> {
  return {
    clock_res_get(id: number, pointer: number): number {
      context.charge(CALL_FUEL);
      if (id >>> 0 > CLOCK_CPUTIME_THREAD) return EINVAL;
      return writeU64(context, pointer, CLOCK_STEP_NS) ? SUCCESS : EFAULT;
    },
    clock_time_get(id: number, _precision: bigint, pointer: number): number {
      context.charge(CALL_FUEL);
      if (id >>> 0 > CLOCK_CPUTIME_THREAD) return EINVAL;
      context.monotonicNs += CLOCK_STEP_NS;
      const recordMs = Math.max(0, Math.trunc(context.timestampMs()));
      const time = id === CLOCK_REALTIME ? BigInt(recordMs) * NS_PER_MS : context.monotonicNs;
      return writeU64(context, pointer, time) ? SUCCESS : EFAULT;
    },
    /** Sleeping takes no time: the monotonic clock is moved instead. Go's runtime sleeps in the middle of a panic. */
    poll_oneoff(subscriptions: number, events: number, count: number, eventCountPointer: number): number {
      context.charge(CALL_FUEL);
      const polled = count >>> 0;
      if (polled === 0 || polled > LISTED_MAX) return EINVAL;
      const { memory } = context;
      if (!memory.contains(subscriptions, polled * SUBSCRIPTION_BYTES)) return EFAULT;
      if (!memory.contains(events, polled * EVENT_BYTES)) return EFAULT;
      context.charge(polled * LISTED_FUEL);
      const { bytes } = memory.view;
      for (let i = 0; i < polled; i += 1) {
        const from = (subscriptions >>> 0) + i * SUBSCRIPTION_BYTES;
        const to = (events >>> 0) + i * EVENT_BYTES;
        const type = bytes[from + 8] ?? 0;
        const clock = type === EVENT_CLOCK;
        const relative = clock && (bytes.readUInt16LE(from + 40) & 1) === 0;
        if (relative) context.monotonicNs += bytes.readBigUInt64LE(from + 24);
        bytes.copy(bytes, to, from, from + 8);
        bytes.fill(0, to + 8, to + EVENT_BYTES);
        bytes.writeUInt16LE(clock ? SUCCESS : EBADF, to + 8);
        bytes[to + 10] = type;
      }
      return writeU32(context, eventCountPointer, polled) ? SUCCESS : EFAULT;
    },
  };
}

/** stdout and stderr become log lines; every other descriptor is closed. */
function output(context: HostContext): Partial<WasiFunctions> {
  return {
    fd_write(descriptor: number, iovecs: number, count: number, writtenPointer: number): number {
      context.charge(CALL_FUEL);
      if (descriptor !== STDOUT && descriptor !== STDERR) return EBADF;
      const vectors = Math.min(count >>> 0, LISTED_MAX);
      if (!context.memory.contains(iovecs, vectors * 8)) return EFAULT;
      let written = 0;
      for (let i = 0; i < vectors; i += 1) {
        const { bytes } = context.memory.view;
        const pointer = bytes.readUInt32LE((iovecs >>> 0) + i * 8);
        const length = bytes.readUInt32LE((iovecs >>> 0) + i * 8 + 4);
        if (!context.memory.contains(pointer, length)) return EFAULT;
        context.charge(LISTED_FUEL + Math.min(length, WRITTEN_BYTES_MAX) * WRITTEN_BYTE_FUEL);
        const lines = context.log.write(descriptor === STDERR ? 'warn' : 'info', bytes, pointer, length);
        context.charge(lines * LISTED_FUEL);
        written += length;
      }
      return writeU32(context, writtenPointer, written) ? SUCCESS : EFAULT;
    },
  };
}

function writeU32(context: HostContext, pointer: number, value: number): boolean {
  if (!context.memory.contains(pointer, 4)) return false;
  context.memory.view.bytes.writeUInt32LE(value >>> 0, pointer >>> 0);
  return true;
}

function writeU64(context: HostContext, pointer: number, value: bigint): boolean {
  if (!context.memory.contains(pointer, 8)) return false;
  context.memory.view.bytes.writeBigUInt64LE(BigInt.asUintN(64, value), pointer >>> 0);
  return true;
}
