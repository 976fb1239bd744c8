/** Schemas at the edges of the specification, right and wrong: each should be taken or refused as Apache's Java does. */
/** What every JavaScript object has. */
const INHERITED_SYMBOLS = ['constructor', 'toString', 'hasOwnProperty', 'valueOf'];
const INHERITED_TYPES = ['constructor', 'toString', 'hasOwnProperty'];

const enumOf = (symbol: string): string => `{"type":"enum","name":"E","symbols":["${symbol}"]}`;
const unionOf = (name: string): string => `["null",{"type":"record","name":"${name}","fields":[]}]`;

export const ODD_SCHEMAS: readonly string[] = [
  // Not schemas.
  ...[
    '',
    'null',
    'true',
    '1',
    '{}',
    '[]',
    '"no"',
    '{"type":"no"}',
    '{"type":null}',
    '{"type":[]}',
    '"null" "null"',
    '{"type":"record"}',
  ],
  // Ways to write one type.
  ...[
    '"int"',
    '["null"]',
    '["int","null"]',
    '{"type":["null","int"]}',
    '{"type":{"type":"int"}}',
    '{"type":{"type":{"type":"int"}}}',
  ],
  ...[
    '{"type":{"type":"array","items":"int"}}',
    '{"type":"int","more":[1,{"a":null}]}',
    '{"type":"error","name":"E","fields":[]}',
  ],
  ...[
    '{"type":"array"}',
    '{"type":"map"}',
    '{"type":"array","items":[]}',
    '{"type":"array","items":"int","default":[]}',
  ],
  // Unions.
  ...[
    '["int","int"]',
    '["null","null"]',
    '[["null"],"int"]',
    '["null",["int"]]',
    '[{"type":"array","items":"int"},{"type":"array","items":"long"}]',
  ],
  ...[
    '[{"type":"map","values":"int"},{"type":"map","values":"long"}]',
    '["long",{"type":"long","logicalType":"timestamp-millis"}]',
  ],
  '[{"type":"fixed","name":"a.F","size":1},{"type":"fixed","name":"b.F","size":1}]',
  '["bytes",{"type":"fixed","name":"F","size":1},"string",{"type":"enum","name":"E","symbols":["A"]}]',
  // Records.
  record('[]'),
  record('{}'),
  record('[{"name":"a"}]'),
  record('[{"type":"int"}]'),
  record('[{"name":"a","type":"int"},{"name":"a","type":"int"}]'),
  record('[{"name":"a","type":"int"},{"name":"A","type":"int"}]'),
  record('[{"name":"","type":"int"}]'),
  record('[{"name":"1a","type":"int"}]'),
  record('[{"name":"a-b","type":"int"}]'),
  record('[{"name":"a.b","type":"int"}]'),
  record('[{"name":"a b","type":"int"}]'),
  record('[{"name":"é","type":"int"}]'),
  record('[{"name":"a","type":"R"}]'),
  record('[{"name":"a","type":["null","R"],"default":null}]'),
  record('[{"name":"a","type":{"type":"array","items":"R"}}]'),
  record('[{"name":"a","type":{"type":"record","name":"R","fields":[]}}]'),
  record('[{"name":"a","type":"int","aliases":["b"]},{"name":"b","type":"int"}]'),
  record('[{"name":"a","type":"int","aliases":["1"]}]'),
  record('[{"name":"a","type":"int","order":"descending"}]'),
  record('[{"name":"a","type":"int","order":"sideways"}]'),
  record('[{"name":"a","type":{"type":"fixed","name":"F","size":1}},{"name":"b","type":"F"}]'),
  record('[{"name":"b","type":"F"},{"name":"a","type":{"type":"fixed","name":"F","size":1}}]'),
  '{"type":"record","name":"R","fields":null}',
  '{"type":"record","fields":[]}',
  '{"type":"record","name":"int","fields":[]}',
  '{"type":"record","name":"record","fields":[]}',
  '{"type":"record","name":"x.int","fields":[]}',
  '{"type":"record","name":"1","fields":[]}',
  '{"type":"record","name":"a-b","fields":[]}',
  '{"type":"record","name":"a..B","fields":[]}',
  '{"type":"record","name":".B","fields":[]}',
  '{"type":"record","name":"B.","fields":[]}',
  '{"type":"record","name":"é","fields":[]}',
  '{"type":"record","name":"B","namespace":"1","fields":[]}',
  '{"type":"record","name":"B","namespace":"a-b.c","fields":[]}',
  '{"type":"record","name":"B","namespace":"","fields":[]}',
  '{"type":"record","name":"B","namespace":null,"fields":[]}',
  '{"type":"record","name":"B","namespace":1,"fields":[]}',
  '{"type":"record","name":"a.B","namespace":"c","fields":[]}',
  '{"type":"record","name":"B","aliases":"A","fields":[]}',
  '{"type":"record","name":"B","aliases":["1"],"fields":[]}',
  '{"type":"record","name":"B","doc":1,"fields":[]}',
  // Names that are only found with the right namespace.
  '{"type":"record","name":"a.R","fields":[{"name":"x","type":{"type":"fixed","name":"F","size":1}},{"name":"y","type":"a.F"}]}',
  '{"type":"record","name":"a.R","fields":[{"name":"x","type":{"type":"fixed","name":"b.F","size":1}},{"name":"y","type":"F"}]}',
  '{"type":"record","name":"a.R","fields":[{"name":"x","type":{"type":"record","name":"b.S","fields":[]}},{"name":"y","type":"R"}]}',
  '{"type":"record","name":"a.R","fields":[{"name":"x","type":{"type":"fixed","name":"F","namespace":"","size":1}},{"name":"y","type":"F"}]}',
  '{"type":"record","name":"R","namespace":"a","fields":[{"name":"x","type":["null",".R"]}]}',
  // Defaults.
  ...fieldsOf([
    ...[
      '"int","default":1',
      '"int","default":"1"',
      '"int","default":1.0',
      '"int","default":1.5',
      '"int","default":2147483648',
      '"int","default":null',
    ],
    ...[
      '"long","default":9223372036854775807',
      '"long","default":9223372036854775808',
      '"long","default":1e3',
      '"long","default":-9223372036854775808',
    ],
    ...[
      '"float","default":1',
      '"float","default":1e400',
      '"float","default":"NaN"',
      '"double","default":1',
      '"double","default":"Infinity"',
    ],
    ...[
      '"double","default":1e400',
      '"boolean","default":"true"',
      '"boolean","default":0',
      '"null","default":null',
      '"null","default":0',
    ],
    ...[
      '"string","default":1',
      '"string","default":"\\ud800"',
      '"bytes","default":"\\u00ff"',
      '"bytes","default":"\\u0100"',
      '"bytes","default":[1]',
    ],
    ...[
      '["null","int"],"default":null',
      '["null","int"],"default":1',
      '["int","null"],"default":null',
      '["int","null"],"default":1',
    ],
    ...['["int","string"],"default":"a"', '["null","int"],"default":"a"', '["int","null"],"default":{"int":1}'],
    ...[
      '{"type":"array","items":"int"},"default":[]',
      '{"type":"array","items":"int"},"default":["a"]',
      '{"type":"array","items":"int"},"default":{}',
    ],
    ...[
      '{"type":"map","values":"int"},"default":{}',
      '{"type":"map","values":"int"},"default":{"a":"b"}',
      '{"type":"map","values":"int"},"default":[]',
    ],
    ...[
      '{"type":"map","values":"int"},"default":{"__proto__":1}',
      '{"type":"enum","name":"E","symbols":["A"]},"default":"A"',
    ],
    ...[
      '{"type":"enum","name":"E","symbols":["A"]},"default":"B"',
      '{"type":"fixed","name":"F","size":2},"default":"ab"',
    ],
    ...[
      '{"type":"fixed","name":"F","size":2},"default":"a"',
      '{"type":"fixed","name":"F","size":2},"default":"\\u0100b"',
    ],
    ...[
      '{"type":"record","name":"S","fields":[{"name":"b","type":"int"}]},"default":{"b":1}',
      '["R","null"],"default":null',
    ],
    ...[
      '{"type":"record","name":"S","fields":[{"name":"b","type":"int"}]},"default":{}',
      '["null","R"],"default":{"a":null}',
    ],
    ...[
      '{"type":"record","name":"S","fields":[{"name":"b","type":"int","default":2}]},"default":{}',
      '{"type":"array","items":"R"},"default":[]',
    ],
    ...[
      '{"type":"record","name":"S","fields":[{"name":"b","type":"int"}]},"default":{"b":1,"c":2}',
      '{"type":"array","items":"R"},"default":[{"a":[]}]',
    ],
  ]),
  // Enums and fixed.
  ...[
    '["A"]',
    '[]',
    '["A","A"]',
    '["1"]',
    '["a-b"]',
    '[""]',
    '["é"]',
    '[1]',
    '"A"',
    '["A"],"default":"A"',
    '["A"],"default":"B"',
    '["A"],"default":1',
  ].map((symbols) => `{"type":"enum","name":"E","symbols":${symbols}}`),
  ...INHERITED_SYMBOLS.map(enumOf),
  ...INHERITED_TYPES.map(unionOf),
  '{"type":"enum","name":"E"}',
  ...['1', '0', '-1', '1.5', '"1"', 'null', '2147483647', '2147483648', '1e3'].map(
    (size) => `{"type":"fixed","name":"F","size":${size}}`,
  ),
  '{"type":"fixed","name":"F"}',
  // Logical types that are none: the type below stays.
  ...['no', 'decimal', 'date', 'uuid', 'duration'].flatMap((name) =>
    ['int', 'long', 'bytes', 'string', 'boolean'].map((type) => `{"type":"${type}","logicalType":"${name}"}`),
  ),
  ...[
    '"precision":0',
    '"precision":-1',
    '"precision":2,"scale":3',
    '"precision":2,"scale":-1',
    '"precision":"2"',
    '"precision":1.5',
    '"scale":1',
  ].map((attributes) => `{"type":"bytes","logicalType":"decimal",${attributes}}`),
  '{"type":"fixed","name":"F","size":2,"logicalType":"decimal","precision":9}',
  '{"type":"fixed","name":"F","size":12,"logicalType":"duration"}',
  '{"type":"fixed","name":"F","size":11,"logicalType":"duration"}',
  '{"type":"fixed","name":"F","size":15,"logicalType":"uuid"}',
  '{"type":"int","logicalType":1}',
];

