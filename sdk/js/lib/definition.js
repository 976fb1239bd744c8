const FUNCTIONS = ['init', 'filter', 'transform'];

/** Answers what it is given, once it is sure that all of it is known. */
export function defineTransform(definition) {
  if (typeof definition?.transform !== 'function') throw new TypeError('defineTransform needs a function transform');
  for (const [name, value] of Object.entries(definition)) {
    if (!FUNCTIONS.includes(name)) throw new TypeError(`a transform has no ${name}, only ${FUNCTIONS.join(', ')}`);
    if (value !== undefined && typeof value !== 'function') throw new TypeError(`${name} has to be a function`);
  }
  return definition;
}

/** What `transform` answers to drop the record. */
export const drop = Object.freeze([]);
