import { diag, DiagLogLevel, type DiagLogger } from '@opentelemetry/api';
import type { Logger } from '../log.ts';
import type { Environment } from './otel-environment.ts';

/** A collector that is down fails every few seconds: one line a minute says so. */
const QUIET_MS = 60_000;
const MESSAGE_CHARACTERS_MAX = 500;

/** What the SDK has to say, as lines of the log. Replaces its own logger, which writes plain text to stdout. */
export function logDiagnostics(env: Environment, log: Logger): void {
  const asked = env['OTEL_LOG_LEVEL']?.trim().toUpperCase() as keyof typeof DiagLogLevel | undefined;
  const logLevel = (asked === undefined ? undefined : DiagLogLevel[asked]) ?? DiagLogLevel.WARN;
  diag.setLogger(
    quietLogger(log, () => performance.now()),
    { logLevel, suppressOverrideMessage: true },
  );
}

/** @param nowMs monotonic */
export function quietLogger(log: Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>, nowMs: () => number): DiagLogger {
  let quietUntilMs = -Infinity;
  let omitted = 0;
  const trouble = (message: string): void => {
    if (nowMs() < quietUntilMs) {
      omitted += 1;
      return;
    }
    quietUntilMs = nowMs() + QUIET_MS;
    const text = message.slice(0, MESSAGE_CHARACTERS_MAX);
    log.warn({ sdk: text, omitted }, 'OpenTelemetry has trouble: spans may be lost, records are not');
    omitted = 0;
  };
  return {
    error: trouble,
    warn: trouble,
    info: (message) => log.info({ sdk: message }, 'OpenTelemetry'),
    debug: (message) => log.debug({ sdk: message }, 'OpenTelemetry'),
    verbose: (message) => log.debug({ sdk: message }, 'OpenTelemetry'),
  };
}
