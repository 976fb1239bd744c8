import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AvroOptions } from './avro/avro-codec.ts';
import { PartReader, PartWriter } from './part-codec.ts';
import type { PartFormat } from './record-formats.ts';
import { SchemaNeeded } from './schema-needed.ts';
import { SchemaTable } from './schema-table.ts';
import type { SchemaType, SchemaWish } from './schema.ts';
import { misfitOf, within } from './testing/avro-fixture.ts';

const OPTIONS: AvroOptions = { json: 'plain', unknownFields: 'fail', itemsMax: 1000 };
const RECORD = '{"type":"record","name":"R","fields":[{"name":"a","type":"long"}]}';
const JSON_SCHEMA = '{"type":"object","properties":{"a":{"type":"integer"}},"additionalProperties":false}';
const byId = (id: number): SchemaWish => ({ by: 'id', id });
const SUBJECT: SchemaWish = { by: 'subject', subject: 's', version: 'latest' };

function tableWith(
  ...schemas: readonly (readonly [wish: SchemaWish, id: number, type: SchemaType, text: string])[]
): SchemaTable {
  const table = new SchemaTable({ input: OPTIONS, output: OPTIONS }, 100);
  for (const [wish, id, type, text] of schemas) table.supply(wish, { schema: { id, type, text, references: [] } });
  return table;
}

const framed = (id: number, ...rest: readonly (string | readonly number[])[]): Buffer => {
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(id, 1);
  return Buffer.concat([frame, ...rest.map((part) => Buffer.from(part as string))]);
};

/** In the midst of a batch, as records are. */
function read(reader: PartReader, part: Buffer): string {
  const bytes = Buffer.concat([Buffer.from([0, 0, 0, 0, 9]), part, Buffer.from([0, 0, 0, 0, 9, 9])]);
  const seen = reader.read(bytes, 5, 5 + part.length);
  return typeof seen === 'string' ? seen : bytes.subarray(seen, 5 + part.length).toString('latin1');
}

const readerOf = (format: PartFormat, table: SchemaTable, reader?: SchemaWish): PartReader =>
  new PartReader(format, table, reader);

test('bytes are what they are', () => {
  const reader = readerOf('bytes', tableWith());
  for (const part of ['', '\0', '\0\0\0\0\x01x', 'x']) assert.equal(read(reader, Buffer.from(part, 'latin1')), part);
  assert.equal(reader.schema, undefined);
});

test('Avro in a frame is shown as JSON, with the schema it was written with', () => {
  const table = tableWith([byId(1), 1, 'AVRO', RECORD], [byId(2 ** 31 - 1), 2 ** 31 - 1, 'AVRO', '"string"']);
  const reader = readerOf('avro', table);
  assert.equal(read(reader, framed(1, [10])), '{"a":5}');
  assert.equal(reader.schema?.id, 1);
  assert.equal(read(reader, framed(2 ** 31 - 1, [2, 0x78])), '"x"');
  assert.equal(reader.schema?.name, 'string');
  assert.equal(read(reader, framed(1, [10])), '{"a":5}');
});

test('what is not framed is told why, and has no schema', () => {
  const reader = readerOf('avro', tableWith([byId(1), 1, 'AVRO', RECORD]));
  read(reader, framed(1, [10]));
  for (const [part, why] of [
    [[], 'it is empty'],
    [[0, 0, 0, 0], 'it is too short'],
    [[0], 'it is too short'],
    [[1, 0, 0, 0, 1, 10], 'its first byte is not 0'],
    [[...Buffer.from('{"a":5}')], 'its first byte is not 0'],
  ] as const) {
    const misfit = misfitOf(() => read(reader, Buffer.from(part)));
    assert.equal(misfit.code, 'record.not_framed');
    assert.equal(misfit.message, `it does not begin with the id of a schema: ${why}`);
    assert.equal(reader.schema, undefined);
  }
});

