import type { z } from 'zod';
import type { ErrorCode } from '../base/error-code.ts';
import type { StreamlineError } from '../base/error.ts';
import { checkShape, fieldName, written } from '../spec/check-shape.ts';
import type { FieldGuide } from '../spec/field-guide.ts';
import { ProblemList, type FieldPath } from '../spec/problem-list.ts';
import { quoted } from '../spec/quoted.ts';
import { readYaml, type YamlMap, type YamlNode } from '../spec/yaml-tree.ts';
import { jsonText, nodeAt, offsetAt } from '../spec/yaml-value.ts';
import {
  casesGuide,
  casesSchema,
  errorGuide,
  errorSchema,
  outputGuide,
  outputSchema,
  recordGuide,
  recordSchema,
} from './case-schema.ts';
import { NestedProblems } from './nested-problems.ts';
import type {
  CasesFile,
  ExpectedError,
  ExpectedOutput,
  InputRecord,
  TestCase,
  WrittenHeaders,
  WrittenPart,
} from './test-case.ts';

export type CasesOutcome =
  { readonly file: CasesFile } | { readonly errors: readonly [StreamlineError, ...StreamlineError[]] };

/** From the text of a cases file to its cases, or every error in it, each with its place. Pure and total. */
export function parseCases(text: string, source: string): CasesOutcome {
  const problems = new ProblemList(source, 'spec');
  const root = readYaml(text, problems);
  if (root === undefined && problems.size === 0) {
    const suggestion = 'Write `cases: [{ name: …, input: { value: … }, output: { value: … } }]`.';
    problems.add('spec.missing_field', [], 0, 'the file is empty', suggestion);
  }
  const file = root === undefined ? undefined : fileFrom(root, problems);
  const [first, ...rest] = problems.errors();
  if (first !== undefined) return { errors: [first, ...rest] };
  return { file: file ?? { schemas: {}, cases: [] } };
}

function fileFrom(root: YamlNode, problems: ProblemList): CasesFile | undefined {
  const fields = checkShape(casesSchema, casesGuide, root, problems);
  const list = nodeAt(root, ['cases']);
  // On the tree, not on `fields`: one misspelt field must not hide what else is wrong.
  const nodes = list?.kind === 'list' ? list.items : [];
  const cases = nodes.map((node, i) => new CaseReader(root, ['cases', i], problems).read(node));
  checkNames(cases, root, problems);
  return fields === undefined ? undefined : { schemas: fields.schemas, cases };
}

/** A name is how a case is found, here and in a report that other tools read. */
function checkNames(cases: readonly TestCase[], root: YamlNode, problems: ProblemList): void {
  const seen = new Map<string, string>();
  for (const [i, { name, place }] of cases.entries()) {
    const first = seen.get(name);
    if (first !== undefined && name !== '') {
      const path = ['cases', i, 'name'];
      const message = `another case is called ${quoted(name)}`;
      problems.add('spec.duplicate_name', path, offsetAt(root, path), message, `Rename one of them: see ${first}.`);
    }
    seen.set(name, place);
  }
}

/** One case. What cannot be read is a problem, and something harmless stands in its place. */
class CaseReader {
  readonly #root: YamlNode;
  readonly #at: FieldPath;
  readonly #problems: ProblemList;

  constructor(root: YamlNode, at: FieldPath, problems: ProblemList) {
    this.#root = root;
    this.#at = at;
    this.#problems = problems;
  }

  read(node: YamlNode): TestCase {
    const name = nodeAt(node, ['name']);
    const input = this.#all(['input'], recordSchema, recordGuide, (fields, path) => this.#record(fields, path));
    const outputs = this.#all(['output'], outputSchema, outputGuide, (fields, path) => this.#output(fields, path));
    const errors = this.#all(['error'], errorSchema, errorGuide, (fields) => expectedError(fields));
    this.#checkOutcome(node);
    return {
      name: name?.kind === 'scalar' && typeof name.value === 'string' ? name.value : '',
      place: this.#problems.placeAt(offsetAt(this.#root, this.#at)),
      input,
      outputs,
      errors,
    };
  }

