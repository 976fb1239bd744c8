import { Failure } from './failure.js';
import { decodeText, parseJson } from './text.js';

/** The bindings of a component are of another realm: their bytes are no `instanceof Uint8Array` here. No copy. */
function ownBytes(bytes) {
  return bytes === undefined ? null : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/*
 * Getters of the class, not properties of the object: `{ ...record, value }` is then an output with nothing but a value, rather than
 * one that goes to the topic the record came from.
 */
export class Record {
  #raw;

  constructor(raw) {
    this.#raw = raw;
  }

  get key() {
    return ownBytes(this.#raw.key);
  }

  get value() {
    return ownBytes(this.#raw.value);
  }

  get headers() {
    return this.#raw.headers.map(({ name, value }) => ({ name, value: ownBytes(value) }));
  }

  get topic() {
    return this.#raw.topic;
  }

  get partition() {
    return this.#raw.partition;
  }

  get offset() {
    return this.#raw.offset;
  }

  get timestampMs() {
    const { timestampMs } = this.#raw;
    return timestampMs === undefined ? null : Number(timestampMs);
  }

  header(name) {
    const found = this.#raw.headers.findLast((header) => header.name === name);
    return found === undefined ? undefined : ownBytes(found.value);
  }

  text() {
    const { value } = this.#raw;
    if (value === undefined) throw new Failure('the record is a tombstone');
    return decodeText(value);
  }

  json() {
    return parseJson(this.text());
  }
}
