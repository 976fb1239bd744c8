import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codecOf, encoded, malformed, misfitOf, refusal, roundTrip, varint, within } from '../testing/avro-fixture.ts';
import type { AvroCodec } from './avro-codec.ts';

function record(...fields: readonly (readonly [name: string, type: unknown])[]): unknown {
  return { type: 'record', name: 'R', fields: fields.map(([name, type]) => ({ name, type })) };
}

const bytesOf = (...parts: readonly (Buffer | readonly number[] | bigint | string)[]): Buffer =>
  Buffer.concat(
    parts.map((part) => {
      if (typeof part === 'bigint') return varint(part);
      if (typeof part === 'string') return Buffer.concat([varint(BigInt(Buffer.byteLength(part))), Buffer.from(part)]);
      return Buffer.from(part as readonly number[]);
    }),
  );

// ---- counts that lie ---------------------------------------------------------------------------------------------

const EMPTY_RECORD = { type: 'record', name: 'Empty', fields: [] };
const ITEM_TYPES: readonly (readonly [name: string, type: unknown])[] = [
  ['nulls', 'null'],
  ['empty records', EMPTY_RECORD],
  ['fixed of no bytes', { type: 'fixed', name: 'Nothing', size: 0 }],
  ['longs', 'long'],
  ['strings', 'string'],
  ['arrays of nulls', { type: 'array', items: 'null' }],
  ['maps', { type: 'map', values: 'null' }],
];
const COUNTS = [2n ** 62n, 2n ** 63n - 1n, -(2n ** 62n), -(2n ** 63n), 10n ** 9n, -(10n ** 9n), 2n ** 53n];

for (const [name, items] of ITEM_TYPES) {
  test(`an array of ${name} whose count lies costs a moment`, () => {
    const codec = codecOf({ type: 'array', items });
    const reader = codecOf(record(['last', 'int'])).readerOf(
      codecOf(record(['skipped', { type: 'array', items }], ['last', 'int'])),
    );
    for (const count of COUNTS) {
      for (const rest of [[], [0], [0, 0, 0], [2, 2, 2, 0]]) {
        within(500, () => {
          malformed(codec, bytesOf(count, rest));
          // A block that tells its size is passed over by it, however many items it says it has.
          if (count > 0n || rest.length < 3) malformed(reader, bytesOf(count, rest));
        });
      }
    }
  });
}

test('a map whose count lies costs a moment', () => {
  const map = { type: 'map', values: 'null' };
  const reader = codecOf(record(['last', 'int'])).readerOf(codecOf(record(['skipped', map], ['last', 'int'])));
  for (const count of COUNTS) {
    for (const rest of [[], [0], [0, 0, 0, 0]]) {
      within(500, () => {
        malformed(codecOf(map), bytesOf(count, rest));
        malformed(reader, bytesOf(count, rest));
      });
    }
  }
});

test('arrays in arrays of nothing do not multiply', () => {
  const codec = codecOf(
    { type: 'array', items: { type: 'array', items: { type: 'array', items: 'null' } } },
    { itemsMax: 100_000 },
  );
  const inner = bytesOf(1000n, [0]);
  const middle = bytesOf(1000n, Buffer.concat(Array.from({ length: 1000 }, () => inner)), [0]);
  within(2000, () => assert.match(malformed(codec, bytesOf(1n, middle, [0])), /limits\.avro_items/));
});

test('the size of a block that lies moves nothing when it is read, and nothing beyond the end when it is passed over', () => {
  const array = { type: 'array', items: 'int' };
  const codec = codecOf(array);
  for (const size of [0n, 1n, 10n ** 9n, -1n, 2n ** 62n])
    assert.equal(codec.toJson(bytesOf(-2n, size, [2, 4, 0])), '[1,2]');
  const reader = codecOf(record(['last', 'int'])).readerOf(codecOf(record(['skipped', array], ['last', 'int'])));
  assert.equal(reader.toJson(bytesOf(-2n, 2n, [2, 4, 0], 7n)), '{"last":7}');
  for (const size of [-1n, -(2n ** 62n), 5n, 10n ** 9n, 2n ** 62n])
    malformed(reader, bytesOf(-2n, size, [2, 4, 0], 7n));
});

