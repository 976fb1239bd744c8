import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRng } from '../../base/rng.ts';
import { codecOf, codecOfText, encoded, refusal, roundTrip, varint, within } from '../testing/avro-fixture.ts';
import type { AvroOptions } from './avro-codec.ts';

type Encoding = AvroOptions['json'];
const ENCODINGS: readonly Encoding[] = ['plain', 'avro_json'];

function record(
  name: string,
  fields: Readonly<Record<string, unknown>>,
  defaults: Readonly<Record<string, unknown>> = {},
): unknown {
  return {
    type: 'record',
    name,
    fields: Object.entries(fields).map(([field, type]) => ({
      name: field,
      type,
      ...(Object.hasOwn(defaults, field) ? { default: defaults[field] } : {}),
    })),
  };
}

// ---- each type, in both encodings --------------------------------------------------------------------------------

const VALUES: readonly (readonly [type: unknown, json: string, hex: string])[] = [
  ['null', 'null', ''],
  ['boolean', 'true', '01'],
  ['boolean', 'false', '00'],
  ['int', '0', '00'],
  ['int', '-1', '01'],
  ['int', '2147483647', 'feffffff0f'],
  ['int', '-2147483648', 'ffffffff0f'],
  ['long', '9223372036854775807', 'feffffffffffffffff01'],
  ['long', '-9223372036854775808', 'ffffffffffffffffff01'],
  ['float', '1.5', '0000c03f'],
  ['float', '0.1', 'cdcccc3d'],
  ['float', '-0.0', '00000080'],
  ['float', '"NaN"', '0000c07f'],
  ['float', '"Infinity"', '0000807f'],
  ['double', '0.1', '9a9999999999b93f'],
  ['double', '-0.0', '0000000000000080'],
  ['double', '"-Infinity"', '000000000000f0ff'],
  ['double', '5e-324', '0100000000000000'],
  ['double', '1.7976931348623157e+308', 'ffffffffffffef7f'],
  ['string', '""', '00'],
  ['string', '"aé😀\\u0000"', '1061c3a9f09f988000'],
  ['bytes', '"\\u0000\\u007f\u0080ÿ"', '08007f80ff'],
  [{ type: 'fixed', name: 'F', size: 2 }, '"\\u0000ÿ"', '00ff'],
  [{ type: 'enum', name: 'E', symbols: ['A', 'B'] }, '"B"', '02'],
  [{ type: 'array', items: 'int' }, '[1,2]', '04020400'],
  [{ type: 'array', items: 'int' }, '[]', '00'],
  [{ type: 'map', values: 'int' }, '{"a":1}', '0202610200'],
  [{ type: 'map', values: 'int' }, '{}', '00'],
  [record('R', { a: 'int', b: 'string' }), '{"a":1,"b":"x"}', '020278'],
  [record('Empty', {}), '{}', ''],
  [{ type: { type: 'string' } }, '"x"', '0278'],
];

