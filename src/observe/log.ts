import { pino, stdTimeFunctions, type DestinationStream, type Logger } from 'pino';
import type { LogTail } from './log-tail.ts';

export type { Logger };

export interface LogOptions {
  readonly level: string;
  readonly destination?: DestinationStream;
  /** Keeps the last lines of transforms. */
  readonly tail?: LogTail;
}

/** Fields whose values never reach a log line, wherever they stand. */
const REDACTED = ['password', 'secret', 'token', 'authorization'].flatMap((name) => [name, `*.${name}`]);

/** Structured lines on stdout. An error is logged as code and message: stacks are for the debugger. */
export function createLog(options: LogOptions): Logger {
  const destination = options.destination ?? pino.destination({ dest: 1, sync: true });
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: REDACTED, censor: '***' },
    },
    options.tail?.tee(destination) ?? destination,
  );
}
