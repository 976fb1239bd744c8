import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codecOf, encoded, malformed, refusal, roundTrip, varint, within } from '../testing/avro-fixture.ts';
import type { AvroCodec } from './avro-codec.ts';

const logical = (type: string, logicalType: string, more: object = {}): AvroCodec =>
  codecOf({ type, logicalType, ...more });
const decimal = (precision: unknown, scale?: unknown): AvroCodec => logical('bytes', 'decimal', { precision, scale });
const fixedDecimal = (size: number, precision: number, scale: number): AvroCodec =>
  logical('fixed', 'decimal', { name: 'D', size, precision, scale });

const shown = (codec: AvroCodec, value: bigint): string => codec.toJson(varint(value));
const stored = (codec: AvroCodec, json: string): bigint => {
  const bytes = encoded(codec, JSON.stringify(json));
  return BigInt(codecOf('long').toJson(bytes));
};

// ---- dates and times ---------------------------------------------------------------------------------------------

test('a date is its day, leap days, days before 1970 and the ends of four-digit years included', () => {
  const date = logical('int', 'date');
  const days: readonly (readonly [bigint, string])[] = [
    [0n, '1970-01-01'],
    [-1n, '1969-12-31'],
    [11016n, '2000-02-29'],
    [19782n, '2024-02-29'],
    [-25508n, '1900-03-01'],
    [-719162n, '0001-01-01'],
    [2932896n, '9999-12-31'],
  ];
  for (const [day, text] of days) {
    assert.equal(shown(date, day), `"${text}"`);
    assert.equal(stored(date, text), day);
  }
  for (const day of [-719163n, 2932897n, 2n ** 31n - 1n, -(2n ** 31n)]) {
    assert.equal(shown(date, day), String(day));
    assert.deepEqual(encoded(date, String(day)), varint(day));
  }
  assert.deepEqual(encoded(date, '19782'), varint(19782n));
});

test('what is no date is refused', () => {
  const date = logical('int', 'date');
  for (const text of [
    '2023-02-29',
    '1900-02-29',
    '2026-13-01',
    '2026-00-10',
    '2026-04-31',
    '2026-1-1',
    '26-01-01',
    '+12026-01-01',
    '0000-01-01',
    '2026-01-01T00:00:00Z',
    '',
    ' 2026-01-01',
    '2026-01-01\n',
    '19782',
  ]) {
    assert.match(refusal(date, JSON.stringify(text)), /expected a date as/);
  }
  assert.match(refusal(date, '2147483648'), /expected an int/);
  assert.match(refusal(date, '1.5'), /expected an int/);
});

test('times have as many digits as their unit, and no more are taken', () => {
  const cases: readonly (readonly [AvroCodec, bigint, string])[] = [
    [logical('int', 'time-millis'), 0n, '00:00:00.000'],
    [logical('int', 'time-millis'), 86_399_999n, '23:59:59.999'],
    [logical('int', 'time-millis'), 45_296_007n, '12:34:56.007'],
    [logical('long', 'time-micros'), 0n, '00:00:00.000000'],
    [logical('long', 'time-micros'), 86_399_999_999n, '23:59:59.999999'],
    [logical('long', 'time-micros'), 45_296_000_007n, '12:34:56.000007'],
  ];
  for (const [codec, value, text] of cases) {
    assert.equal(shown(codec, value), `"${text}"`);
    assert.equal(stored(codec, text), value);
  }
  const millis = logical('int', 'time-millis');
  assert.equal(stored(millis, '12:34'), 45_240_000n);
  assert.equal(stored(millis, '12:34:56'), 45_296_000n);
  assert.equal(stored(millis, '12:34:56.5'), 45_296_500n);
  assert.equal(stored(millis, '12:34:56.500000'), 45_296_500n);
  for (const text of [
    '24:00',
    '24:00:00',
    '12:60',
    '12:34:60',
    '1:00',
    '12:34:56.',
    '12:34:56.0001',
    '12:34:56Z',
    '12',
    '',
    '-12:00',
    '12:34:56.0000000000001',
  ]) {
    assert.match(refusal(millis, JSON.stringify(text)), /expected a time as 12:34:56 with at most 3 digits/, text);
  }
  for (const beyond of [-1n, 86_400_000n]) {
    assert.equal(shown(millis, beyond), String(beyond));
    assert.deepEqual(encoded(millis, String(beyond)), varint(beyond));
  }
  assert.equal(shown(logical('long', 'time-micros'), 2n ** 62n), String(2n ** 62n));
});

