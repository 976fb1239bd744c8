import { isUtf8 } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { Misfit } from './misfit.ts';

/*
 * JSON to values without losing digits. JSON.parse rounds numbers beyond 2^53 and its reviver does not always tell their text (V8 forgets it
 * for a whole text once a key has an escape), so numbers that might be rounded are first marked: they come as strings that
 * begin with what nobody outside of this process knows.
 */

const MARK = `\0${randomBytes(12).toString('hex')}:`;
const MARK_IN_JSON = JSON.stringify(MARK).slice(1, -1);

/** A double keeps 15 digits whatever they are; a point among them may make it one longer. */
const LONG_NUMBER = /[0-9.]{16}/;
const LONG_CHARACTERS = 15;
const LONG_NUMBERS = /-?[0-9][0-9.eE+-]{14,}/g;
const BACKSLASH = 0x5c;

/** Reads JSON, long numbers with all their digits (digitsOf). Throws Misfit record.not_json. */
export function parseJson(text: string): unknown {
  const value = parsePlainJson(text);
  return LONG_NUMBER.test(text) ? JSON.parse(marked(text)) : value;
}

/** Reads JSON as anybody else does: long numbers are rounded. Throws Misfit record.not_json. */
export function parsePlainJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (thrown) {
    // The parser's own message quotes the text.
    const at = /in JSON at position (\d+)(?: \(line \d+ column \d+\))?$/.exec(
      thrown instanceof Error ? thrown.message : '',
    )?.[1];
    throw new Misfit(
      'record.not_json',
      at === undefined ? 'it is not JSON' : `it is not JSON, from character ${at} on`,
    );
  }
}

/** The text, which is JSON, with its long numbers marked. No expression for strings: it would need stack for each escape. */
function marked(text: string): string {
  const mark = (number: string): string => `"${MARK_IN_JSON}${number}"`;
  let result = '';
  let at = 0;
  for (let quote = text.indexOf('"'); quote >= 0; quote = text.indexOf('"', at)) {
    if (quote - at >= LONG_CHARACTERS) {
      result += text.slice(at, quote).replaceAll(LONG_NUMBERS, mark);
      at = quote;
    }
    const end = endOfString(text, quote);
    result += text.slice(at, end);
    at = end;
  }
  return result + text.slice(at).replaceAll(LONG_NUMBERS, mark);
}

function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); ; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(quote - 1 - backslashes) === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return quote + 1;
  }
}

/** The digits of a number that was marked; undefined for anything else. */
export function digitsOf(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.charCodeAt(0) !== 0 || !value.startsWith(MARK)) return undefined;
  return value.slice(MARK.length);
}

/** The text of bytes. Throws Misfit: what is not UTF-8 would be replaced without a word. */
export function textOf(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (text.includes('\ufffd') && !isUtf8(bytes)) throw new Misfit('record.not_json', 'it is not UTF-8');
  return text;
}

/** What kind of value it is, for messages: never the value, which may be nobody's to read. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  switch (typeof value) {
    case 'string':
      return digitsOf(value) === undefined ? 'a string' : 'a number';
    case 'number':
      return 'a number';
    case 'boolean':
      return String(value);
    default:
      return 'an object';
  }
}
