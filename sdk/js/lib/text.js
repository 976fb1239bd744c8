import { Failure } from './failure.js';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function decodeText(bytes, what = 'the value') {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new Failure(`${what} is no UTF-8`, { cause });
  }
}

export function encodeText(text) {
  return encoder.encode(text);
}

/** What an engine says of bad JSON may quote it, and a message goes where others read it. */
export function parseJson(text, what = 'the value') {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Failure(`${what} is no JSON`, { cause });
  }
}
