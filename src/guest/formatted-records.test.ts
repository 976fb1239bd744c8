import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RecordFormats } from '../codec/record-formats.ts';
import {
  isRenewal,
  wishKey,
  type RegisteredSchema,
  type SchemaAnswer,
  type SchemaSource,
  type SchemaWish,
} from '../codec/schema.ts';
import { systemClock } from '../base/clock.ts';
import { packBatch, type PackedBatch } from '../pipeline/packed-batch.ts';
import { ResultReader } from '../pipeline/packed-results.ts';
import type { WorkResult } from '../pipeline/ports.ts';
import { InThreadExecutor } from './in-thread-executor.ts';
import { componentSource } from './testing/component-fixture.ts';
import { fixtureSource, guestConfig, outcomes } from './testing/fixture.ts';
import { poolLimits, ThreadedExecutor } from './threaded-executor.ts';

const USER =
  '{"type":"record","name":"User","namespace":"n","fields":[{"name":"name","type":"string"},{"name":"age","type":"int"}]}';
const ADULT =
  '{"type":"record","name":"User","namespace":"n","fields":[{"name":"name","type":"string"},{"name":"tall","type":"boolean","default":true}]}';

function schema(id: number, text: string, type: RegisteredSchema['type'] = 'AVRO'): SchemaAnswer {
  return { schema: { id, type, text, references: [] } };
}

/** A registry of a few schemas; counts what it is asked. */
class Shelf implements SchemaSource {
  readonly asked: string[] = [];
  readonly answers: Map<string, SchemaAnswer>;
  /** Until it resolves, nothing is answered. */
  open: Promise<unknown> = Promise.resolve();

  constructor(answers: Readonly<Record<string, SchemaAnswer>>) {
    this.answers = new Map(Object.entries(answers));
  }

  async get(wish: SchemaWish): Promise<SchemaAnswer> {
    const key = wishKey(wish);
    const question = isRenewal(wish) ? `${key} renewed` : key;
    this.asked.push(question);
    await this.open;
    return this.answers.get(question) ?? { fault: { code: 'schema.unknown_id', message: `no ${key}` }, freshForMs: 0 };
  }

  close(): void {}
}

type Changes = { readonly input?: Partial<RecordFormats['input']>; readonly output?: Partial<RecordFormats['output']> };

function formats({ input, output }: Changes, schemas: RecordFormats['schemas'] = []): RecordFormats {
  return {
    input: { value: 'bytes', key: 'bytes', json: 'plain', reader: undefined, ...input },
    output: {
      value: 'bytes',
      key: 'bytes',
      json: 'plain',
      unknownFields: 'fail',
      valueSubject: undefined,
      keySubject: undefined,
      topic: 'out',
      ...output,
    },
    schemasMax: 100,
    itemsMax: 1000,
    schemas,
  };
}

const FIXED = { strategy: 'fixed', name: 's', suffix: '', version: 'latest' } as const;

function frame(id: number, ...body: number[]): Buffer {
  return Buffer.from([0, (id >>> 24) & 255, (id >>> 16) & 255, (id >>> 8) & 255, id & 255, ...body]);
}

/** User { name: "ann", age: 7 } */
const ANN = [6, 0x61, 0x6e, 0x6e, 14];
const ANN_JSON = '{"name":"ann","age":7}';

function batch(...values: readonly (Buffer | null | readonly [Buffer | null, Buffer | null])[]): PackedBatch {
  return packBatch(
    values.map((given, i) => {
      const [key, value] = given === null || Buffer.isBuffer(given) ? [null, given] : given;
      return { partition: 0, offset: 5 + i, timestampMs: 1, key, value, headers: [{ name: 'h', value: null }] };
    }),
  );
}

/** Key and value of each output as bytes; `input` where they are the input's; a failure's code and message. */
function written(result: WorkResult): (readonly [string, string])[] {
  return outcomes(result).map((found): readonly [string, string] => {
    if (found.kind !== 'output') return [found.kind, `${found.code ?? ''} ${found.message ?? ''}`.trim()];
    return [String(found.key), String(found.value)];
  });
}

async function passThrough(given: RecordFormats, shelf: Shelf, input: PackedBatch): Promise<WorkResult> {
  const source = { config: guestConfig({ builtin: 'builtin:pass-through', formats: given }), module: undefined };
  const executor = new InThreadExecutor(source, () => {}, 0, shelf);
  await executor.start();
  return executor.execute(input);
}