const STAMPS: readonly (readonly [logicalType: string, value: bigint, text: string])[] = [
  ['timestamp-millis', 0n, '1970-01-01T00:00:00.000Z'],
  ['timestamp-millis', -1n, '1969-12-31T23:59:59.999Z'],
  ['timestamp-millis', 253_402_300_799_999n, '9999-12-31T23:59:59.999Z'],
  ['timestamp-millis', -62_135_596_800_000n, '0001-01-01T00:00:00.000Z'],
  ['timestamp-micros', -1n, '1969-12-31T23:59:59.999999Z'],
  ['timestamp-micros', 253_402_300_799_999_999n, '9999-12-31T23:59:59.999999Z'],
  ['timestamp-micros', -62_135_596_800_000_000n, '0001-01-01T00:00:00.000000Z'],
  ['timestamp-micros', 1_795_696_496_789_001n, '2026-11-26T12:34:56.789001Z'],
  ['timestamp-nanos', 2n ** 63n - 1n, '2262-04-11T23:47:16.854775807Z'],
  ['timestamp-nanos', -(2n ** 63n), '1677-09-21T00:12:43.145224192Z'],
  ['timestamp-nanos', -1n, '1969-12-31T23:59:59.999999999Z'],
  ['local-timestamp-millis', 1_795_696_496_789n, '2026-11-26T12:34:56.789'],
  ['local-timestamp-micros', -1n, '1969-12-31T23:59:59.999999'],
  ['local-timestamp-nanos', 1n, '1970-01-01T00:00:00.000000001'],
];

for (const [logicalType, value, text] of STAMPS) {
  test(`${logicalType} ${value} is ${text}`, () => {
    const codec = logical('long', logicalType);
    assert.equal(shown(codec, value), `"${text}"`);
    assert.equal(stored(codec, text), value);
    assert.deepEqual(encoded(codec, String(value)), varint(value));
  });
}

test('timestamps that no four-digit year has are numbers, both ways', () => {
  for (const [logicalType, value] of [
    ['timestamp-millis', 253_402_300_800_000n],
    ['timestamp-millis', -62_135_596_800_001n],
    ['timestamp-millis', 2n ** 63n - 1n],
    ['timestamp-micros', 253_402_300_800_000_000n],
    ['timestamp-micros', -62_135_596_800_000_001n],
    ['timestamp-micros', -(2n ** 63n)],
    ['local-timestamp-micros', 2n ** 63n - 1n],
  ] as const) {
    const codec = logical('long', logicalType);
    assert.equal(shown(codec, value), String(value));
    assert.deepEqual(encoded(codec, String(value)), varint(value));
  }
});

test('offsets count, in every spelling; a local time has none and another must have one', () => {
  const millis = logical('long', 'timestamp-millis');
  for (const text of [
    '2026-11-26T12:34:56.789Z',
    '2026-11-26T14:34:56.789+02:00',
    '2026-11-26T07:04:56.789-05:30',
    '2026-11-26 12:34:56.789z',
    '2026-11-26t12:34:56.789+0000',
    '2026-11-27T12:33:56.789+23:59',
  ]) {
    assert.equal(stored(millis, text), 1_795_696_496_789n, text);
  }
  assert.equal(stored(millis, '2026-11-26T12:34Z'), 1_795_696_440_000n);
  assert.equal(stored(millis, '0001-01-01T00:00:00+23:59'), -62_135_683_140_000n);
  for (const text of [
    '2026-11-26T12:34:56.789',
    '2026-11-26',
    '2026-11-26T24:00:00Z',
    '2026-02-29T00:00:00Z',
    '2026-11-26T12:34:56+24:00',
    '2026-11-26T12:34:56+01:60',
    '2026-11-26T12:34:56.0001Z',
    '2026-11-26T12:34:56+1Z',
    '2026-11-26TZ',
    '1795696496789',
    '',
    '2026-11-26T12:34:56Z\n',
  ]) {
    assert.match(refusal(millis, JSON.stringify(text)), /expected a timestamp as 2026-11-26T12:34:56.789Z/, text);
  }
  const local = logical('long', 'local-timestamp-millis');
  assert.match(refusal(local, '"2026-11-26T12:34:56.789Z"'), /expected a timestamp as 2026-11-26T12:34:56.789 with/);
  assert.match(refusal(local, '"2026-11-26T12:34:56.789+00:00"'), /expected a timestamp/);
  assert.match(refusal(logical('long', 'timestamp-nanos'), '"2262-04-11T23:47:16.854775808Z"'), /expected a timestamp/);
});

