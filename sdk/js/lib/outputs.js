import { encodeText } from './text.js';

const PARTS = ['topic', 'key', 'value', 'headers'];

/** undefined stands for "none" in what a component exchanges. */
function bytesOf(part, what) {
  if (part === null) return undefined;
  if (typeof part === 'string') return encodeText(part);
  if (part instanceof Uint8Array) return part;
  throw new TypeError(`${what} of an output has to be a text, a Uint8Array or null, is ${kindOf(part)}`);
}

function kindOf(value) {
  if (value === null) return 'null';
  if (value instanceof Promise) return 'a promise: a transform cannot wait';
  return Array.isArray(value) ? 'an array' : typeof value;
}

function headerOf(header) {
  if (typeof header?.name !== 'string') throw new TypeError('a header of an output needs a name');
  return { name: header.name, value: bytesOf(header.value ?? null, `header ${header.name}`) };
}

function rawOutput(output, record) {
  if (output === record)
    return { topic: undefined, key: bytesOf(record.key, 'key'), value: bytesOf(record.value, 'value') };
  if (typeof output !== 'object' || output === null || Array.isArray(output) || output instanceof Promise) {
    throw new TypeError(`an output has to be an object, is ${kindOf(output)}`);
  }
  const unknown = Object.keys(output).find((name) => !PARTS.includes(name));
  if (unknown !== undefined) throw new TypeError(`an output has no ${unknown}, only ${PARTS.join(', ')}`);
  const { topic, key = record.key, value = record.value, headers } = output;
  if (topic !== undefined && typeof topic !== 'string') throw new TypeError(`topic of an output is ${kindOf(topic)}`);
  return {
    topic,
    key: bytesOf(key, 'key'),
    value: bytesOf(value, 'value'),
    headers: headers === undefined ? undefined : headers.map(headerOf),
  };
}

/** What `transform` answered, as the component hands it over. Nothing answered is a mistake: a forgotten return must not drop records. */
export function rawOutputs(answer, record) {
  if (answer === undefined) throw new TypeError('transform answered nothing; to drop a record it answers drop');
  return Array.isArray(answer) ? answer.map((output) => rawOutput(output, record)) : [rawOutput(answer, record)];
}