void test('Avro comes out as JSON, a schema is asked for once, and the record of a schema nobody knows fails alone', async () => {
  const shelf = new Shelf({ '#7': schema(7, USER) });
  const input = batch(
    frame(7, ...ANN),
    frame(9, 1),
    frame(7, ...ANN),
    frame(9, 1),
    Buffer.from('{}'),
    frame(7, 6, 0x61),
    null,
  );
  const result = await passThrough(formats({ input: { value: 'avro' } }), shelf, input);
  assert.deepEqual(written(result), [
    ['input', ANN_JSON],
    ['failed', 'schema.unknown_id input value: no #9'],
    ['input', ANN_JSON],
    ['failed', 'schema.unknown_id input value: no #9'],
    ['failed', 'record.not_framed input value: it does not begin with the id of a schema: it is too short'],
    ['failed', 'record.malformed input value: it ends in the midst of a string'],
    // A tombstone is one in every format.
    ['input', 'input'],
  ]);
  // An answer that is stale at once is believed for the record that asked, no longer.
  assert.deepEqual(shelf.asked, ['#7', '#9', '#9', '#9'].slice(0, shelf.asked.length));
  assert.equal(shelf.asked.filter((key) => key === '#7').length, 1);
});

void test('JSON goes out as framed Avro; what does not fit says where', async () => {
  const shelf = new Shelf({ 's@latest': schema(300, USER) });
  const input = batch(
    Buffer.from(ANN_JSON),
    Buffer.from('{"name":"ann","age":"7"}'),
    Buffer.from('{"name"'),
    Buffer.from([0xff]),
  );
  const result = await passThrough(formats({ output: { value: 'avro', valueSubject: FIXED } }), shelf, input);
  const [first, ...others] = written(result);
  assert.deepEqual(first, ['input', frame(300, ...ANN).toString('utf8')]);
  assert.deepEqual(others, [
    ['failed', 'record.schema_mismatch output value: $.age: expected an int (32 bits), found a string'],
    ['failed', 'record.not_json output value: it is not JSON, from character 7 on'],
    ['failed', 'record.not_json output value: it is not UTF-8'],
  ]);
  assert.deepEqual(shelf.asked, ['s@latest']);
});

void test('Avro that the guest leaves alone and that goes out under its own schema keeps its bytes', async () => {
  const shelf = new Shelf({ '#7': schema(7, USER), 's@latest': schema(7, USER), '#8': schema(8, USER) });
  const given = formats({ input: { value: 'avro' }, output: { value: 'avro', valueSubject: FIXED } });
  const result = await passThrough(given, shelf, batch(frame(7, ...ANN), frame(8, ...ANN)));
  // Under another id it is another value.
  assert.deepEqual(written(result), [
    ['input', 'input'],
    ['input', frame(7, ...ANN).toString('utf8')],
  ]);
});

void test('keys have a format of their own, also beside a tombstone', async () => {
  const shelf = new Shelf({ '#1': schema(1, '"string"'), 'out-key@latest': schema(2, '"string"') });
  const key = frame(1, 4, 0x6b, 0x31);
  const given = formats({
    input: { key: 'avro' },
    output: { key: 'avro', keySubject: { strategy: 'topic', name: '', suffix: '-key', version: 'latest' } },
  });
  const result = await passThrough(given, shelf, batch([key, Buffer.from('v')], [key, null], [null, Buffer.from('v')]));
  const again = frame(2, 4, 0x6b, 0x31).toString('utf8');
  assert.deepEqual(written(result), [
    [again, 'input'],
    [again, 'input'],
    ['input', 'input'],
  ]);
  const shown = await passThrough(formats({ input: { key: 'avro' } }), shelf, batch([key, Buffer.from('v')]));
  assert.deepEqual(written(shown), [['"k1"', 'input']]);
});

void test('values are read as another schema: fields it does not have are dropped, others get their default', async () => {
  const reader = { by: 'subject', subject: 'r', version: 3 } as const;
  const shelf = new Shelf({ '#7': schema(7, USER), 'r@3': schema(4, ADULT), '#5': schema(5, '"int"') });
  const result = await passThrough(
    formats({ input: { value: 'avro', reader } }),
    shelf,
    batch(frame(7, ...ANN), frame(5, 2)),
  );
  assert.deepEqual(written(result)[0], ['input', '{"name":"ann","tall":true}']);
  assert.match(
    written(result)[1]?.[1] ?? '',
    /^schema\.incompatible input value: what was written as int cannot be read as n\.User/,
  );
});

