import { GuestMemory } from '../guest-memory.ts';
import type { HostContext } from './host-context.ts';

type Reallocate = (old: number, oldBytes: number, align: number, bytes: number) => number;

/** Where one lowered host function of a component reads its arguments and writes its results. */
export interface CanonicalSource {
  readonly memory: WebAssembly.Memory | undefined;
  readonly realloc: Reallocate | undefined;
}

/**
 * The memory of a component as its host functions use it: every pointer is what the guest said, and one that lies ends the call.
 * Found at the first use, as host functions are made before the instance whose memory they use.
 */
export class CanonicalMemory {
  readonly #context: HostContext;
  readonly #find: () => CanonicalSource;
  #memory: GuestMemory | undefined;

  constructor(context: HostContext, find: () => CanonicalSource) {
    this.#context = context;
    this.#find = find;
  }

  /** The bytes [pointer, pointer + length), checked, are there in the answer at `pointer`. */
  at(pointer: number, length: number): Buffer {
    this.#memory ??= this.#open();
    if ((pointer >>> 0) + (length >>> 0) > this.#memory.view.bytes.length) {
      this.#context.abort('a pointer to outside of the memory, given to a host function');
    }
    return this.#memory.view.bytes;
  }

  u8(pointer: number, value: number): void {
    this.at(pointer, 1)[pointer >>> 0] = value;
  }
  u32(pointer: number, value: number): void {
    this.at(pointer, 4).writeUInt32LE(value >>> 0, pointer >>> 0);
  }
  u64(pointer: number, value: bigint): void {
    this.at(pointer, 8).writeBigUInt64LE(BigInt.asUintN(64, value), pointer >>> 0);
  }

  /** An empty list or string. */
  emptyList(pointer: number, align: number): void {
    this.u32(pointer, align);
    this.u32(pointer + 4, 0);
  }

  /** Room from the guest's own allocator. */
  allocate(bytes: number, align: number): number {
    const realloc = this.#find().realloc;
    if (realloc === undefined) this.#context.abort('a host function has no realloc to ask for room');
    const pointer = realloc(0, 0, align, bytes) >>> 0;
    this.at(pointer, bytes);
    return pointer;
  }

  #open(): GuestMemory {
    const { memory } = this.#find();
    if (memory === undefined) this.#context.abort('a host function was called before the component had a memory');
    return new GuestMemory(memory);
  }
}