test('logical types on a base that is not theirs, and names nobody knows, are their base', () => {
  for (const [type, logicalType] of [
    ['long', 'date'],
    ['long', 'time-millis'],
    ['int', 'time-micros'],
    ['int', 'timestamp-millis'],
    ['long', 'decimal'],
    ['long', 'timestamp-seconds'],
    ['long', 'constructor'],
    ['long', ''],
  ] as const) {
    assert.equal(shown(logical(type, logicalType), 5n), '5');
  }
  assert.equal(roundTrip(logical('string', 'decimal'), '"x"'), '"x"');
  assert.equal(roundTrip(logical('bytes', 'uuid'), '"x"'), '"x"');
  assert.equal(roundTrip(codecOf({ type: 'long', logicalType: 7 }), '7'), '7');
});

test('a duration is its twelve bytes', () => {
  const codec = logical('fixed', 'duration', { name: 'Duration', size: 12 });
  assert.equal(codec.toJson(Buffer.from('abcdefghijkl')), '"abcdefghijkl"');
  assert.deepEqual(encoded(codec, '"abcdefghijkl"'), Buffer.from('abcdefghijkl'));
});

test('in avro_json a logical type is its base', () => {
  for (const [schema, json] of [
    [{ type: 'int', logicalType: 'date' }, '5'],
    [{ type: 'bytes', logicalType: 'decimal', precision: 4, scale: 2 }, '"\\u0001"'],
    [{ type: 'string', logicalType: 'uuid' }, '"no uuid"'],
  ] as const) {
    assert.equal(roundTrip(codecOf(schema, { json: 'avro_json' }), json), json);
  }
});

// ---- decimal -----------------------------------------------------------------------------------------------------

test('a decimal keeps its digits, as short as two’s complement can be', () => {
  const money = decimal(6, 2);
  const cases: readonly (readonly [text: string, hex: string])[] = [
    ['0.00', '00'],
    ['0.01', '01'],
    ['-0.01', 'ff'],
    ['1.27', '7f'],
    ['1.28', '0080'],
    ['-1.28', '80'],
    ['-1.29', 'ff7f'],
    ['9999.99', '0f423f'],
    ['-9999.99', 'f0bdc1'],
  ];
  for (const [text, hex] of cases) {
    const bytes = encoded(money, `"${text}"`);
    assert.equal(bytes.toString('hex'), `${(2 * (hex.length / 2)).toString(16).padStart(2, '0')}${hex}`, text);
    assert.equal(money.toJson(bytes), `"${text}"`);
  }
  // Longer than it need be, and of no bytes at all.
  assert.equal(money.toJson(Buffer.from('0800000001', 'hex')), '"0.01"');
  assert.equal(money.toJson(Buffer.from('08ffffffff', 'hex')), '"-0.01"');
  assert.equal(money.toJson(Buffer.from('00', 'hex')), '"0.00"');
});

test('a decimal may be written in many ways, as text or as a number', () => {
  const money = decimal(6, 2);
  for (const [json, text] of [
    ['"1"', '1.00'],
    ['1', '1.00'],
    ['1.5', '1.50'],
    ['"1.500"', '1.50'],
    ['1.5000000000000000000000', '1.50'],
    ['-0', '0.00'],
    ['"-0.00"', '0.00'],
    ['-0.000000000000000000', '0.00'],
    ['"0001.5"', '1.50'],
    ['1e3', '1000.00'],
    ['"12E-1"', '1.20'],
    ['"1E+3"', '1000.00'],
    ['"0e999"', '0.00'],
    ['1200e-2', '12.00'],
  ] as const) {
    assert.equal(roundTrip(money, json), `"${text}"`, json);
  }
  for (const json of [
    '"10000"',
    '10000',
    '0.001',
    '"1.005"',
    '1e4',
    '1e-3',
    '"1e9999"',
    '"1e-9999"',
    '"1e99999"',
    '1e300',
    '"12345678901234567890"',
    '12345678901234567890',
    '""',
    '"."',
    '"1."',
    '".5"',
    '"+1"',
    '"1,5"',
    '" 1"',
    '"1\\n"',
    '"NaN"',
    '"0x10"',
    '"--1"',
  ]) {
    assert.equal(refusal(money, json), 'expected a decimal of 6 digits, 2 of them after the point', json);
  }
  assert.match(refusal(money, 'true'), /expected a decimal of 6 digits.*, found true/);
  assert.match(refusal(money, 'null'), /found null/);
});

test('precision at its edges', () => {
  assert.equal(roundTrip(decimal(1), '"9"'), '"9"');
  assert.equal(roundTrip(decimal(1, 1), '"-0.9"'), '"-0.9"');
  assert.match(refusal(decimal(1, 1), '"1.0"'), /expected a decimal of 1 digits/);
  const digits = `${'9'.repeat(700)}.${'1'.repeat(300)}`;
  assert.equal(roundTrip(decimal(1000, 300), `"${digits}"`), `"${digits}"`);
  assert.equal(
    roundTrip(decimal(38, 18), '12345678901234567890.123456789012345678'),
    '"12345678901234567890.123456789012345678"',
  );
});

