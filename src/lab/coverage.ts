import type { LabExports } from './lab-transform.ts';
import type { RecordOutcome } from './outcome.ts';

/** Which exports the cases have made answer, and how often either way: what is 0 no case has shown. */
export interface Coverage {
  /** Absent: not exported. It was called for each case that ran. */
  readonly init?: { readonly called: number };
  readonly filter?: { readonly passed: number; readonly dropped: number };
  readonly transform: { readonly changed: number; readonly unchanged: number; readonly failed: number };
  readonly route?: { readonly named: number; readonly default: number };
}

/** Adds up what records tell of the exports they went through. */
export class CoverageCount {
  readonly #exports: LabExports;
  #cases = 0;
  readonly #counts = { passed: 0, dropped: 0, changed: 0, unchanged: 0, failed: 0, named: 0, default: 0 };

  constructor(exports: LabExports) {
    this.#exports = exports;
  }

  addCase(): void {
    this.#cases += 1;
  }

  /** @param shown the guest has seen the record: not a tombstone that passes it by */
  add({ outputs, failure, unchanged, routed }: RecordOutcome, shown: boolean): void {
    if (!shown) return;
    const counts = this.#counts;
    if (failure !== undefined) counts.failed += 1;
    else if (outputs.length === 0) counts.dropped += 1;
    else {
      counts.passed += 1;
      counts[unchanged ? 'unchanged' : 'changed'] += 1;
      counts[routed ? 'named' : 'default'] += 1;
    }
  }

  get coverage(): Coverage {
    const { passed, dropped, changed, unchanged, failed, named, default: byDefault } = this.#counts;
    return {
      ...(this.#exports.init ? { init: { called: this.#cases } } : {}),
      ...(this.#exports.filter ? { filter: { passed, dropped } } : {}),
      transform: { changed, unchanged, failed },
      ...(this.#exports.route ? { route: { named, default: byDefault } } : {}),
    };
  }
}