void test('JSON is checked on both sides, and by its JSON Schema where it is framed or has a subject', async () => {
  const strict = '{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}';
  const shelf = new Shelf({
    '#3': schema(3, strict, 'JSON'),
    's@latest': schema(6, strict, 'JSON'),
    '#4': schema(4, '"int"'),
  });
  const good = Buffer.from('{"a": 1.0}');
  const framed = (id: number, text: string): Buffer => Buffer.concat([frame(id), Buffer.from(text)]);
  const given = formats({ input: { value: 'json' }, output: { value: 'json' } });
  const input = batch(good, Buffer.from('{'), framed(3, '{"a":1}'), framed(3, '{"a":"x"}'), framed(4, '1'));
  assert.deepEqual(written(await passThrough(given, shelf, input)), [
    ['input', 'input'],
    ['failed', 'record.not_json input value: it is not JSON, from character 1 on'],
    ['input', '{"a":1}'],
    ['failed', 'record.malformed input value: $.a: must be integer'],
    ['failed', 'schema.unsupported input value: schema 4 is Avro: its values are for format: avro'],
  ]);
  const out = formats({ output: { value: 'json', valueSubject: FIXED } });
  assert.deepEqual(written(await passThrough(out, shelf, batch(good, Buffer.from('{}')))), [
    ['input', framed(6, '{"a": 1.0}').toString('utf8')],
    ['failed', "record.schema_mismatch output value: must have required property 'a'"],
  ]);
});

void test('a guest is shown a record once, though its answer waits for a schema', async () => {
  const shelf = new Shelf({ 'out-value@latest': schema(2, '"int"') });
  const valueSubject = { strategy: 'topic', name: '', suffix: '-value', version: 'latest' } as const;
  const given = formats({ output: { value: 'avro', valueSubject } });
  const executor = new InThreadExecutor(fixtureSource({ formats: given }), () => {}, 0, shelf);
  await executor.start();
  // The guest counts its records.
  const result = await executor.execute(batch(Buffer.from('c'), Buffer.from('c')));
  assert.deepEqual(
    written(result).map(([, value]) => value),
    [frame(2, 2).toString('utf8'), frame(2, 4).toString('utf8')],
  );
  assert.deepEqual(shelf.asked, ['out-value@latest']);
});

void test('a guest can ask what its record was written with, and is told nothing of another', async () => {
  const named = '{"type":"enum","name":"n.Seven","symbols":["a"]}';
  const shelf = new Shelf({ '#1': schema(1, '"int"'), '#9': schema(9, named) });
  const executor = new InThreadExecutor(
    fixtureSource({ formats: formats({ input: { value: 'avro', key: 'avro' } }) }),
    () => {},
    0,
    shelf,
  );
  await executor.start();
  const seven = frame(1, 14);
  const values = written(await executor.execute(batch([frame(9, 0), seven], [null, seven]))).map(([, value]) => value);
  assert.deepEqual(values, ['"2 int 10 n.Seven"', '"2 int 0 "']);
  const plain = new InThreadExecutor(fixtureSource(), () => {});
  await plain.start();
  assert.deepEqual(written(await plain.execute(batch(Buffer.from('7'))))[0]?.[1], '"0  0 "');
});

void test('a stage that is made anew can ask it of its first record', async () => {
  // The second stage traps at the t of true.
  const shelf = new Shelf({ '#1': schema(1, '"int"'), '#2': schema(2, '"boolean"') });
  const { config, module } = fixtureSource({ formats: formats({ input: { value: 'avro' } }) });
  const source = {
    config: { ...config, builtin: 'builtin:pass-through' },
    module: undefined,
    following: [{ configJson: '{}', timeoutMs: 10, builtin: undefined, module }],
  };
  const executor = new InThreadExecutor(source, () => {}, 0, shelf);
  await executor.start();
  const found = outcomes(await executor.execute(batch(frame(1, 14), frame(2, 1), frame(1, 14))));
  assert.deepEqual(
    found.map(({ code, value }) => code ?? value),
    ['"2 int 0 "', 'guest.trap', '"2 int 0 "'],
  );
});

void test('what does not fit its format is the failure of the last stage of a chain', async () => {
  const given = formats({ output: { value: 'avro', valueSubject: FIXED } });
  const source = {
    config: guestConfig({ builtin: 'builtin:pass-through', formats: given }),
    module: undefined,
    following: [{ configJson: '{}', timeoutMs: 10, builtin: 'builtin:pass-through', module: undefined }],
  };
  const executor = new InThreadExecutor(source, () => {}, 0, new Shelf({ 's@latest': schema(2, '"int"') }));
  await executor.start();
  const { buffer } = await executor.execute(batch(Buffer.from('"text"')));
  const { code, stage } = new ResultReader(buffer).failure(0);
  assert.deepEqual([code, stage], ['record.schema_mismatch', 1]);
});

