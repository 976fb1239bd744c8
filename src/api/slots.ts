import { RequestError } from './request-error.ts';

/** At most so many of one costly kind of request at a time. */
export class Slots {
  readonly #what: string;
  readonly #max: number;
  #taken = 0;

  constructor(what: string, max: number) {
    this.#what = what;
    this.#max = max;
  }

  /** @returns gives the slot back; calling it again does nothing */
  take(): () => void {
    if (this.#taken >= this.#max) {
      throw new RequestError('request.too_many', `${this.#max} ${this.#what} are under way, which is the most`, {
        suggestion: 'Try again when one of them has ended.',
        headers: { 'retry-after': '5' },
      });
    }
    this.#taken++;
    let isTaken = true;
    return () => {
      if (isTaken) this.#taken--;
      isTaken = false;
    };
  }
}
