import { ERROR_CODES, type ErrorCode } from '../base/error-code.ts';
import { StreamlineError, toStreamlineError, type ErrorDetails } from '../base/error.ts';
import type { ErrorShape } from '../api/rest-shapes.ts';

export interface CommandErrorDetails extends ErrorDetails {
  /** What a sidecar answered with; of the code unless given. */
  readonly httpStatus?: number;
  /** Everything that is wrong, where that is more than one thing. */
  readonly reasons?: readonly StreamlineError[];
}

/** An error with every reason of it: what a sidecar answered, or the faults of a local file. */
export class CommandError extends StreamlineError {
  readonly httpStatus: number;
  readonly reasons: readonly StreamlineError[];

  constructor(code: ErrorCode, message: string, details: CommandErrorDetails = {}) {
    super(code, message, details);
    this.httpStatus = details.httpStatus ?? ERROR_CODES[code].httpStatus;
    this.reasons = details.reasons ?? [];
  }

  override describe(): string {
    const reasons = this.reasons.map((reason) => `\n- ${reason.describe().replaceAll('\n', '\n  ')}`);
    return `${super.describe()}${reasons.join('')}`;
  }
}

/** The command was written wrong: exit code 2. */
export function usageError(message: string, suggestion?: string): CommandError {
  return new CommandError('request.invalid', message, { suggestion });
}

/** One error for all that is wrong with a file. */
export function errorOf(errors: readonly [StreamlineError, ...StreamlineError[]], what: string): StreamlineError {
  const [first, ...others] = errors;
  if (others.length === 0) return first;
  return new CommandError(first.code, `${what}: ${errors.length} errors`, { reasons: errors });
}

/** What a sidecar said, as an error of ours. Codes it knows and we do not become those of the same status. */
export function errorOfShape(shape: ErrorShape): CommandError {
  const code = shape.code in ERROR_CODES ? (shape.code as ErrorCode) : codeOfStatus(shape.error_code);
  return new CommandError(code, shape.message, {
    httpStatus: shape.error_code,
    place: shape.place,
    configPath: shape.configPath,
    suggestion: shape.suggestion,
    reasons: (shape.reasons ?? []).map(errorOfShape),
  });
}

export function codeOfStatus(status: number): ErrorCode {
  switch (status) {
    case 401:
      return 'request.unauthorized';
    case 403:
      return 'request.forbidden';
    case 404:
      return 'request.not_found';
    case 405:
      return 'request.method';
    case 408:
      return 'request.timeout';
    case 413:
      return 'request.too_large';
    case 415:
      return 'request.media_type';
    case 429:
      return 'request.too_many';
    case 502:
    case 503:
    case 504:
      return 'sidecar.unreachable';
    default:
      return status >= 400 && status < 500 ? 'request.invalid' : 'bug.unexpected';
  }
}

/** What `--json` prints of an error: the shape the API has. */
export function shapeOf(thrown: unknown): Record<string, unknown> {
  const error = toStreamlineError(thrown);
  const ours = error instanceof CommandError ? error : undefined;
  const reasons = ours?.reasons ?? [];
  return {
    error_code: ours?.httpStatus ?? ERROR_CODES[error.code].httpStatus,
    ...error.toJSON(),
    ...(reasons.length === 0 ? {} : { reasons: reasons.map(shapeOf) }),
  };
}

export function exitCodeOf(thrown: unknown): 1 | 2 | 3 {
  return ERROR_CODES[toStreamlineError(thrown).code].exitCode;
}
