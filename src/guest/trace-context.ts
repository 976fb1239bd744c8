import { readHeaders } from '../pipeline/packed-batch.ts';
import type { RemoteContext } from '../pipeline/tracing.ts';

/* W3C Trace Context in the headers of a record: https://www.w3.org/TR/trace-context/ */

const TRACEPARENT = Buffer.from('traceparent');
const TRACESTATE = Buffer.from('tracestate');
/** `00-` trace id `-` span id `-` flags. A later version may say more behind it. */
const CONTEXT_BYTES = 55;
const CONTEXT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:$|-)/;
const VERSION_00 = '00';
const SAMPLED = 1;

/** Packed headers: `length` bytes at `start`. */
interface PackedHeaders {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly start: number;
  readonly length: number;
}

/** Where the value of the last `traceparent` begins, which is the one that counts; -1: there is none. Allocates nothing: asked of every record. */
export function findTraceparent(bytes: Uint8Array, view: DataView, start: number, length: number): number {
  const end = start + length;
  let found = -1;
  for (let at = start; at + 8 <= end;) {
    const nameLength = view.getUint32(at, true);
    const valueAt = at + 8 + nameLength;
    const valueLength = view.getInt32(valueAt - 4, true);
    if (nameLength === TRACEPARENT.length && valueLength >= CONTEXT_BYTES && isName(bytes, at + 4, TRACEPARENT))
      found = valueAt;
    at = valueAt + Math.max(0, valueLength);
  }
  return found;
}

function isName(bytes: Uint8Array, at: number, name: Buffer): boolean {
  for (let i = 0; i < name.length; i += 1) if (bytes[at + i] !== name[i]) return false;
  return true;
}

/** Whether the value found says `sampled`. Of one that is no context it says nothing. */
export function looksSampled(bytes: Uint8Array, valueAt: number): boolean {
  return (hexDigit(bytes[valueAt + CONTEXT_BYTES - 1] ?? 0) & SAMPLED) !== 0;
}

function hexDigit(character: number): number {
  return character < 0x3a ? character - 0x30 : character - 0x57;
}

/** undefined: what stands there is no context. */
export function readContext(headers: PackedHeaders): RemoteContext | undefined {
  const { bytes, view, start, length } = headers;
  let parent: string | undefined;
  const states: string[] = [];
  for (const { name, value } of readHeaders(bytes, view, start, length)) {
    if (value === null) continue;
    if (name === 'traceparent') parent = Buffer.from(value).toString('latin1');
    else if (name === 'tracestate') states.push(Buffer.from(value).toString('latin1'));
  }
  const match = parent === undefined ? null : CONTEXT.exec(parent);
  const [, traceId, spanId, flags] = match ?? [];
  if (parent === undefined || traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  if (parent.startsWith(VERSION_00) && parent.length !== CONTEXT_BYTES) return undefined;
  const traceState = states.length === 0 ? undefined : states.join(',');
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & SAMPLED) !== 0, traceState };
}

/**
 * The headers of an output of a traced record, packed: those it has, byte by byte, with the span that sends it as where it comes from. One
 * that came without a context that can be read has no use for the rest of it.
 */
export function continued(
  { bytes, view, start, length }: PackedHeaders,
  traceId: string,
  spanId: string,
  hasContext: boolean,
): { readonly parts: readonly Uint8Array[]; readonly byteLength: number } {
  const traceparent = packedHeader(TRACEPARENT, `00-${traceId}-${spanId}-01`);
  const parts: Uint8Array[] = [];
  let isWritten = false;
  const end = start + length;
  for (let at = start; at + 8 <= end;) {
    const nameLength = view.getUint32(at, true);
    const next = at + 8 + nameLength + Math.max(0, view.getInt32(at + 4 + nameLength, true));
    const is = (name: Buffer): boolean => nameLength === name.length && isName(bytes, at + 4, name);
    if (!is(TRACEPARENT)) {
      if (hasContext || !is(TRACESTATE)) parts.push(bytes.subarray(at, next));
    } else if (!isWritten) {
      parts.push(traceparent);
      isWritten = true;
    }
    at = next;
  }
  if (!isWritten) parts.push(traceparent);
  return { parts, byteLength: parts.reduce((sum, part) => sum + part.length, 0) };
}

function packedHeader(name: Buffer, value: string): Buffer {
  const packed = Buffer.alloc(8 + name.length + value.length);
  packed.writeUInt32LE(name.length, 0);
  name.copy(packed, 4);
  packed.writeInt32LE(value.length, 4 + name.length);
  packed.write(value, 8 + name.length, 'latin1');
  return packed;
}

/** The ratio sampler of the OpenTelemetry SDKs for JavaScript: the same trace is sampled by all that have the same ratio. */
export function ratioSamples(traceId: string, ratio: number): boolean {
  let folded = 0;
  for (let i = 0; i < 32; i += 8) folded = (folded ^ Number.parseInt(traceId.slice(i, i + 8), 16)) >>> 0;
  return folded < (ratio >= 1 ? 2 ** 32 : Math.floor(Math.max(0, ratio) * 0xffffffff));
}
