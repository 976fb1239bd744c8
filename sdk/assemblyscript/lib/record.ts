import { Header } from "./header";
import {
  hostHeaderCount,
  hostHeaderFind,
  hostHeaderName,
  hostHeaderValue,
  hostOffset,
  hostPartition,
  hostTimestampMs,
  hostTopic,
  hostValueIsNull,
  NULL_LENGTH,
} from "./host";

/** Kafka's own limit on a topic name, in bytes. */
const TOPIC_BYTES_MAX = 249;

/**
 * One record, good for the call it is given to and no longer: its memory is the next record's. What its members answer are copies, which
 * may be kept. Key and value are copied each time they are asked for, headers read by the host only when they are.
 */
export class Record {
  /** Of the frame: u32 key length, key, value. Made by `framed` only. */
  constructor(
    private at: usize,
    private length: i32,
  ) {}

  /** null when the bytes are no frame. */
  static framed(at: usize, length: i32): Record | null {
    if (length < 4) return null;
    const keyLength = load<i32>(at);
    if (keyLength != NULL_LENGTH && <u32>keyLength > <u32>length - 4) return null;
    return new Record(at, length);
  }

  /** null when the record has none. */
  get key(): Uint8Array | null {
    return this.keyLength == NULL_LENGTH ? null : copied(this.at + 4, this.keyLength);
  }

  /** The key as UTF-8; "" for null. */
  get keyText(): string {
    return String.UTF8.decodeUnsafe(this.at + 4, <usize>this.keyBytes);
  }

  /** Of no bytes for a tombstone too, which is shown only under `input.tombstones: transform`. */
  get value(): Uint8Array {
    return copied(this.valueAt, this.valueLength);
  }

  /** The value is null. */
  get isTombstone(): bool {
    // Only where there are no bytes has the host something to tell.
    return this.valueLength == 0 && hostValueIsNull() != 0;
  }

  /** The value as UTF-8. What is no UTF-8 is not refused. */
  get valueText(): string {
    return String.UTF8.decodeUnsafe(this.valueAt, <usize>this.valueLength);
  }

  /** In bytes, without a copy. */
  get valueLength(): i32 {
    return this.length - 4 - this.keyBytes;
  }

  /** The topic it was read from. */
  get topic(): string {
    const name = new ArrayBuffer(TOPIC_BYTES_MAX);
    const length = hostTopic(changetype<usize>(name), TOPIC_BYTES_MAX);
    return String.UTF8.decodeUnsafe(changetype<usize>(name), <usize>length);
  }

  get partition(): i32 {
    return hostPartition();
  }

  get offset(): i64 {
    return hostOffset();
  }

  /** Milliseconds since 1970; -1 = none. */
  get timestampMs(): i64 {
    return hostTimestampMs();
  }

  get headerCount(): i32 {
    return hostHeaderCount();
  }

  /** All headers in their order; a name may be there more than once. */
  headers(): Array<Header> {
    const found = new Array<Header>();
    for (let i = 0, count = hostHeaderCount(); i < count; i++) found.push(new Header(headerName(i), headerValue(i)));
    return found;
  }

  /** The last header of that name; null when there is none. */
  header(name: string): Header | null {
    const text = String.UTF8.encode(name);
    const index = hostHeaderFind(changetype<usize>(text), text.byteLength);
    return index < 0 ? null : new Header(name, headerValue(index));
  }

  private get keyLength(): i32 {
    return load<i32>(this.at);
  }

  private get keyBytes(): i32 {
    return max(0, this.keyLength);
  }

  private get valueAt(): usize {
    return this.at + 4 + this.keyBytes;
  }
}

function copied(at: usize, length: i32): Uint8Array {
  const bytes = new Uint8Array(length);
  memory.copy(bytes.dataStart, at, length);
  return bytes;
}

function headerName(index: i32): string {
  const length = hostHeaderName(index, 0, 0);
  if (length <= 0) return "";
  const name = new ArrayBuffer(length);
  hostHeaderName(index, changetype<usize>(name), length);
  return String.UTF8.decode(name);
}

function headerValue(index: i32): Uint8Array | null {
  const length = hostHeaderValue(index, 0, 0);
  if (length < 0) return null;
  const value = new Uint8Array(length);
  if (length > 0) hostHeaderValue(index, value.dataStart, length);
  return value;
}
