import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AvroOptions } from './avro/avro-codec.ts';
import { Misfit } from './misfit.ts';
import { SchemaNeeded } from './schema-needed.ts';
import { SchemaTable } from './schema-table.ts';
import type { RegisteredSchema, SchemaAnswer, SchemaWish } from './schema.ts';
import { encoded, misfitOf } from './testing/avro-fixture.ts';

const OPTIONS: AvroOptions = { json: 'plain', unknownFields: 'fail', itemsMax: 1000 };
const tableOf = (schemasMax = 100): SchemaTable => new SchemaTable({ input: OPTIONS, output: OPTIONS }, schemasMax);

const byId = (id: number): SchemaWish => ({ by: 'id', id });
const LATEST: SchemaWish = { by: 'subject', subject: 's', version: 'latest' };
const avro = (id: number, text = '"int"'): RegisteredSchema => ({ id, type: 'AVRO', text, references: [] });
const found = (id: number, freshForMs?: number): SchemaAnswer => ({
  schema: avro(id),
  ...(freshForMs === undefined ? {} : { freshForMs }),
});
const gone = (freshForMs?: number): SchemaAnswer => ({
  fault: { code: 'schema.unknown_id', message: 'there is none' },
  ...(freshForMs === undefined ? {} : { freshForMs }),
});

function neededBy(run: () => unknown): SchemaWish {
  try {
    run();
  } catch (thrown) {
    assert.ok(thrown instanceof SchemaNeeded, String(thrown));
    return thrown.wish;
  }
  return assert.fail('nothing was needed');
}

test('what is not known is needed, and found once it is supplied', () => {
  const table = tableOf();
  for (const [i, wish] of [
    byId(7),
    LATEST,
    { by: 'subject', subject: 's', version: 3 },
    { by: 'file', subject: 's' },
  ].entries() as ArrayIterator<[number, SchemaWish]>) {
    assert.equal(table.has(wish), false);
    assert.deepEqual(
      neededBy(() => table.find(wish)),
      wish,
    );
    table.supply(wish, found(i + 7));
    assert.equal(table.has(wish), true);
    assert.equal(table.find(wish).id, i + 7);
    assert.equal(table.find(wish), table.find(wish), 'compiled once');
  }
});

test('that there is none is a misfit, for as long as it is believed', () => {
  const table = tableOf();
  table.supply(byId(7), gone(5000));
  assert.equal(misfitOf(() => table.find(byId(7))).code, 'schema.unknown_id');
  assert.equal(table.has(byId(7)), true);
  table.nowMs = 4999;
  misfitOf(() => table.find(byId(7)));
  table.nowMs = 5000;
  assert.equal(table.has(byId(7)), false);
  neededBy(() => table.find(byId(7)));
  table.supply(byId(7), found(7));
  assert.equal(table.find(byId(7)).id, 7);
  // Without an end: for good.
  table.supply(byId(8), gone());
  table.nowMs = 1e12;
  misfitOf(() => table.find(byId(8)));
});

test('an answer that is old when it comes is believed once: the batch that asked goes on', () => {
  const table = tableOf();
  table.nowMs = 1000;
  for (const freshForMs of [0, -5]) {
    table.supply(byId(7), gone(freshForMs));
    misfitOf(() => table.find(byId(7)));
    table.supply(LATEST, found(1, freshForMs));
    assert.equal(table.isStale(LATEST), false);
  }
});

test('the latest serves when it is old, until there is another', () => {
  const table = tableOf();
  table.supply(LATEST, found(1, 60_000));
  const first = table.find(LATEST);
  assert.equal(table.isStale(LATEST), false);
  table.nowMs = 60_000;
  assert.equal(table.isStale(LATEST), true);
  assert.equal(table.has(LATEST), true);
  assert.equal(table.find(LATEST), first);
  table.supply(LATEST, found(1, 60_000));
  assert.equal(table.find(LATEST), first, 'the same one is not compiled again');
  assert.equal(table.isStale(LATEST), false);
  table.nowMs = 120_000;
  table.supply(LATEST, found(2, 60_000));
  assert.equal(table.find(LATEST).id, 2);
});

test('a subject that is gone goes on serving, and is asked for again', () => {
  const table = tableOf();
  table.supply(LATEST, found(1, 1000));
  table.nowMs = 1000;
  table.supply(LATEST, gone(5000));
  assert.equal(table.find(LATEST).id, 1);
  assert.equal(table.isStale(LATEST), false);
  table.nowMs = 6000;
  assert.equal(table.isStale(LATEST), true);
  assert.equal(table.find(LATEST).id, 1);
});

test('an id never grows old', () => {
  const table = tableOf();
  table.supply(byId(1), found(1));
  table.nowMs = Number.MAX_SAFE_INTEGER;
  assert.equal(table.isStale(byId(1)), false);
  assert.equal(table.isStale(byId(2)), false, 'nor does what is not there');
});

