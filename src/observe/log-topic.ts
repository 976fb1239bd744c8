import type { DestinationStream } from 'pino';
import { within, type Clock } from '../base/clock.ts';
import { toStreamlineError, type StreamlineError } from '../base/error.ts';
import { LineQueue } from './line-queue.ts';
import { otlpLogRecord } from './otlp-log-record.ts';
import { transformOfLine } from './transform-of-line.ts';

/** A topic, open for writing. */
export interface LogSink {
  /** Resolves when it is acknowledged. */
  send(key: string, value: string, timestampMs: number): Promise<void>;
  /** What is under way is dropped after the bound. Never rejects. */
  close(timeoutMs: number): Promise<void>;
}

export interface LogTopicOptions {
  /** Connects. @param lost called when the sink is of no use any more */
  readonly open: (lost: (error: StreamlineError) => void) => Promise<LogSink>;
  readonly clock: Clock;
  /** Which sidecar this is. */
  readonly worker: string;
  /** Whether the transform reads the topic: what it logs of a line would be a line. */
  readonly readsTopic: (transform: string) => boolean;
  /** For the log: of no transform, so that it does not come here. */
  readonly trouble: (error: StreamlineError, dropped: number) => void;
}

const QUEUED_LINES_MAX = 10_000;
const QUEUED_CHARACTERS_MAX = 8 * 1024 * 1024;
const IN_FLIGHT_MAX = 500;
const REOPEN_MS = 10_000;
/** A cluster that is away says so once in a while. */
const QUIET_MS = 60_000;

/**
 * Sends the lines of transforms to a topic, each as an OpenTelemetry log record under the transform's name. Stands behind the log, so it has
 * what was written: redacted, nothing below the level. It waits for nothing and fails nothing: what finds no room is dropped and counted.
 */
export class LogTopic {
  readonly #options: LogTopicOptions;
  readonly #queue = new LineQueue(QUEUED_LINES_MAX, QUEUED_CHARACTERS_MAX);
  #sink: LogSink | undefined;
  #inFlight = 0;
  #sent = 0;
  #dropped = 0;
  #closed = false;
  #cancelReopen: (() => void) | undefined;
  #quietUntilMs = -Infinity;
  #idle: (() => void) | undefined;

  constructor(options: LogTopicOptions) {
    this.#options = options;
  }

  /** Since the start. */
  get lines(): { readonly sent: number; readonly dropped: number } {
    return { sent: this.#sent, dropped: this.#dropped };
  }

  /** A destination for the log, before another one. */
  tee(destination: DestinationStream): DestinationStream {
    const tee = {
      write: (line: string): void => {
        destination.write(line);
        this.#take(line);
      },
    };
    if (!('flushSync' in destination) || typeof destination.flushSync !== 'function') return tee;
    return Object.assign(tee, { flushSync: destination.flushSync.bind(destination) as () => void });
  }

  /** Lines wait until it is open. Never rejects: it is tried again until `close`. */
  async start(): Promise<void> {
    const opening = Promise.withResolvers<LogSink>();
    try {
      const sink = await this.#options.open((error) => void opening.promise.then((own) => this.#lost(own, error)));
      opening.resolve(sink);
      if (this.#closed) {
        await sink.close(0);
        return;
      }
      this.#sink = sink;
      this.#pump();
    } catch (thrown) {
      this.#trouble(toStreamlineError(thrown));
      this.#reopen();
    }
  }

  /** Sends what waits, within the bound. Never rejects. */
  async close(timeoutMs: number): Promise<void> {
    const idle = new Promise<void>((resolve) => (this.#idle = resolve));
    this.#pump();
    if (this.#sink !== undefined) await within(this.#options.clock, timeoutMs, idle);
    this.#closed = true;
    this.#cancelReopen?.();
    await this.#sink?.close(0);
    this.#sink = undefined;
  }

  #take(line: string): void {
    if (this.#closed) return;
    const transform = transformOfLine(line);
    if (transform === undefined || this.#options.readsTopic(transform)) return;
    this.#dropped += this.#queue.push(line);
    this.#pump();
  }

  #pump(): void {
    const sink = this.#sink;
    while (sink !== undefined && this.#inFlight < IN_FLIGHT_MAX) {
      const line = this.#queue.shift();
      if (line === undefined) break;
      void this.#send(sink, line);
    }
    if (this.#inFlight === 0 && this.#queue.length === 0) this.#idle?.();
  }

  async #send(sink: LogSink, line: string): Promise<void> {
    this.#inFlight += 1;
    try {
      const entry = otlpLogRecord(line, this.#options.worker);
      if (entry !== undefined) {
        await sink.send(entry.transform, JSON.stringify(entry.record), entry.timeMs);
        this.#sent += 1;
      }
    } catch (thrown) {
      this.#dropped += 1;
      this.#trouble(toStreamlineError(thrown));
    }
    this.#inFlight -= 1;
    this.#pump();
  }

  #lost(sink: LogSink, error: StreamlineError): void {
    if (this.#closed || sink !== this.#sink) return;
    this.#sink = undefined;
    this.#trouble(error);
    void sink.close(0);
    this.#reopen();
  }

  #reopen(): void {
    if (!this.#closed) this.#cancelReopen = this.#options.clock.after(REOPEN_MS, () => void this.start());
  }

  #trouble(error: StreamlineError): void {
    const nowMs = this.#options.clock.nowMs();
    if (nowMs < this.#quietUntilMs) return;
    this.#quietUntilMs = nowMs + QUIET_MS;
    this.#options.trouble(error, this.#dropped);
  }
}