  #checkOutcome(node: YamlNode): void {
    if (node.kind !== 'map') return;
    const has = (field: string): boolean => nodeAt(node, [field]) !== undefined;
    if (has('dropped') && (has('output') || has('error'))) {
      const message = `dropped and ${has('output') ? 'output' : 'error'} cannot stand together`;
      const suggestion = 'Leave dropped away: inputs that no output and no error tells of are dropped.';
      this.#add('spec.conflict', ['dropped'], message, suggestion);
    }
    if (has('dropped') || has('output') || has('error')) return;
    // A misspelt one has been told.
    const known = ['name', 'input', 'output', 'dropped', 'error'];
    if (node.fields.some(({ key }) => !known.includes(key))) return;
    const suggestion = 'Write `output: { value: … }`, `dropped: true` or `error: { code: guest.failed }`.';
    this.#add('spec.missing_field', [], 'the case says nothing of what is to become of its input', suggestion);
  }

  /** Each of what stands under a field, alone or in a list. */
  #all<S extends z.ZodType, T>(
    field: FieldPath,
    schema: S,
    guide: FieldGuide,
    read: (fields: z.output<S>, path: FieldPath) => T,
  ): T[] {
    const node = nodeAt(this.#root, [...this.#at, ...field]);
    if (node === undefined) {
      const isNeeded = field[0] === 'input' && nodeAt(this.#root, this.#at)?.kind === 'map';
      if (isNeeded) this.#add('spec.missing_field', field, 'input is missing', 'Write `input: { value: … }`.');
      return [];
    }
    if (node.kind === 'list' && node.items.length === 0) {
      this.#add('spec.out_of_range', field, `${fieldName(field)} is an empty list`, EMPTY[String(field[0])] ?? '');
    }
    const paths = node.kind === 'list' ? node.items.map((_, i) => [...field, i]) : [field];
    return paths.flatMap((path) => {
      const at = [...this.#at, ...path];
      const part = nodeAt(this.#root, at);
      if (part === undefined) return [];
      const fields = checkShape(schema, guide, part, new NestedProblems(this.#problems, at));
      return fields === undefined ? [] : [read(fields, path)];
    });
  }

  #record({ partition = 0, offset, timestamp = 0 }: z.output<typeof recordSchema>, path: FieldPath): InputRecord {
    return {
      key: this.#part([...path, 'key']) ?? { as: 'null' },
      value: this.#part([...path, 'value']) ?? { as: 'null' },
      headers: this.#headers([...path, 'headers']) ?? [],
      partition,
      offset,
      timestampMs: timestamp,
    };
  }

  #output({ topic }: z.output<typeof outputSchema>, path: FieldPath): ExpectedOutput {
    const exact = this.#part([...path, 'value']);
    const some = this.#part([...path, 'json_contains']);
    if (exact !== undefined && some !== undefined) {
      const suggestion = 'Keep value for all of it, json_contains for a part of it.';
      this.#add(
        'spec.conflict',
        [...path, 'json_contains'],
        'value and json_contains cannot stand together',
        suggestion,
      );
    }
    if (some !== undefined && some.as !== 'json') {
      const at = [...path, 'json_contains'];
      this.#add(
        'spec.wrong_type',
        at,
        'json_contains must be a map, a list or a number',
        'Text is compared by `value: …`.',
      );
    }
    return {
      topic,
      key: this.#part([...path, 'key']),
      value:
        exact !== undefined
          ? { match: 'exact', part: exact }
          : some === undefined
            ? undefined
            : { match: 'contains', part: some },
      headers: this.#headers([...path, 'headers']),
    };
  }

  #part(path: FieldPath): WrittenPart | undefined {
    const node = nodeAt(this.#root, [...this.#at, ...path]);
    if (node === undefined) return undefined;
    if (node.kind === 'scalar' && node.value === null) return { as: 'null' };
    if (node.kind === 'scalar' && typeof node.value === 'string') return { as: 'text', text: node.value };
    const encoded = base64Of(node);
    if (encoded === undefined) return { as: 'json', text: jsonText(node, [...this.#at, ...path], this.#problems) };
    return { as: 'bytes', bytes: this.#bytes(encoded, path) };
  }

  #bytes(encoded: YamlNode, path: FieldPath): Buffer {
    const text = encoded.kind === 'scalar' && typeof encoded.value === 'string' ? encoded.value : undefined;
    const bytes = Buffer.from(text ?? '', 'base64');
    // Node passes over what is no base64 without a word.
    const isWhole = text !== undefined && bytes.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '');
    if (!isWhole) {
      const suggestion = 'Write `{ base64: AAEC }`. A map with a field of that name and no other is written as text.';
      this.#add('spec.wrong_type', [...path, 'base64'], `base64 cannot be ${written(encoded)}`, suggestion);
    }
    return bytes;
  }

  #headers(path: FieldPath): WrittenHeaders | undefined {
    const node = nodeAt(this.#root, [...this.#at, ...path]);
    if (node?.kind !== 'map') return undefined;
    return node.fields.flatMap(({ key: name, value }) => {
      const paths = value.kind === 'list' ? value.items.map((_, i) => [...path, name, i]) : [[...path, name]];
      return paths.map((at) => ({ name, value: this.#header(at) }));
    });
  }

  #header(path: FieldPath): Buffer | null {
    const part = this.#part(path);
    if (part === undefined || part.as === 'null') return null;
    return part.as === 'bytes' ? part.bytes : Buffer.from(part.text, 'utf8');
  }

  #add(code: ErrorCode, path: FieldPath, message: string, suggestion: string): void {
    const at = [...this.#at, ...path];
    this.#problems.add(code, at, offsetAt(this.#root, at, 'key'), message, suggestion);
  }
}

const EMPTY: Readonly<Record<string, string>> = {
  input: 'Write at least one record: `input: { value: … }`.',
  output: 'Write `dropped: true` when nothing comes out.',
  error: 'Leave error away when nothing fails.',
};

function expectedError({
  code,
  stage,
  message_contains: messageContains,
}: z.output<typeof errorSchema>): ExpectedError {
  return { code: code as ErrorCode, stage, messageContains };
}

/** The one field of `{base64: …}`. */
function base64Of(node: YamlNode): YamlNode | undefined {
  const isMap = (some: YamlNode): some is YamlMap => some.kind === 'map';
  return isMap(node) && node.fields.length === 1 && node.fields[0]?.key === 'base64' ? node.fields[0].value : undefined;
}
