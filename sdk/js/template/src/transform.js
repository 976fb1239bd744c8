// @ts-check
import { defineTransform, Failure, mapJsonStrings } from '../streamline/index.js';

/** The fields that hold e-mail addresses. */
let fields = ['email'];

/** "ada@example.com" → "a***@example.com"; what is no address is masked as a whole. @param {string} address */
export function masked(address) {
  const at = address.lastIndexOf('@');
  return at < 1 ? '***' : `${address[0]}***${address.slice(at)}`;
}

export default defineTransform({
  /** Takes `config` of the spec, once; what it throws refuses it. */
  init(config) {
    const unknown = Object.keys(config).find((name) => name !== 'fields');
    if (unknown !== undefined) throw new Failure(`config: unknown field ${unknown}`);
    const given = config.fields ?? fields;
    if (!Array.isArray(given) || !given.every((name) => typeof name === 'string')) {
      throw new Failure('config: fields has to be a list of names');
    }
    fields = given;
  },

  /** Masks the addresses; every other byte of the value stays. */
  transform(record, host) {
    let found = 0;
    const value = mapJsonStrings(record.text(), (text, names) => {
      if (!fields.includes(names.at(-1))) return text;
      found += 1;
      return masked(text);
    });
    if (found === 0) return record;
    host.metricAdd('masked', found);
    return { value };
  },
});
