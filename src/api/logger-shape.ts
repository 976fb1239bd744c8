import type { LoggerView, LogLevel } from '../registry/control.ts';
import type { Logger } from './rest-shapes.ts';

export function loggerShape(view: LoggerView): Logger {
  return { level: view.level.toUpperCase() as Uppercase<LogLevel>, last_modified: view.lastModifiedMs ?? null };
}
