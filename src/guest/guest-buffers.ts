import { StreamlineError } from '../base/error.ts';
import { GuestFault } from './guest-failure.ts';
import { PAGE_BYTES, pagesFor, type GuestMemory } from './guest-memory.ts';

type Allocate = (length: number) => number;

/** A guest gets at most this part of its memory as output buffer: the rest is its own. */
const OUTPUT_MEMORY_SHARE = 1 / 4;
const MIB = 1024 * 1024;

export interface BufferLimits {
  readonly maxMemoryMb: number;
  readonly outputBytesMax: number;
}

/**
 * The places in a guest's memory where records go in and come out. The ABI passes no capacities, so the output buffer has its
 * full announced size from the start, and the input buffer grows by doubling with the largest record seen.
 *
 * With an exported `alloc` the guest's allocator gives them (TinyGo and Emscripten take all memory as their heap); else the
 * host grows the memory at its end, output last, so that a write past it traps.
 */
export class GuestBuffers {
  readonly outputCapacity: number;
  inputCapacity = 0;
  inputPointer = 0;
  outputPointer = 0;
  readonly #memory: GuestMemory;
  readonly #allocate: Allocate | undefined;
  readonly #maxMemoryMb: number;
  /** End of the region the host has grown, in bytes: still the end of memory unless the guest has grown it since. */
  #regionEnd = 0;

  constructor(memory: GuestMemory, allocate: Allocate | undefined, limits: BufferLimits) {
    this.#memory = memory;
    this.#allocate = allocate;
    this.#maxMemoryMb = limits.maxMemoryMb;
    this.outputCapacity = Math.min(limits.outputBytesMax, limits.maxMemoryMb * MIB * OUTPUT_MEMORY_SHARE);
  }

  /**
   * A buffer of its own for the config, never reused: guests keep pointers into it. Throws guest.init_failed when memory
   * is short, and whatever the guest's alloc throws.
   */
  allocateConfig(length: number): number {
    const at =
      this.#allocate === undefined
        ? this.#memory.growPages(Math.max(1, pagesFor(length)))
        : this.#allocated(this.#allocate, length);
    return at ?? this.#refuse(`the config of ${String(length)} bytes`);
  }

  /** The first input buffer and the output buffer. Throws as allocateConfig does. */
  open(): void {
    if (this.#allocate === undefined) {
      if (!this.#growRegion(PAGE_BYTES)) this.#refuse('the input and output buffers');
      return;
    }
    const input = this.#allocated(this.#allocate, PAGE_BYTES);
    const output = this.#allocated(this.#allocate, this.outputCapacity);
    if (input === undefined || output === undefined) this.#refuse('the input and output buffers');
    this.inputPointer = input;
    this.inputCapacity = PAGE_BYTES;
    this.outputPointer = output;
  }

  /** Makes room for an input of `length` bytes. Throws GuestFault record.too_large, or what the guest's alloc throws. */
  ensureInput(length: number): void {
    let capacity = this.inputCapacity;
    while (capacity < length) capacity *= 2;
    if (this.#allocate === undefined) {
      if (this.#growRegion(capacity) || this.#growRegion(pagesFor(length) * PAGE_BYTES)) return;
    } else {
      const input = this.#allocated(this.#allocate, capacity);
      if (input !== undefined) {
        this.inputPointer = input;
        this.inputCapacity = capacity;
        return;
      }
    }
    throw new GuestFault(
      'record.too_large',
      `a record of ${String(length)} bytes does not fit into the guest's memory: raise max_memory_mb, now ${String(this.#maxMemoryMb)}`,
    );
  }

  /** [input pages][output pages] at the end of memory. A region that is still at the end is stretched, else left behind. */
  #growRegion(inputBytes: number): boolean {
    const inputPages = pagesFor(inputBytes);
    const outputPages = pagesFor(this.outputCapacity);
    const atEnd = this.#regionEnd !== 0 && this.#memory.view.bytes.length === this.#regionEnd;
    const start = atEnd ? this.inputPointer : undefined;
    const missing = inputPages + outputPages - (start === undefined ? 0 : (this.#regionEnd - start) / PAGE_BYTES);
    const grownAt = this.#memory.growPages(missing);
    if (grownAt === undefined) return false;
    this.inputPointer = start ?? grownAt;
    this.inputCapacity = inputPages * PAGE_BYTES;
    this.outputPointer = this.inputPointer + this.inputCapacity;
    this.#regionEnd = this.outputPointer + outputPages * PAGE_BYTES;
    return true;
  }

  /** undefined when the allocator has no memory left; a pointer that lies is an ABI violation. */
  #allocated(allocate: Allocate, length: number): number | undefined {
    const pointer = allocate(length) >>> 0;
    if (pointer === 0) return undefined;
    if (this.#memory.contains(pointer, length)) return pointer;
    throw new GuestFault(
      'guest.abi_violation',
      `alloc(${String(length)}) returned ${String(pointer)}, which is not ${String(length)} bytes inside of the memory`,
    );
  }

  #refuse(what: string): never {
    throw new StreamlineError('guest.init_failed', `${what} do not fit into the guest's memory`, {
      configPath: '/max_memory_mb',
      suggestion: `raise max_memory_mb, now ${String(this.#maxMemoryMb)}`,
    });
  }
}
