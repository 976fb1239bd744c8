import { createInterface } from 'node:readline/promises';
import type { Readable, Writable } from 'node:stream';
import { styleText } from 'node:util';

export type Style = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold';

/** The streams of a process, or a test's. */
export interface Streams {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number };
  readonly stderr: Writable & { readonly isTTY?: boolean };
}

/** Where output goes, and whether a person is there. */
export class Terminal {
  readonly #streams: Streams;
  readonly json: boolean;

  constructor(streams: Streams, json: boolean) {
    this.#streams = streams;
    this.json = json;
  }

  /** A person reads what is printed. */
  get isTerminal(): boolean {
    return this.#streams.stdout.isTTY === true;
  }

  /** A person can be asked. */
  get isInteractive(): boolean {
    return this.#streams.stdin.isTTY === true && this.#streams.stderr.isTTY === true;
  }

  get stdin(): Streams['stdin'] {
    return this.#streams.stdin;
  }

  get rows(): number {
    // A terminal that does not know says 0.
    return this.#streams.stdout.rows || 24;
  }

  /** NO_COLOR and FORCE_COLOR are Node's to judge: a stream that cannot show a style gets none. */
  style(style: Style | readonly Style[], text: string): string {
    return text === '' ? text : styleText(style as Style[], text, { stream: this.#streams.stdout });
  }

  write(text: string): void {
    this.#streams.stdout.write(text);
  }

  line(text = ''): void {
    this.write(`${text}\n`);
  }

  lines(lines: readonly string[]): void {
    for (const line of lines) this.line(line);
  }

  /** For a program: indented, as one document. */
  writeJson(value: unknown): void {
    this.line(JSON.stringify(value, undefined, 2));
  }

  /** JSON for a program, else lines for a person. */
  print(value: unknown, lines: () => readonly string[]): void {
    if (this.json) this.writeJson(value);
    else this.lines(lines());
  }

  /** Beside the output: stderr, so that what is piped on stays clean. */
  note(text: string): void {
    if (!this.json) this.#streams.stderr.write(`${text}\n`);
  }

  /** What goes on meanwhile: for a person only. */
  progress(text: string): void {
    if (this.#streams.stderr.isTTY === true) this.note(text);
  }

  error(text: string): void {
    this.#streams.stderr.write(`${text}\n`);
  }

  /** y or yes. Only where isInteractive. */
  async confirms(question: string): Promise<boolean> {
    const reader = createInterface({ input: this.#streams.stdin, output: this.#streams.stderr });
    try {
      const answer = await Promise.race([
        reader.question(`${question} [y/N] `),
        // Ctrl-D, or the end of what was piped in: no answer is a no.
        new Promise<string>((resolve) => reader.once('close', () => resolve(''))),
      ]);
      return /^y(?:es)?$/i.test(answer.trim());
    } finally {
      reader.close();
    }
  }
}