test('blocks follow each other, with and without their sizes', () => {
  const array = codecOf({ type: 'array', items: 'int' });
  assert.equal(array.toJson(bytesOf(1n, 1n, -2n, 2n, 2n, 3n, 1n, 4n, 0n)), '[1,2,3,4]');
  const map = codecOf({ type: 'map', values: 'int' });
  assert.equal(map.toJson(bytesOf(-1n, 3n, 'a', 1n, 1n, 'b', 2n, 0n)), '{"a":1,"b":2}');
});

test('limits.avro_items is for the whole record, and exact', () => {
  const schema = record(['a', { type: 'array', items: 'null' }], ['m', { type: 'map', values: 'int' }]);
  const bytes = bytesOf(3n, [0], 2n, 'x', 1n, 'y', 2n, [0]);
  assert.equal(codecOf(schema, { itemsMax: 5 }).toJson(bytes), '{"a":[null,null,null],"m":{"x":1,"y":2}}');
  assert.equal(codecOf(schema, { itemsMax: 5 }).toJson(bytes), '{"a":[null,null,null],"m":{"x":1,"y":2}}');
  assert.match(malformed(codecOf(schema, { itemsMax: 4 }), bytes), /limits\.avro_items/);
  const reader = codecOf(record(['m', { type: 'map', values: 'int' }]), { itemsMax: 4 }).readerOf(codecOf(schema));
  assert.match(malformed(reader, bytes), /limits\.avro_items/);
});

// ---- bytes that end, or do not -----------------------------------------------------------------------------------

const EVERYTHING = {
  type: 'record',
  name: 'Everything',
  fields: [
    { name: 'b', type: 'boolean' },
    { name: 'i', type: 'int' },
    { name: 'l', type: 'long' },
    { name: 'f', type: 'float' },
    { name: 'd', type: 'double' },
    { name: 's', type: 'string' },
    { name: 'y', type: 'bytes' },
    { name: 'x', type: { type: 'fixed', name: 'X', size: 3 } },
    { name: 'e', type: { type: 'enum', name: 'E', symbols: ['A', 'B'] } },
    { name: 'u', type: ['null', 'string', 'int'] },
    { name: 'a', type: { type: 'array', items: 'string' } },
    { name: 'm', type: { type: 'map', values: 'double' } },
    { name: 'n', type: ['null', 'Everything'] },
  ],
};
const INNER = {
  b: true,
  i: -300,
  l: 2 ** 50,
  f: 1.5,
  d: -0.1,
  s: 'héé😀',
  y: '\u0000ÿ',
  x: 'abc',
  e: 'B',
  u: 'text',
  a: ['', 'x'],
  m: { k: 1.5 },
  n: null,
};
const FULL = JSON.stringify({ ...INNER, n: INNER });

test('a record that is cut anywhere, or goes on, is malformed: as it is and through a reader', () => {
  const codec = codecOf(EVERYTHING);
  const bytes = encoded(codec, FULL);
  assert.equal(codec.toJson(bytes), FULL);
  const last = { ...EVERYTHING, fields: [{ name: 'none', type: 'int', default: 1 }] };
  const readers = [codec, codec.readerOf(codec), codecOf(last).readerOf(codec)];
  for (const reader of readers) {
    for (let length = 0; length < bytes.length; length += 1) malformed(reader, bytes.subarray(0, length));
    for (const more of [[0], [0xff], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]) {
      assert.match(malformed(reader, Buffer.concat([bytes, Buffer.from(more)])), /trailing data/);
    }
  }
});

test('any byte changed gives a value or a misfit, never anything else', () => {
  const codec = codecOf(EVERYTHING);
  const bytes = encoded(codec, FULL);
  within(20_000, () => {
    for (let at = 0; at < bytes.length; at += 1) {
      for (const byte of [0x00, 0x01, 0x02, 0x03, 0x7f, 0x80, 0x81, 0xff]) {
        const changed = Buffer.from(bytes);
        changed[at] = byte;
        let json: string;
        try {
          json = codec.toJson(changed);
        } catch (thrown) {
          assert.equal((thrown as { code?: unknown }).code, 'record.malformed');
          continue;
        }
        JSON.parse(json);
      }
    }
  });
});

const OVERLONG = (zeros: number): Buffer => Buffer.concat([Buffer.alloc(zeros, 0x80), Buffer.from([0])]);

