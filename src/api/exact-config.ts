import type { SpecText } from '../registry/control.ts';
import { ProblemList } from '../spec/problem-list.ts';
import { jsonText } from '../spec/yaml-value.ts';
import { readYaml, type YamlMap, type YamlNode } from '../spec/yaml-tree.ts';

/** The spec as data to be written as JSON: its numbers are written with the digits they have in the file. */
export function exactConfig(spec: SpecText): Readonly<Record<string, unknown>> {
  const root = readYaml(spec.text, new ProblemList(spec.source, 'spec'));
  // A file that was broken meanwhile: what was read of it before.
  return root?.kind === 'map' ? exactMap(root) : spec.config;
}

function exactMap(node: YamlMap): Record<string, unknown> {
  const map = Object.create(null) as Record<string, unknown>;
  for (const { key, value } of node.fields) map[key] = exactValue(value);
  return map;
}

function exactValue(node: YamlNode): unknown {
  switch (node.kind) {
    case 'map':
      return exactMap(node);
    case 'list':
      return node.items.map(exactValue);
    case 'scalar':
      return typeof node.value === 'number' ? rawJson(jsonText(node, [], new ProblemList('', 'spec'))) : node.value;
  }
}

/** ECMAScript's JSON.rawJSON, which the type library does not have yet: text that JSON.stringify writes as it is. */
const rawJson = (JSON as unknown as { readonly rawJSON: (text: string) => unknown }).rawJSON;