for (const json of ENCODINGS) {
  for (const [type, text, hex] of VALUES) {
    test(`${json}: ${JSON.stringify(type)} of ${text}`, () => {
      const codec = codecOf(type, { json });
      const bytes = encoded(codec, text);
      assert.equal(bytes.toString('hex'), hex);
      assert.deepEqual(JSON.parse(codec.toJson(bytes)), JSON.parse(text));
      assert.equal(codec.toJson(bytes), text.includes('\\u007f') ? '"\\u0000\u007f\u0080ÿ"' : text);
    });
  }

  test(`${json}: what is of another kind is told with what was expected, and never with the value`, () => {
    const secret = '"hunter2-secret"';
    const wrong: readonly (readonly [type: unknown, json: string, reason: RegExp])[] = [
      ['null', secret, /^expected null, found a string$/],
      ['boolean', '1', /^expected a boolean, found a number$/],
      ['int', secret, /^expected an int \(32 bits\), found a string$/],
      ['int', '2147483648', /an int \(32 bits\), found a number/],
      ['int', '1.5', /an int/],
      ['int', 'null', /found null/],
      ['int', '9007199254740993', /an int \(32 bits\), found a number/],
      ['long', '1.5', /^expected a long \(64 bits\), found a number$/],
      ['long', '9223372036854775808', /a long/],
      ['long', '-9223372036854775809', /a long/],
      ['long', '9223372036854775807.5', /a long/],
      ['long', '1e300', /a long/],
      ['long', '1e19', /a long/],
      ['long', '"1"', /a long \(64 bits\), found a string/],
      ['float', secret, /^expected a float, found a string$/],
      ['float', '3.5e38', /a float, found a number beyond its range/],
      ['float', '1e999', /a float, found a number beyond its range/],
      ['double', '1e999', /a double, found a number beyond its range/],
      ['double', `1${'0'.repeat(400)}`, /a double, found a number beyond its range/],
      ['double', '"nan"', /a double, found a string/],
      ['string', '1', /^expected a string, found a number$/],
      ['string', '9007199254740993', /^expected a string, found a number$/],
      ['string', '"\\ud83d"', /surrogate/],
      ['bytes', '"\u0100"', /expected bytes: one character from/],
      ['bytes', '9007199254740993', /^expected bytes, found a number$/],
      [{ type: 'fixed', name: 'F', size: 2 }, '"abc"', /^expected 2 bytes \(F\), found 3$/],
      [{ type: 'enum', name: 'E', symbols: ['A'] }, secret, /^expected a symbol of E, found another text$/],
      [{ type: 'enum', name: 'E', symbols: ['A'] }, '"toString"', /^expected a symbol of E/],
      [{ type: 'enum', name: 'E', symbols: ['A'] }, '0', /^expected a symbol of E, found a number$/],
      [{ type: 'enum', name: 'E', symbols: ['A'] }, '9007199254740993', /^expected a symbol of E, found a number$/],
      [{ type: 'array', items: 'int' }, '{}', /^expected an array, found an object$/],
      [{ type: 'map', values: 'int' }, '[]', /^expected an object \(a map\), found an array$/],
      [{ type: 'map', values: 'int' }, '{"\\udc00":1}', /a key has half of a surrogate pair/],
      [record('ns.R', { a: 'int' }), '[]', /^expected an object \(ns\.R\), found an array$/],
      [record('R', { a: 'int' }), secret, /found a string/],
    ];
    for (const [type, text, reason] of wrong) {
      const told = refusal(codecOf(type, { json }), text);
      assert.match(told, reason);
      assert.doesNotMatch(told, /hunter/);
    }
  });
}

test('an integer is one however it is written', () => {
  for (const [text, value] of [
    ['1.0', 1n],
    ['-0', 0n],
    ['-0.0', 0n],
    ['1e3', 1000n],
    ['12e-1', undefined],
    ['1200e-2', 12n],
    ['1.000000000000000000000', 1n],
    ['1000000000000000000000e-20', 10n],
  ] as const) {
    for (const type of ['int', 'long']) {
      if (value === undefined) assert.match(refusal(codecOf(type), text), /found a number/);
      else assert.deepEqual(encoded(codecOf(type), text), varint(value), `${type} ${text}`);
    }
  }
});

test('a long with an exponent keeps its digits, whatever else the text has', () => {
  const pair = codecOf(record('R', { a: 'long', b: 'long' }));
  for (const b of ['1', '9007199254740993']) {
    for (const [text, value] of [
      ['123456789012345e3', '123456789012345000'],
      ['922337203685477e4', '9223372036854770000'],
      ['-9.22337203685477E18', '-9223372036854770000'],
      ['1e18', '1000000000000000000'],
    ] as const) {
      assert.equal(roundTrip(pair, `{"a":${text},"b":${b}}`), `{"a":${value},"b":${b}}`);
    }
  }
});

