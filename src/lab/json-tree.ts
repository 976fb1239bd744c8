/*
 * JSON with all its digits: a test that says 5285.90 fails when a guest makes 5285.9 of it, and a 20-digit id is not rounded before it is
 * compared. JSON.parse can do neither.
 */

export type JsonTree =
  | { readonly kind: 'object'; readonly fields: ReadonlyMap<string, JsonTree> }
  | { readonly kind: 'array'; readonly items: readonly JsonTree[] }
  | { readonly kind: 'text'; readonly text: string }
  /** As written: a number's digits, true, false, null. */
  | { readonly kind: 'plain'; readonly source: string };

/** A record nested deeper is compared as text. */
const DEPTH_MAX = 500;
const PLAIN = /-?[0-9][0-9.eE+-]*|true|false|null/y;

/** undefined: it is no JSON. Of fields of one name the last counts, as everywhere. */
export function readJsonTree(text: string): JsonTree | undefined {
  try {
    // The grammar is the parser's to judge: what follows need not look for faults.
    JSON.parse(text);
    return new TreeReader(text).value(0);
  } catch (thrown) {
    if (thrown instanceof SyntaxError || thrown instanceof TooDeep) return undefined;
    throw thrown;
  }
}

class TooDeep extends Error {}

class TreeReader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): JsonTree {
    if (depth > DEPTH_MAX) throw new TooDeep();
    this.#space();
    const first = this.#text[this.#at];
    if (first === '{') return this.#object(depth);
    if (first === '[') return this.#array(depth);
    if (first === '"') return { kind: 'text', text: this.#string() };
    PLAIN.lastIndex = this.#at;
    const source = PLAIN.exec(this.#text)?.[0] ?? '';
    this.#at += source.length;
    return { kind: 'plain', source };
  }

  #object(depth: number): JsonTree {
    const fields = new Map<string, JsonTree>();
    for (this.#at++; this.#goesOn('}');) {
      const name = this.#string();
      this.#space();
      this.#at++; // the colon
      fields.delete(name);
      fields.set(name, this.value(depth + 1));
    }
    return { kind: 'object', fields };
  }

  #array(depth: number): JsonTree {
    const items: JsonTree[] = [];
    for (this.#at++; this.#goesOn(']');) items.push(this.value(depth + 1));
    return { kind: 'array', items };
  }

  /** Past a comma to what comes next; false behind the end. */
  #goesOn(end: string): boolean {
    this.#space();
    if (this.#text[this.#at] === ',') this.#at++;
    this.#space();
    if (this.#text[this.#at] !== end) return true;
    this.#at++;
    return false;
  }

  #string(): string {
    const start = this.#at;
    for (this.#at++; this.#text[this.#at] !== '"'; this.#at++) if (this.#text[this.#at] === '\\') this.#at++;
    this.#at++;
    return JSON.parse(this.#text.slice(start, this.#at)) as string;
  }

  #space(): void {
    while (' \n\r\t'.includes(this.#text[this.#at] ?? '.')) this.#at++;
  }
}

/** Two spaces a level, as people write it. */
export function prettyJson(tree: JsonTree): string[] {
  const lines: string[] = [];
  write(tree, '', '', '', lines);
  return lines;
}

function write(tree: JsonTree, indent: string, before: string, after: string, lines: string[]): void {
  if (tree.kind === 'text' || tree.kind === 'plain') {
    lines.push(`${indent}${before}${shortJson(tree)}${after}`);
    return;
  }
  const [open, close] = tree.kind === 'object' ? ['{', '}'] : ['[', ']'];
  const inner =
    tree.kind === 'object'
      ? [...tree.fields].map(([name, value]) => ({ label: `${JSON.stringify(name)}: `, value }))
      : tree.items.map((value) => ({ label: '', value }));
  if (inner.length === 0) {
    lines.push(`${indent}${before}${open}${close}${after}`);
    return;
  }
  lines.push(`${indent}${before}${open}`);
  for (const [i, { label, value }] of inner.entries()) {
    write(value, `${indent}  `, label, i < inner.length - 1 ? ',' : '', lines);
  }
  lines.push(`${indent}${close}${after}`);
}

/** In one line. */
export function shortJson(tree: JsonTree): string {
  switch (tree.kind) {
    case 'plain':
      return tree.source;
    case 'text':
      return JSON.stringify(tree.text);
    case 'array':
      return `[${tree.items.map(shortJson).join(',')}]`;
    case 'object':
      return `{${[...tree.fields].map(([name, value]) => `${JSON.stringify(name)}:${shortJson(value)}`).join(',')}}`;
  }
}
