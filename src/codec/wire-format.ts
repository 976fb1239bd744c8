/*
 * How Confluent's serializers frame a value: a zero, the schema's id (32 bits, big-endian), then the value. JSON never begins with a zero.
 * https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
 */

export const FRAME_BYTES = 5;
/** Ids are signed: what is beyond is nobody's. */
export const SCHEMA_ID_MAX = 2 ** 31 - 1;

/** -1 for what is not framed. */
export function framedId(bytes: Buffer, start: number, end: number): number {
  return end - start >= FRAME_BYTES && bytes[start] === 0 ? bytes.readUInt32BE(start + 1) : -1;
}

export function writeFrame(bytes: Buffer, at: number, id: number): number {
  bytes[at] = 0;
  return bytes.writeUInt32BE(id, at + 1);
}
