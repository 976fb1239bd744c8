import type { Clock } from '../base/clock.ts';

/** The part of a structured logger this folder uses. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** A broker that is away says so many times a second: one line per kind and interval, with the number held back. */
const QUIET_MS = 30_000;
const KINDS_MAX = 64;

/** What librdkafka says, at our levels and without a flood. */
export class ClientLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #client: string;
  readonly #redact: (text: string) => string;
  readonly #kinds = new Map<string, { untilMs: number; heldBack: number }>();

  constructor(logger: Logger, clock: Clock, client: string, redact: (text: string) => string) {
    this.#logger = logger;
    this.#clock = clock;
    this.#client = client;
    this.#redact = redact;
  }

  /** A log line of librdkafka (syslog severities). */
  line(entry: { readonly severity: number; readonly fac: string; readonly message: string }): void {
    // CONFWARN: a producer's property in a consumer and the like; ours are shared by all clients on purpose.
    const quiet = entry.severity > 4 || entry.fac === 'CONFWARN';
    if (quiet) {
      this.#logger.debug({ client: this.#client, fac: entry.fac }, this.#redact(entry.message));
      return;
    }
    this.trouble(entry.fac, entry.message);
  }

  /** Trouble the client gets over by itself. */
  trouble(kind: string, message: string): void {
    const nowMs = this.#clock.nowMs();
    const known = this.#kinds.get(kind);
    if (known !== undefined && nowMs < known.untilMs) {
      known.heldBack += 1;
      return;
    }
    if (this.#kinds.size >= KINDS_MAX) this.#kinds.clear();
    this.#kinds.set(kind, { untilMs: nowMs + QUIET_MS, heldBack: 0 });
    const fields = { client: this.#client, kind, ...(known?.heldBack ? { heldBack: known.heldBack } : {}) };
    this.#logger.warn(fields, this.#redact(message));
  }
}
