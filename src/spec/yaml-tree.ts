import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Document, ErrorCode as YamlErrorCode, Scalar, YAMLError, YAMLMap, YAMLSeq } from 'yaml';
import { quoted } from './quoted.ts';
import type { FieldPath, ProblemList } from './problem-list.ts';

/*
 * A YAML document reduced to what JSON can say, with the place of every key and value. Aliases are shared, not copied:
 * what a document would be when written out is bounded by its weight, so a billion laughs costs nothing.
 */

export interface YamlScalar {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
  /** As written: `+5` is the number 5 but may mean more. */
  readonly source: string;
  readonly offset: number;
  readonly weight: number;
  readonly depth: number;
}

export interface YamlList {
  readonly kind: 'list';
  readonly items: readonly YamlNode[];
  readonly offset: number;
  readonly weight: number;
  readonly depth: number;
}

export interface YamlField {
  readonly key: string;
  readonly keyOffset: number;
  readonly value: YamlNode;
}

export interface YamlMap {
  readonly kind: 'map';
  /** In the order written. */
  readonly fields: readonly YamlField[];
  readonly offset: number;
  readonly weight: number;
  readonly depth: number;
}

export type YamlNode = YamlScalar | YamlList | YamlMap;

/** Bytes of one file. Kubernetes' own limit on a ConfigMap is 1 MiB for all of its files. */
export const YAML_BYTES_MAX = 256 * 1024;
/** Characters and nodes of a document with its aliases written out. */
const WEIGHT_MAX = 4 * YAML_BYTES_MAX;
/** Keys and values as written: parsing takes microseconds for each, on a thread that has more to do (I7). */
export const YAML_NODES_MAX = 20_000;
const DEPTH_MAX = 64;
const CORE_TAG = /^(?:!|tag:yaml\.org,2002:(?:str|int|float|bool|null|map|seq))$/;

/**
 * Reads one YAML 1.2 document of the core schema. undefined when it is empty or cannot be used: then `problems` says why.
 * Never throws.
 */
export function readYaml(text: string, problems: ProblemList): YamlNode | undefined {
  const known = recent.get(text);
  if (known !== undefined) {
    problems.placesFrom((offset) => lineColumn(known.lines, offset));
    return known.root;
  }
  const lines = new LineCounter();
  problems.placesFrom((offset) => lineColumn(lines, offset));
  const before = problems.size;
  const root = parseYaml(text, lines, problems);
  if (problems.size === before) recent.add(text, { root, lines });
  return root;
}

function parseYaml(text: string, lines: LineCounter, problems: ProblemList): YamlNode | undefined {
  if (Buffer.byteLength(text) > YAML_BYTES_MAX) {
    problems.add(
      'spec.too_large',
      [],
      0,
      `the file has more than ${YAML_BYTES_MAX / 1024} KiB`,
      'Keep data out of it: config is handed to the guest, it is no data store.',
    );
    return undefined;
  }
  const before = problems.size;
  const document = parseWithoutTraces(text, lines);
  if (document === undefined) {
    problems.add('spec.not_yaml', undefined, 0, 'the file cannot be parsed as YAML', 'Simplify it: see specs/.');
    return undefined;
  }
  addSyntaxErrors([...document.errors, ...document.warnings], problems);
  if (document.directives?.yaml.explicit === true && document.directives.yaml.version !== '1.2') {
    problems.add(
      'spec.not_yaml',
      undefined,
      0,
      'the %YAML directive asks for another version than 1.2',
      'Remove the %YAML line.',
    );
  }
  if (problems.size > before) return undefined;
  const root = document.contents === null ? undefined : new TreeBuilder(problems).build(document.contents, [], 0);
  return problems.size > before ? undefined : root;
}

interface Parsed {
  readonly root: YamlNode | undefined;
  readonly lines: LineCounter;
}

/** A spec on its way through the API is read by several who do not know each other: each text is parsed once. */
class RecentTexts {
  readonly #texts = new Map<string, Parsed>();
  #length = 0;

  get(text: string): Parsed | undefined {
    return this.#texts.get(text);
  }

