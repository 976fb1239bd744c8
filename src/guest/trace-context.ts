import { headersByteLength, readHeaders, type RecordHeader } from '../pipeline/packed-batch.ts';
import type { RemoteContext } from '../pipeline/tracing.ts';

/* W3C Trace Context in the headers of a record: https://www.w3.org/TR/trace-context/ */

const TRACEPARENT = Buffer.from('traceparent');
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
    if (nameLength === TRACEPARENT.length && valueLength >= CONTEXT_BYTES && isTraceparent(bytes, at + 4))
      found = valueAt;
    at = valueAt + Math.max(0, valueLength);
  }
  return found;
}

function isTraceparent(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < TRACEPARENT.length; i += 1) if (bytes[at + i] !== TRACEPARENT[i]) return false;
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
 * The headers of an output of a traced record: those it has, with the span that sends it as where it comes from. One that came without a
 * context that can be read has no use for the rest of it.
 */
export function continued(
  headers: PackedHeaders,
  traceId: string,
  spanId: string,
  hasContext: boolean,
): { readonly headers: RecordHeader[]; readonly byteLength: number } {
  const traceparent = { name: 'traceparent', value: Buffer.from(`00-${traceId}-${spanId}-01`, 'latin1') };
  const kept: RecordHeader[] = [];
  let written = false;
  for (const header of readHeaders(headers.bytes, headers.view, headers.start, headers.length)) {
    if (header.name === 'tracestate' && !hasContext) continue;
    if (header.name !== 'traceparent') kept.push(header);
    else if (!written) {
      kept.push(traceparent);
      written = true;
    }
  }
  if (!written) kept.push(traceparent);
  return { headers: kept, byteLength: headersByteLength(kept) };
}

/** The ratio sampler of the OpenTelemetry SDKs for JavaScript: the same trace is sampled by all that have the same ratio. */
export function ratioSamples(traceId: string, ratio: number): boolean {
  let folded = 0;
  for (let i = 0; i < 32; i += 8) folded = (folded ^ Number.parseInt(traceId.slice(i, i + 8), 16)) >>> 0;
  return folded < (ratio >= 1 ? 2 ** 32 : Math.floor(Math.max(0, ratio) * 0xffffffff));
}
