/**
 * Result buffers that are not in use. A buffer a thread made larger comes back here in place of the one it replaced, so the
 * pool grows to what batches need. Buffers of a killed thread never come back: nobody releases them.
 *
 * Bounded by bytes and not by how many guests there are: results stay out until the cluster has acknowledged them, so many more are
 * under way than are being written. One let go is shared memory that two heaps' collectors have to notice, which feel no pressure
 * from it: measured, hundreds of MB.
 */
export class BufferPool {
  readonly #initialBytes: number;
  readonly #free: SharedArrayBuffer[] = [];
  #freeBytes = 0;

  constructor(initialBytes: number) {
    this.#initialBytes = initialBytes;
  }

  take(): SharedArrayBuffer {
    const buffer = this.#free.pop();
    if (buffer === undefined) return new SharedArrayBuffer(this.#initialBytes);
    this.#freeBytes -= buffer.byteLength;
    return buffer;
  }

  give(buffer: SharedArrayBuffer): void {
    // One huge batch must not keep its memory for ever.
    if (this.#freeBytes + buffer.byteLength > KEPT_BYTES_MAX) return;
    this.#free.push(buffer);
    this.#freeBytes += buffer.byteLength;
  }
}

export const RESULT_BYTES_INITIAL = 256 * 1024;
const KEPT_BYTES_MAX = 32 * 1024 * 1024;
