const WIDTH_MAX = 160;
const WIDTH_MIN = 60;

/** Lines for a person: laid out, coloured on a terminal only. */
export class Screen {
  readonly #out: NodeJS.WriteStream;
  readonly #live: boolean;
  readonly #colour: boolean;
  readonly #width: number;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
    this.#live = out.isTTY;
    // https://no-color.org
    this.#colour = this.#live && (process.env['NO_COLOR'] ?? '') === '';
    this.#width = Math.min(WIDTH_MAX, Math.max(WIDTH_MIN, out.columns ?? 120));
  }

  /** One step: shown while it is under way on a terminal, and with its time when done. */
  async step<T>(title: string, work: (progress: (text: string) => void) => Promise<T>): Promise<T> {
    const start = performance.now();
    const progress = (text: string): void => {
      if (this.#live) this.#out.write(`\r\x1b[K  … ${text}`);
    };
    progress(title);
    let mark = this.#paint('31', '✗');
    try {
      const result = await work(progress);
      mark = this.#paint('32', '✓');
      return result;
    } finally {
      const seconds = ((performance.now() - start) / 1000).toFixed(1);
      if (this.#live) this.#out.write('\r\x1b[K');
      this.line(`${mark} ${title} ${this.#paint('2', `${seconds} s`)}`);
    }
  }

  heading(title: string, note = ''): void {
    this.#out.write(`\n  ${this.#paint('1', title)}${note === '' ? '' : `  ${this.#paint('2', note)}`}\n`);
  }

  line(text: string): void {
    this.#out.write(`  ${text}\n`);
  }

  note(text: string): void {
    this.line(`  ${this.#paint('2', text)}`);
  }

  good(text: string): void {
    this.line(this.#paint('32', `✓ ${text}`));
  }

  bad(text: string): void {
    this.line(this.#paint('31', `✗ ${text}`));
  }

  /** First column to the left, the others to the right. */
  table(head: readonly string[], rows: readonly (readonly string[])[]): void {
    const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
    const text = (cells: readonly string[]): string =>
      cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('   ');
    this.line(`  ${this.#paint('2', text(head))}`);
    for (const row of rows) this.line(`  ${text(row)}`);
  }

  /** Name and value, the values below each other; long ones wrap. */
  pairs(rows: readonly (readonly [string, string])[]): void {
    const width = Math.max(0, ...rows.map(([name]) => name.length));
    const indent = ' '.repeat(width + 6);
    for (const [name, value] of rows) {
      const lines = wrapped(value, this.#width - indent.length);
      this.line(`  ${this.#paint('36', name.padEnd(width))}  ${lines.join(`\n${indent}`)}`);
    }
  }

  /** The text with every occurrence of `word` in colour. */
  marked(text: string, word: string): string {
    return text.replaceAll(word, this.#paint('33', word));
  }

  #paint(code: string, text: string): string {
    return this.#colour ? `\x1b[${code}m${text}\x1b[0m` : text;
  }
}

/** Colour codes take no room on the screen. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  let room = width;
  for (const [piece] of text.matchAll(/\x1b\[\d*m|./gsu)) {
    if (!piece.startsWith('\x1b') && room === 0) {
      lines.push(line);
      line = '';
      room = width;
    }
    line += /[\x00-\x1a\x1c-\x1f\x7f]/.test(piece) ? '·' : piece;
    if (!piece.startsWith('\x1b')) room -= 1;
  }
  return [...lines, line];
}