  add(text: string, parsed: Parsed): void {
    this.#texts.set(text, parsed);
    this.#length += text.length;
    for (const oldest of this.#texts.keys()) {
      if (this.#length <= 2 * YAML_BYTES_MAX) return;
      this.#texts.delete(oldest);
      this.#length -= oldest.length;
    }
  }
}

const recent = new RecentTexts();

function parseWithoutTraces(text: string, lineCounter: LineCounter): Document.Parsed | undefined {
  // A file of nothing but brackets gives one error a character: their stack traces would take seconds.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    // uniqueKeys compares all pairs of keys; TreeBuilder's check is linear and knows the field's path.
    // logLevel is not 'silent': that would also hide a second document.
    return parseDocument(text, {
      version: '1.2',
      schema: 'core',
      merge: false,
      uniqueKeys: false,
      prettyErrors: false,
      lineCounter,
      logLevel: 'error',
    });
  } catch {
    return undefined;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** The first of each line: what the parser finds behind a mistake is mostly the same mistake again. */
function addSyntaxErrors(errors: readonly YAMLError[], problems: ProblemList): void {
  const linesTold = new Set<number>();
  for (const error of errors.toSorted((a, b) => a.pos[0] - b.pos[0])) {
    const line = problems.lineAt(error.pos[0]);
    if (linesTold.has(line)) continue;
    linesTold.add(line);
    const { message, suggestion } = explain(error.code);
    problems.add('spec.not_yaml', undefined, error.pos[0], message, suggestion);
  }
}

function lineColumn(lines: LineCounter, offset: number): { line: number; column: number } {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}

/** Messages of our own: the parser's quote the text at fault, which may be a password. */
function explain(code: YamlErrorCode): { message: string; suggestion: string } {
  const said = EXPLANATIONS[code];
  return {
    message: `not valid YAML: ${said?.[0] ?? 'unexpected text here'}`,
    suggestion: said?.[1] ?? 'Check the indentation, quotes, brackets and colons at this place.',
  };
}

const EXPLANATIONS: Partial<Record<YamlErrorCode, readonly [message: string, suggestion: string]>> = {
  BAD_DQ_ESCAPE: ['unknown escape in double quotes', 'Use single quotes, or write a backslash as \\\\.'],
  BAD_INDENT: [
    'wrong indentation or an unclosed bracket',
    'Indent fields of one map by the same number of spaces and close every bracket.',
  ],
  BAD_SCALAR_START: [
    'a value must not begin with this character',
    'Put the value in quotes, for example start: "@2026-01-31T00:00:00Z".',
  ],
  BLOCK_AS_IMPLICIT_KEY: ['two colons in one line', 'Put the value in quotes, or its fields on lines of their own.'],
  BLOCK_IN_FLOW: ['an indented block inside brackets', 'Write the whole value in brackets, or none of it.'],
  KEY_OVER_1024_CHARS: ['a field name of more than 1,024 characters', 'Close the quote or bracket that begins here.'],
  MISSING_CHAR: [
    'a character is missing, often a closing quote or a comma',
    'Close the quote or bracket that begins before this place.',
  ],
  MULTILINE_IMPLICIT_KEY: ['a line without a colon', 'Write one `field: value` a line.'],
  MULTIPLE_DOCS: [
    'more than one document in the file',
    'Put each document in a file of its own and remove the --- between them.',
  ],
  RESOURCE_EXHAUSTION: ['nested too deeply', 'Flatten it: 64 levels are the most.'],
  TAB_AS_INDENT: ['a tab in the indentation', 'Indent with spaces.'],
  TAG_RESOLVE_FAILED: ['a tag (!…) that is not in the core schema', 'Remove the tag and write the value plainly.'],
};

class TreeBuilder {
  readonly #problems: ProblemList;
  #nodes = 0;
  readonly #anchors = new Map<string, YamlNode>();

  constructor(problems: ProblemList) {
    this.#problems = problems;
  }

  /** undefined after a problem was added. */
  build(node: unknown, path: FieldPath, near: number): YamlNode | undefined {
    if (path.length > DEPTH_MAX) return this.#tooDeep(path, near);
    if (isAlias(node)) return this.#alias(node.source, path, node.range?.[0] ?? near);
    const offset = offsetOf(node) ?? near;
    this.#nodes += 1;
    if (this.#nodes === YAML_NODES_MAX + 1) {
      const message = `the file has more than ${YAML_NODES_MAX} values`;
      return this.#refuse(path, offset, message, 'Keep data out of it: config is no data store.', 'spec.too_large');
    }
    if (isScalar(node) || isMap(node) || isSeq(node)) {
      if (node.tag !== undefined && !CORE_TAG.test(node.tag)) {
        return this.#refuse(
          path,
          offset,
          'a tag (!…) that is not in the core schema',
          'Remove the tag and write the value plainly.',
        );
      }
      const built = isScalar(node)
        ? this.#scalar(node, path, offset)
        : isMap(node)
          ? this.#map(node, path, offset)
          : this.#list(node, path, offset);
      if (built === undefined) return undefined;
      if (built.weight > WEIGHT_MAX) {
        const message = `its aliases (*name) written out make more than ${WEIGHT_MAX / 1024} KiB`;
        return this.#refuse(
          path,
          offset,
          message,
          'Write the values out, without anchors and aliases.',
          'spec.too_large',
        );
      }
      // Aliases of aliases nest without being written so.
      if (built.depth + path.length > DEPTH_MAX) return this.#tooDeep(path, offset);
      // Only now: an alias inside its own anchor finds nothing.
      if (node.anchor !== undefined) this.#anchors.set(node.anchor, built);
      return built;
    }
    if (node === null || node === undefined)
      return { kind: 'scalar', value: null, source: '', offset, weight: 1, depth: 0 };
    return this.#refuse(
      path,
      offset,
      'a value of an unknown kind',
      'Write a map, a list, text, a number, true or false.',
    );
  }

  #scalar(node: Scalar, path: FieldPath, offset: number): YamlScalar | undefined {
    const { value } = node;
    if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
      const source = typeof value === 'string' ? value : (node.source ?? String(value));
      return { kind: 'scalar', value, source, offset, weight: 1 + source.length, depth: 0 };
    }
    return this.#refuse(
      path,
      offset,
      'a value that is no text, number, true, false or null',
      'Put the value in quotes.',
    );
  }

  #alias(name: string, path: FieldPath, offset: number): YamlNode | undefined {
    const target = this.#anchors.get(name);
    if (target !== undefined && target.depth + path.length > DEPTH_MAX) return this.#tooDeep(path, offset);
    if (target !== undefined) return { ...target, offset };
    return this.#refuse(
      path,
      offset,
      'an alias (*name) that names no anchor before it',
      'Write the value out, or quote it if the asterisk belongs to it.',
    );
  }

  #list(node: YAMLSeq, path: FieldPath, offset: number): YamlList | undefined {
    const items: YamlNode[] = [];
    let weight = 1;
    let depth = 0;
    for (const [i, item] of node.items.entries()) {
      const built = this.build(item, [...path, i], offset);
      if (built === undefined) continue;
      items.push(built);
      weight += built.weight;
      depth = Math.max(depth, built.depth);
    }
    return { kind: 'list', items, offset, weight, depth: depth + 1 };
  }

  #map(node: YAMLMap, path: FieldPath, offset: number): YamlMap {
    const fields: YamlField[] = [];
    const seen = new Map<string, number>();
    let weight = 1;
    let depth = 0;
    for (const pair of node.items) {
      const key = this.#key(pair.key, path, offset);
      if (key === undefined) continue;
      const keyOffset = offsetOf(pair.key) ?? offset;
      const fieldPath = [...path, key];
      const first = seen.get(key);
      if (first !== undefined) {
        const line = this.#problems.lineAt(first);
        this.#problems.add(
          'spec.not_yaml',
          fieldPath,
          keyOffset,
          `the field ${quoted(key)} is written twice`,
          `Keep one of them; the first is in line ${line}.`,
        );
        continue;
      }
      seen.set(key, keyOffset);
      const value = this.build(pair.value, fieldPath, keyOffset);
      if (value === undefined) continue;
      fields.push({ key, keyOffset, value });
      weight += 1 + key.length + value.weight;
      depth = Math.max(depth, value.depth);
    }
    return { kind: 'map', fields, offset, weight, depth: depth + 1 };
  }

  #key(node: unknown, path: FieldPath, near: number): string | undefined {
    const offset = offsetOf(node) ?? near;
    if (!isScalar(node) || !isKeyValue(node.value)) {
      return this.#refuse(
        path,
        offset,
        'a field name that is no plain text',
        'Write `field: value`; quote a name with unusual characters.',
      );
    }
    if (node.anchor !== undefined || (node.tag !== undefined && !CORE_TAG.test(node.tag))) {
      return this.#refuse(path, offset, 'an anchor or a tag on a field name', 'Remove it.');
    }
    // YAML 1.2 has no merge keys: taken as a plain name this would silently mean something else.
    if (node.value === '<<' && node.source === '<<' && node.type === 'PLAIN') {
      return this.#refuse(path, offset, 'merge keys (<<) are not part of YAML 1.2', 'Write the fields out.');
    }
    return typeof node.value === 'string' ? node.value : (node.source ?? String(node.value));
  }

  #tooDeep(path: FieldPath, offset: number): undefined {
    return this.#refuse(path, offset, `nested deeper than ${DEPTH_MAX} levels`, 'Flatten it.');
  }

  #refuse(
    path: FieldPath,
    offset: number,
    message: string,
    suggestion: string,
    code: 'spec.not_yaml' | 'spec.too_large' = 'spec.not_yaml',
  ): undefined {
    this.#problems.add(code, path, offset, message, suggestion);
    return undefined;
  }
}

function isKeyValue(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

function offsetOf(node: unknown): number | undefined {
  if (typeof node !== 'object' || node === null || !('range' in node) || !Array.isArray(node.range)) return undefined;
  const start: unknown = node.range[0];
  return typeof start === 'number' ? start : undefined;
}
