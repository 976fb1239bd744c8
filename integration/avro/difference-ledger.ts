import assert from 'node:assert/strict';

const SHOWN_A_KIND = 5;
const CHARACTERS_MAX = 1500;

/** What went otherwise than it should, by kind, with all that is needed to repeat it; and how much was looked at. */
export class DifferenceLedger {
  readonly #differences = new Map<string, Map<unknown, string>>();
  readonly #counts = new Map<string, number>();

  count(what: string, n = 1): void {
    this.#counts.set(what, this.of(what) + n);
  }

  of(what: string): number {
    return this.#counts.get(what) ?? 0;
  }

  /** @param facts the seed among them: one case of a seed and kind is kept */
  differ(kind: string, facts: Readonly<Record<string, unknown>>): void {
    const lines = Object.entries(facts).map(([name, fact]) => `    ${name}: ${shown(fact)}`);
    const cases = this.#differences.get(kind) ?? new Map<unknown, string>();
    this.#differences.set(kind, cases.set(facts['seed'], lines.join('\n')));
  }

  /** `a 12, b 3` */
  summary(): string {
    return [...this.#counts].map(([what, n]) => `${what} ${n}`).join(', ');
  }

  /** Fails if anything differed. */
  settle(): void {
    const kinds = [...this.#differences].map(
      ([kind, cases]) => `${kind} (${cases.size} seeds)\n${smallestOf([...cases.values()]).join('\n\n')}`,
    );
    assert.equal(kinds.length, 0, `\n${kinds.join('\n\n')}`);
  }
}

/** The smallest say the most. */
function smallestOf(cases: readonly string[]): string[] {
  return cases.toSorted((a, b) => a.length - b.length).slice(0, SHOWN_A_KIND);
}

function shown(fact: unknown): string {
  if (fact instanceof Error) return fact.message;
  const text = Buffer.isBuffer(fact)
    ? fact.toString('hex')
    : typeof fact === 'string'
      ? fact
      : (JSON.stringify(fact) ?? '');
  return text.length > CHARACTERS_MAX ? `${text.slice(0, CHARACTERS_MAX)}… (${text.length} characters)` : text;
}
