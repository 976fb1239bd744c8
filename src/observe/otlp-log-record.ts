import { isLogLevel, type LogLevel } from './log-level.ts';

/** `SeverityNumber` of OpenTelemetry's log data model. */
const SEVERITY: Readonly<Record<LogLevel, number>> = { trace: 1, debug: 5, info: 9, warn: 13, error: 17, fatal: 21 };

type AnyValue =
  | { readonly stringValue: string }
  | { readonly boolValue: boolean }
  | { readonly intValue: string }
  | { readonly doubleValue: number };

/** `LogRecord` of opentelemetry-proto in its JSON form: 64-bit numbers are text. */
export interface OtlpLogRecord {
  readonly timeUnixNano: string;
  readonly observedTimeUnixNano: string;
  readonly severityNumber: number;
  readonly severityText: string;
  readonly body: { readonly stringValue: string };
  readonly attributes: readonly { readonly key: string; readonly value: AnyValue }[];
}

export interface TransformLine {
  readonly transform: string;
  readonly timeMs: number;
  readonly record: OtlpLogRecord;
}

/**
 * A line of the log as an OpenTelemetry log record, named as Redpanda names what its transforms log.
 * @param worker which sidecar it was
 * @returns undefined: it is no line about a transform
 */
export function otlpLogRecord(text: string, worker: string): TransformLine | undefined {
  const entry = JSON.parse(text) as Record<string, unknown>;
  const { time, level, transform, from, msg, ...fields } = entry;
  if (typeof transform !== 'string') return undefined;
  const known = isLogLevel(level) ? level : 'info';
  const timeMs = Date.parse(String(time));
  const timeUnixNano = `${timeMs}000000`;
  const attributes = { transform_name: transform, source: from === 'guest' ? 'guest' : 'sidecar', worker, ...fields };
  return {
    transform,
    timeMs,
    record: {
      timeUnixNano,
      observedTimeUnixNano: timeUnixNano,
      severityNumber: SEVERITY[known],
      severityText: known.toUpperCase(),
      body: { stringValue: typeof msg === 'string' ? msg : '' },
      attributes: Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) })),
    },
  };
}

function anyValue(value: unknown): AnyValue {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value !== 'number') return { stringValue: JSON.stringify(value) };
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}
