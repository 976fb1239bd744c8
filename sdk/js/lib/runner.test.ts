import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineTransform, drop, Failure, type Output, type Record, type Transform } from './index.js';
import { Trial, type Given, type Shown } from './trial.js';

const run = (transform: Transform['transform'], given: Given | string = { key: 'k', value: 'v' }): Shown[] =>
  new Trial({ transform }).run(given);
/** What types would not let pass. */
const untyped = (answer: unknown) => (): Output => answer as Output;

void test('parts that are left out are the input’s, null is none', () => {
  const headers = [{ name: 'h', value: '1' }];
  const given = { key: 'k', value: 'v', headers };
  const shown = (answer: Output | ((record: Record) => Record)): unknown[] =>
    run(typeof answer === 'function' ? answer : () => answer, given).map((output) => Object.values(output));
  assert.deepEqual(shown({}), [[null, 'k', 'v', headers]]);
  assert.deepEqual(
    shown((record) => record),
    [[null, 'k', 'v', headers]],
  );
  assert.deepEqual(shown({ key: null, value: null, headers: [] }), [[null, null, null, []]]);
  assert.deepEqual(shown({ topic: 't', key: '', value: new Uint8Array([0xff]), headers: [{ name: 'n' }] }), [
    ['t', '', new Uint8Array([0xff]), [{ name: 'n', value: null }]],
  ]);
  assert.deepEqual(
    run((record) => [{ ...record, value: 'new' }], given).map(({ topic, key, value }) => [topic, key, value]),
    [[null, 'k', 'new']],
  );
});

void test('dropped by an answer, and by filter', () => {
  assert.deepEqual(
    run(() => drop),
    [],
  );
  const trial = new Trial({ filter: (record) => record.text() !== 'no', transform: (record) => record });
  assert.deepEqual([trial.run('no').length, trial.run('yes').length], [0, 1]);
});

void test('answers that are none fail as bugs, with what is wrong', () => {
  for (const [answer, message] of [
    [undefined, /answered nothing; to drop a record it answers drop/],
    [null, /an output has to be an object, is null/],
    ['text', /is string/],
    [Promise.resolve(), /is a promise: a transform cannot wait/],
    [[[]], /is an array/],
    [{ vaule: '' }, /no vaule, only topic, key, value, headers/],
    [{ value: { a: 1 } }, /value of an output has to be a text, a Uint8Array or null, is object/],
    [{ value: new Uint16Array(1) }, /is object/],
    [{ key: 1 }, /key of an output .* is number/],
    [{ topic: 1 }, /topic of an output is number/],
    [{ headers: [{ value: 'x' }] }, /needs a name/],
    [{ headers: [{ name: 'h', value: 1 }] }, /header h of an output/],
  ] as const) {
    const thrown = { constructor: Failure, retry: false, message };
    assert.throws(() => run(untyped(answer)), thrown, String(message));
  }
});

void test('failures keep message and retry; bugs say where', () => {
  const failing = (error: unknown) => () => {
    throw error;
  };
  assert.throws(() => run(failing(new Failure('again', { retry: true }))), { message: 'again', retry: true });
  assert.throws(() => run(failing(new Failure('never'))), { message: 'never', retry: false });
  assert.throws(() => run(failing('text')), { message: 'thrown: text' });
  assert.throws(() => run(failing(undefined)), { message: 'thrown: undefined' });
  assert.throws(() => run((record) => drop.concat(JSON.parse(record.text()) as Output)), {
    message: /^SyntaxError: /,
    retry: false,
  });
});

void test('what a record is', () => {
  const given = { key: 'k', value: '{"a":1}', topic: 't', partition: 3, offset: 5n, timestampMs: 7 };
  const headers = [{ name: 'h', value: '1' }, { name: 'n' }, { name: 'h', value: '2' }];
  run(
    (record) => {
      assert.deepEqual(record.json(), { a: 1 });
      assert.deepEqual([record.topic, record.partition, record.offset, record.timestampMs], ['t', 3, 5n, 7]);
      assert.deepEqual(record.header('h'), new Uint8Array([50]));
      assert.deepEqual([record.header('n'), record.header('?')], [null, undefined]);
      assert.deepEqual(
        record.headers.map(({ name }) => name),
        ['h', 'n', 'h'],
      );
      return record;
    },
    { ...given, headers },
  );
  run((record) => {
    assert.deepEqual([record.key, record.timestampMs, record.headers], [null, null, []]);
    return record;
  }, 'v');
});

void test('texts that are none fail, and are not quoted', () => {
  const thrown = (message: string) => ({ constructor: Failure, message, retry: false });
  const json = (record: Record): Output => ({ value: JSON.stringify(record.json()) });
  assert.throws(() => run(json, 'secret'), thrown('the value is no JSON'));
  assert.throws(() => run(json, { value: new Uint8Array([0xff]) }), thrown('the value is no UTF-8'));
  assert.throws(() => run(json, { value: null }), thrown('the record is a tombstone'));
  // A byte order mark is part of the text.
  assert.equal(run((record) => ({ value: record.text() }), '\uFEFFx')[0]?.value, '\uFEFFx');
});

void test('config: read, refused, unknown to a transform without init', () => {
  let seen: unknown;
  const transform = (record: Record): Record => record;
  void new Trial({ transform, init: (config) => void (seen = config) }, { a: [1] });
  assert.deepEqual(seen, { a: [1] });
  const refusing = defineTransform({
    transform,
    init: () => {
      throw new Failure('not this');
    },
  });
  assert.throws(() => new Trial(refusing), { constructor: Failure, message: 'not this' });
  assert.throws(() => new Trial({ transform }, { a: 1 }), { message: 'this transform has no config' });
  assert.doesNotThrow(() => new Trial({ transform }));
});

void test('log, metrics and clock of a trial', () => {
  const trial = new Trial({
    transform: (_, host) => {
      host.log('info', 'seen');
      host.metricAdd('n');
      host.metricAdd('n', 2);
      host.metricSet('g', 0.5);
      return { value: String(host.nowMs()) };
    },
  });
  trial.nowMs = 9;
  assert.equal(trial.run('v')[0]?.value, '9');
  assert.deepEqual(trial.log, [{ level: 'info', message: 'seen' }]);
  assert.deepEqual([trial.counters.get('n'), trial.gauges.get('g')], [3, 0.5]);
});

void test('a definition with anything else in it is refused', () => {
  const transform = (record: Record): Record => record;
  for (const definition of [{}, { transform: 1 }, { transform, fliter: transform }, { transform, init: {} }, undefined])
    assert.throws(() => defineTransform(definition as Transform), TypeError);
});
