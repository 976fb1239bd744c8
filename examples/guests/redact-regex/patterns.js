import { Failure } from '../../../sdk/js/lib/index.js';

/*
 * What looks like one; a number is not checked for its check digits. In this order: the digits of an IBAN look like a card. An
 * address begins where no character of it stands before: "x+@" alone, searched in text without an "@", takes the square of its length.
 */
const DEFAULTS = [
  { name: 'email', regex: String.raw`(?<![\w.%+-])[\w.%+-]+@(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}`, flags: 'i' },
  { name: 'iban', regex: String.raw`\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b` },
  { name: 'card', regex: String.raw`\b[2-6]\d{3}(?:[ -]?\d){9,15}\b` },
];

const FIELDS = ['name', 'regex', 'flags', 'replacement'];
const PATTERNS_MAX = 32;
/** A metric's name is made of it, which has 64 bytes at most. */
const NAME = /^[a-z_][a-z0-9_]{0,49}$/;
const FLAGS = /^[imsuv]*$/;

function patternOf(given, at) {
  const place = `patterns[${at}]`;
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new Failure(`${place} has to be an object with name and regex`);
  }
  const unknown = Object.keys(given).find((field) => !FIELDS.includes(field));
  if (unknown !== undefined) throw new Failure(`${place} has the unknown field ${unknown}`);
  const { name, regex, flags = '', replacement } = given;
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw new Failure(`${place}.name has to be of a-z, 0-9 and _, begin with no digit, and have at most 50 of them`);
  }
  if (typeof regex !== 'string') throw new Failure(`${place}.regex has to be a text`);
  if (typeof flags !== 'string' || !FLAGS.test(flags))
    throw new Failure(`${place}.flags has to be of i, m, s, u and v`);
  if (replacement !== undefined && typeof replacement !== 'string') {
    throw new Failure(`${place}.replacement has to be a text`);
  }
  let compiled;
  try {
    compiled = new RegExp(regex, `${flags}g`);
  } catch (cause) {
    throw new Failure(`${place}.regex is none: ${cause.message}`, { cause });
  }
  if (compiled.test('')) throw new Failure(`${place}.regex matches an empty text, so it would match everywhere`);
  return { name, regex: compiled, replacement, counter: `redacted_${name}` };
}

/** Of the config's `patterns`; without, e-mail addresses, IBANs and card numbers. Throws Failure with the reason. */
export function readPatterns(given = DEFAULTS) {
  if (!Array.isArray(given) || given.length === 0 || given.length > PATTERNS_MAX) {
    throw new Failure(`patterns has to be a list of 1 to ${PATTERNS_MAX}`);
  }
  const patterns = given.map(patternOf);
  const names = patterns.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new Failure(`patterns has two of the name ${twice}`);
  return patterns;
}
