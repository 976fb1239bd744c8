import type { DestinationStream } from 'pino';
import { isLogLevel, type LogLevel } from './log-level.ts';
import { LineQueue } from './line-queue.ts';
import { transformOfLine } from './transform-of-line.ts';

export interface LogLine {
  readonly timeMs: number;
  readonly level: LogLevel;
  /** `guest` for what the module logged. */
  readonly from: 'guest' | 'sidecar';
  readonly message: string;
  /** What else the line carries. `cut: true`: it was longer than is kept. */
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface LogQuery {
  /** So many of the kept lines first, the newest. */
  readonly tail: number;
  readonly sinceMs?: number | undefined;
  /** Goes on with what comes, until `signal` aborts or the transform is forgotten. */
  readonly follow: boolean;
  readonly signal: AbortSignal;
}

export interface LogTailOptions {
  /** Kept of each transform. */
  readonly linesMax?: number;
}

const LINES_MAX = 1_000;
/** A guest may log long lines: so much of one transform's is kept, and waits for one follower. */
const CHARACTERS_MAX = 1_048_576;
const LINE_CHARACTERS_MAX = 8_192;
const FOLLOWER_LINES_MAX = 1_000;

/**
 * The last lines of each transform, those of its guest too, and what comes, for whoever follows. Taken from what the log writes: what is
 * redacted there is redacted here, and lines below a logger's level never were. Lines are parsed when they are asked for.
 */
export class LogTail {
  readonly #linesMax: number;
  readonly #kept = new Map<string, LineQueue>();
  readonly #followers = new Map<string, Set<Follower>>();

  constructor({ linesMax = LINES_MAX }: LogTailOptions = {}) {
    this.#linesMax = linesMax;
  }

  /** A destination for the log, before another one. */
  tee(destination: DestinationStream): DestinationStream {
    const tee = {
      write: (line: string): void => {
        destination.write(line);
        this.#take(line);
      },
    };
    // A fatal line asks for it.
    if (!('flushSync' in destination) || typeof destination.flushSync !== 'function') return tee;
    const flushSync = destination.flushSync.bind(destination) as () => void;
    return Object.assign(tee, { flushSync });
  }

  /** Lines of this transform are kept from now on. */
  open(name: string): void {
    if (!this.#kept.has(name)) this.#kept.set(name, new LineQueue(this.#linesMax, CHARACTERS_MAX));
  }

  /** Drops what is kept of it; who follows gets what waits, and the end. */
  forget(name: string): void {
    this.#kept.delete(name);
    for (const follower of this.#followers.get(name) ?? []) follower.end();
    this.#followers.delete(name);
  }

  /**
   * A follower that does not keep up loses the oldest of what waits for it, and is told how many.
   * Nothing is held for it before the first line is asked for, nor after the loop over it ends.
   */
  async *query(name: string, query: LogQuery): AsyncGenerator<LogLine, void, undefined> {
    const { follow, signal } = query;
    if (signal.aborted) return;
    const follower = new Follower(name);
    const end = (): void => follower.end();
    if (follow) {
      this.#follow(name, follower);
      signal.addEventListener('abort', end, { once: true });
    }
    try {
      for (const line of this.#last(name, query)) {
        yield line;
        if (signal.aborted) return;
      }
      if (follow) yield* follower.lines(signal);
    } finally {
      signal.removeEventListener('abort', end);
      this.#unfollow(name, follower);
    }
  }

  #take(line: string): void {
    const name = transformOfLine(line);
    if (name === undefined) return;
    const kept = this.#kept.get(name);
    if (kept === undefined) return;
    const short = line.length > LINE_CHARACTERS_MAX ? shortened(line) : line;
    if (short === undefined) return;
    kept.push(short);
    for (const follower of this.#followers.get(name) ?? []) follower.push(short);
  }

  /** In their order. */
  #last(name: string, { tail, sinceMs = -Infinity }: LogQuery): readonly LogLine[] {
    const kept = this.#kept.get(name);
    const lines: LogLine[] = [];
    for (let i = (kept?.length ?? 0) - 1; i >= 0 && lines.length < tail; i -= 1) {
      const line = parsed(kept?.at(i) ?? '', name);
      if (line !== undefined && line.timeMs >= sinceMs) lines.push(line);
    }
    return lines.reverse();
  }

  #follow(name: string, follower: Follower): void {
    const followers = this.#followers.get(name) ?? new Set();
    this.#followers.set(name, followers.add(follower));
  }

  #unfollow(name: string, follower: Follower): void {
    const followers = this.#followers.get(name);
    followers?.delete(follower);
    if (followers?.size === 0) this.#followers.delete(name);
  }
}

/** What waits for one reader. */
class Follower {
  readonly #name: string;
  readonly #waiting = new LineQueue(FOLLOWER_LINES_MAX, CHARACTERS_MAX);
  #dropped = 0;
  #hasEnded = false;
  #wake: (() => void) | undefined;

  constructor(name: string) {
    this.#name = name;
  }

  push(line: string): void {
    this.#dropped += this.#waiting.push(line);
    this.#wake?.();
  }

  end(): void {
    this.#hasEnded = true;
    this.#wake?.();
  }

  async *lines(signal: AbortSignal): AsyncGenerator<LogLine, void, undefined> {
    while (!signal.aborted) {
      const dropped = this.#dropped;
      const text = this.#waiting.shift();
      if (text === undefined) {
        if (this.#hasEnded) return;
        await new Promise<void>((resolve) => (this.#wake = resolve));
        continue;
      }
      const line = parsed(text, this.#name);
      if (dropped > 0) {
        this.#dropped = 0;
        yield droppedLine(dropped, line?.timeMs ?? 0);
      }
      if (line !== undefined) yield line;
    }
  }
}

function droppedLine(dropped: number, timeMs: number): LogLine {
  const message = `${dropped} lines are missing here: they came faster than they were read`;
  return { timeMs, level: 'warn', from: 'sidecar', message, fields: { dropped } };
}

function entryOf(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** undefined: it is no line of this transform, as one that speaks of a transform in a field within a field. */
function parsed(text: string, name: string): LogLine | undefined {
  const entry = entryOf(text);
  if (entry === undefined || entry['transform'] !== name) return undefined;
  const { time, level, transform: _, from, msg, ...fields } = entry;
  return {
    timeMs: Date.parse(String(time)),
    level: isLogLevel(level) ? level : 'info',
    from: from === 'guest' ? 'guest' : 'sidecar',
    message: typeof msg === 'string' ? msg : '',
    fields,
  };
}

/** A line cut to what is kept: its message first, then whole fields as far as there is room. */
function shortened(text: string): string | undefined {
  const entry = entryOf(text);
  if (entry === undefined) return undefined;
  const { level, time, transform, from, msg, ...fields } = entry;
  const message = typeof msg === 'string' ? msg : '';
  const isLong = message.length > LINE_CHARACTERS_MAX;
  const kept = isLong ? `${message.slice(0, LINE_CHARACTERS_MAX).toWellFormed()}…` : message;
  let room = LINE_CHARACTERS_MAX - kept.length;
  const fitting = Object.entries(fields).filter(([key, value]) => {
    const length = key.length + JSON.stringify(value).length;
    if (length > room) return false;
    room -= length;
    return true;
  });
  return JSON.stringify({ level, time, transform, from, ...Object.fromEntries(fitting), cut: true, msg: kept });
}
