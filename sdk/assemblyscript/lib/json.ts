import { skipSpace, skipString, skipValue, unescaped } from "./json-scan";

export enum JsonKind {
  Object,
  Array,
  String,
  Number,
  Bool,
  Null,
}

/**
 * A value of a JSON text, as a place in its bytes: nothing is taken apart before it is asked for, and what is not touched keeps every byte, the
 * digits of numbers too. Values nest at most 128 deep. That a text is UTF-8 is not checked.
 */
export class Json {
  /** @param start where the value is in `bytes`, from its first byte up to but not with `end` */
  constructor(
    public bytes: Uint8Array,
    public start: i32,
    public end: i32,
  ) {}

  /** null when the bytes are not one JSON value, with white space around it at most. */
  static parse(bytes: Uint8Array): Json | null {
    const from = bytes.dataStart;
    const to = from + bytes.length;
    const start = skipSpace(from, to);
    const end = skipValue(start, to);
    if (end == 0 || skipSpace(end, to) != to) return null;
    return new Json(bytes, <i32>(start - from), <i32>(end - from));
  }

  get kind(): JsonKind {
    const byte = load<u8>(this.at);
    if (byte == 0x7b) return JsonKind.Object;
    if (byte == 0x5b) return JsonKind.Array;
    if (byte == 0x22) return JsonKind.String;
    if (byte == 0x6e) return JsonKind.Null;
    return byte == 0x74 || byte == 0x66 ? JsonKind.Bool : JsonKind.Number;
  }

  get isObject(): bool {
    return this.kind == JsonKind.Object;
  }

  get isArray(): bool {
    return this.kind == JsonKind.Array;
  }

  get isString(): bool {
    return this.kind == JsonKind.String;
  }

  /** A string's text without quotes and escapes; of any other kind the JSON itself. */
  get text(): string {
    return this.isString ? unescaped(this.at + 1, this.to - 1) : this.raw;
  }

  /** The JSON text as it stands. */
  get raw(): string {
    return String.UTF8.decodeUnsafe(this.at, this.to - this.at);
  }

  /** A number as near as f64 has it; NaN of any other kind. */
  get number(): f64 {
    return this.kind == JsonKind.Number ? parseFloat(this.raw) : NaN;
  }

  get isTrue(): bool {
    return load<u8>(this.at) == 0x74;
  }

  /** Fields of an object in their order, one that is there twice as well; of any other kind none. */
  fields(): Array<JsonField> {
    const found = new Array<JsonField>();
    if (!this.isObject) return found;
    const base = this.bytes.dataStart;
    const to = this.to;
    let at = skipSpace(this.at + 1, to);
    while (load<u8>(at) != 0x7d) {
      const nameEnd = skipString(at, to);
      const start = skipSpace(skipSpace(nameEnd, to) + 1, to);
      const end = skipValue(start, to);
      found.push(
        new JsonField(<i32>(at - base), <i32>(nameEnd - base), new Json(this.bytes, <i32>(start - base), <i32>(end - base))),
      );
      at = afterComma(end, to);
    }
    return found;
  }

  /** Items of an array; of any other kind none. */
  items(): Array<Json> {
    const found = new Array<Json>();
    if (!this.isArray) return found;
    const base = this.bytes.dataStart;
    const to = this.to;
    let at = skipSpace(this.at + 1, to);
    while (load<u8>(at) != 0x5d) {
      const end = skipValue(at, to);
      found.push(new Json(this.bytes, <i32>(at - base), <i32>(end - base)));
      at = afterComma(end, to);
    }
    return found;
  }

  /** The last field of that name, as most parsers have it; null when there is none. Names are compared after their escapes. */
  find(name: string): Json | null {
    if (!this.isObject) return null;
    const wanted = String.UTF8.encode(name);
    const base = this.bytes.dataStart;
    const to = this.to;
    let foundStart: usize = 0;
    let foundEnd: usize = 0;
    let at = skipSpace(this.at + 1, to);
    while (load<u8>(at) != 0x7d) {
      const nameEnd = skipString(at, to);
      const start = skipSpace(skipSpace(nameEnd, to) + 1, to);
      const end = skipValue(start, to);
      if (isNamed(at + 1, nameEnd - 1, name, wanted)) {
        foundStart = start;
        foundEnd = end;
      }
      at = afterComma(end, to);
    }
    return foundStart == 0 ? null : new Json(this.bytes, <i32>(foundStart - base), <i32>(foundEnd - base));
  }

  /** The first field of an object that is not one of these; null when there is none. For a config, to refuse what it does not know. */
  fieldBeyond(names: Array<string>): string | null {
    const fields = this.fields();
    for (let i = 0; i < fields.length; i++) {
      const name = fields[i].name;
      if (!names.includes(name)) return name;
    }
    return null;
  }

  private get at(): usize {
    return this.bytes.dataStart + this.start;
  }

  private get to(): usize {
    return this.bytes.dataStart + this.end;
  }
}

/** A field of an object; `start` and `end` are those of its name, with the quotes. */
export class JsonField {
  constructor(
    public start: i32,
    public end: i32,
    public value: Json,
  ) {}

  get name(): string {
    const bytes = this.value.bytes;
    return unescaped(bytes.dataStart + this.start + 1, bytes.dataStart + this.end - 1);
  }
}

function afterComma(at: usize, end: usize): usize {
  at = skipSpace(at, end);
  return load<u8>(at) == 0x2c ? skipSpace(at + 1, end) : at;
}

function isNamed(start: usize, end: usize, name: string, wanted: ArrayBuffer): bool {
  for (let at = start; at < end; at++) {
    if (load<u8>(at) == 0x5c) return unescaped(start, end) == name;
  }
  return end - start == <usize>wanted.byteLength && memory.compare(start, changetype<usize>(wanted), end - start) == 0;
}