test('ids that no registry gives are unknown without being asked for', () => {
  const reader = readerOf('avro', tableWith());
  for (const id of [2 ** 31, 2 ** 32 - 1]) {
    assert.equal(misfitOf(() => read(reader, framed(id, [0]))).code, 'schema.unknown_id');
    const wishes = new Map<number, SchemaWish>();
    reader.addWishes(framed(id, [0]), 0, 6, wishes);
    assert.equal(wishes.size, 0);
  }
  for (const id of [0, 2 ** 31 - 1]) assert.throws(() => read(reader, framed(id, [0])), SchemaNeeded);
});

test('a batch asks once for each id it does not know', () => {
  const table = tableWith([byId(1), 1, 'AVRO', RECORD]);
  const [values, keys] = [readerOf('avro', table), readerOf('avro', table)];
  const wishes = new Map<number, SchemaWish>();
  for (const id of [1, 2, 3, 2, 2 ** 31 - 1, 3, 0]) {
    for (const reader of [values, keys]) reader.addWishes(framed(id, [0]), 0, 6, wishes);
  }
  for (const part of ['', '\0', '\0\0\0\0', '{}', 'xxxxxxxx'])
    values.addWishes(Buffer.from(part), 0, part.length, wishes);
  assert.deepEqual([...wishes.values()], [2, 3, 2 ** 31 - 1, 0].map(byId));
  // One that there is none of is not asked for while that is believed.
  table.supply(byId(2), { fault: { code: 'schema.unknown_id', message: 'none' }, freshForMs: 5000 });
  wishes.clear();
  values.addWishes(framed(2, [0]), 0, 6, wishes);
  assert.equal(wishes.size, 0);
  assert.equal(misfitOf(() => read(values, framed(2, [0]))).code, 'schema.unknown_id');
  table.nowMs = 5000;
  values.addWishes(framed(2, [0]), 0, 6, wishes);
  assert.equal(wishes.size, 1);
});

test('the schema read last is not looked up again, and not mistaken for another', () => {
  const table = tableWith([byId(1), 1, 'AVRO', '"int"'], [byId(2), 2, 'AVRO', '"string"']);
  const reader = readerOf('avro', table);
  assert.equal(read(reader, framed(1, [2])), '1');
  assert.throws(() => read(reader, framed(3, [2])), SchemaNeeded);
  assert.equal(read(reader, framed(2, [2, 0x61])), '"a"');
  assert.equal(read(reader, framed(1, [2])), '1');
});

test('a reader schema is what values are shown as', () => {
  const table = tableWith([byId(1), 1, 'AVRO', RECORD], [byId(3), 3, 'AVRO', '"string"']);
  const reader = readerOf('avro', table, SUBJECT);
  assert.throws(
    () => read(reader, framed(1, [10])),
    (thrown) => thrown instanceof SchemaNeeded && thrown.wish === SUBJECT,
  );
  const text =
    '{"type":"record","name":"R","fields":[{"name":"a","type":"double"},{"name":"b","type":"string","default":"x"}]}';
  table.supply(SUBJECT, { schema: { id: 2, type: 'AVRO', text, references: [] } });
  assert.equal(read(reader, framed(1, [10])), '{"a":5,"b":"x"}');
  assert.equal(reader.schema?.id, 1, 'still the one it was written with');
  assert.equal(misfitOf(() => read(reader, framed(3, [2, 0x61]))).code, 'schema.incompatible');
});

test('JSON need only be JSON, and is passed on as it is', () => {
  const reader = readerOf('json', tableWith());
  for (const part of ['{"a": 9007199254740993}', ' [1] ', '"x"', 'null'])
    assert.equal(read(reader, Buffer.from(part)), part);
  for (const part of [[], [0, 0, 0, 0], [0x7b], [0x22, 0xff, 0x22], [1, 0, 0, 0, 1, 0x7b, 0x7d]]) {
    assert.equal(misfitOf(() => read(reader, Buffer.from(part))).code, 'record.not_json');
  }
});

