import type { Terminal } from './terminal.ts';

const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const HOME_AND_CLEAR = '\u001b[H\u001b[2J';
const CTRL_C = '\u0003';

/** The whole of a terminal while it lasts: what stood there before comes back. Elsewhere tables follow one another. */
export class TopScreen {
  readonly #terminal: Terminal;
  readonly #whole: boolean;
  readonly #onKey: (chunk: Buffer) => void;
  #shown = 0;

  /** `quit` is called when a person has had enough. */
  constructor(terminal: Terminal, quit: () => void) {
    this.#terminal = terminal;
    this.#whole = terminal.isTerminal && !terminal.json;
    this.#onKey = (chunk) => {
      // In raw mode Ctrl-C is a key like any other.
      if (/q/i.test(chunk.toString()) || chunk.includes(CTRL_C)) quit();
    };
    if (!this.#whole) return;
    terminal.write(ENTER);
    this.#keys(true);
  }

  show(lines: readonly string[]): void {
    if (this.#whole) {
      // The last row stays free, or the terminal would scroll.
      const fitting = lines.slice(0, this.#terminal.rows - 1);
      this.#terminal.write(`${HOME_AND_CLEAR}${fitting.join('\n')}\n`);
      return;
    }
    if (this.#shown > 0) this.#terminal.line();
    this.#shown += 1;
    this.#terminal.lines(lines);
  }

  close(): void {
    if (!this.#whole) return;
    this.#keys(false);
    this.#terminal.write(LEAVE);
  }

  #keys(on: boolean): void {
    const stdin = this.#terminal.stdin as NodeJS.ReadStream;
    if (stdin.isTTY !== true) return;
    stdin.setRawMode(on);
    if (on) stdin.on('data', this.#onKey).resume();
    else stdin.off('data', this.#onKey).pause();
  }
}
