const COMPARED_LENGTH_MAX = 64;

/** The candidate a person most likely meant, or undefined when none is near. */
export function nearestName(written: string, candidates: readonly string[]): string | undefined {
  const word = plainForm(written);
  if (word === '') return undefined;
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word, plainForm(candidate));
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  // `retries` for `max_retries`: too far by edits, yet plainly meant.
  return best ?? (word.length < 4 ? undefined : candidates.find((candidate) => plainForm(candidate).includes(word)));
}

/** timeoutMs, timeout-ms and TIMEOUT_MS are all timeout_ms with other habits. */
function plainForm(name: string): string {
  return name
    .slice(0, COMPARED_LENGTH_MAX)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '');
}

/** Levenshtein, where a swap of neighbours counts as one edit. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, at(beforeLast, j - 2) + 1);
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return at(last, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? 0;
}