test('JSON in a frame fits the schema that the frame names', () => {
  const reader = readerOf(
    'json',
    tableWith([byId(1), 1, 'JSON', JSON_SCHEMA], [byId(2), 2, 'JSON', '{'], [byId(3), 3, 'AVRO', RECORD]),
  );
  assert.equal(read(reader, framed(1, '{"a": 1}')), '{"a": 1}');
  assert.equal(reader.schema?.id, 1);
  // A number with many digits is a number, to a schema.
  assert.equal(read(reader, framed(1, '{"a":9007199254740993}')), '{"a":9007199254740993}');
  const misfit = misfitOf(() => read(reader, framed(1, '{"a":"x"}')));
  assert.equal(misfit.code, 'record.malformed');
  assert.equal(misfit.describe(), '$.a: must be integer');
  assert.equal(misfitOf(() => read(reader, framed(1, '{'))).code, 'record.not_json');
  assert.equal(misfitOf(() => read(reader, framed(1))).code, 'record.not_json');
  assert.equal(misfitOf(() => read(reader, framed(2, '{}'))).code, 'schema.invalid');
  assert.equal(misfitOf(() => read(reader, framed(3, '{}'))).code, 'schema.unsupported');
});

test('JSON nested deep is a value or a misfit: framed, plain and written, it ends no thread', () => {
  const deep = `${'['.repeat(300_000)}${']'.repeat(300_000)}`;
  const table = tableWith(
    [byId(1), 1, 'JSON', '{}'],
    [SUBJECT, 2, 'JSON', '{"$ref":"#/$defs/l","$defs":{"l":{"items":{"$ref":"#/$defs/l"}}}}'],
  );
  within(5000, () => {
    assert.equal(read(readerOf('json', table), Buffer.from(deep)), deep);
    assert.equal(read(readerOf('json', table), framed(1, deep)), deep);
    assert.equal(misfitOf(() => written('json', table, deep, SUBJECT)).code, 'record.schema_mismatch');
  });
});

function written(
  format: PartFormat,
  table: SchemaTable,
  part: string | Buffer,
  wish: SchemaWish | undefined,
  at = 3,
): Buffer {
  const target = {
    bytes: Buffer.from('abc'),
    grow(bytesMin: number): void {
      assert.ok(bytesMin > this.bytes.length);
      this.bytes = Buffer.concat([this.bytes, Buffer.alloc(bytesMin - this.bytes.length, 0xee)]);
    },
  };
  const end = new PartWriter(format, table).write(Buffer.from(part as string), wish, target, at);
  assert.equal(target.bytes.subarray(0, at).toString(), 'abc', 'what is before it stays');
  return target.bytes.subarray(at, end);
}

test('a part is written behind what is there already, framed with the id of its schema', () => {
  const table = tableWith([SUBJECT, 258, 'AVRO', RECORD]);
  assert.equal(written('avro', table, '{"a":5}', SUBJECT).toString('hex'), '00000001020a');
  const json = tableWith([SUBJECT, 1, 'JSON', JSON_SCHEMA]);
  assert.deepEqual(written('json', json, '{"a": 5}', SUBJECT), framed(1, '{"a": 5}'));
});

test('without a schema JSON is only looked at, and bytes are not', () => {
  const table = tableWith();
  assert.equal(written('json', table, ' {"a":1}', undefined).toString(), ' {"a":1}');
  assert.equal(misfitOf(() => written('json', table, '{', undefined)).code, 'record.not_json');
  assert.equal(misfitOf(() => written('json', table, '', undefined)).code, 'record.not_json');
  assert.equal(
    misfitOf(() => written('json', table, Buffer.from([0x22, 0xff, 0x22]), undefined)).code,
    'record.not_json',
  );
  for (const part of ['', '{', '\0\0']) assert.equal(written('bytes', table, part, undefined).toString(), part);
});