/** Where we are not like Java on purpose, and why. */
export const KNOWN_DIFFERENCES: ReadonlyMap<string, string> = new Map([
  ...[
    '{"type":["null","int"]}',
    '{"type":{"type":"int"}}',
    '{"type":{"type":{"type":"int"}}}',
    '{"type":{"type":"array","items":"int"}}',
  ].map((text) => because(text, 'taken: it can only mean one thing')),
  ...fieldsOf(['"int","default":1.0', '"long","default":1e3']).map((text) =>
    because(text, 'taken: a number is what it amounts to'),
  ),
  because('{"type":"fixed","name":"F","size":1e3}', 'taken: a number is what it amounts to'),
  because('{"type":"fixed","name":"F","size":2147483647}', "taken: it is Java's arrays that end there"),
  ...['[]', '{"type":"array","items":[]}', '{"type":"enum","name":"E","symbols":[]}'].map((text) =>
    because(text, 'refused: it has no value'),
  ),
  because(record('[{"name":"é","type":"int"}]'), 'refused: the specification has ASCII names'),
  because('{"type":"record","name":"é","fields":[]}', 'refused: the specification has ASCII names'),
  because('{"type":"enum","name":"E","symbols":["é"]}', 'refused: the specification has ASCII names'),
  because(record('[{"name":"a","type":"int","aliases":["1"]}]'), 'refused: an alias is a name'),
  because('{"type":"record","name":".B","fields":[]}', 'refused: no name'),
  because('{"type":"record","name":"x.int","fields":[]}', 'refused: a primitive type again'),
  because('{"type":"record","name":"B","namespace":1,"fields":[]}', 'refused: no name'),
  because(
    record('[{"name":"b","type":"F"},{"name":"a","type":{"type":"fixed","name":"F","size":1}}]'),
    'refused: used before it is defined',
  ),
  ...INHERITED_SYMBOLS.map((name) => because(enumOf(name), 'refused: avsc takes it for one that is there already')),
  ...INHERITED_TYPES.map((name) => because(unionOf(name), 'refused: avsc takes it for one that is there already')),
  ...fieldsOf(['"float","default":"NaN"', '"double","default":"Infinity"']).map((text) =>
    because(text, 'refused: a default is a JSON number'),
  ),
  ...fieldsOf([
    '{"type":"enum","name":"E","symbols":["A"]},"default":"B"',
    '{"type":"fixed","name":"F","size":2},"default":"a"',
  ]).map((text) => because(text, 'refused: the default does not fit')),
  because('{"type":"enum","name":"E","symbols":["A"],"default":1}', 'refused: the default does not fit'),
]);

function because(text: string, reason: string): [string, string] {
  return [text, reason];
}

function record(fields: string): string {
  return `{"type":"record","name":"R","fields":${fields}}`;
}

function fieldsOf(types: readonly string[]): string[] {
  return types.map((type) => record(`[{"name":"a","type":${type}}]`));
}
