import { jsonPointer } from '../spec/problem-list.ts';
import { shortJson, type JsonTree } from './json-tree.ts';

/** exact: the same value, whatever the order of fields. contains: fields that are not expected are passed over; arrays match item by item. */
export type JsonMatch = 'exact' | 'contains';

export interface JsonDifference {
  /** JSON pointer; empty: the value as a whole. */
  readonly path: string;
  /** undefined: it should not be there. */
  readonly expected: string | undefined;
  /** undefined: it is not there. */
  readonly actual: string | undefined;
}

type Path = readonly (string | number)[];

/** The first one, in the order of what is expected; what is there beyond it comes last. */
export function firstDifference(
  expected: JsonTree,
  actual: JsonTree,
  match: JsonMatch,
  path: Path = [],
): JsonDifference | undefined {
  if (expected.kind === 'object' && actual.kind === 'object') return inObjects(expected, actual, match, path);
  if (expected.kind === 'array' && actual.kind === 'array') return inArrays(expected, actual, match, path);
  return shortJson(expected) === shortJson(actual) ? undefined : difference(path, expected, actual);
}

function inObjects(
  expected: JsonTree & { readonly kind: 'object' },
  actual: JsonTree & { readonly kind: 'object' },
  match: JsonMatch,
  path: Path,
): JsonDifference | undefined {
  for (const [name, value] of expected.fields) {
    const other = actual.fields.get(name);
    const at = [...path, name];
    const found = other === undefined ? difference(at, value, undefined) : firstDifference(value, other, match, at);
    if (found !== undefined) return found;
  }
  if (match === 'contains') return undefined;
  for (const [name, value] of actual.fields) {
    if (!expected.fields.has(name)) return difference([...path, name], undefined, value);
  }
  return undefined;
}

function inArrays(
  expected: JsonTree & { readonly kind: 'array' },
  actual: JsonTree & { readonly kind: 'array' },
  match: JsonMatch,
  path: Path,
): JsonDifference | undefined {
  for (let i = 0; i < Math.max(expected.items.length, actual.items.length); i++) {
    const [value, other] = [expected.items[i], actual.items[i]];
    const at = [...path, i];
    const found =
      value === undefined || other === undefined
        ? difference(at, value, other)
        : firstDifference(value, other, match, at);
    if (found !== undefined) return found;
  }
  return undefined;
}

function difference(path: Path, expected: JsonTree | undefined, actual: JsonTree | undefined): JsonDifference {
  return {
    path: jsonPointer(path),
    expected: expected === undefined ? undefined : shortJson(expected),
    actual: actual === undefined ? undefined : shortJson(actual),
  };
}

/**
 * The actual value as it is best laid beside the expected one: fields in its order, what is there beyond it behind. For `contains` that is
 * left away: it is nobody's question.
 */
export function alignedWith(expected: JsonTree, actual: JsonTree, match: JsonMatch): JsonTree {
  if (expected.kind === 'object' && actual.kind === 'object') {
    const fields = new Map<string, JsonTree>();
    for (const [name, value] of expected.fields) {
      const other = actual.fields.get(name);
      if (other !== undefined) fields.set(name, alignedWith(value, other, match));
    }
    if (match === 'exact') {
      for (const [name, value] of actual.fields) if (!fields.has(name)) fields.set(name, value);
    }
    return { kind: 'object', fields };
  }
  if (expected.kind === 'array' && actual.kind === 'array') {
    const items = actual.items.map((item, i) => {
      const beside = expected.items[i];
      return beside === undefined ? item : alignedWith(beside, item, match);
    });
    return { kind: 'array', items };
  }
  return actual;
}