test('the digits of any float are the same float again (seed 1)', () => {
  const rng = seededRng(1);
  const codec = codecOf('float');
  const bytes = Buffer.alloc(4);
  for (let i = 0; i < 10_000; i += 1) {
    bytes.writeUInt32LE(Math.floor(rng() * 2 ** 32));
    const json = codec.toJson(bytes);
    const float = bytes.readFloatLE();
    if (Number.isNaN(float)) {
      assert.equal(json, '"NaN"');
      continue;
    }
    assert.deepEqual(encoded(codec, json), bytes, json);
    const digits = json
      .replace(/e.*$/, '')
      .replaceAll(/[-.]|^-?0\.0*/g, '')
      .replace(/^0+/, '');
    assert.ok(digits.length <= 9 || (Number.isInteger(float) && /^-?[0-9]{1,9}0*$/.test(json)), json);
  }
  // One step below and above 0.1: no digit too many, and none too few.
  for (const [hex, text] of [
    ['cccccc3d', '0.099999994'],
    ['cdcccc3d', '0.1'],
    ['cecccc3d', '0.10000001'],
    ['01000000', '1.4013e-45'],
    ['ffff7f7f', '3.4028235e+38'],
  ] as const) {
    assert.equal(codec.toJson(Buffer.from(hex, 'hex')), text);
    assert.equal(encoded(codec, text).toString('hex'), hex);
  }
});

test('the largest float, and the first number that is none', () => {
  const codec = codecOf('float');
  assert.equal(encoded(codec, '3.4028235677973362e38').toString('hex'), 'ffff7f7f');
  assert.match(refusal(codec, '3.4028235677973366e38'), /beyond its range/);
  assert.match(refusal(codec, '-3.4028235677973366e38'), /beyond its range/);
});

// ---- records -----------------------------------------------------------------------------------------------------

test('a misfit is told by its place, however deep', () => {
  const inner = record('Inner', { x: { type: 'array', items: { type: 'map', values: ['null', 'int'] } } });
  const codec = codecOf(record('Outer', { a: { type: 'array', items: inner } }));
  assert.equal(
    refusal(codec, '{"a":[{"x":[]},{"x":[{"k":1},{"k.k":"secret"}]}]}'),
    '$.a[1].x[1]["k.k"]: expected one of null, int, found a string',
  );
  assert.equal(refusal(codec, '{"a":[{"x":[]},{}]}'), '$.a[1].x: is missing, and Inner has no default for it');
  assert.equal(refusal(codec, '{"a":[{"x":[],"y":1}]}'), '$.a[0].y: Inner has no such field');
  assert.equal(refusal(codec, '{"a":[],"b\\n":1}'), '$["b\\n"]: Outer has no such field');
});

test('fields that a record does not have fail, or are dropped: also inside, in arrays, maps and unions', () => {
  const inner = record('Inner', { x: 'int' });
  const schema = record('Outer', {
    r: inner,
    a: { type: 'array', items: 'Inner' },
    m: { type: 'map', values: 'Inner' },
    u: ['null', 'Inner'],
  });
  const full = { r: { x: 1 }, a: [{ x: 2 }], m: { k: { x: 3 } }, u: { x: 4 } };
  const places: readonly (readonly [string, (value: typeof full) => object])[] = [
    ['$.more', (value) => value],
    ['$.r.more', ({ r }) => r],
    ['$.a[0].more', ({ a }) => a[0] as object],
    ['$.m.k.more', ({ m }) => m.k],
    ['$.u.more', ({ u }) => u],
  ];
  for (const [path, at] of places) {
    const value = structuredClone(full);
    Object.assign(at(value), { more: { deep: [1] } });
    assert.match(refusal(codecOf(schema), JSON.stringify(value)), /has no such field/);
    assert.ok(refusal(codecOf(schema), JSON.stringify(value)).startsWith(`${path}:`), path);
    assert.equal(roundTrip(codecOf(schema, { unknownFields: 'drop' }), JSON.stringify(value)), JSON.stringify(full));
  }
});

