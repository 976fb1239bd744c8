import { test } from 'node:test';
import assert from 'node:assert/strict';
import { avroTextOf } from './avro-text.ts';

const SCHEMA = JSON.stringify({
  type: 'record',
  name: 'R',
  fields: [
    { name: 'n', type: { type: 'long', logicalType: 'timestamp-millis' } },
    { name: 's', type: 'string' },
    { name: 'u', type: ['null', 'string'] },
    { name: 'd', type: 'double' },
  ],
});
const textOf = avroTextOf(SCHEMA, 258);

/** Written down by hand from the Avro specification: 3, "zoë", "x", 51.5. */
const VALUE = '0000000102' + '06' + '087a6fc3ab' + '020278' + '0000000000c04940';

const read = (hex: string): string => textOf(Buffer.from(hex, 'hex'));

test('bytes of the specification are read', () => {
  assert.equal(read(VALUE), '{"n":3,"s":"zoë","u":"x","d":51.5}');
  assert.equal(read('0000000102' + '05' + '00' + '00' + '0000000000000000'), '{"n":-3,"s":"","u":null,"d":0}');
});

test('anything else is said, and is no JSON', () => {
  const odd: readonly (readonly [string, RegExp])[] = [
    ['', /^not framed/],
    ['00000001', /^not framed/],
    [VALUE.replace(/^00/, '01'), /^not framed/],
    [Buffer.from('{"n":3}').toString('hex'), /^not framed/],
    [VALUE.replace('00000102', '00000001'), /^framed with schema id 1, not 258/],
    ['0000000102', /^not of the schema/],
    [VALUE.slice(0, -2), /^not of the schema/],
    [`${VALUE}00`, /^not of the schema/],
    [VALUE.replace('020278', '060278'), /^not of the schema/],
  ];
  for (const [hex, complaint] of odd) {
    assert.match(read(hex), complaint, hex);
    assert.throws(() => JSON.parse(read(hex)));
  }
});
