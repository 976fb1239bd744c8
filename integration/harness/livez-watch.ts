import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Sidecar } from './sidecar.ts';

const PROMPT_MS = 250;
/** Of a hundred answers. The machine that runs the tests has other work too. */
const LATE_PERCENT_MAX = 5;
const ANY_MS_MAX = 1000;

/** Asks `/livez` again and again, one at a time, until told to end (I7). */
export class LivezWatch {
  #asking = true;
  readonly #asked: Promise<LivezAnswers>;

  constructor(t: TestContext, sidecar: Sidecar) {
    t.after(() => void (this.#asking = false));
    this.#asked = this.#ask(sidecar);
    // Looked at in end(); until then a failure is no unhandled one.
    this.#asked.catch(() => undefined);
  }

  end(): Promise<LivezAnswers> {
    this.#asking = false;
    return this.#asked;
  }

  async #ask(sidecar: Sidecar): Promise<LivezAnswers> {
    const times: number[] = [];
    while (this.#asking) {
      const { status, tookMs } = await sidecar.get('/livez');
      assert.equal(status, 200);
      times.push(tookMs);
    }
    return new LivezAnswers(times);
  }
}

export class LivezAnswers {
  readonly #times: readonly number[];

  constructor(times: readonly number[]) {
    this.#times = times.toSorted((one, other) => one - other);
  }

  describe(): string {
    return `${this.#times.length} answers, the slowest after ${Math.round(this.#times.at(-1) ?? 0)} ms`;
  }

  assertPrompt(): void {
    assert.ok(this.#times.length > 0, 'nothing was asked');
    const late = this.#times.filter((ms) => ms > PROMPT_MS).length;
    assert.ok(
      late * 100 <= this.#times.length * LATE_PERCENT_MAX,
      `${late} later than ${PROMPT_MS} ms: ${this.describe()}`,
    );
    assert.ok((this.#times.at(-1) ?? 0) <= ANY_MS_MAX, this.describe());
  }
}
