import type { FastifyReply } from 'fastify';
import { Readable } from 'node:stream';
import type { LogLine as LogLineView } from '../registry/control.ts';
import type { LogLine } from './rest-shapes.ts';
import { timeOf } from './transform-shape.ts';

function logLineShape(line: LogLineView): LogLine {
  return {
    time: timeOf(line.timeMs),
    level: line.level,
    from: line.from,
    message: line.message,
    fields: { ...line.fields },
  };
}

export interface LogStreamOptions {
  readonly reply: FastifyReply;
  /** Aborts when the client went, or the sidecar ends. */
  readonly signal: AbortSignal;
  readonly stallTimeoutMs: number;
  /** What is said already cannot be taken back: the connection is cut, and the reason is told here. */
  readonly onBroken: (thrown: unknown) => void;
}

const BUFFERED_BYTES = 16 * 1024;

/**
 * Lines as NDJSON, taken one by one as the client takes them. A client that takes nothing for `stallTimeoutMs` is cut off, one that waits
 * for the next line is not. Headers go out at once: whoever follows a quiet log sees that it is connected.
 */
export function logStream(
  lines: AsyncIterable<LogLineView>,
  { reply, signal, stallTimeoutMs, onBroken }: LogStreamOptions,
): Readable {
  const { raw } = reply;
  raw.once('pipe', () => raw.flushHeaders());
  async function* text(): AsyncGenerator<string> {
    try {
      for await (const line of lines) {
        const stalled = setTimeout(() => raw.destroy(), stallTimeoutMs);
        try {
          yield `${JSON.stringify(logLineShape(line))}\n`;
        } finally {
          clearTimeout(stalled);
        }
      }
    } catch (thrown) {
      // The client went, or the sidecar ends: that is how following ends.
      if (signal.aborted) return;
      onBroken(thrown);
      raw.destroy();
    }
  }
  return Readable.from(text(), { objectMode: false, highWaterMark: BUFFERED_BYTES });
}
