/** Lines in their order, bounded by count and by characters: the oldest go. */
export class LineQueue {
  readonly #linesMax: number;
  readonly #charactersMax: number;
  #lines: string[] = [];
  /** Where in #lines the oldest stands: to shift an array costs its length. */
  #first = 0;
  #characters = 0;

  constructor(linesMax: number, charactersMax: number) {
    this.#linesMax = linesMax;
    this.#charactersMax = charactersMax;
  }

  get length(): number {
    return this.#lines.length - this.#first;
  }

  /** @param i 0 is the oldest */
  at(i: number): string | undefined {
    return this.#lines[this.#first + i];
  }

  /** @returns how many had to go */
  push(line: string): number {
    this.#lines.push(line);
    this.#characters += line.length;
    let dropped = 0;
    while (this.length > this.#linesMax || this.#characters > this.#charactersMax) {
      this.shift();
      dropped += 1;
    }
    return dropped;
  }

  shift(): string | undefined {
    const line = this.#lines[this.#first];
    if (line === undefined) return undefined;
    // Not held until the array is cut.
    this.#lines[this.#first] = '';
    this.#first += 1;
    this.#characters -= line.length;
    if (this.#first * 2 >= this.#lines.length) {
      this.#lines = this.#lines.slice(this.#first);
      this.#first = 0;
    }
    return line;
  }
}