void test('a component can ask the same', async () => {
  const named = '{"type":"enum","name":"n.Seven","symbols":["a"]}';
  const shelf = new Shelf({ '#1': schema(1, '"int"'), '#9': schema(9, named) });
  const given = formats({ input: { value: 'avro', key: 'avro' } });
  const executor = new InThreadExecutor(componentSource({ formats: given }), () => {}, 0, shelf);
  await executor.start();
  const seven = frame(1, 14);
  const values = written(await executor.execute(batch([frame(9, 0), seven], [null, seven]))).map(([, value]) => value);
  assert.deepEqual(values, ['"1 int 9 n.Seven "', '"1 int -"']);
  const plain = new InThreadExecutor(componentSource(), () => {});
  await plain.start();
  assert.deepEqual(written(await plain.execute(batch(Buffer.from('7'))))[0]?.[1], '"--"');
});

void test('a thread waits for a schema as long as it takes; batches behind it come after it', async (t) => {
  const gate = Promise.withResolvers<undefined>();
  const shelf = new Shelf({ '#7': schema(7, USER) });
  shelf.open = gate.promise;
  const config = guestConfig({ builtin: 'builtin:pass-through', formats: formats({ input: { value: 'avro' } }) });
  // Waiting is no standing still.
  const limits = { ...poolLimits({ config, module: undefined }, 1), wallClockMs: 250 };
  const executor = new ThreadedExecutor({ config, module: undefined }, limits, systemClock, () => {}, undefined, shelf);
  t.after(() => executor.close());
  await executor.start();
  const order: string[] = [];
  const first = executor.execute(batch(frame(7, ...ANN))).then((result) => (order.push('first'), result));
  const second = executor
    .execute(batch(frame(7, ...ANN), frame(7, ...ANN)))
    .then((result) => (order.push('second'), result));
  while (shelf.asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const untilMs = Date.now() + 600;
  while (Date.now() < untilMs) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(order, []);
  gate.resolve(undefined);
  assert.deepEqual(written(await first), [['input', ANN_JSON]]);
  assert.equal(written(await second).length, 2);
  assert.deepEqual(order, ['first', 'second']);
  assert.equal(executor.stats().threadRestarts, 0);
  assert.deepEqual(shelf.asked, ['#7']);
});

void test('a thread that comes later begins with what is latest by then, not with what was when the transform began', async () => {
  const wish = { by: 'subject', subject: 's', version: 'latest' } as const;
  const old = { ...schema(1, '"int"'), freshForMs: 300_000 };
  const given = formats({ output: { value: 'avro', valueSubject: FIXED } }, [{ part: 'value', wish, answer: old }]);
  const newer = { ...schema(2, '"string"'), freshForMs: 200_000 };
  const shelf = new Shelf({ 's@latest': newer });
  const source = { config: guestConfig({ builtin: 'builtin:pass-through', formats: given }), module: undefined };
  const executor = new InThreadExecutor(source, () => {}, 0, shelf);
  await executor.start();
  const text = batch(Buffer.from('"x"'));
  assert.deepEqual(written(await executor.execute(text)), [['input', frame(2, 2, 0x78).toString('utf8')]]);
  assert.equal(written(await executor.execute(text)).length, 1);
  assert.deepEqual(shelf.asked, ['s@latest'], 'once a thread');
  // What cannot be asked is used as it is.
  const alone = new InThreadExecutor(source, () => {}, 0);
  await alone.start();
  const one = batch(Buffer.from('1'));
  assert.deepEqual(written(await alone.execute(one)), [['input', frame(1, 2).toString('utf8')]]);
});

/** What is known at first; by now the registry has another, or the same. */
const old = (text: string): SchemaAnswer => ({ ...schema(1, text), freshForMs: 300_000 });
const newer = (text: string): SchemaAnswer => ({ ...schema(2, text), freshForMs: 300_000, believedForMs: 1000 });

void test('a record that fits the latest of now, and not the one that is known, comes out; its guest is shown it once', async () => {
  const shelf = new Shelf({ 's@latest': old('"string"'), 's@latest renewed': newer('"int"') });
  const given = formats({ output: { value: 'avro', valueSubject: FIXED } });
  const executor = new InThreadExecutor(fixtureSource({ formats: given }), () => {}, 0, shelf);
  await executor.start();
  // The guest counts its records.
  const result = await executor.execute(batch(Buffer.from('c'), Buffer.from('c')));
  assert.deepEqual(
    written(result).map(([, value]) => value),
    [frame(2, 2).toString('utf8'), frame(2, 4).toString('utf8')],
  );
  assert.deepEqual(shelf.asked, ['s@latest', 's@latest renewed']);
});

void test('a topic full of misfits asks once a second, and its records fail as misfits', async () => {
  for (const renewed of [
    newer('"string"'),
    { fault: { code: 'registry.unreachable', message: 'down' }, believedForMs: 1000 },
  ] as const) {
    const shelf = new Shelf({ 's@latest': old('"string"'), 's@latest renewed': renewed });
    const beganMs = performance.now();
    const input = batch(...Array.from({ length: 1000 }, (_, i) => Buffer.from(i % 10 === 0 ? '1' : '"x"')));
    const given = formats({ output: { value: 'avro', valueSubject: FIXED } });
    const outcome = written(await passThrough(given, shelf, input));
    const mismatch = 'record.schema_mismatch output value: expected a string, found a number';
    const id = 'schema' in renewed ? 2 : 1;
    const fits = ['input', frame(id, 2, 0x78).toString('utf8')];
    assert.deepEqual(
      outcome.slice(1),
      Array.from({ length: 999 }, (_, i) => (i % 10 === 9 ? ['failed', mismatch] : fits)),
    );
    assert.deepEqual(outcome[0], ['failed', mismatch]);
    assert.deepEqual(shelf.asked.slice(0, 2), ['s@latest', 's@latest renewed']);
    const seconds = Math.floor((performance.now() - beganMs) / 1000);
    assert.ok(shelf.asked.length <= 2 + seconds, `${shelf.asked.length} asked in ${seconds} s`);
  }
});

void test('key and value are looked up each by its own subject, one after the other', async () => {
  const shelf = new Shelf({
    's@latest': old('"string"'),
    's@latest renewed': newer('"int"'),
    'k@latest': old('"boolean"'),
    'k@latest renewed': newer('"int"'),
  });
  const keySubject = { ...FIXED, name: 'k' };
  const given = formats({ output: { value: 'avro', key: 'avro', valueSubject: FIXED, keySubject } });
  const result = await passThrough(given, shelf, batch([Buffer.from('1'), Buffer.from('2')]));
  assert.deepEqual(written(result), [[frame(2, 2).toString('utf8'), frame(2, 4).toString('utf8')]]);
  assert.deepEqual(shelf.asked, ['k@latest', 'k@latest renewed', 's@latest', 's@latest renewed']);
});

void test('what cannot be read as the latest that is known is read as the latest of now, in a thread of its own too', async (t) => {
  const shelf = new Shelf({ '#7': schema(7, USER), 's@latest': old('"string"'), 's@latest renewed': newer(ADULT) });
  const reader = { by: 'subject', subject: 's', version: 'latest' } as const;
  const given = formats({ input: { value: 'avro', reader } }, [
    { part: 'reader', wish: reader, answer: old('"string"') },
  ]);
  const config = guestConfig({ builtin: 'builtin:pass-through', formats: given });
  const source = { config, module: undefined };
  const executor = new ThreadedExecutor(source, poolLimits(source, 1), systemClock, () => {}, undefined, shelf);
  t.after(() => executor.close());
  await executor.start();
  const input = batch(frame(7, ...ANN), frame(7, ...ANN));
  const read = ['input', '{"name":"ann","tall":true}'];
  assert.deepEqual(written(await executor.execute(input)), [read, read]);
  assert.deepEqual(shelf.asked, ['s@latest', '#7', 's@latest renewed']);
});

void test('a schema that cannot be used keeps a transform from starting', async () => {
  for (const [text, code] of [
    ['{"type":"nonsense"}', 'schema.invalid'],
    ['not json', 'schema.invalid'],
  ] as const) {
    const wish = { by: 'subject', subject: 's', version: 'latest' } as const;
    const given = formats({ output: { value: 'avro', valueSubject: FIXED } }, [
      { part: 'value', wish, answer: schema(1, text) },
    ]);
    const config = guestConfig({ builtin: 'builtin:pass-through', formats: given });
    const executor = new ThreadedExecutor(
      { config, module: undefined },
      poolLimits({ config, module: undefined }, 1),
      systemClock,
      () => {},
    );
    await assert.rejects(executor.start(), { code });
    await executor.close();
  }
});
