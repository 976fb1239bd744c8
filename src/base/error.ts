import { ERROR_CODES, type ErrorCode, type ErrorOrigin } from './error-code.ts';

export interface ErrorDetails {
  /** Where: file with line and column if known, `specs/mask.yaml:4:3`. */
  readonly place?: string | undefined;
  /** JSON pointer of the field at fault, `/errors/max_retries`. */
  readonly configPath?: string | undefined;
  /** What to do instead, one sentence. */
  readonly suggestion?: string | undefined;
  readonly cause?: unknown;
}

/** The one error type of this program. A record's failure is a value (pipeline/failure.ts), not one of these. */
export class StreamlineError extends Error {
  readonly code: ErrorCode;
  readonly place: string | undefined;
  readonly configPath: string | undefined;
  readonly suggestion: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'StreamlineError';
    this.code = code;
    this.place = details.place;
    this.configPath = details.configPath;
    this.suggestion = details.suggestion;
  }

  get origin(): ErrorOrigin {
    return ERROR_CODES[this.code].origin;
  }

  get retriable(): boolean {
    return ERROR_CODES[this.code].retriable;
  }

  /** What an API or `--json` shows: never a stack. */
  toJSON(): Record<string, unknown> {
    return {
      code: this.code,
      message: this.message,
      origin: this.origin,
      retriable: this.retriable,
      ...(this.place === undefined ? {} : { place: this.place }),
      ...(this.configPath === undefined ? {} : { configPath: this.configPath }),
      ...(this.suggestion === undefined ? {} : { suggestion: this.suggestion }),
    };
  }

  /** One or two lines for a person. */
  describe(): string {
    const where = [this.place, this.configPath].filter((part) => part !== undefined).join(' ');
    const hint = this.suggestion === undefined ? '' : `\n  ${this.suggestion}`;
    return `${where === '' ? '' : `${where}: `}${this.message} [${this.code}]${hint}`;
  }
}

/** Something refused for one or more reasons: code and message are the first one's, `reasons` has them all. */
export class RefusedError extends StreamlineError {
  readonly reasons: readonly StreamlineError[];

  constructor(reasons: readonly [StreamlineError, ...StreamlineError[]]) {
    const [first, ...rest] = reasons;
    const others = rest
      .slice(0, 3)
      .map(({ message }) => message)
      .join('; ');
    const more = rest.length > 0 ? ` (and ${rest.length} more: ${others})` : '';
    const { place, configPath, suggestion } = first;
    super(first.code, first.message + more, { place, configPath, suggestion });
    this.reasons = reasons;
  }

  override toJSON(): Record<string, unknown> {
    return {
      ...super.toJSON(),
      ...(this.reasons.length > 1 ? { reasons: this.reasons.map((reason) => reason.toJSON()) } : {}),
    };
  }
}

/** Any thrown value as ours: an unknown one is a bug and says so. */
export function toStreamlineError(thrown: unknown): StreamlineError {
  if (thrown instanceof StreamlineError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new StreamlineError('bug.unexpected', message, { cause: thrown });
}
