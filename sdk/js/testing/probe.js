/* Does what a record's value says, so that tests see the library from outside. Built in a project of the template. */
import { component } from '../streamline/component.js';
import { defineTransform, drop, encodeText, Failure } from '../streamline/index.js';

function fail(message, options) {
  throw new Failure(message, options);
}

function recurse(depth) {
  return 1 + recurse(depth + 1);
}

const acts = {
  unchanged: (record) => record,
  drop: () => drop,
  nothing: () => undefined,
  fail: () => fail('as told'),
  retry: () => fail('again', { retry: true }),
  bug: () => null.x,
  text: () => {
    throw 'a text';
  },
  promise: async (record) => record,
  recurse: () => recurse(0),
  spread: (record) => ({ ...record, value: 'new' }),
  tombstone: () => ({ value: null }),
  keyless: () => ({ key: null }),
  several: () => [
    { topic: 'a', value: 'one' },
    { key: 'own', value: encodeText('two'), headers: [] },
  ],
  headers: () => ({ headers: [{ name: 'n' }, { name: 'h', value: 'x' }] }),
  misnamed: () => ({ vaule: '' }),
  see: (record) => {
    const { key, value, topic, partition, offset, timestampMs, headers } = record;
    const own = key instanceof Uint8Array && value instanceof Uint8Array;
    const shown = headers.map(({ name, value: bytes }) => `${name}=${bytes === null ? 'null' : String(bytes)}`);
    return {
      value: [own, topic, partition, offset, timestampMs, record.header('h'), record.header('?'), ...shown].join(' '),
    };
  },
  host: (record, host) => {
    host.log('warn', 'a line');
    console.log('printed');
    host.metricAdd('seen');
    host.metricAdd('seen', 2);
    host.metricSet('level', 0.5);
    return { value: String(host.nowMs() > 1.7e12 && Date.now() === record.timestampMs) };
  },
  metric: (record, host) => {
    host.metricAdd('No Name');
    return record;
  },
};

export const { config, transform } = component(
  defineTransform({
    init(given) {
      if (given.refuse !== undefined) throw new Failure(given.refuse);
      if (given.bug) given.a.b();
    },
    filter: (record) => record.text() !== 'filtered',
    transform: (record, host) => acts[record.text()](record, host),
  }),
);
