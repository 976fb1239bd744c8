import { randomBytes } from 'node:crypto';

/**
 * Makes ids for the SDK, but for the next span the one it is told: the headers of an output name a span, in the guest thread, before there is
 * one.
 */
export class ChosenIds {
  #next: string | undefined;

  /** Of the span that is started next, at once. */
  choose(spanId: string): void {
    this.#next = spanId;
  }

  readonly generateSpanId = (): string => {
    const id = this.#next ?? randomBytes(8).toString('hex');
    this.#next = undefined;
    return id;
  };

  readonly generateTraceId = (): string => randomBytes(16).toString('hex');
}