const NAMES_OF_OBJECTS = [
  'constructor',
  'toString',
  'hasOwnProperty',
  'valueOf',
  'isPrototypeOf',
  '__defineGetter__',
  'toJSON',
  'then',
  'length',
];

test('fields with names that every object has something for are fields', () => {
  for (const name of NAMES_OF_OBJECTS) {
    for (const type of ['string', 'int', ['null', 'string'], record('Sub', { [name]: 'int' })]) {
      const codec = codecOf(record('R', { [name]: type, b: 'int' }));
      const value = type === 'int' ? '1' : typeof type === 'object' && !Array.isArray(type) ? `{"${name}":1}` : '"x"';
      assert.equal(roundTrip(codec, `{"${name}":${value},"b":2}`), `{"${name}":${value},"b":2}`);
      assert.equal(refusal(codec, '{"b":2}'), `$.${name}: is missing, and R has no default for it`);
    }
    const codec = codecOf(record('R', { [name]: 'int', b: 'int' }, { [name]: 7 }));
    assert.equal(roundTrip(codec, '{"b":2}'), `{"${name}":7,"b":2}`);
    assert.equal(roundTrip(codec, `{"b":2,"${name}":1}`), `{"${name}":1,"b":2}`);
    assert.match(refusal(codec, `{"b":2,"${name}":null}`), /an int/);
    // Unknown ones, too.
    assert.equal(refusal(codecOf(record('R', { b: 'int' })), `{"b":2,"${name}":1}`), `$.${name}: R has no such field`);
    assert.equal(
      roundTrip(codecOf(record('R', { b: 'int' }), { unknownFields: 'drop' }), `{"b":2,"${name}":1}`),
      '{"b":2}',
    );
  }
});

test('a key named __proto__ is an unknown field, and gives a record nothing', () => {
  const schema = record('R', { a: 'int' });
  for (const text of ['{"__proto__":{"a":1}}', '{"a":1,"__proto__":{"b":2}}', '{"__proto__":null,"a":1}']) {
    assert.match(refusal(codecOf(schema), text), /no such field|is missing/);
  }
  assert.match(refusal(codecOf(schema, { unknownFields: 'drop' }), '{"__proto__":{"a":1}}'), /is missing/);
  const union = codecOf([record('A', { a: 'int' }), record('B', { a: 'int', b: 'int' })], { unknownFields: 'drop' });
  assert.equal(roundTrip(union, '{"a":1,"__proto__":{"b":2}}'), '{"a":1}');
});

test('names with a reader field and a record of the same word', () => {
  for (const name of [
    'class',
    'new',
    'function',
    'this',
    'null_',
    't',
    'v',
    'b',
    'd0',
    'v0',
    't0',
    'arguments',
    'eval',
    'undefined',
    '_',
    '__',
    'NaN',
  ]) {
    const codec = codecOf(record(name, { [name]: 'int', more: 'int' }, { more: 1 }));
    assert.equal(roundTrip(codec, `{"${name}":5}`), `{"${name}":5,"more":1}`);
    assert.equal(codec.readerOf(codec).toJson(encoded(codec, `{"${name}":5}`)), `{"${name}":5,"more":1}`);
  }
});

test('defaults of every type fill in what is missing', () => {
  const fields = {
    i: 'int',
    l: 'long',
    f: 'float',
    d: 'double',
    s: 'string',
    y: 'bytes',
    b: 'boolean',
    n: 'null',
    x: { type: 'fixed', name: 'X', size: 2 },
    e: { type: 'enum', name: 'E', symbols: ['A', 'B'] },
    a: { type: 'array', items: ['null', 'int'] },
    m: { type: 'map', values: 'string' },
    r: record('Sub', { z: ['null', 'int'] }, { z: null }),
    u: ['null', 'string'],
    v: ['string', 'null'],
    t: { type: 'long', logicalType: 'timestamp-millis' },
  };
  const defaults = {
    i: -1,
    l: 2 ** 40,
    f: 1.5,
    d: -0.25,
    s: 'é',
    y: '\u0000ÿ',
    b: true,
    n: null,
    x: 'ab',
    e: 'B',
    a: [null],
    m: { k: 'v' },
    r: { z: null },
    u: null,
    v: 'x',
    t: 0,
  };
  const codec = codecOf(record('R', fields, defaults));
  const expected = { ...defaults, t: '1970-01-01T00:00:00.000Z' };
  assert.deepEqual(JSON.parse(roundTrip(codec, '{}')), expected);
  const reader = codec.readerOf(codecOf(record('R', {})));
  assert.deepEqual(JSON.parse(reader.toJson(Buffer.alloc(0))), expected);
  // A second time: the first record may not have changed them.
  assert.deepEqual(JSON.parse(reader.toJson(Buffer.alloc(0))), expected);
});

