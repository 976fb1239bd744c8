import { isMap, isNode, isPair, isScalar, isSeq, Pair, parseDocument, visit, YAMLMap } from 'yaml';
import type { Document, ScalarTag, Tags } from 'yaml';
import { StreamlineError } from '../../base/error.ts';
import { ProblemList } from '../../spec/problem-list.ts';
import { jsonText } from '../../spec/yaml-value.ts';
import { readYaml } from '../../spec/yaml-tree.ts';
import type { YamlMap, YamlNode } from '../../spec/yaml-tree.ts';

/*
 * From what was sent to what is put into the spec directory, where people read it and Git compares it. Numbers are never taken as
 * numbers on the way: 20-digit ids and 5285.90 keep their digits, as they do on the way to the guest.
 */

/**
 * A spec as tidy YAML. Block YAML is kept as it was written, to the byte; JSON, which is YAML on one level of braces or more, becomes
 * block YAML of the same meaning. Throws spec.not_yaml or spec.too_large.
 */
export function toSpecYaml(text: string, source = 'spec'): string {
  const tree = treeOf(text, source);
  const document = parse(text);
  if (tree === undefined || !isBraced(document)) return ended(text.replace(/^\uFEFF/, ''));
  unbrace(document.contents);
  const tidy = print(document);
  // JSON is YAML: rather untidy than changed.
  return isSame(tree, treeOf(tidy, source)) ? tidy : ended(text);
}

/**
 * The spec with a JSON merge patch (RFC 7396) on it: null removes, maps are merged, all else replaces. Comments stay where they are;
 * anchors are written out, or a change would reach further than it says. A patch that is text (JSON or YAML) keeps its digits.
 * Throws spec.not_yaml or spec.too_large.
 */
export function mergeSpec(text: string, patch: Readonly<Record<string, unknown>> | string, source = 'spec'): string {
  const patchText = typeof patch === 'string' ? patch : JSON.stringify(patch);
  const patchTree = treeOf(patchText, 'patch');
  if (patchTree?.kind !== 'map') {
    throw new StreamlineError('spec.wrong_type', 'a patch must be a map', { place: 'patch' });
  }
  const tree = merged(treeOf(text, source), patchTree);
  const patched = writtenOut(parse(patchText));
  unbrace(patched.contents);
  const document = writtenOut(parse(text));
  if (isBraced(document)) unbrace(document.contents);
  const root = isMap(document.contents) ? document.contents : new YAMLMap(document.schema);
  if (isMap(patched.contents)) mergeInto(root, patched.contents);
  document.contents = root as Document.Parsed['contents'];
  const result = print(document);
  if (isSame(tree, treeOf(result, source))) return result;
  // The printer has met something it cannot print faithfully: without comments, then.
  return ended(jsonText(tree, [], new ProblemList(source, 'spec')));
}

/** The checks every spec passes: bounds, one document, no tags, no field twice. undefined: empty. */
function treeOf(text: string, source: string): YamlNode | undefined {
  const problems = new ProblemList(source, 'spec');
  const tree = readYaml(text, problems);
  const [first] = problems.errors();
  if (first !== undefined) throw first;
  return tree;
}

function parse(text: string): Document.Parsed {
  return parseDocument(text, {
    version: '1.2',
    schema: 'core',
    merge: false,
    // readYaml has looked already, and in linear time.
    uniqueKeys: false,
    customTags: withSource,
    logLevel: 'error',
  });
}

/** Numbers are printed as they were written. */
function withSource(tags: Tags): Tags {
  return tags.map((tag) => {
    if (typeof tag === 'string' || tag.collection !== undefined || !/:(?:int|float)$/.test(tag.tag)) return tag;
    const { stringify } = tag;
    const printed: ScalarTag['stringify'] = (node, ...rest) =>
      node.source ?? stringify?.(node, ...rest) ?? String(node.value);
    return { ...tag, stringify: printed };
  });
}

function print(document: Document): string {
  return ended(document.toString({ lineWidth: 0, doubleQuotedAsJSON: true, flowCollectionPadding: true }));
}

