import type { FieldPath, ProblemList } from './problem-list.ts';
import type { YamlNode } from './yaml-tree.ts';

/** The node as plain data, for the shape check. Maps have no prototype: a field named `__proto__` is a field. */
export function plainValue(node: YamlNode): unknown {
  switch (node.kind) {
    case 'scalar':
      return node.value;
    case 'list':
      return node.items.map(plainValue);
    case 'map': {
      const plain = Object.create(null) as Record<string, unknown>;
      for (const { key, value } of node.fields) plain[key] = plainValue(value);
      return plain;
    }
  }
}

const JSON_NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$/;

/**
 * The node as JSON text, fields in the order written. Numbers keep their digits: 20-digit ids and 5285.90 reach the
 * guest as they stand in the file. What JSON cannot carry is a problem.
 */
export function jsonText(node: YamlNode, path: FieldPath, problems: ProblemList): string {
  switch (node.kind) {
    case 'list':
      return `[${node.items.map((item, i) => jsonText(item, [...path, i], problems)).join(',')}]`;
    case 'map':
      return `{${node.fields.map(({ key, value }) => `${JSON.stringify(key)}:${jsonText(value, [...path, key], problems)}`).join(',')}}`;
    case 'scalar':
      break;
  }
  if (typeof node.value !== 'number') return JSON.stringify(node.value);
  if (!Number.isFinite(node.value)) {
    problems.add(
      'spec.out_of_range',
      path,
      node.offset,
      `JSON has no number for ${node.source}`,
      'Write a finite number, or put it in quotes to hand it over as text.',
    );
    return 'null';
  }
  if (JSON_NUMBER.test(node.source)) return node.source;
  // 0x…, 0o…, +5, .5: the value counts, as long as it is exact.
  if (Number.isInteger(node.value) && !Number.isSafeInteger(node.value)) {
    problems.add(
      'spec.out_of_range',
      path,
      node.offset,
      `the number ${node.source.slice(0, 40)} would lose digits`,
      'Write it in decimal, or put it in quotes.',
    );
    return 'null';
  }
  return JSON.stringify(node.value);
}

/** The value at a path, or undefined. */
export function nodeAt(root: YamlNode | undefined, path: FieldPath): YamlNode | undefined {
  let node = root;
  for (const part of path) {
    if (node === undefined) return undefined;
    if (node.kind === 'map') node = node.fields.find((field) => field.key === part)?.value;
    else if (node.kind === 'list' && typeof part === 'number') node = node.items[part];
    else return undefined;
  }
  return node;
}

/** Where to point at for a path: its value, its key, or what comes closest above a field that is not there. */
export function offsetAt(root: YamlNode, path: FieldPath, what: 'key' | 'value' = 'value'): number {
  const parent = path.length === 0 ? undefined : nodeAt(root, path.slice(0, -1));
  const field = parent?.kind === 'map' ? parent.fields.find(({ key }) => key === path.at(-1)) : undefined;
  // An empty value stands right behind the colon, or on another line: its key is easier to find.
  if (field !== undefined && (what === 'key' || isEmpty(field.value))) return field.keyOffset;
  const node = nodeAt(root, path);
  if (node !== undefined) return node.offset;
  return path.length === 0 ? root.offset : offsetAt(root, path.slice(0, -1), 'key');
}

function isEmpty(node: YamlNode): boolean {
  return node.kind === 'scalar' && node.value === null && node.source === '';
}

/** Text at a path; undefined when absent or no text. */
export function textAt(root: YamlNode | undefined, path: FieldPath): string | undefined {
  const node = nodeAt(root, path);
  return node?.kind === 'scalar' && typeof node.value === 'string' ? node.value : undefined;
}
