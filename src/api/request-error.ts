import type { ErrorCode } from '../base/error-code.ts';
import { StreamlineError, type ErrorDetails } from '../base/error.ts';

export interface RequestErrorDetails extends ErrorDetails {
  /** All that is wrong, when it is more than one thing. */
  readonly reasons?: readonly StreamlineError[];
  /** Of the response: Allow, Retry-After, WWW-Authenticate. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** What is wrong with a request, as opposed to what the sidecar cannot do. */
export class RequestError extends StreamlineError {
  readonly reasons: readonly StreamlineError[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, message: string, details: RequestErrorDetails = {}) {
    super(code, message, details);
    this.reasons = details.reasons ?? [];
    this.headers = details.headers ?? {};
  }
}
