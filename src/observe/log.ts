import { pino, stdTimeFunctions, type DestinationStream, type Logger } from 'pino';
import type { LogTail } from './log-tail.ts';
import type { LogTopic } from './log-topic.ts';
import { Redaction } from './redaction.ts';

export type { Logger };

export interface LogOptions {
  readonly level: string;
  readonly destination?: DestinationStream;
  /** Keeps the last lines of transforms. */
  readonly tail?: LogTail;
  /** Sends the lines of transforms to a topic. */
  readonly topic?: LogTopic | undefined;
  /** Knows the secrets of the configuration. */
  readonly redaction?: Redaction;
}

/** Structured lines on stdout. An error is logged as code and message: stacks are for the debugger. */
export function createLog(options: LogOptions): Logger {
  const { redaction = new Redaction(), tail, topic } = options;
  const output = options.destination ?? pino.destination({ dest: 1, sync: true });
  const destination = topic?.tee(output) ?? output;
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    redaction.before(tail?.tee(destination) ?? destination),
  );
}
