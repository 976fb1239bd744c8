import { z } from 'zod';
import type { ErrorCode } from '../base/error-code.ts';
import { nearestName } from './nearest-name.ts';
import type { FieldGuide } from './field-guide.ts';
import type { FieldPath, ProblemList } from './problem-list.ts';
import { quoted } from './quoted.ts';
import { nodeAt, offsetAt, plainValue } from './yaml-value.ts';
import type { YamlNode, YamlScalar } from './yaml-tree.ts';

/** What a check inside a schema says when text has the right type and the wrong form. */
export interface FormFault {
  readonly code: ErrorCode;
  readonly message: string;
  readonly suggestion: string;
}

/** Text that `judge` may find fault with. `pattern` is what editors check. */
export function textOf(judge: (text: string) => FormFault | undefined, pattern?: RegExp) {
  const schema = z.string().check((context) => {
    const fault = judge(context.value);
    if (fault === undefined) return;
    context.issues.push({ code: 'custom', input: context.value, message: fault.message, params: { fault } });
  });
  return pattern === undefined ? schema : schema.meta({ pattern: pattern.source });
}

/** Checks the tree against the schema; each issue becomes a problem with a place. undefined when there was one. */
export function checkShape<T extends z.ZodType>(
  schema: T,
  guide: FieldGuide,
  root: YamlNode,
  problems: ProblemList,
): z.output<T> | undefined {
  const result = schema.safeParse(plainValue(root));
  if (result.success) return result.data;
  // A misspelt field is no missing one besides: what it was meant to be is known before that is looked at.
  const unknownFirst = result.error.issues.toSorted((a, b) => unknownRank(a) - unknownRank(b));
  for (const issue of unknownFirst) report(issue, guide, root, problems);
  return undefined;
}

const unknownRank = ({ code }: z.core.$ZodIssue): number => (code === 'unrecognized_keys' ? 0 : 1);

function report(issue: z.core.$ZodIssue, guide: FieldGuide, root: YamlNode, problems: ProblemList): void {
  const path: FieldPath = issue.path.filter((part) => typeof part !== 'symbol');
  const node = nodeAt(root, path);
  const name = path.length === 0 ? 'the document' : fieldName(path);
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys) {
      const fieldPath = [...path, key];
      problems.add(
        'spec.unknown_field',
        fieldPath,
        offsetAt(root, fieldPath, 'key'),
        `unknown field ${quoted(key)}`,
        guide.insteadOf(path, key),
      );
      const meant = guide.meant(path, key);
      if (meant !== undefined) problems.passOver('spec.missing_field', [...path, meant]);
    }
    return;
  }
  const offset = offsetAt(root, path);
  if (node === undefined) {
    problems.add('spec.missing_field', path, offset, `${name} is missing`, guide.help(path));
    return;
  }
  if (issue.code === 'custom') {
    const fault = issue.params?.['fault'] as FormFault | undefined;
    if (fault !== undefined) problems.add(fault.code, path, offset, fault.message, fault.suggestion);
    return;
  }
  if (issue.code === 'too_big' || issue.code === 'too_small' || (issue.code === 'invalid_value' && isText(node))) {
    const near = isText(node) ? nearestName(node.value, (guide.at(path)?.enum ?? []).map(String)) : undefined;
    const suggestion = near === undefined ? guide.example(path) : `Did you mean \`${near}\`?`;
    problems.add(
      'spec.out_of_range',
      path,
      offset,
      `${name} must be ${guide.expected(path)}, not ${written(node)}`,
      suggestion,
    );
    return;
  }
  problems.add(
    'spec.wrong_type',
    path,
    offset,
    `${name} must be ${guide.expected(path)}${guide.mayBeSecret(path) ? '' : `, not ${written(node)}`}`,
    mend(node, path, guide),
  );
}

function mend(node: YamlNode, path: FieldPath, guide: FieldGuide): string {
  const type = guide.at(path)?.type;
  const field = path.at(-1);
  if (node.kind === 'scalar' && typeof field === 'string') {
    if (node.value === null)
      return `Give it a value${guide.isRequired(path) ? '.' : ' or remove the line.'} ${guide.help(path)}`;
    if (type === 'string' && guide.at(path)?.enum === undefined)
      return `Put it in quotes if you mean it as text: \`${field}: ${JSON.stringify(node.source.slice(0, 40))}\`.`;
    const isNumeric = typeof node.value === 'string' && /^[0-9]{1,15}$/.test(node.value);
    if (type === 'integer' && isNumeric) return `Write it without quotes: \`${field}: ${node.value}\`.`;
    if (type === 'boolean' && /^(?:yes|on)$/i.test(node.source)) return `Write \`${field}: true\`.`;
    if (type === 'boolean' && /^(?:no|off)$/i.test(node.source)) return `Write \`${field}: false\`.`;
  }
  return path.length === 0 ? 'Write one `field: value` a line.' : guide.example(path);
}

/** `errors.max_retries`, as people say it. */
export function fieldName(path: FieldPath): string {
  return path.map((part, i) => (typeof part === 'number' ? `[${part}]` : i === 0 ? part : `.${part}`)).join('');
}

function isText(node: YamlNode): node is YamlScalar & { readonly value: string } {
  return node.kind === 'scalar' && typeof node.value === 'string';
}

/** How a value stands in the file: never what a ${…} in it stands for. */
export function written(node: YamlNode): string {
  if (node.kind === 'map') return 'a map';
  if (node.kind === 'list') return `a list of ${node.items.length}`;
  if (node.value === null) return node.source === '' ? 'nothing' : 'null';
  if (typeof node.value === 'string') return `the text ${quoted(node.value)}`;
  return node.source.slice(0, 40);
}
