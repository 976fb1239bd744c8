/** Puts bytes together: `new Writer().text('{"id":').bytes(raw).text("}").take()`. */
export class Writer {
  private buffer: ArrayBuffer;
  private length: i32 = 0;

  /** @param capacity bytes it has room for before it grows */
  constructor(capacity: i32 = 256) {
    this.buffer = new ArrayBuffer(max(16, capacity));
  }

  /** Bytes as they are, from `start` up to but not with `end`. */
  bytes(from: Uint8Array, start: i32 = 0, end: i32 = i32.MAX_VALUE): Writer {
    end = min(end, from.length);
    if (start < 0 || start > end) throw new RangeError("Writer.bytes: start lies beyond end");
    this.reserve(end - start);
    memory.copy(this.end, from.dataStart + start, end - start);
    this.length += end - start;
    return this;
  }

  /** Text in UTF-8. */
  text(text: string): Writer {
    return this.part(text, 0, text.length);
  }

  /** Text as a JSON string, with quotes and escapes. */
  quoted(text: string): Writer {
    this.text('"');
    let from = 0;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit >= 0xd800 && unit < 0xdc00 && i + 1 < text.length && (text.charCodeAt(i + 1) & 0xfc00) == 0xdc00) {
        i++;
        continue;
      }
      // What must be escaped, and a half of a pair alone, which UTF-8 cannot carry.
      if (unit >= 0x20 && unit != 0x22 && unit != 0x5c && (unit & 0xf800) != 0xd800) continue;
      this.part(text, from, i);
      from = i + 1;
      if (unit == 0x22) this.text('\\"');
      else if (unit == 0x5c) this.text("\\\\");
      else if (unit == 0x0a) this.text("\\n");
      else if (unit == 0x0d) this.text("\\r");
      else if (unit == 0x09) this.text("\\t");
      else this.text("\\u" + unit.toString(16).padStart(4, "0"));
    }
    return this.part(text, from, text.length).text('"');
  }

  /** All that was written. The writer must not be used any more. */
  take(): Uint8Array {
    return Uint8Array.wrap(this.buffer, 0, this.length);
  }

  private get end(): usize {
    return changetype<usize>(this.buffer) + this.length;
  }

  private part(text: string, from: i32, to: i32): Writer {
    if (from == to) return this;
    // A unit of UTF-16 is at most three bytes of UTF-8.
    this.reserve((to - from) * 3);
    const start = changetype<usize>(text) + (<usize>from << 1);
    this.length += <i32>String.UTF8.encodeUnsafe(start, to - from, this.end);
    return this;
  }

  private reserve(more: i32): void {
    const needed = this.length + more;
    if (needed <= this.buffer.byteLength) return;
    const grown = new ArrayBuffer(max(needed, this.buffer.byteLength * 2));
    memory.copy(changetype<usize>(grown), changetype<usize>(this.buffer), this.length);
    this.buffer = grown;
  }
}