test('a table keeps as many as it may, and always the one supplied last', () => {
  const table = tableOf(16);
  table.supply(LATEST, found(5000, 60_000));
  for (let id = 1; id <= 1000; id += 1) {
    table.supply(byId(id), id % 3 === 0 ? gone(1000) : found(id));
    assert.equal(table.has(byId(id)), true);
    assert.ok(table.has(LATEST), 'ids go before subjects');
  }
  const kept = Array.from({ length: 1000 }, (_, i) => i + 1).filter((id) => table.has(byId(id)));
  assert.deepEqual(
    kept,
    Array.from({ length: 15 }, (_, i) => 986 + i),
    'the last ones',
  );
});

test('however small a table is: what one record needs is found together', () => {
  const table = tableOf(1);
  const wishes = Array.from({ length: 9 }, (_, i) => byId(i));
  for (const wish of wishes) table.supply(wish, found(1));
  assert.deepEqual(
    wishes.map((wish) => table.has(wish)),
    [false, ...wishes.slice(1).map(() => true)],
  );
});

test('what was there from the start stays, however many come after it', () => {
  const table = tableOf(1);
  const reader: SchemaWish = { by: 'file', subject: '' };
  table.pin(reader, found(1));
  for (let id = 0; id < 100; id += 1) table.supply(byId(id), found(id));
  assert.equal(table.find(reader).id, 1);
});

test('large schemas push out others, but never the eight supplied last', () => {
  const table = tableOf();
  const large = (id: number): SchemaAnswer => ({ schema: avro(id, `{"type":"int","doc":"${'x'.repeat(1_500_000)}"}`) });
  table.supply(LATEST, large(1));
  table.supply(byId(2), large(2));
  for (let id = 3; id <= 9; id += 1) table.supply(byId(id), large(id));
  // Eight are kept, whatever they weigh.
  assert.deepEqual([table.has(LATEST), table.has(byId(2)), table.has(byId(3))], [false, true, true]);
  for (let id = 10; id < 20; id += 1) table.supply(byId(id), found(id));
  // And then as many as there is room for.
  assert.deepEqual([table.has(byId(8)), table.has(byId(9)), table.has(byId(10))], [true, true, true]);
  assert.deepEqual([table.has(byId(2)), table.has(byId(7))], [false, false]);
});

test('a subject and an id of the same name are two', () => {
  const table = tableOf();
  table.supply({ by: 'subject', subject: '#1', version: 1 }, found(5));
  assert.equal(table.has(byId(1)), false);
});

test('a schema of another type is told what it is for', () => {
  const table = tableOf();
  const schemas: readonly RegisteredSchema[] = [
    avro(1),
    { ...avro(2), type: 'JSON', text: '{"title":"T"}' },
    { ...avro(3), type: 'PROTOBUF', text: 'syntax = "proto3";' },
  ];
  const [a, j, p] = schemas.map((schema) => {
    table.supply(byId(schema.id), { schema });
    return table.find(byId(schema.id));
  });
  assert.ok(a !== undefined && j !== undefined && p !== undefined);
  for (const [run, message] of [
    [() => a.json(), /schema 1 is Avro: its values are for format: avro/],
    [() => j.avro('input'), /schema 2 is a JSON Schema: its values are for format: json/],
    [() => j.avro('output'), /schema 2 is a JSON Schema/],
    [() => p.avro('input'), /schema 3 is Protobuf: Protobuf is not supported yet, use format: bytes/],
    [() => p.json(), /Protobuf is not supported yet/],
  ] as const) {
    const misfit = misfitOf(run);
    assert.equal(misfit.code, 'schema.unsupported');
    assert.match(misfit.message, message);
  }
  assert.deepEqual([a.name, j.name, p.name], ['int', 'T', '']);
});

test('a schema that cannot be compiled is each record’s failure, and tried once', () => {
  const table = tableOf();
  table.supply(byId(1), { schema: avro(1, '{"type":"record"}') });
  table.supply(byId(2), { schema: { ...avro(2), type: 'JSON', text: '{"type":7}' } });
  for (let i = 0; i < 2; i += 1) {
    assert.equal(misfitOf(() => table.find(byId(1)).avro('input')).code, 'schema.invalid');
    assert.equal(misfitOf(() => table.find(byId(2)).json()).code, 'schema.invalid');
  }
});

test('a schema is compiled for each side by that side’s rules', () => {
  const table = new SchemaTable(
    { input: { ...OPTIONS, json: 'avro_json' }, output: { ...OPTIONS, unknownFields: 'drop' } },
    10,
  );
  const text = '{"type":"record","name":"R","fields":[{"name":"a","type":["null","int"]}]}';
  table.supply(byId(1), { schema: avro(1, text) });
  const schema = table.find(byId(1));
  const bytes = encoded(schema.avro('output'), '{"a":5,"more":1}');
  assert.equal(schema.avro('input').toJson(bytes), '{"a":{"int":5}}');
  assert.equal(schema.avro('input'), schema.avro('input'));
});

