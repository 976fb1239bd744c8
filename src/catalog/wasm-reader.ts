/** The bytes are not what the binary format allows, or more than is supported here. Caught by the inspector, never shown raw. */
export class WasmFormatError extends Error {}

/** A module uses a feature the sandbox does not take. */
export class UnsupportedFeatureError extends Error {}

/** A module, or a part of one, is more than the engine can be trusted with. The message completes "the module has …". */
export class TooLargeError extends Error {}

// The engine takes a byte order mark for a part of the name.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads a WebAssembly binary front to back; every read is checked against `end`, so a lying length throws and never runs over. */
export class WasmReader {
  readonly bytes: Uint8Array;
  readonly end: number;
  at: number;

  constructor(bytes: Uint8Array, at = 0, end = bytes.length) {
    if (end > bytes.length || at > end) throw new WasmFormatError('section past the end of the module');
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  get done(): boolean {
    return this.at >= this.end;
  }

  u8(): number {
    const byte = this.at < this.end ? this.bytes[this.at] : undefined;
    if (byte === undefined) throw new WasmFormatError(`unexpected end at byte ${this.at}`);
    this.at += 1;
    return byte;
  }

  /** The next byte, not passed. */
  peek(): number {
    const byte = this.u8();
    this.at -= 1;
    return byte;
  }

  u32(): number {
    let byte = this.u8();
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    for (let shift = 7; shift < 35; shift += 7) {
      byte = this.u8();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if (value > 0xffffffff) break;
        return value;
      }
    }
    throw new WasmFormatError(`number too large at byte ${this.at}`);
  }

  /** Passes over a LEB128 number of at most `bytesMax` bytes. */
  skipLeb(bytesMax = 10): void {
    for (let i = 0; i < bytesMax; i += 1) if (this.u8() < 0x80) return;
    throw new WasmFormatError(`number too long at byte ${this.at}`);
  }

  skip(byteCount: number): void {
    if (byteCount > this.end - this.at) throw new WasmFormatError(`unexpected end after byte ${this.at}`);
    this.at += byteCount;
  }

  name(): string {
    const length = this.u32();
    const start = this.at;
    this.skip(length);
    try {
      return utf8.decode(this.bytes.subarray(start, this.at));
    } catch {
      throw new WasmFormatError(`name at byte ${start} is not UTF-8`);
    }
  }

  /** Number of entries that follow; each takes at least `entryBytesMin`, so a lie is seen before anything is allocated. */
  count(entryBytesMin = 1): number {
    const count = this.u32();
    if (count * entryBytesMin > this.end - this.at)
      throw new WasmFormatError(`count ${count} past the end of its section`);
    return count;
  }
}