test('a default of a long keeps every digit', () => {
  for (const value of ['9223372036854775807', '-9223372036854775808', '9007199254740993']) {
    const text = `{"type":"record","name":"R","fields":[{"name":"a","type":"long","default":${value}},{"name":"u","type":["long","null"],"default":${value}},{"name":"d","type":"double","default":${value}}]}`;
    assert.equal(roundTrip(codecOfText(text), '{}'), `{"a":${value},"u":${value},"d":${Number(value)}}`);
  }
});

test('a default that is not of its type is told when the schema is read', () => {
  for (const [type, value] of [
    ['long', 1.5],
    ['long', '1'],
    ['long', true],
    ['int', 2 ** 31],
    ['string', 1],
    ['boolean', 0],
    [['null', 'int'], 'x'],
    [{ type: 'array', items: 'int' }, ['x']],
  ] as const) {
    assert.throws(
      () => codecOf(record('R', { a: type }, { a: value })),
      { code: 'schema.invalid' },
      JSON.stringify([type, value]),
    );
  }
});

test('a default of a union may be of any of its branches', () => {
  const codec = codecOf(record('R', { a: ['string', 'null'], b: ['null', 'int', 'string'] }, { a: null, b: 'x' }));
  assert.equal(roundTrip(codec, '{}'), '{"a":null,"b":"x"}');
});

// ---- unions, plain -----------------------------------------------------------------------------------------------

const STRUCTURES: readonly (readonly [
  union: readonly unknown[],
  cases: readonly (readonly [json: string, branch: number])[],
])[] = [
  [
    ['null', 'int'],
    [
      ['null', 0],
      ['5', 1],
    ],
  ],
  [
    ['int', 'null'],
    [
      ['null', 1],
      ['5', 0],
    ],
  ],
  [
    ['int', 'long', 'double'],
    [
      ['5', 0],
      ['2147483648', 1],
      ['9223372036854775807', 1],
      ['9223372036854775808', 2],
      ['1.5', 2],
      ['"NaN"', 2],
    ],
  ],
  [
    ['null', { type: 'enum', name: 'E', symbols: ['A'] }, 'string'],
    [
      ['"A"', 1],
      ['"B"', 2],
    ],
  ],
  [['string', { type: 'enum', name: 'E', symbols: ['A'] }], [['"A"', 0]]],
  [
    ['bytes', 'string'],
    [
      ['"a"', 0],
      ['"\u0100"', 1],
    ],
  ],
  [
    [record('A', { x: 'int' }), record('B', { x: 'int', y: 'int' }), record('C', { x: 'string' })],
    [
      ['{"x":1}', 0],
      ['{"x":1,"y":2}', 1],
      ['{"x":"1"}', 2],
    ],
  ],
  [
    [record('A', { x: 'int' }), { type: 'map', values: 'int' }],
    [
      ['{"x":1}', 0],
      ['{"x":1,"y":2}', 1],
      ['{}', 1],
    ],
  ],
  [
    [
      { type: 'map', values: 'int' },
      { type: 'array', items: 'int' },
    ],
    [
      ['{}', 0],
      ['[]', 1],
      ['[1]', 1],
    ],
  ],
  [
    [{ type: 'long', logicalType: 'timestamp-millis' }, 'string'],
    [
      ['"2026-11-26T00:00:00.000Z"', 0],
      ['"other"', 1],
    ],
  ],
  [
    [
      { type: 'int', logicalType: 'date' },
      { type: 'string', logicalType: 'uuid' },
    ],
    [
      ['"2026-11-26"', 0],
      ['"0f8fad5b-d9cb-469f-a165-70867728950e"', 1],
    ],
  ],
  [['string', { type: 'bytes', logicalType: 'decimal', precision: 4, scale: 2 }], [['"1.00"', 0]]],
  [
    ['null', { type: 'fixed', name: 'D', size: 4, logicalType: 'decimal', precision: 4, scale: 2 }, 'boolean'],
    [
      ['"1.00"', 1],
      ['true', 2],
    ],
  ],
];

