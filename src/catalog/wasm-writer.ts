const utf8 = new TextEncoder();

/** A growing byte buffer with the encodings of the WebAssembly binary format. */
export class WasmWriter {
  #bytes: Uint8Array;
  length = 0;

  constructor(capacityBytes = 256) {
    this.#bytes = new Uint8Array(capacityBytes);
  }

  #reserve(byteCount: number): void {
    const needed = this.length + byteCount;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.length));
    this.#bytes = grown;
  }

  u8(...values: number[]): this {
    this.#reserve(values.length);
    for (const value of values) {
      this.#bytes[this.length] = value;
      this.length += 1;
    }
    return this;
  }

  u32(value: number): this {
    this.#reserve(5);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.length] = (rest % 0x80) | 0x80;
      this.length += 1;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.length] = rest;
    this.length += 1;
    return this;
  }

  /** Signed LEB128 of a safe integer. */
  s64(value: number): this {
    this.#reserve(10);
    let rest = value;
    for (;;) {
      const low = ((rest % 0x80) + 0x80) % 0x80;
      rest = (rest - low) / 0x80;
      const last = (rest === 0 && low < 0x40) || (rest === -1 && low >= 0x40);
      this.#bytes[this.length] = last ? low : low | 0x80;
      this.length += 1;
      if (last) return this;
    }
  }

  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.length);
    this.length += bytes.length;
    return this;
  }

  copy(source: Uint8Array, start: number, end: number): this {
    this.#reserve(end - start);
    // Most pieces between two charges are a few bytes: a loop beats making a view.
    if (end - start < 24) {
      for (let i = start, to = this.length; i < end; i += 1, to += 1) this.#bytes[to] = source[i] ?? 0;
    } else {
      this.#bytes.set(source.subarray(start, end), this.length);
    }
    this.length += end - start;
    return this;
  }

  name(text: string): this {
    const encoded = utf8.encode(text);
    return this.u32(encoded.length).raw(encoded);
  }

  section(id: number, payload: Uint8Array): this {
    return this.u8(id).u32(payload.length).raw(payload);
  }

  reset(): void {
    this.length = 0;
  }

  /** A view: valid until the next write. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  /** A copy of its own. */
  bytes(): Uint8Array<ArrayBuffer> {
    const copy = new Uint8Array(this.length);
    copy.set(this.view());
    return copy;
  }
}