test('a fixed decimal fills its size', () => {
  const codec = fixedDecimal(4, 9, 2);
  assert.equal(encoded(codec, '"-0.01"').toString('hex'), 'ffffffff');
  assert.equal(encoded(codec, '"1.28"').toString('hex'), '00000080');
  assert.equal(roundTrip(codec, '"-9999999.99"'), '"-9999999.99"');
  for (const size of [1, 2, 4, 8, 16]) {
    const precision = Math.floor(Math.log10(2) * (8 * size - 1));
    for (const sign of ['', '-']) {
      const text = `"${sign}${'9'.repeat(precision)}"`;
      assert.equal(roundTrip(fixedDecimal(size, precision, 0), text), text);
    }
    // One digit more does not fit: no decimal then, as the specification says.
    assert.equal(roundTrip(fixedDecimal(size, precision + 1, 0), `"${'x'.repeat(size)}"`), `"${'x'.repeat(size)}"`);
  }
  assert.equal(
    codecOf({ type: 'fixed', name: 'None', size: 0, logicalType: 'decimal', precision: 1 }).toJson(Buffer.alloc(0)),
    '""',
  );
});

test('a decimal whose attributes make no sense is bytes', () => {
  for (const [precision, scale] of [
    ['6', 2],
    [6, '2'],
    [0, 0],
    [-1, 0],
    [1.5, 0],
    [6, -1],
    [6, 7],
    [6, 0.5],
    [1e9, 0],
    [1e300, 1e300],
    [undefined, 0],
    [null, null],
    [[6], 2],
    [{}, {}],
    [true, false],
    [1001, 0],
  ] as const) {
    within(500, () => assert.equal(roundTrip(decimal(precision, scale), '"xyz"'), '"xyz"'));
  }
});

test('a decimal of a megabyte is refused in a moment', () => {
  const bytes = Buffer.concat([varint(1_000_000n), Buffer.alloc(1_000_000, 0x7f)]);
  within(200, () => malformed(decimal(6, 2), bytes));
  within(500, () => refusal(decimal(6, 2), `"${'9'.repeat(1_000_000)}"`));
  within(500, () => refusal(decimal(6, 2), `"0.${'0'.repeat(1_000_000)}1"`));
  within(500, () => refusal(decimal(6, 2), '9'.repeat(1_000_000)));
  within(500, () => assert.equal(roundTrip(decimal(6, 2), `"1.${'0'.repeat(1_000_000)}"`), '"1.00"'));
});

// ---- uuid --------------------------------------------------------------------------------------------------------

test('a uuid is a text with its form, or sixteen bytes shown in it', () => {
  const text = '"0f8fad5b-d9cb-469f-a165-70867728950e"';
  const string = logical('string', 'uuid');
  assert.equal(roundTrip(string, text), text);
  assert.equal(roundTrip(string, text.toUpperCase()), text.toUpperCase());
  const fixed = logical('fixed', 'uuid', { name: 'U', size: 16 });
  assert.equal(encoded(fixed, text).toString('hex'), text.replaceAll(/["-]/g, ''));
  assert.equal(roundTrip(fixed, text.toUpperCase()), text);
  for (const codec of [string, fixed]) {
    for (const json of [
      '""',
      '"0f8fad5bd9cb469fa16570867728950e"',
      '"0f8fad5b-d9cb-469f-a165-70867728950g"',
      '"{0f8fad5b-d9cb-469f-a165-70867728950e}"',
      '"0f8fad5b-d9cb-469f-a165-70867728950e\\n"',
      '1',
      'null',
    ]) {
      assert.match(refusal(codec, json), /expected a UUID/);
    }
  }
  assert.equal(roundTrip(logical('fixed', 'uuid', { name: 'U', size: 15 }), '"123456789012345"'), '"123456789012345"');
});

test('a logical type on a reference by name changes nothing for others that use the type', () => {
  const fixed = { type: 'fixed', name: 'Id', size: 16 };
  const codec = codecOf({
    type: 'record',
    name: 'R',
    fields: [
      { name: 'a', type: fixed },
      { name: 'b', type: { type: 'Id', logicalType: 'uuid' } },
    ],
  });
  const json = '{"a":"0123456789abcdef","b":"0123456789abcdef"}';
  assert.equal(roundTrip(codec, json), json);
});
