import type { ErrorCode } from '../base/error-code.ts';
import { StreamlineError } from '../base/error.ts';

export type FieldPath = readonly (string | number)[];

/** Enough to mend a file by; a broken one could yield thousands. */
const PROBLEMS_MAX = 50;

/** What is wrong with one file, in the order of the file. */
export class ProblemList {
  readonly #source: string;
  readonly #codes: 'spec' | 'config';
  readonly #found: { readonly offset: number; readonly error: StreamlineError }[] = [];
  readonly #seen = new Set<string>();
  #size = 0;
  #lineOf: (offset: number) => { readonly line: number; readonly column: number } = () => ({ line: 1, column: 1 });

  /** `codes: 'config'` reports every spec.* code as config.invalid: there the distinction helps nobody. */
  constructor(source: string, codes: 'spec' | 'config') {
    this.#source = source;
    this.#codes = codes;
  }

  placesFrom(lineOf: (offset: number) => { readonly line: number; readonly column: number }): void {
    this.#lineOf = lineOf;
  }

  lineAt(offset: number): number {
    return this.#lineOf(offset).line;
  }

  placeAt(offset: number): string {
    const { line, column } = this.#lineOf(offset);
    return `${this.#source}:${line}:${column}`;
  }

  /** One problem a field and code: two checks that stumble over the same thing say it once. */
  add(code: ErrorCode, path: FieldPath | undefined, offset: number, message: string, suggestion: string): void {
    const configPath = path === undefined ? undefined : jsonPointer(path);
    const key = configPath === undefined ? `@${offset}` : `${code} ${configPath}`;
    if (this.#seen.has(key) || this.#size >= PROBLEMS_MAX) return;
    this.#seen.add(key);
    this.#size++;
    const shown = this.#codes === 'config' && code.startsWith('spec.') ? 'config.invalid' : code;
    const error = new StreamlineError(shown, message, { place: this.placeAt(offset), configPath, suggestion });
    this.#found.push({ offset, error });
  }

  /** What another problem has said in its own words: `add` passes over it. */
  passOver(code: ErrorCode, path: FieldPath): void {
    this.#seen.add(`${code} ${jsonPointer(path)}`);
  }

  get size(): number {
    return this.#size;
  }

  errors(): readonly StreamlineError[] {
    return this.#found.toSorted((a, b) => a.offset - b.offset).map((problem) => problem.error);
  }
}

/** RFC 6901. The whole document is the empty pointer. */
export function jsonPointer(path: FieldPath): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
