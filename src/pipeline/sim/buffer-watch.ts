/** What a released buffer is filled with, so that a reader of it finds nonsense and not yesterday's records. */
const POISON = 0xee;

/** Knows which buffers are out and who reads them: none may be released twice, or while it is read, or never. */
export class BufferWatch {
  readonly violations: string[] = [];
  readonly #out = new Set<SharedArrayBuffer>();
  readonly #readers = new Map<SharedArrayBuffer, number>();

  /** Buffers handed out and not released. */
  get out(): number {
    return this.#out.size;
  }

  lend(buffer: SharedArrayBuffer): void {
    this.#out.add(buffer);
  }

  release(what: string, buffer: SharedArrayBuffer): void {
    if (!this.#out.delete(buffer)) this.violations.push(`buffers: a ${what} released twice`);
    if (this.#readers.has(buffer)) this.violations.push(`buffers: a ${what} released while it was read`);
    new Uint8Array(buffer).fill(POISON);
  }

  /** The buffers are read until the work is settled. */
  async reading<T>(buffers: readonly SharedArrayBuffer[], work: Promise<T>): Promise<T> {
    for (const buffer of buffers) this.#readers.set(buffer, (this.#readers.get(buffer) ?? 0) + 1);
    try {
      return await work;
    } finally {
      for (const buffer of buffers) {
        const left = (this.#readers.get(buffer) ?? 1) - 1;
        if (left === 0) this.#readers.delete(buffer);
        else this.#readers.set(buffer, left);
      }
    }
  }
}
