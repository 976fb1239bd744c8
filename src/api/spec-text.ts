import { isMap, isNode, isScalar, parseDocument } from 'yaml';
import type { Node, YAMLMap } from 'yaml';
import { jsonPointer, ProblemList } from '../spec/problem-list.ts';
import { quoted } from '../spec/quoted.ts';
import { nameFault } from '../spec/spec-name.ts';
import { readYaml, type YamlField, type YamlMap as SpecMap, type YamlNode } from '../spec/yaml-tree.ts';
import { jsonText } from '../spec/yaml-value.ts';
import { RequestError } from './request-error.ts';

/*
 * Specs are handed on as the text they came in: data would lose the digits of numbers, the order of fields, comments. What has to change
 * is cut out or put in as text too, and then checked to mean what it should.
 */

const SOURCE = 'body';

/** A spec without a name gets it; one with another is refused. Throws request.invalid. */
export function specNamed(name: string, text: string): string {
  return withName(name, text, readMap(text));
}

/** Throws request.invalid unless the text is a map. */
export function checkSpecText(text: string): void {
  readMap(text);
}

/** Fields only a spec has: `name` and `config` are in Kafka Connect's shape too. */
const SPEC_FIELDS: readonly string[] = ['input_topic', 'output_topic', 'wasm_module', 'transforms'];

/** Of a spec alone or of Kafka Connect's `{"name": …, "config": {spec}}`, the spec. Throws request.invalid. */
export function newSpec(text: string): string {
  const root = readMap(text);
  const config = fieldOf(root, 'config');
  if (config?.value.kind !== 'map' || SPEC_FIELDS.some((field) => fieldOf(root, field) !== undefined)) return text;
  const unknown = root.fields.find(({ key }) => key !== 'name' && key !== 'config');
  if (unknown !== undefined) {
    throw invalid([unknown.key], `unknown field ${quoted(unknown.key)} beside name and config`, 'Remove it.');
  }
  const spec = configText(text, config.value);
  const name = fieldOf(root, 'name')?.value;
  if (name === undefined && fieldOf(config.value, 'name') !== undefined) return spec;
  if (name?.kind !== 'scalar' || typeof name.value !== 'string') {
    throw invalid(['name'], name === undefined ? 'name is missing' : 'name must be text', 'Write "name": "mask-pii".');
  }
  const fault = nameFault(name.value);
  if (fault !== undefined) throw invalid(['name'], fault.message, fault.suggestion);
  return withName(name.value, spec, config.value);
}

function withName(name: string, text: string, root: SpecMap): string {
  const written = fieldOf(root, 'name')?.value;
  if (written === undefined) return insertName(name, text, root);
  // What is no text at all the spec's own check refuses in its own words.
  if (written.kind !== 'scalar' || typeof written.value !== 'string' || written.value === name) return text;
  throw invalid(
    ['name'],
    `the spec calls itself ${quoted(written.value)}, not ${name}`,
    `Write ${name}, or leave it out.`,
  );
}

function insertName(name: string, text: string, root: SpecMap): string {
  const map = rootMap(text);
  const start = map?.range?.[0];
  if (map === undefined || start === undefined) throw nameless();
  const line = `name: ${JSON.stringify(name)}`;
  const open = map.flow === true ? text.indexOf('{', start) + 1 : start;
  const more = root.fields.length === 0 ? '' : ', ';
  const inserted =
    map.flow === true ? `"name": ${JSON.stringify(name)}${more}` : `${line}\n${' '.repeat(columnOf(text, start))}`;
  const named = text.slice(0, open) + inserted + text.slice(open);
  const expected = [{ key: 'name', text: JSON.stringify(name) }, ...fieldTexts(root)];
  if (!isSame(fieldTexts(readMapOr(named)), expected)) throw nameless();
  return named;
}

function configText(text: string, config: SpecMap): string {
  const node = rootMap(text)?.items.find(({ key }) => isScalar(key) && key.value === 'config')?.value;
  const range = isNode(node) ? node.range : undefined;
  // The first line of a block keeps its indentation, so that it stays in line with the others.
  const cut =
    range === undefined || range === null
      ? undefined
      : (isFlow(node) ? '' : ' '.repeat(columnOf(text, range[0]))) + text.slice(range[0], range[1]);
  if (cut !== undefined && isSame(fieldTexts(readMapOr(cut)), fieldTexts(config))) return cut;
  throw invalid(
    ['config'],
    'config cannot be taken out of the body as it stands',
    'Send the spec alone, without anchors.',
  );
}

function isFlow(node: unknown): boolean {
  return isMap(node) && node.flow === true;
}

function rootMap(text: string): YAMLMap<Node, Node | null> | undefined {
  const { contents } = parseDocument(text, {
    version: '1.2',
    schema: 'core',
    merge: false,
    uniqueKeys: false,
    logLevel: 'silent',
  });
  return isMap<Node, Node | null>(contents) ? contents : undefined;
}

function columnOf(text: string, index: number): number {
  return index - (text.lastIndexOf('\n', index - 1) + 1);
}

interface FieldText {
  readonly key: string;
  readonly text: string;
}

/** A map as text that is the same for the same meaning, digits included. */
function fieldTexts(map: SpecMap | undefined): FieldText[] {
  const ignored = new ProblemList(SOURCE, 'spec');
  return (map?.fields ?? []).map(({ key, value }) => ({ key, text: jsonText(value, [], ignored) }));
}

function isSame(a: readonly FieldText[], b: readonly FieldText[]): boolean {
  return a.length === b.length && a.every(({ key, text }, i) => key === b[i]?.key && text === b[i].text);
}

function fieldOf(map: SpecMap, key: string): YamlField | undefined {
  return map.fields.find((field) => field.key === key);
}

function readMap(text: string): SpecMap {
  const problems = new ProblemList(SOURCE, 'spec');
  const root = readYaml(text, problems);
  const reasons = problems.errors();
  const [first] = reasons;
  if (first !== undefined) {
    const { message, place, configPath, suggestion } = first;
    const code = first.code === 'spec.too_large' ? 'request.too_large' : 'request.invalid';
    throw new RequestError(code, message, { place, configPath, suggestion, reasons });
  }
  if (root?.kind === 'map') return root;
  throw invalid([], 'the body is no map of fields', 'Send a spec: see docs/rest-api.md.');
}

function readMapOr(text: string): SpecMap | undefined {
  const root: YamlNode | undefined = readYaml(text, new ProblemList(SOURCE, 'spec'));
  return root?.kind === 'map' ? root : undefined;
}

function nameless(): RequestError {
  return invalid(['name'], 'the spec has no name, and none can be put in', 'Write `name:` in the spec.');
}

function invalid(path: readonly string[], message: string, suggestion: string): RequestError {
  return new RequestError('request.invalid', message, { place: SOURCE, configPath: jsonPointer(path), suggestion });
}
