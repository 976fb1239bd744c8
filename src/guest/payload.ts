import type { ByteView } from './byte-view.ts';
import { GuestFault } from './guest-failure.ts';
import type { OutputPart } from './record-outputs.ts';

const NULL_KEY = 0xffffffff;

/** -1 = null. Throws GuestFault guest.abi_violation for a frame that lies. */
export function framedKeyLength(view: ByteView, at: number, length: number, call: string): number {
  if (length < 4) throw new GuestFault('guest.abi_violation', `${call} wrote no whole key length`);
  const announced = view.bytes.readUInt32LE(at);
  const keyLength = announced === NULL_KEY ? -1 : announced;
  if (Math.max(0, keyLength) <= length - 4) return keyLength;
  const text = `${call} announced a key of ${String(announced)} bytes in an output of ${String(length)}`;
  throw new GuestFault('guest.abi_violation', text);
}

/** Key and value of what a guest has written at `at` of its memory, as its payload has them. */
export function payloadParts(
  view: ByteView,
  at: number,
  length: number,
  framed: boolean,
  call: string,
): { readonly key: OutputPart; readonly value: OutputPart } {
  if (!framed) return { key: 'input', value: { from: view, start: at, length } };
  const keyLength = framedKeyLength(view, at, length, call);
  const keyBytes = Math.max(0, keyLength);
  return {
    key: keyLength < 0 ? 'null' : { from: view, start: at + 4, length: keyBytes },
    value: { from: view, start: at + 4 + keyBytes, length: length - 4 - keyBytes },
  };
}
