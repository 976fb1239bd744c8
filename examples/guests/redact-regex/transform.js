/* Redacts what regular expressions find in string values of JSON. Names, keys, headers and numbers stay as they are. */
import { defineTransform, Failure, mapJsonStrings } from '../../../sdk/js/lib/index.js';
import { readPatterns } from './patterns.js';

let patterns = [];
/** Undefined: all. */
let fields;

function readFields(given) {
  if (given === undefined) return undefined;
  const names = Array.isArray(given) && given.length > 0 && given.every((name) => typeof name === 'string');
  if (!names) throw new Failure('fields has to be a list of names');
  return new Set(given);
}

export default defineTransform({
  init(config) {
    const unknown = Object.keys(config).find((name) => name !== 'patterns' && name !== 'fields');
    if (unknown !== undefined) throw new Failure(`unknown field ${unknown}`);
    patterns = readPatterns(config.patterns);
    fields = readFields(config.fields);
  },

  transform(record, host) {
    if (record.value === null) return record;
    const counts = new Map();
    const redacted = (text) => {
      for (const { regex, replacement, name, counter } of patterns) {
        regex.lastIndex = 0;
        if (!regex.test(text)) continue;
        const found = text.match(regex).length;
        counts.set(counter, (counts.get(counter) ?? 0) + found);
        // As a function it may hold "$" without a meaning.
        text = text.replace(regex, replacement ?? (() => `[${name}]`));
      }
      return text;
    };
    const value = mapJsonStrings(record.text(), (text, names) =>
      fields === undefined || names.some((name) => fields.has(name)) ? redacted(text) : text,
    );
    for (const [counter, found] of counts) host.metricAdd(counter, found);
    return counts.size === 0 ? record : { value };
  },
});