for (const [union, cases] of STRUCTURES) {
  test(`a plain union of ${JSON.stringify(union)} takes the first branch that fits`, () => {
    const codec = codecOf(union);
    for (const [json, branch] of cases) {
      const bytes = encoded(codec, json);
      assert.equal(bytes[0], 2 * branch, json);
      assert.deepEqual(JSON.parse(codec.toJson(bytes)), JSON.parse(json));
    }
  });
}

test('what fits no branch is told by all their names', () => {
  const codec = codecOf(['null', 'int', record('ns.R', { a: 'int' }), { type: 'map', values: 'int' }]);
  assert.equal(refusal(codec, '"x"'), 'expected one of null, int, ns.R, map, found a string');
  assert.equal(refusal(codec, '{"a":"x"}'), 'expected one of null, int, ns.R, map, and it fits none of them');
  // The only one that could be meant says more.
  assert.equal(
    refusal(codecOf(['null', record('R', { a: 'int' })]), '{"a":"x"}'),
    '$.a: expected an int (32 bits), found a string',
  );
});

test('unions in records in unions: inner and outer are chosen together', () => {
  const a = record('A', { v: ['null', 'int'], x: 'int' });
  const b = record('B', { v: ['null', 'string', record('Deep', { w: ['int', 'string'] })] });
  const codec = codecOf({ type: 'array', items: [a, b] });
  const json = '[{"v":1,"x":1},{"v":"s"},{"v":{"w":"t"}},{"v":null},{"v":null,"x":2}]';
  assert.equal(roundTrip(codec, json), json);
});

test('with fields dropped, a record that has all of them comes before one with fields too many', () => {
  const codec = codecOf([record('A', { x: 'int' }), record('B', { x: 'int', y: 'int' })], { unknownFields: 'drop' });
  assert.equal(roundTrip(codec, '{"x":1,"y":2}'), '{"x":1,"y":2}');
  assert.equal(roundTrip(codec, '{"x":1}'), '{"x":1}');
  assert.equal(roundTrip(codec, '{"x":1,"z":2}'), '{"x":1}');
  assert.equal(roundTrip(codec, '{"x":1,"y":2,"z":3}'), '{"x":1}');
});

test('a branch that was tried and failed leaves the value as it was', () => {
  const time = { type: 'long', logicalType: 'timestamp-millis' };
  const a = record('A', {
    t: time,
    l: { type: 'array', items: ['null', time] },
    m: { type: 'map', values: time },
    z: 'int',
  });
  const b = record('B', {
    t: 'string',
    l: { type: 'array', items: ['null', 'string'] },
    m: { type: 'map', values: 'string' },
    z: 'string',
  });
  const stamp = '2026-11-26T00:00:00.000Z';
  const json = JSON.stringify({ t: stamp, l: [stamp, null], m: { __k: stamp }, z: 'last' });
  for (const unknownFields of ['fail', 'drop'] as const)
    assert.equal(roundTrip(codecOf([a, b], { unknownFields }), json), json);
  const proto = `{"t":"${stamp}","l":[],"m":{"__proto__":"${stamp}"},"z":"last"}`;
  assert.equal(roundTrip(codecOf([a, b]), proto), proto);
});