test('a varint that never ends is malformed for every type that has one', () => {
  for (const type of ['int', 'long', 'string', 'bytes']) {
    const codec = codecOf(type);
    for (const bytes of [
      Buffer.alloc(9, 0x80),
      Buffer.alloc(11, 0x80),
      Buffer.alloc(1000, 0xff),
      Buffer.alloc(1_000_000, 0x80),
      OVERLONG(1000),
    ]) {
      within(500, () => malformed(codec, bytes));
    }
  }
  for (const schema of [
    { type: 'array', items: 'int' },
    { type: 'map', values: 'int' },
    { type: 'enum', name: 'E', symbols: ['A'] },
    ['null', 'int'],
  ]) {
    for (const bytes of [Buffer.alloc(1000, 0xff), Buffer.alloc(1_000_000, 0x80), OVERLONG(1000)])
      within(500, () => malformed(codecOf(schema), bytes));
  }
});

test('a length that is no number at all does not empty the bytes of records that come after', () => {
  // avsc hands out bytes from a pool, and forgets for good where in it it is.
  for (const codec of [codecOf('bytes'), codecOf(record(['s', 'string'], ['y', 'bytes']))]) {
    misfitOf(() => codec.toJson(OVERLONG(1000)));
    misfitOf(() => codec.toJson(Buffer.concat([OVERLONG(1000), OVERLONG(1000)])));
  }
  assert.equal(codecOf('bytes').toJson(bytesOf('abc')), '"abc"');
  assert.equal(codecOf({ type: 'fixed', name: 'F', size: 3 }).toJson(Buffer.from('abc')), '"abc"');
});

test('an int has 32 bits in five bytes, also when it is read as something larger', () => {
  const int = codecOf('int');
  assert.equal(int.toJson(varint(2n ** 31n - 1n)), '2147483647');
  assert.equal(int.toJson(varint(-(2n ** 31n))), '-2147483648');
  for (const reader of [
    int,
    codecOf('long').readerOf(int),
    codecOf('float').readerOf(int),
    codecOf('double').readerOf(int),
  ]) {
    for (const value of [2n ** 31n, -(2n ** 31n) - 1n, 2n ** 40n, 2n ** 63n - 1n]) malformed(reader, varint(value));
    malformed(reader, OVERLONG(5));
    assert.equal(reader.toJson(varint(5n)), '5');
  }
});

test('a boolean is 0 or 1', () => {
  const codec = codecOf('boolean');
  assert.equal(codec.toJson(Buffer.from([0])), 'false');
  assert.equal(codec.toJson(Buffer.from([1])), 'true');
  for (const byte of [2, 0x80, 0xff]) malformed(codec, [byte]);
});

test('a branch or a symbol that is not there is malformed', () => {
  const reader = (type: unknown): Pick<AvroCodec, 'toJson'> =>
    codecOf(record(['last', 'int'])).readerOf(codecOf(record(['skipped', type], ['last', 'int'])));
  const union = ['null', 'string'];
  const choice = { type: 'enum', name: 'E', symbols: ['A', 'B'] };
  for (const index of [2n, 100n, -1n, -2n, 2n ** 40n, -(2n ** 62n)]) {
    malformed(codecOf(union), bytesOf(index, 'x'));
    malformed(reader(union), bytesOf(index, 'x', 7n));
    malformed(codecOf(choice), varint(index));
    malformed(codecOf(choice).readerOf(codecOf(choice)), varint(index));
  }
  assert.equal(codecOf(union).toJson(bytesOf(1n, 'x')), '"x"');
});

test('lengths of strings and bytes that lie are malformed, read or passed over', () => {
  for (const type of ['string', 'bytes', { type: 'map', values: 'null' }]) {
    const reader = codecOf(record(['last', 'int'])).readerOf(codecOf(record(['skipped', type], ['last', 'int'])));
    const start = typeof type === 'string' ? [] : [2];
    for (const length of [1n, 2n ** 31n, 2n ** 53n, 2n ** 62n, -1n, -(2n ** 62n)]) {
      malformed(codecOf(type), bytesOf(start, length));
      malformed(reader, bytesOf(start, length));
    }
  }
});

// ---- depth -------------------------------------------------------------------------------------------------------