test('what does not fit its schema is not written', () => {
  const avro = tableWith([SUBJECT, 1, 'AVRO', RECORD]);
  for (const [part, code, told] of [
    ['{"a":"x"}', 'record.schema_mismatch', '$.a: expected a long (64 bits), found a string'],
    ['{"a":1,"b":1}', 'record.schema_mismatch', '$.b: R has no such field'],
    ['{', 'record.not_json', 'it is not JSON, from character 1 on'],
  ] as const) {
    const misfit = misfitOf(() => written('avro', avro, part, SUBJECT));
    assert.deepEqual([misfit.code, misfit.describe()], [code, told]);
  }
  assert.equal(misfitOf(() => written('avro', avro, Buffer.from([0x22, 0x80, 0x22]), SUBJECT)).code, 'record.not_json');
  const json = tableWith([SUBJECT, 1, 'JSON', JSON_SCHEMA]);
  assert.equal(
    misfitOf(() => written('json', json, '{"b":1}', SUBJECT)).describe(),
    'has a field "b" that the schema does not have',
  );
  assert.equal(misfitOf(() => written('avro', json, '{}', SUBJECT)).code, 'schema.unsupported');
  assert.equal(misfitOf(() => written('json', avro, '{}', SUBJECT)).code, 'schema.unsupported');
});

test('a schema that is not there yet is asked for, and one that is not to be had is a misfit', () => {
  const table = tableWith();
  assert.throws(
    () => written('avro', table, '{}', SUBJECT),
    (thrown) => thrown instanceof SchemaNeeded && thrown.wish === SUBJECT,
  );
  table.supply(SUBJECT, { fault: { code: 'schema.missing', message: 'there is no subject s' }, freshForMs: 1000 });
  assert.equal(misfitOf(() => written('avro', table, '{}', SUBJECT)).code, 'schema.missing');
});

test('what does not fit an old latest asks for it anew, on either side, and what is wrong by itself does not', () => {
  const table = tableWith([byId(1), 1, 'AVRO', RECORD]);
  let id = 8;
  const latest = (text: string, type: SchemaType = 'AVRO'): void =>
    table.supply(SUBJECT, { schema: { id: (id += 1), type, text, references: [] }, freshForMs: 60_000 });
  const isAskedFor = (run: () => unknown): void =>
    assert.throws(run, (thrown) => {
      assert.ok(thrown instanceof SchemaNeeded, String(thrown));
      assert.deepEqual(thrown.wish, { ...SUBJECT, renews: true });
      return true;
    });
  latest(RECORD);
  isAskedFor(() => written('avro', table, '{"a":"x"}', SUBJECT));
  isAskedFor(() => written('json', table, '{}', SUBJECT));
  assert.equal(misfitOf(() => written('avro', table, '{', SUBJECT)).code, 'record.not_json');
  assert.equal(written('avro', table, '{"a":5}', SUBJECT).toString('hex'), '00000000090a');
  latest(JSON_SCHEMA, 'JSON');
  isAskedFor(() => written('json', table, '{"b":1}', SUBJECT));
  assert.equal(misfitOf(() => written('json', table, '{', SUBJECT)).code, 'record.not_json');
  latest('{"type":"record"}');
  isAskedFor(() => written('avro', table, '{}', SUBJECT));

  const reader = readerOf('avro', table, SUBJECT);
  latest('"string"');
  isAskedFor(() => read(reader, framed(1, [10])));
  latest(RECORD);
  assert.equal(misfitOf(() => read(reader, framed(1, [0x80]))).code, 'record.malformed');
  // Of a schema that a record names there is no newer one.
  table.supply(byId(2), { schema: { id: 2, type: 'JSON', text: '{}', references: [] } });
  assert.equal(misfitOf(() => read(reader, framed(2, [0]))).code, 'schema.unsupported');
});
