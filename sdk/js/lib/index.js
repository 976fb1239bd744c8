export { defineTransform, drop } from './definition.js';
export { Failure } from './failure.js';
export { mapJsonStrings } from './json-strings.js';
export { decodeText, encodeText, parseJson } from './text.js';
