import { ERROR_CODES } from '../base/error-code.ts';
import { StreamlineError } from '../base/error.ts';
import type { ErrorShape } from './rest-shapes.ts';

/** An error as the API shows it: never a stack, never a cause. */
export function errorShapeOf(error: StreamlineError): ErrorShape {
  const reasons = reasonsOf(error);
  return {
    error_code: ERROR_CODES[error.code].httpStatus,
    code: error.code,
    message: error.message,
    origin: error.origin,
    retriable: error.retriable,
    ...(error.place === undefined ? {} : { place: error.place }),
    ...(error.configPath === undefined ? {} : { configPath: error.configPath }),
    ...(error.suggestion === undefined ? {} : { suggestion: error.suggestion }),
    ...(reasons.length === 0 ? {} : { reasons: reasons.map(errorShapeOf) }),
  };
}

/** Errors that stand for several carry them as `reasons`, whoever made them. */
function reasonsOf(error: StreamlineError): readonly StreamlineError[] {
  const reasons: unknown = (error as { readonly reasons?: unknown }).reasons;
  if (!Array.isArray(reasons) || reasons.length < 2) return [];
  return reasons.filter((reason) => reason instanceof StreamlineError && reason !== error);
}
