import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { JsonEncoding } from '../src/codec/avro/json-leaf.ts';
import { JsonSchema } from '../src/codec/json-schema.ts';
import { Misfit } from '../src/codec/misfit.ts';
import { codecOf, encoded, malformed, refusal } from '../src/codec/testing/avro-fixture.ts';
import { FRAME_BYTES, framedId, writeFrame } from '../src/codec/wire-format.ts';
import { parseSpec } from '../src/spec/parse-spec.ts';
import { parseSidecarConfig } from '../src/spec/sidecar-config.ts';

/* Runs every example of docs/formats.md: a table whose header is one of these is a table of examples, a row is one example. */

const PAGE = readFileSync(join(import.meta.dirname, '..', 'docs', 'formats.md'), 'utf8');

type Cells = readonly string[];

/** What a table's header says its rows are. Each throws for an example that is not true. */
const EXAMPLES: Readonly<Record<string, (cells: Cells) => void>> = {
  'schema | plain and avro_json |  | Avro': (cells) => {
    bothWays(cells, 'plain', 'fail');
    bothWays(cells, 'avro_json', 'fail');
  },
  'schema | plain |  | Avro': (cells) => bothWays(cells, 'plain', 'fail'),
  'schema | plain, unknown_fields: drop |  | Avro': (cells) => bothWays(cells, 'plain', 'drop'),
  'schema | avro_json |  | Avro': (cells) => bothWays(cells, 'avro_json', 'fail'),
  'refers to | schema | plain | Avro': referring,
  'written as | read as | Avro | plain': resolved,
  'schema | Avro | record.malformed': ([schema = '', bytes = '', message = '']) => {
    assert.equal(malformed(codecOf(JSON.parse(schema)), Buffer.from(bytes, 'hex')), message);
  },
  'JSON Schema | value | ': validated,
  'id | frame': ([id = '', frame = '']) => {
    const bytes = Buffer.alloc(FRAME_BYTES);
    writeFrame(bytes, 0, Number(id));
    assert.equal(bytes.toString('hex'), frame);
    assert.equal(framedId(bytes, 0, bytes.length), Number(id));
  },
};

function bothWays(
  [schema = '', json = '', how = '', bytes = '']: Cells,
  encoding: JsonEncoding,
  unknownFields: 'fail' | 'drop',
): void {
  const codec = codecOf(JSON.parse(schema), { json: encoding, unknownFields });
  const write = (): string => encoded(codec, json).toString('hex');
  const read = (): string => codec.toJson(Buffer.from(bytes, 'hex'));
  switch (how) {
    case '⇄':
      assert.equal(write(), bytes);
      assert.equal(read(), json);
      break;
    case '→':
      assert.equal(write(), bytes);
      assert.notEqual(read(), json);
      break;
    case '←':
      assert.equal(read(), json);
      assert.notEqual(write(), bytes);
      break;
    case '✗':
      assert.equal(refusal(codec, json), bytes);
      break;
    default:
      assert.fail(`no way of an example: ${how}`);
  }
}

function referring([referred = '', schema = '', json = '', bytes = '']: Cells): void {
  const codec = codecOf(JSON.parse(schema), {}, [{ name: 'referred', text: referred }]);
  assert.equal(encoded(codec, json).toString('hex'), bytes);
  assert.equal(codec.toJson(Buffer.from(bytes, 'hex')), json);
}

function resolved([written = '', read = '', bytes = '', json = '']: Cells): void {
  const [writer, reader] = [codecOf(JSON.parse(written)), codecOf(JSON.parse(read))];
  const asRead = (): string => reader.readerOf(writer).toJson(Buffer.from(bytes, 'hex'));
  if (json === 'schema.incompatible') assert.throws(asRead, { code: json });
  else assert.equal(asRead(), json);
}

function validated([schema = '', value = '', verdict = '']: Cells): void {
  const check = (): void => JsonSchema.compile(schema, []).check(JSON.parse(value), 'record.schema_mismatch');
  if (verdict === 'fits') check();
  else assert.throws(check, (thrown) => thrown instanceof Misfit && thrown.describe() === verdict);
}

interface Example {
  readonly header: string;
  readonly cells: Cells;
  readonly line: number;
}