function ended(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`;
}

function isBraced({ contents }: Document): boolean {
  return isMap(contents) && contents.flow === true;
}

/** Collections on lines of their own, no blank lines, quotes only where they are needed. */
function unbrace(node: unknown): void {
  if (isPair(node)) {
    unbrace(node.key);
    unbrace(node.value);
    return;
  }
  if (isNode(node)) delete node.spaceBefore;
  if (isMap(node) || isSeq(node)) {
    delete node.flow;
    for (const item of node.items) unbrace(item);
  } else if (isScalar(node) && typeof node.value === 'string' && isPlain(node.value)) {
    delete node.type;
  }
}

/** The printer sees by itself which text needs quotes, but for a merge key. Text of several lines stays as it was sent. */
function isPlain(text: string): boolean {
  return text !== '<<' && /^[\x20-\x7e\u00a0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd]*$/.test(text);
}

/** The document with each alias replaced by what it stands for. */
function writtenOut(document: Document.Parsed): Document.Parsed {
  const anchors = new Map<string, unknown>();
  const remember = (_: unknown, node: { anchor?: string | undefined }): void => {
    if (node.anchor !== undefined) anchors.set(node.anchor, node);
  };
  visit(document, {
    Scalar: remember,
    Collection: remember,
    Alias: (_, alias) => {
      const target = anchors.get(alias.source);
      if (!isScalar(target) && !isMap(target) && !isSeq(target)) return undefined;
      const copy = target.clone() as typeof target;
      // What it contains was written out when it was visited, and names no anchor anew.
      withoutAnchors(copy);
      return copy;
    },
  });
  withoutAnchors(document);
  return document;
}

function withoutAnchors(node: Parameters<typeof visit>[0]): void {
  visit(node, {
    Scalar: (_, scalar) => void delete scalar.anchor,
    Collection: (_, collection) => void delete collection.anchor,
  });
}

function mergeInto(target: YAMLMap, patch: YAMLMap): void {
  for (const { key, value } of patch.items) {
    const name = nameOf(key);
    const at = target.items.findIndex((pair) => nameOf(pair.key) === name);
    const pair = target.items[at];
    if (isNull(value)) {
      if (pair !== undefined) target.items.splice(at, 1);
    } else if (isMap(value)) {
      const inner = isMap(pair?.value) ? pair.value : new YAMLMap();
      if (inner.items.length === 0) delete inner.flow;
      mergeInto(inner, value);
      if (pair === undefined) target.items.push(new Pair(key, inner));
      else pair.value = inner;
    } else if (pair === undefined) {
      target.items.push(new Pair(key, value));
    } else {
      keepComments(pair.value, value);
      pair.value = value;
    }
  }
}

function nameOf(key: unknown): string | undefined {
  if (!isScalar(key)) return undefined;
  return typeof key.value === 'string' ? key.value : (key.source ?? String(key.value));
}

function isNull(value: unknown): boolean {
  return value === null || value === undefined || (isScalar(value) && value.value === null);
}

/** `timeout_ms: 10 # as agreed` keeps what stands behind it. */
function keepComments(before: unknown, after: unknown): void {
  if (!isScalar(before) || !isScalar(after)) return;
  if (before.comment !== undefined) after.comment = before.comment;
  if (before.commentBefore !== undefined) after.commentBefore = before.commentBefore;
}

/** The same as mergeInto, on trees: what the printed text must mean. */
function merged(target: YamlNode | undefined, patch: YamlMap): YamlMap {
  const fields = new Map(target?.kind === 'map' ? target.fields.map((field) => [field.key, field]) : []);
  for (const field of patch.fields) {
    const { key, value } = field;
    if (value.kind === 'scalar' && value.value === null) fields.delete(key);
    else if (value.kind === 'map') {
      const before = fields.get(key);
      fields.set(key, { ...(before ?? field), value: merged(before?.value, value) });
    } else fields.set(key, { ...(fields.get(key) ?? field), value });
  }
  return { ...patch, fields: [...fields.values()] };
}

/** Same data, same digits, fields in the same order. */
function isSame(a: YamlNode | undefined, b: YamlNode | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (a.kind === 'scalar')
    return b.kind === 'scalar' && Object.is(a.value, b.value) && (typeof a.value !== 'number' || a.source === b.source);
  if (a.kind === 'list')
    return (
      b.kind === 'list' && a.items.length === b.items.length && a.items.every((item, i) => isSame(item, b.items[i]))
    );
  return (
    b.kind === 'map' &&
    a.fields.length === b.fields.length &&
    a.fields.every(({ key, value }, i) => b.fields[i]?.key === key && isSame(value, b.fields[i]?.value))
  );
}
