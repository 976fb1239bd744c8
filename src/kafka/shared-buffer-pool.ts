/** Smallest buffer made: small batches share one size class. */
const CLASS_BYTES_MIN = 65_536;

/**
 * Reuses shared buffers by power-of-two size class. A 4 MB allocation costs a page fault for each 4 KiB touched; a reused one
 * does not. What is kept is bounded: beyond that, buffers go to the collector.
 */
export class SharedBufferPool {
  readonly #keptBytesMax: number;
  readonly #free = new Map<number, SharedArrayBuffer[]>();
  #keptBytes = 0;

  constructor(keptBytesMax: number) {
    this.#keptBytesMax = keptBytesMax;
  }

  /** Bytes kept for reuse. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** A buffer of at least so many bytes, not zeroed. */
  readonly take = (bytesMin: number): SharedArrayBuffer => {
    let bytes = CLASS_BYTES_MIN;
    while (bytes < bytesMin) bytes *= 2;
    const buffer = this.#free.get(bytes)?.pop();
    if (buffer === undefined) return new SharedArrayBuffer(bytes);
    this.#keptBytes -= bytes;
    return buffer;
  };

  give(buffer: SharedArrayBuffer): void {
    const bytes = buffer.byteLength;
    // Only what take() made: a foreign size would never be found again.
    if (bytes < CLASS_BYTES_MIN || (bytes & (bytes - 1)) !== 0) return;
    if (this.#keptBytes + bytes > this.#keptBytesMax) return;
    this.#keptBytes += bytes;
    const free = this.#free.get(bytes);
    if (free === undefined) this.#free.set(bytes, [buffer]);
    else free.push(buffer);
  }

  clear(): void {
    this.#free.clear();
    this.#keptBytes = 0;
  }
}
