import { randomHex } from '../../base/random-hex.ts';

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
    const id = this.#next ?? randomHex(8);
    this.#next = undefined;
    return id;
  };

  readonly generateTraceId = (): string => randomHex(16);
}
