import { isUtf8 } from 'node:buffer';
import { RECORD } from '../../pipeline/packed-batch.ts';
import { copyBytes } from '../byte-view.ts';
import { GuestFault } from '../guest-failure.ts';
import type { GuestMemory } from '../guest-memory.ts';
import type { BatchContext } from '../guest.ts';

/** Layout of wit/'s header in memory: the canonical ABI's, for 32-bit pointers. */
export const HEADER = { bytes: 20, align: 4, name: 0, value: 8 } as const;

type Reallocate = (old: number, oldBytes: number, align: number, bytes: number) => number;

/**
 * A record on its way into a component: each of its parts is copied once, into room that the guest's own allocator gives, because
 * the guest may free each by itself. Afterwards the fields say where they are. Allocates nothing on this side.
 */
export class RecordLowering {
  readonly #memory: GuestMemory;
  readonly #realloc: Reallocate;
  readonly #topic: Buffer;
  keyAt = 0;
  keyLength = 0;
  valueAt = 0;
  valueLength = 0;
  headersAt = 0;
  headerCount = 0;
  topicAt = 0;
  topicLength = 0;

  constructor(memory: GuestMemory, realloc: Reallocate, inputTopic: string) {
    this.#memory = memory;
    this.#realloc = realloc;
    this.#topic = Buffer.from(inputTopic, 'utf8');
  }

  /** Room in the guest's memory. Throws what the guest's allocator throws; GuestFault when what it answers is no room. */
  allocate(bytes: number, align: number): number {
    // Nothing is at the address of an empty list, but it has to be one.
    if (bytes === 0) return align;
    const at = this.#realloc(0, 0, align, bytes) >>> 0;
    // Some allocators answer 0 for "no room", which is an address like any other: a record there would stand on the guest's own.
    if (at === 0) throw new GuestFault('guest.trap', `realloc() found no room for ${String(bytes)} bytes`);
    if (at % align === 0 && at + bytes <= this.#memory.view.bytes.length) return at;
    throw new GuestFault('guest.abi_violation', `realloc() answered ${String(at)} for ${String(bytes)} bytes`);
  }

  /** Copies the parts of the record at `at`. -1 in a length: null. */
  lower(batch: BatchContext, at: number): void {
    const { reader } = batch;
    this.keyLength = reader.keyLength(at);
    this.keyAt = this.#copy(batch, at + RECORD.key, this.keyLength);
    this.valueLength = reader.valueLength(at);
    this.valueAt = this.#copy(batch, reader.valueStart(at), this.valueLength);
    this.topicLength = this.#topic.length;
    this.topicAt = this.#text(this.#topic);
    const headersLength = reader.headersLength(at);
    this.headerCount = 0;
    this.headersAt = HEADER.align;
    if (headersLength > 0) this.#headers(batch, reader.headersStart(at), headersLength);
  }

  #copy(batch: BatchContext, from: number, length: number): number {
    if (length <= 0) return 1;
    const at = this.allocate(length, 1);
    copyBytes(batch.input, from, this.#memory.view, at, length);
    return at;
  }

  #text(text: Buffer): number {
    const at = this.allocate(text.length, 1);
    text.copy(this.#memory.view.bytes, at);
    return at;
  }

  #headers(batch: BatchContext, from: number, length: number): void {
    const { view } = batch.reader;
    const end = from + length;
    for (let at = from; at < end; this.headerCount += 1) {
      at += 4 + view.getUint32(at, true);
      at += 4 + Math.max(0, view.getInt32(at, true));
    }
    this.headersAt = this.allocate(this.headerCount * HEADER.bytes, HEADER.align);
    let to = this.headersAt;
    for (let at = from; at < end; to += HEADER.bytes) {
      const nameLength = view.getUint32(at, true);
      at += 4;
      this.#name(batch, at, nameLength, to + HEADER.name);
      at += nameLength;
      const valueLength = view.getInt32(at, true);
      at += 4;
      const valueAt = this.#copy(batch, at, valueLength);
      writeOption(this.#memory.view.bytes, to + HEADER.value, valueAt, valueLength);
      at += Math.max(0, valueLength);
    }
  }

  /** A string of the component model is UTF-8 throughout, and a header's name is what its producer has sent. */
  #name(batch: BatchContext, from: number, length: number, to: number): void {
    const { bytes } = batch.input;
    let ascii = true;
    for (let i = from; i < from + length && ascii; i += 1) ascii = (bytes[i] ?? 0) < 0x80;
    let at: number;
    let written = length;
    if (ascii) at = this.#copy(batch, from, length);
    else {
      const raw = Buffer.from(bytes.subarray(from, from + length));
      const text = isUtf8(raw) ? raw : Buffer.from(raw.toString('utf8'), 'utf8');
      at = this.#text(text);
      written = text.length;
    }
    const memory = this.#memory.view.bytes;
    memory.writeUInt32LE(at, to);
    memory.writeUInt32LE(written, to + 4);
  }
}

function writeOption(bytes: Buffer, to: number, at: number, length: number): void {
  bytes[to] = length < 0 ? 0 : 1;
  bytes.writeUInt32LE(at, to + 4);
  bytes.writeUInt32LE(Math.max(0, length), to + 8);
}
