/** Fails the record it is thrown for; the spec's `errors` say what becomes of it. */
export class Failure extends Error {
  /** Whether the same record may succeed when it is tried again. */
  retry;

  constructor(message, { retry = false, cause } = {}) {
    super(message, { cause });
    this.name = 'Failure';
    this.retry = retry;
  }
}
