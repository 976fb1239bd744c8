import type { ErrorCode } from '../base/error-code.ts';
import { ProblemList, type FieldPath } from '../spec/problem-list.ts';

/**
 * Problems of one part of a file, checked against a shape of its own: told in the file's list, under the part's path. A field that is a
 * record here and a list of records there so gets the same messages in both places.
 */
export class NestedProblems extends ProblemList {
  readonly #outer: ProblemList;
  readonly #prefix: FieldPath;

  constructor(outer: ProblemList, prefix: FieldPath) {
    super('', 'spec');
    this.#outer = outer;
    this.#prefix = prefix;
  }

  override add(
    code: ErrorCode,
    path: FieldPath | undefined,
    offset: number,
    message: string,
    suggestion: string,
  ): void {
    this.#outer.add(code, path === undefined ? undefined : [...this.#prefix, ...path], offset, message, suggestion);
  }

  override passOver(code: ErrorCode, path: FieldPath): void {
    this.#outer.passOver(code, [...this.#prefix, ...path]);
  }

  override lineAt(offset: number): number {
    return this.#outer.lineAt(offset);
  }

  override placeAt(offset: number): string {
    return this.#outer.placeAt(offset);
  }

  override get size(): number {
    return this.#outer.size;
  }
}