test('a reader is made once, and anew for another reader schema', () => {
  const table = tableOf();
  table.supply(byId(1), found(1));
  table.supply(byId(2), { schema: avro(2, '"long"') });
  table.supply(byId(3), { schema: avro(3, '"string"') });
  const [int, long, string] = [1, 2, 3].map((id) => table.find(byId(id)));
  assert.ok(int !== undefined && long !== undefined && string !== undefined);
  const reader = int.readAs(long.avro('input'));
  assert.equal(int.readAs(long.avro('input')), reader);
  assert.equal(reader.toJson(Buffer.from([10])), '5');
  for (let i = 0; i < 2; i += 1)
    assert.equal(misfitOf(() => int.readAs(string.avro('input'))).code, 'schema.incompatible');
  assert.notEqual(int.readAs(long.avro('input')), reader);
});

const RENEWAL: SchemaWish = { ...LATEST, renews: true };
const MISFIT = new Misfit('record.schema_mismatch', 'it does not fit');

test('a misfit is believed of a latest that was renewed, for as long as the answer would be the same', () => {
  const table = tableOf();
  table.triedMs = 5000;
  table.supply(LATEST, found(1, 300_000));
  assert.deepEqual(
    neededBy(() => {
      throw table.judged(LATEST, MISFIT);
    }),
    RENEWAL,
    'that it came a moment ago does not say when the registry was asked',
  );
  table.supply(RENEWAL, { ...found(1, 300_000), believedForMs: 1000 });
  const before = table.find(LATEST);
  for (const [triedMs, isBelieved] of [
    [5000, true],
    [5999, true],
    [6000, false],
    [1e9, false],
  ] as const) {
    table.triedMs = triedMs;
    assert.equal(table.judged(LATEST, MISFIT) === MISFIT, isBelieved, `at ${triedMs}`);
  }
  // It goes by when the record was tried, however long that took, and not by when its batch began.
  table.triedMs = 5999;
  table.nowMs = 1e9;
  assert.equal(table.judged(LATEST, MISFIT), MISFIT);
  // What comes behind a record's back is no answer to the doubt, and does not end it.
  table.supply(LATEST, found(1, 300_000));
  assert.equal(table.judged(LATEST, MISFIT), MISFIT);
  table.triedMs = 6000;
  assert.notEqual(table.judged(LATEST, MISFIT), MISFIT);
  assert.equal(table.find(LATEST), before, 'the same one is not compiled again');
  table.supply(RENEWAL, { ...found(2, 300_000), believedForMs: 0 });
  assert.equal(table.find(LATEST).id, 2);
  table.triedMs = 6099;
  assert.equal(
    table.judged(LATEST, MISFIT),
    MISFIT,
    'an answer is one, however old: the record that asked is judged by it',
  );
  table.triedMs = 6100;
  assert.notEqual(table.judged(LATEST, MISFIT), MISFIT);
});

test('without an answer to a renewal the schema that is there serves, as old as it is, and its misfits are believed', () => {
  const table = tableOf();
  table.supply(LATEST, found(1, 60_000));
  const first = table.find(LATEST);
  table.triedMs = 60_000;
  table.nowMs = 60_000;
  for (const code of ['registry.unreachable', 'schema.missing'] as const) {
    table.supply(RENEWAL, { fault: { code, message: 'no' }, freshForMs: 1000 });
    assert.equal(table.find(LATEST), first);
    assert.equal(table.isStale(LATEST), true, 'the next batch looks for it as before');
    assert.equal(table.judged(LATEST, MISFIT), MISFIT);
  }
  // One that was dropped meanwhile is asked for and waited for.
  const empty = tableOf();
  empty.supply(RENEWAL, { fault: { code: 'registry.unreachable', message: 'no' } });
  neededBy(() => empty.find(LATEST));
});

test('only what a newer schema can mend is asked for anew, and only of a schema that may be another by now', () => {
  const table = tableOf();
  table.supply(LATEST, found(1, 60_000));
  for (const code of ['record.schema_mismatch', 'schema.incompatible', 'schema.unsupported', 'schema.invalid'] as const)
    assert.ok(table.judged(LATEST, new Misfit(code, '')) instanceof SchemaNeeded, code);
  for (const code of ['record.not_json', 'record.malformed', 'record.not_framed', 'schema.missing'] as const) {
    const misfit = new Misfit(code, '');
    assert.equal(table.judged(LATEST, misfit), misfit, code);
  }
  const bug = new TypeError('a bug');
  assert.equal(table.judged(LATEST, bug), bug);

  const numbered: SchemaWish = { by: 'subject', subject: 's', version: 3 };
  const file: SchemaWish = { by: 'file', subject: 's' };
  for (const wish of [byId(7), numbered, file]) {
    table.supply(wish, found(7));
    assert.equal(table.judged(wish, MISFIT), MISFIT, JSON.stringify(wish));
  }
  // As of a test's own schemas.
  table.supply({ ...LATEST, subject: 't' }, found(1));
  assert.equal(table.judged({ ...LATEST, subject: 't' }, MISFIT), MISFIT);
  // That there is none has its own time.
  table.supply({ ...LATEST, subject: 'u' }, gone(1000));
  assert.equal(table.judged({ ...LATEST, subject: 'u' }, MISFIT), MISFIT);
});