test('long numbers in a union that is tried keep their digits', () => {
  const codec = codecOf([record('A', { l: 'long', z: 'int' }), record('B', { l: 'long', z: 'string' })]);
  assert.equal(roundTrip(codec, '{"l":9007199254740993,"z":"x"}'), '{"l":9007199254740993,"z":"x"}');
});

const EXPRESSION = record('Add', {
  l: ['int', 'Add', record('Multiply', { l: ['int', 'Add', 'Multiply'], r: ['int', 'Add', 'Multiply'] })],
  r: ['int', 'Add', 'Multiply'],
});

test('branches that look alike, in each other, are not tried over and over', () => {
  const nested = (depth: number, leaf: string): string => `${'{"r":1,"l":'.repeat(depth)}${leaf}${'}'.repeat(depth)}`;
  for (const unknownFields of ['fail', 'drop'] as const) {
    const codec = codecOf(EXPRESSION, { unknownFields });
    for (const leaf of ['"none"', '{"l":1}', '{"l":1,"r":1,"x":"none"}']) {
      within(2000, () => {
        if (unknownFields === 'drop' && leaf.includes('x')) JSON.parse(roundTrip(codec, nested(40, leaf)));
        else refusal(codec, nested(40, leaf));
      });
    }
    within(2000, () =>
      assert.equal(
        roundTrip(codec, nested(40, '7')),
        nested(40, '7')
          .replaceAll(/\{"r":1,"l":/g, '{"l":')
          .replaceAll('}', ',"r":1}'),
      ),
    );
  }
  // The last field tells which one it is.
  const fields = (last: string): Record<string, unknown> => ({ next: ['null', 'A', 'B'], [last]: 'int' });
  const either = codecOf(record('A', { next: ['null', 'A', record('B', fields('b'))], a: 'int' }));
  const chain = `${'{"next":'.repeat(60)}null${',"b":1}'.repeat(59)},"a":1}`;
  within(2000, () => assert.equal(roundTrip(either, chain), chain));
});

// ---- unions, as the specification writes them ---------------------------------------------------------------------

test('avro_json names the branch of a union', () => {
  const union = [
    'null',
    'int',
    'string',
    { type: 'array', items: ['null', 'int'] },
    { type: 'map', values: 'long' },
    { type: 'record', name: 'R', namespace: 'a.b', fields: [{ name: 'x', type: ['null', 'R'] }] },
    { type: 'enum', name: 'c.E', symbols: ['S'] },
    { type: 'fixed', name: 'F', size: 1 },
    { type: 'bytes', logicalType: 'decimal', precision: 4 },
  ];
  const codec = codecOf(union, { json: 'avro_json' });
  for (const json of [
    'null',
    '{"int":1}',
    '{"string":"x"}',
    '{"array":[null,{"int":1}]}',
    '{"map":{"__proto__":9007199254740993}}',
    '{"a.b.R":{"x":{"a.b.R":{"x":null}}}}',
    '{"c.E":"S"}',
    '{"F":"x"}',
    '{"bytes":"\\u0001"}',
  ]) {
    assert.equal(roundTrip(codec, json), json);
  }
  for (const json of [
    '1',
    '"x"',
    '[]',
    '{}',
    '{"int":1,"string":"x"}',
    '{"R":{"x":null}}',
    '{"null":null}',
    '{"long":1}',
    '{"toString":1}',
    '{"__proto__":1}',
    'true',
  ]) {
    assert.match(
      refusal(codec, json),
      /^expected \{"type": value\} with one of null, int, string, array, map, a\.b\.R, c\.E, F, bytes/,
    );
  }
  assert.equal(refusal(codec, '{"int":"x"}'), '$.int: expected an int (32 bits), found a string');
  assert.match(refusal(codecOf(['int'], { json: 'avro_json' }), 'null'), /found null/);
});
