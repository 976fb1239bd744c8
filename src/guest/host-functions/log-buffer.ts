import { printable } from '../../base/printable.ts';

export type GuestLogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error';

const LEVELS: readonly GuestLogLevel[] = ['trace', 'debug', 'info', 'warn', 'error'];

/** The host function's numbers, 0 trace to 5 error; 4 is error too, for guests that count without a `fatal`. */
export function guestLogLevel(number: number): GuestLogLevel {
  return LEVELS[Math.min(Math.max(number, 0), LEVELS.length - 1)] ?? 'error';
}

export interface GuestLogLine {
  readonly level: GuestLogLevel;
  readonly text: string;
}

/** Lines taken since the last `take`, and how many were not. */
export interface GuestLog {
  readonly lines: readonly GuestLogLine[];
  readonly dropped: number;
}

/** What a batch can carry, whatever the rate: a batch that takes a minute must not bring 60 s of lines at once. */
const BUFFERED_LINES_MAX = 1000;
const WINDOW_MS = 1000;
/** Of one write to a text stream; what is beyond is not looked at, and lines beyond count as one dropped. */
export const WRITTEN_BYTES_MAX = 16_384;
const WRITTEN_LINES_MAX = 100;

/**
 * Log lines of one guest thread, held until the batch is answered: never one message a line (I7). Time is given by the
 * caller once a record, so a flood inside one record meets a clock that stands still and costs a counter each.
 */
export class LogBuffer {
  readonly #linesPerSecond: number;
  readonly #lineBytesMax: number;
  #lines: GuestLogLine[] = [];
  #dropped = 0;
  #windowStartMs = -Infinity;
  #windowLines = 0;
  /** Lines of text streams that have not ended. */
  readonly #pending = new Map<GuestLogLevel, string>();
  /** Monotonic ms, set by whoever runs records. */
  nowMs = 0;

  constructor(linesPerSecond: number, lineBytesMax: number) {
    this.#linesPerSecond = linesPerSecond;
    this.#lineBytesMax = lineBytesMax;
  }

  /** Whether a line may be written now; counts it as dropped when not. Ask before decoding anything. */
  admit(): boolean {
    if (this.nowMs - this.#windowStartMs >= WINDOW_MS) {
      this.#windowStartMs = this.nowMs;
      this.#windowLines = 0;
    }
    if (this.#windowLines >= this.#linesPerSecond || this.#lines.length >= BUFFERED_LINES_MAX) {
      this.#dropped += 1;
      return false;
    }
    this.#windowLines += 1;
    return true;
  }

  /** Adds a line that was admitted. */
  addBytes(level: GuestLogLevel, bytes: Buffer, start: number, length: number): void {
    const end = start + Math.min(length, this.#lineBytesMax);
    const text = printable(bytes.toString('utf8', start, end));
    this.#lines.push({ level, text: length > this.#lineBytesMax ? `${text}…` : text });
  }

  addText(level: GuestLogLevel, text: string): void {
    const bytes = Buffer.from(text, 'utf8');
    this.addBytes(level, bytes, 0, bytes.length);
  }

  /**
   * Takes a piece of a text stream; a line is what ends in a line feed, as runtimes write one in many pieces. `take` ends
   * the last one. Answers how many lines there were.
   */
  write(level: GuestLogLevel, bytes: Buffer, start: number, length: number): number {
    const text = bytes.toString('utf8', start, start + Math.min(length, WRITTEN_BYTES_MAX));
    const pieces = text.split('\n', WRITTEN_LINES_MAX + 1);
    if (pieces.length > WRITTEN_LINES_MAX) {
      pieces.length = WRITTEN_LINES_MAX;
      this.#dropped += 1;
    }
    for (const [i, piece] of pieces.entries()) {
      if (i > 0) this.#endLine(level);
      const pending = this.#pending.get(level) ?? '';
      if (pending.length <= this.#lineBytesMax) this.#pending.set(level, pending + piece);
    }
    return pieces.length;
  }

  #endLine(level: GuestLogLevel): void {
    const text = this.#pending.get(level) ?? '';
    this.#pending.delete(level);
    if (text.trim() !== '' && this.admit()) this.addText(level, text);
  }

  take(): GuestLog {
    for (const level of [...this.#pending.keys()]) this.#endLine(level);
    const taken = { lines: this.#lines, dropped: this.#dropped };
    if (this.#lines.length > 0) this.#lines = [];
    this.#dropped = 0;
    return taken;
  }
}
