import type { ErrorCode } from '../base/error-code.ts';

/** Why a record is not what its format or schema says. A record's failure: caught where the record is, never beyond. */
export class Misfit extends Error {
  readonly code: ErrorCode;
  readonly #reason: string;
  /** From the inside out. */
  readonly #path: (string | number)[] = [];

  constructor(code: ErrorCode, reason: string) {
    // No stack: it is about a record, costs ten times the rest, and a union that tries its branches makes many.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(reason);
    Error.stackTraceLimit = stackTraceLimit;
    this.name = 'Misfit';
    this.code = code;
    this.#reason = reason;
  }

  /** Told by each level on the way out: only a record that fails pays for its path. */
  within(step: string | number): this {
    this.#path.push(step);
    return this;
  }

  /** `$.user.tags[3]` */
  get path(): string {
    const steps = this.#path.toReversed().map((step) => {
      if (typeof step === 'number') return `[${step}]`;
      return /^[A-Za-z_][A-Za-z0-9_]*$/.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
    });
    return `$${steps.join('')}`;
  }

  /** With the place: what a dead letter says. */
  describe(): string {
    return this.#path.length === 0 ? this.#reason : `${this.path}: ${this.#reason}`;
  }
}

/** Adds a step to a misfit's path; anything else is passed on. */
export function within(thrown: unknown, step: string | number): unknown {
  return thrown instanceof Misfit ? thrown.within(step) : thrown;
}
