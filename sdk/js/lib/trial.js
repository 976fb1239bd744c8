import { Failure } from './failure.js';
import { Runner } from './runner.js';
import { decodeText, encodeText } from './text.js';

const bytesOf = (part) => (typeof part === 'string' ? encodeText(part) : (part ?? undefined));

/** Text where it is text, else the bytes. */
function shown(part) {
  if (part === undefined) return null;
  try {
    return decodeText(part);
  } catch {
    return part;
  }
}

const shownHeaders = (headers) => headers.map(({ name, value }) => ({ name, value: shown(value) }));

export class Trial {
  log = [];
  counters = new Map();
  gauges = new Map();
  nowMs = 0;
  #runner;
  #offset = 0n;

  constructor(definition, config = {}) {
    this.#runner = new Runner(definition, {
      log: (level, message) => void this.log.push({ level, message }),
      metricAdd: (name, amount = 1) => void this.counters.set(name, (this.counters.get(name) ?? 0) + amount),
      metricSet: (name, value) => void this.gauges.set(name, value),
      nowMs: () => this.nowMs,
    });
    try {
      this.#runner.init(JSON.stringify(config));
    } catch (message) {
      throw new Failure(message);
    }
  }

  run(given) {
    const {
      key = null,
      value = null,
      headers = [],
      topic = 'input',
      partition = 0,
      offset,
      timestampMs,
    } = typeof given === 'string' ? { value: given } : given;
    const input = {
      key: bytesOf(key),
      value: bytesOf(value),
      headers: headers.map((header) => ({ name: header.name, value: bytesOf(header.value) })),
      topic,
      partition,
      offset: offset ?? this.#offset++,
      timestampMs: timestampMs === undefined ? undefined : BigInt(timestampMs),
    };
    try {
      return this.#runner.transform(input).map((output) => ({
        topic: output.topic ?? null,
        key: shown(output.key),
        value: shown(output.value),
        headers: shownHeaders(output.headers ?? input.headers),
      }));
    } catch ({ message, retry }) {
      throw new Failure(message, { retry });
    }
  }
}
