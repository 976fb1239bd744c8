import { parseJson } from './text.js';

const BACKSLASH = 92;

/** Whether what stands after a quote is still in the string: an odd number of backslashes before the quote. */
function escapesQuote(part) {
  let slashes = 0;
  while (part.charCodeAt(part.length - 1 - slashes) === BACKSLASH) slashes += 1;
  return slashes % 2 === 1;
}

/** What stands between strings, at even indexes, and in them, at odd ones. Joined by quotes they are the text again. */
function splitAtStrings(json) {
  const parts = json.split('"');
  if (!json.includes('\\"')) return parts;
  const whole = [];
  for (const part of parts) {
    const inString = whole.length % 2 === 0 && whole.length > 0;
    if (inString && escapesQuote(whole.at(-1))) whole[whole.length - 1] += `"${part}`;
    else whole.push(part);
  }
  return whole;
}

/** Follows the objects and lists that begin and end in what stands between two strings. */
function follow(between, names) {
  for (let i = 0; i < between.length; i += 1) {
    const char = between[i];
    if (char === '{') names.push(undefined);
    // A list stands at its own name.
    else if (char === '[') names.push(names[names.length - 1]);
    else if (char === '}' || char === ']') names.pop();
  }
}

/*
 * Not by JSON.parse and JSON.stringify, which turn 20211207123456789012 into 20211207123456790000 and 1.50 into 1.5. The engine a
 * component carries interprets, so what is native there (split, join, JSON.parse) costs little, and each step of a loop a lot.
 */
export function mapJsonStrings(json, change) {
  parseJson(json);
  const parts = splitAtStrings(json);
  const escapes = json.includes('\\');
  const names = [];
  const { length } = parts;
  let changed = false;
  let before = parts[0];
  for (let i = 1; i < length; i += 2) {
    const raw = parts[i];
    const after = parts[i + 1];
    if (before !== ':' && before !== ',') follow(before, names);
    before = after;
    const text = escapes && raw.includes('\\') ? JSON.parse(`"${raw}"`) : raw;
    if (after === ':' || (after !== ',' && /^\s*:/.test(after))) {
      names[names.length - 1] = text;
      continue;
    }
    const answer = change(text, names);
    if (answer === text) continue;
    parts[i] = JSON.stringify(answer).slice(1, -1);
    changed = true;
  }
  return changed ? parts.join('"') : json;
}