const LIST = { type: 'record', name: 'List', fields: [{ name: 'next', type: ['null', 'List'] }] };

test('a recursive value nested deep is a misfit, and the thread goes on', () => {
  const codec = codecOf(LIST);
  within(5000, () => {
    assert.match(malformed(codec, Buffer.concat([Buffer.alloc(1_000_000, 2), Buffer.from([0])])), /nested too deep/);
    assert.match(
      malformed(codec.readerOf(codec), Buffer.concat([Buffer.alloc(1_000_000, 2), Buffer.from([0])])),
      /nested too deep/,
    );
    const json = `${'{"next":'.repeat(100_000)}null${'}'.repeat(100_000)}`;
    assert.match(refusal(codec, json), /nested too deep/);
  });
  assert.equal(roundTrip(codec, '{"next":{"next":null}}'), '{"next":{"next":null}}');
});

test('a recursive value that goes on beyond the end of the bytes ends', () => {
  const endless = codecOf({
    type: 'record',
    name: 'Tree',
    fields: [
      { name: 'l', type: ['Tree', 'null'] },
      { name: 'r', type: ['Tree', 'null'] },
    ],
  });
  within(2000, () => malformed(endless, []));
});

test('arrays in arrays, nested deep', () => {
  const codec = codecOf(
    { type: 'record', name: 'Node', fields: [{ name: 'children', type: { type: 'array', items: 'Node' } }] },
    { itemsMax: 10_000_000 },
  );
  within(5000, () => malformed(codec, Buffer.alloc(2_000_000, 2)));
  assert.equal(
    roundTrip(codec, '{"children":[{"children":[]},{"children":[]}]}'),
    '{"children":[{"children":[]},{"children":[]}]}',
  );
});

// ---- longs -------------------------------------------------------------------------------------------------------

test('longs at every power of two keep every digit, in bytes that are the specification’s own', () => {
  const codec = codecOf('long');
  for (let power = 0n; power <= 63n; power += 1n) {
    for (const offset of [-1n, 0n, 1n]) {
      for (const sign of [1n, -1n]) {
        const value = sign * (2n ** power + offset);
        if (value < -(2n ** 63n) || value > 2n ** 63n - 1n) {
          assert.match(refusal(codec, String(value)), /expected a long \(64 bits\), found a number/);
          continue;
        }
        const bytes = encoded(codec, String(value));
        assert.deepEqual(bytes, varint(value), String(value));
        assert.equal(codec.toJson(bytes), String(value));
        const padded = encoded(codecOf(record(['a', 'long'], ['b', 'long'])), `{"a":${value},"b":1}`);
        assert.deepEqual(padded, bytesOf(value, 1n));
      }
    }
  }
});

test('a long of ten bytes with more than 64 bits is malformed', () => {
  const codec = codecOf('long');
  assert.equal(codec.toJson(Buffer.from([...Array<number>(9).fill(0xff), 0x01])), String(-(2n ** 63n)));
  for (const last of [0x02, 0x03, 0x7f]) malformed(codec, [...Array<number>(9).fill(0xff), last]);
});

test('a long read as a double or a float is the nearest one', () => {
  const long = codecOf('long');
  for (const value of [
    2n ** 53n + 1n,
    2n ** 63n - 1n,
    -(2n ** 63n),
    2n ** 53n + 2n ** 52n + 1n,
    4611686018427388417n,
    6917529027641082113n,
    9007199254740993n * 1021n,
  ]) {
    assert.equal(Number(codecOf('double').readerOf(long).toJson(varint(value))), Number(value), String(value));
    assert.equal(
      // The shortest digits of a float say another double.
      Math.fround(Number(codecOf('float').readerOf(long).toJson(varint(value)))),
      Math.fround(Number(value)),
      String(value),
    );
    malformed(codecOf('double').readerOf(long), OVERLONG(1000));
  }
});

// ---- text --------------------------------------------------------------------------------------------------------

test('keys of maps that every object has something for are keys', () => {
  const codec = codecOf({ type: 'map', values: { type: 'map', values: 'long' } });
  const json =
    '{"1":{},"__proto__":{"__proto__":1,"constructor":2},"constructor":{},"toString":{"x":9007199254740993}}';
  assert.equal(roundTrip(codec, json), json);
  assert.equal(({} as Record<string, unknown>)['x'], undefined);
});

