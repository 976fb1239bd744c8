import { byteView, type ByteView } from './byte-view.ts';

/** A guest's linear memory as the host sees it: views that survive growth, and bounds that a guest cannot talk its way past. */
export class GuestMemory {
  readonly memory: WebAssembly.Memory;
  #view: ByteView;

  constructor(memory: WebAssembly.Memory) {
    this.memory = memory;
    this.#view = byteView(memory.buffer);
  }

  /** Current views. Growth detaches the old buffer, which shows as length 0: 2 ns to see, where `memory.buffer` takes 55. */
  get view(): ByteView {
    if (this.#view.bytes.length === 0) this.#view = byteView(this.memory.buffer);
    return this.#view;
  }

  /** ptr and length are what the guest said: any 32-bit number. */
  contains(pointer: number, length: number): boolean {
    return (pointer >>> 0) + (length >>> 0) <= this.view.bytes.length;
  }

  /** Appends pages and returns the address of the first, or undefined when the memory's maximum does not allow it. */
  growPages(pages: number): number | undefined {
    try {
      return this.memory.grow(pages) * PAGE_BYTES;
    } catch (thrown) {
      if (thrown instanceof RangeError) return undefined;
      throw thrown;
    }
  }
}

export const PAGE_BYTES = 65536;

export function pagesFor(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES);
}
