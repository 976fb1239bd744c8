/**
 * Result buffers that are not in use. A buffer a thread made larger comes back here in place of the one it replaced, so the
 * pool grows to what batches need. Buffers of a killed thread never come back: nobody releases them.
 */
export class BufferPool {
  readonly #initialBytes: number;
  readonly #buffersMax: number;
  readonly #free: SharedArrayBuffer[] = [];

  constructor(initialBytes: number, buffersMax: number) {
    this.#initialBytes = initialBytes;
    this.#buffersMax = buffersMax;
  }

  take(): SharedArrayBuffer {
    return this.#free.pop() ?? new SharedArrayBuffer(this.#initialBytes);
  }

  give(buffer: SharedArrayBuffer): void {
    // One huge batch must not keep its memory for ever.
    if (this.#free.length < this.#buffersMax && buffer.byteLength <= KEPT_BYTES_MAX) this.#free.push(buffer);
  }
}

export const RESULT_BYTES_INITIAL = 256 * 1024;
const KEPT_BYTES_MAX = 64 * 1024 * 1024;
