import type { Clock } from '../base/clock.ts';
import { StreamlineError } from '../base/error.ts';
import { createLog, type Logger, type LogOptions } from './log.ts';
import type { LogLevel } from './log-level.ts';

export interface LoggersOptions extends LogOptions {
  readonly level: LogLevel;
  readonly clock: Clock;
}

export interface LoggerState {
  /** `root`, or a transform's name. */
  readonly name: string;
  readonly level: LogLevel;
  /** undefined: never, since the sidecar started. */
  readonly lastModifiedMs: number | undefined;
}

interface Entry {
  readonly log: Logger;
  /** undefined: the root's. */
  ownLevel: LogLevel | undefined;
  lastModifiedMs: number | undefined;
}

const ROOT = 'root';

/**
 * The log of the sidecar and of each transform, with levels that can change while it runs. A transform without a level of its own has
 * the root's. Loggers made of these by `child` follow, whenever they were made: in pino a child has its parent for a prototype, and a
 * level of its own only when it was given one.
 */
export class Loggers {
  readonly root: Logger;
  readonly #options: LoggersOptions;
  readonly #transforms = new Map<string, Entry>();
  #level: LogLevel;
  #lastModifiedMs: number | undefined;

  constructor(options: LoggersOptions) {
    this.#options = options;
    this.#level = options.level;
    this.root = createLog(options);
  }

  /** The one logger of a transform; `tail` keeps its lines from now on. */
  forTransform(name: string): Logger {
    const known = this.#transforms.get(name);
    if (known !== undefined) return known.log;
    const log = this.root.child({ transform: name });
    this.#transforms.set(name, { log, ownLevel: undefined, lastModifiedMs: undefined });
    this.#options.tail?.open(name);
    return log;
  }

  /** The root first, then in alphabetical order. */
  list(): readonly LoggerState[] {
    const transforms = [...this.#transforms].map(([name, { ownLevel, lastModifiedMs }]) => {
      return { name, level: ownLevel ?? this.#level, lastModifiedMs };
    });
    const root = { name: ROOT, level: this.#level, lastModifiedMs: this.#lastModifiedMs };
    return [root, ...transforms.toSorted((a, b) => (a.name < b.name ? -1 : 1))];
  }

  /**
   * `root`: of every transform without a level of its own, too. Throws transform.not_found for a name without a logger.
   * @returns the names whose level is another one now
   */
  setLevel(name: string, level: LogLevel): readonly string[] {
    return name === ROOT ? this.#setRoot(level) : this.#setTransform(name, level);
  }

  /** The transform is gone, with its level and its lines. */
  forget(name: string): void {
    this.#transforms.delete(name);
    this.#options.tail?.forget(name);
  }

  #setRoot(level: LogLevel): readonly string[] {
    if (level === this.#level) return [];
    this.#level = level;
    this.#lastModifiedMs = this.#options.clock.wallMs();
    this.root.level = level;
    const followers = [...this.#transforms].filter(([, { ownLevel }]) => ownLevel === undefined);
    for (const [, entry] of followers) entry.lastModifiedMs = this.#lastModifiedMs;
    return [ROOT, ...followers.map(([name]) => name).toSorted()];
  }

  #setTransform(name: string, level: LogLevel): readonly string[] {
    const entry = this.#transforms.get(name);
    if (entry === undefined) {
      throw new StreamlineError('transform.not_found', `there is no logger ${name}`, {
        suggestion: 'A logger is root or the name of a transform.',
      });
    }
    const before = entry.ownLevel ?? this.#level;
    // Its own from now on, even where it is the root's: a later change of that leaves it.
    entry.ownLevel = level;
    entry.log.level = level;
    if (before === level) return [];
    entry.lastModifiedMs = this.#options.clock.wallMs();
    return [name];
  }
}