test('a key that comes twice: the last one counts', () => {
  assert.equal(codecOf({ type: 'map', values: 'int' }).toJson(bytesOf(2n, 'a', 1n, 'a', 2n, 0n)), '{"a":2}');
});

test('what is not UTF-8 is malformed, as a string and as a key; U+FFFD itself is not', () => {
  const string = codecOf('string');
  const map = codecOf({ type: 'map', values: 'null' });
  for (const bad of [
    [0x80],
    [0xff],
    [0xc0, 0x80],
    [0xe2, 0x82],
    [0xf0, 0x9f, 0x98],
    [0xed, 0xa0, 0x80],
    [0xef, 0xbf, 0xbd, 0x80],
    [0x61, 0x80, 0x62],
  ]) {
    const bytes = bytesOf(BigInt(bad.length), bad);
    assert.match(malformed(string, bytes), /not UTF-8/);
    assert.match(malformed(map, bytesOf(1n, bytes, [0])), /not UTF-8/);
    // As bytes, which may be anything, that are read as a string.
    assert.match(malformed(string.readerOf(codecOf('bytes')), bytes), /not UTF-8/);
  }
  for (const good of ['\ufffd', 'a\ufffdb', '\ufffd\ufffd😀', 'x'.repeat(100) + '\ufffd']) {
    assert.equal(roundTrip(string, JSON.stringify(good)), JSON.stringify(good));
    assert.equal(roundTrip(map, JSON.stringify({ [good]: null })), JSON.stringify({ [good]: null }));
  }
});

// ---- unions of what was written, read as others ---------------------------------------------------------------------

test('what was written is read as the branch that is the same before one it can be promoted to', () => {
  const union = codecOf(['null', 'double', 'long', 'int'], { json: 'avro_json' });
  assert.equal(union.readerOf(codecOf('int')).toJson(varint(5n)), '{"int":5}');
  assert.equal(union.readerOf(codecOf('long')).toJson(varint(5n)), '{"long":5}');
  assert.equal(union.readerOf(codecOf('float')).toJson(Buffer.from([0, 0, 0xc0, 0x3f])), '{"double":1.5}');
  assert.equal(union.readerOf(codecOf('null')).toJson(Buffer.alloc(0)), 'null');
});

test('a branch that could not read the writer’s record once is not taken for it later', () => {
  const written = { type: 'record', name: 'W', fields: [{ name: 'a', type: 'int' }] };
  const cannot = { type: 'record', name: 'Cannot', aliases: ['W'], fields: [{ name: 'needed', type: 'int' }] };
  const can = { type: 'record', name: 'Can', aliases: ['W'], fields: [{ name: 'a', type: 'int' }] };
  const reader = codecOf(record(['x', [cannot, can]], ['y', ['Cannot', 'Can']]), { json: 'avro_json' });
  const writer = codecOf(record(['x', written], ['y', 'W']));
  assert.equal(reader.readerOf(writer).toJson(bytesOf(1n, 2n)), '{"x":{"Can":{"a":1}},"y":{"Can":{"a":2}}}');
});

test('a record is read as one without some of its fields, with others by their defaults', () => {
  const writer = codecOf(EVERYTHING);
  const reader = codecOf({
    type: 'record',
    name: 'Everything',
    fields: [
      { name: 'm', type: { type: 'map', values: 'double' } },
      { name: 'more', type: 'long', default: 7 },
      { name: 'i', type: 'double' },
      { name: 'n', type: ['null', 'Everything'] },
    ],
  }).readerOf(writer);
  assert.equal(
    reader.toJson(encoded(writer, FULL)),
    '{"m":{"k":1.5},"more":7,"i":-300,"n":{"m":{"k":1.5},"more":7,"i":-300,"n":null}}',
  );
});

test('schemas that do not fit each other are told before any record', () => {
  for (const [reader, writer] of [
    ['int', 'string'],
    [record(['a', 'int']), record(['b', 'int'])],
    [
      { type: 'enum', name: 'E', symbols: ['A'] },
      { type: 'enum', name: 'E', symbols: ['B'] },
    ],
  ] as const) {
    assert.throws(() => codecOf(reader).readerOf(codecOf(writer)), { code: 'schema.incompatible' });
  }
});
