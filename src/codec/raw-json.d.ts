/* JSON.rawJSON is in Node 24 and not yet in TypeScript's library. */

interface JSON {
  /** A value that JSON.stringify writes as `text` has it. Throws SyntaxError unless the text is a JSON primitive. */
  rawJSON(text: string): unknown;
  isRawJSON(value: unknown): boolean;
}