function cellsOf(line: string): string[] {
  return line
    .slice(1, -1)
    .split('|')
    .map((cell) => cell.trim().replace(/^`(.*)`$/, '$1'));
}

/** Rows of the tables of examples. */
function examplesOf(page: string): Example[] {
  const found: Example[] = [];
  let header = '';
  for (const [i, line] of page.split('\n').entries()) {
    const isRow = line.startsWith('|');
    if (!isRow) header = '';
    else if (header === '') header = cellsOf(line).join(' | ');
    else if (!/^\|[-|]+$/.test(line) && header in EXAMPLES) found.push({ header, cells: cellsOf(line), line: i + 1 });
  }
  return found;
}

/** Those that are not true, with why. */
function untrue(examples: readonly Example[]): string[] {
  return examples.flatMap(({ header, cells, line }) => {
    try {
      EXAMPLES[header]?.(cells);
      return [];
    } catch (thrown) {
      return [`docs/formats.md:${line}: ${thrown instanceof Error ? thrown.message : String(thrown)}`];
    }
  });
}

const examples = examplesOf(PAGE);

test('every example of docs/formats.md is true', () => {
  assert.deepEqual(untrue(examples), []);
});

test('every row that looks like an example is one', () => {
  const shown = [...PAGE.matchAll(/^\| `.* \| [⇄→←✗] \| .*$/gm)].length;
  assert.ok(shown >= 100);
  assert.equal(examples.filter(({ cells }) => /^[⇄→←✗]$/.test(cells[2] ?? '')).length, shown);
});

test('there are examples of everything that the page is about', () => {
  assert.deepEqual(
    Object.keys(EXAMPLES).filter((header) => !examples.some((example) => example.header === header)),
    [],
  );
  const bothWaysExamples = examples
    .filter(({ cells }) => cells[2] === '⇄')
    .map(({ header, cells }) => ({ header, schema: JSON.parse(cells[0] ?? '') as unknown }));
  const types = new Set<unknown>();
  const logical = new Set<unknown>();
  for (const { schema } of bothWaysExamples) {
    types.add(Array.isArray(schema) ? 'union' : ((schema as { type?: unknown }).type ?? schema));
    logical.add((schema as { logicalType?: unknown }).logicalType);
  }
  const wanted = 'null boolean int long float double string bytes fixed enum array map record union'.split(' ');
  assert.deepEqual(
    wanted.filter((type) => !types.has(type)),
    [],
  );
  const stamps = ['timestamp', 'local-timestamp'].flatMap((name) =>
    ['millis', 'micros', 'nanos'].map((unit) => `${name}-${unit}`),
  );
  assert.deepEqual(
    ['decimal', 'uuid', 'date', 'time-millis', 'time-micros', ...stamps].filter((name) => !logical.has(name)),
    [],
  );
});

test('an example that is not true is found, whichever it is', () => {
  for (const example of examples) {
    // The last cell says what comes out.
    const { cells, line } = example;
    const bent = { ...example, cells: [...cells.slice(0, -1), changed(cells.at(-1) ?? '')] };
    assert.equal(untrue([bent]).length, 1, `line ${line}: ${bent.cells.join(' | ')}`);
  }
});

function changed(outcome: string): string {
  if (outcome === '') return '00';
  if (outcome === 'fits') return 'must be null';
  if (!/^[0-9a-f]+$/.test(outcome)) return `${outcome}x`;
  return `${outcome.slice(0, -1)}${(parseInt(outcome.slice(-1), 16) ^ 1).toString(16)}`;
}

test('every YAML block of the page is a spec or a sidecar.yaml that is taken', () => {
  const blocks = [...PAGE.matchAll(/(<!-- sidecar\.yaml -->\n)?```yaml\n([\s\S]*?)```/g)];
  assert.ok(blocks.length >= 3);
  for (const [, sidecar, text = ''] of blocks) {
    const outcome =
      sidecar === undefined
        ? parseSpec(text, 'formats.md')
        : parseSidecarConfig(text, 'formats.md', { resolveSecret: () => 'x' });
    assert.ok(
      'config' in outcome,
      'errors' in outcome ? outcome.errors.map((error) => error.describe()).join('\n') : '',
    );
  }
});
