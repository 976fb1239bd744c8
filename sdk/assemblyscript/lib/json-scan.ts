/* JSON as RFC 8259 has it, on bytes in memory: each function takes the place of one thing and answers the place behind it, 0 where it is wrong. */

/** Arrays and objects in each other; a limit, so that no record can overflow the stack. */
const DEPTH_MAX: i32 = 128;

export function skipSpace(at: usize, end: usize): usize {
  while (at < end) {
    const byte = load<u8>(at);
    if (byte != 0x20 && byte != 0x0a && byte != 0x0d && byte != 0x09) break;
    at++;
  }
  return at;
}

/** A value without the space around it. */
export function skipValue(at: usize, end: usize, depth: i32 = 0): usize {
  if (at >= end) return 0;
  const byte = load<u8>(at);
  if (byte == 0x22) return skipString(at, end);
  if (byte == 0x7b || byte == 0x5b) return depth == DEPTH_MAX ? 0 : skipContainer(at, end, depth + 1);
  if (byte == 0x2d || isDigit(byte)) return skipNumber(at, end);
  if (byte == 0x74) return skipWord(at, end, 0x65757274, 4);
  if (byte == 0x6e) return skipWord(at, end, 0x6c6c756e, 4);
  if (byte == 0x66) return skipWord(at + 1, end, 0x65736c61, 4);
  return 0;
}

/** With its quotes. */
export function skipString(at: usize, end: usize): usize {
  if (at >= end || load<u8>(at) != 0x22) return 0;
  at++;
  while (at < end) {
    const byte = load<u8>(at);
    if (byte == 0x22) return at + 1;
    if (byte < 0x20) return 0;
    at++;
    if (byte == 0x5c) {
      at = skipEscape(at, end);
      if (at == 0) return 0;
    }
  }
  return 0;
}

function skipContainer(at: usize, end: usize, depth: i32): usize {
  const isObject = load<u8>(at) == 0x7b;
  const close: u8 = isObject ? 0x7d : 0x5d;
  at = skipSpace(at + 1, end);
  if (at < end && load<u8>(at) == close) return at + 1;
  while (true) {
    if (isObject) {
      at = skipString(at, end);
      if (at == 0) return 0;
      at = skipSpace(at, end);
      if (at >= end || load<u8>(at) != 0x3a) return 0;
      at = skipSpace(at + 1, end);
    }
    at = skipValue(at, end, depth);
    if (at == 0) return 0;
    at = skipSpace(at, end);
    if (at >= end) return 0;
    const byte = load<u8>(at);
    if (byte == close) return at + 1;
    if (byte != 0x2c) return 0;
    at = skipSpace(at + 1, end);
  }
}

/** `at` is behind the backslash. */
function skipEscape(at: usize, end: usize): usize {
  if (at >= end) return 0;
  const byte = load<u8>(at);
  if (byte != 0x75) {
    const known =
      byte == 0x22 || byte == 0x5c || byte == 0x2f || byte == 0x62 || byte == 0x66 || byte == 0x6e || byte == 0x72 || byte == 0x74;
    return known ? at + 1 : 0;
  }
  if (end - at < 5) return 0;
  for (let i: usize = 1; i <= 4; i++) {
    if (hexDigit(load<u8>(at + i)) < 0) return 0;
  }
  return at + 5;
}

function skipNumber(at: usize, end: usize): usize {
  if (load<u8>(at) == 0x2d) at++;
  if (at < end && load<u8>(at) == 0x30) at++;
  else {
    at = skipDigits(at, end);
    if (at == 0) return 0;
  }
  if (at < end && load<u8>(at) == 0x2e) {
    at = skipDigits(at + 1, end);
    if (at == 0) return 0;
  }
  if (at < end && (load<u8>(at) | 0x20) == 0x65) {
    at++;
    if (at < end && (load<u8>(at) == 0x2b || load<u8>(at) == 0x2d)) at++;
    return skipDigits(at, end);
  }
  return at;
}

/** One at least. */
function skipDigits(at: usize, end: usize): usize {
  const start = at;
  while (at < end && isDigit(load<u8>(at))) at++;
  return at == start ? 0 : at;
}

function skipWord(at: usize, end: usize, word: u32, length: usize): usize {
  return at + length <= end && load<u32>(at) == word ? at + length : 0;
}

function isDigit(byte: u8): bool {
  return byte >= 0x30 && byte <= 0x39;
}

/** -1 when it is none. */
export function hexDigit(byte: u8): i32 {
  if (isDigit(byte)) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

/** A string's text, its escapes undone: `start` is behind the first quote, `end` at the last. */
export function unescaped(start: usize, end: usize): string {
  let plain = start;
  let text = "";
  for (let at = start; at < end; at++) {
    if (load<u8>(at) != 0x5c) continue;
    text += String.UTF8.decodeUnsafe(plain, at - plain);
    const byte = load<u8>(at + 1);
    if (byte == 0x75) {
      let unit = 0;
      for (let i: usize = 2; i <= 5; i++) unit = (unit << 4) | hexDigit(load<u8>(at + i));
      text += String.fromCharCode(unit);
      at += 5;
    } else {
      text += String.fromCharCode(escapedUnit(byte));
      at++;
    }
    plain = at + 1;
  }
  const rest = String.UTF8.decodeUnsafe(plain, end - plain);
  return plain == start ? rest : text + rest;
}

function escapedUnit(byte: u8): i32 {
  if (byte == 0x6e) return 0x0a;
  if (byte == 0x74) return 0x09;
  if (byte == 0x72) return 0x0d;
  if (byte == 0x62) return 0x08;
  if (byte == 0x66) return 0x0c;
  return byte;
}
