/** `  ` same, `- ` expected, `+ ` actual, `…` lines left out. */
export type DiffLine = string;

const CONTEXT = 3;
/** The table of a longer text would take memory nobody has use for: its lines are told one against the other. */
const LINES_MAX = 2000;

/** Lines that differ, with some of those around them. Empty when there are none. */
export function lineDiff(expected: readonly string[], actual: readonly string[]): DiffLine[] {
  const lines =
    expected.length > LINES_MAX || actual.length > LINES_MAX
      ? pairwise(expected, actual)
      : backtrack(expected, actual, commonLengths(expected, actual));
  return shortened(lines);
}

function pairwise(expected: readonly string[], actual: readonly string[]): DiffLine[] {
  const lines: DiffLine[] = [];
  for (let i = 0; i < Math.max(expected.length, actual.length); i++) {
    const [a, b] = [expected[i], actual[i]];
    if (a === b) lines.push(`  ${a ?? ''}`);
    else lines.push(...(a === undefined ? [] : [`- ${a}`]), ...(b === undefined ? [] : [`+ ${b}`]));
  }
  return lines;
}

/** [i * width + j]: length of the longest common subsequence of what follows line i and line j. */
function commonLengths(expected: readonly string[], actual: readonly string[]): Uint16Array {
  const width = actual.length + 1;
  const lengths = new Uint16Array((expected.length + 1) * width);
  for (let i = expected.length - 1; i >= 0; i--) {
    for (let j = actual.length - 1; j >= 0; j--) {
      const at = i * width + j;
      lengths[at] =
        expected[i] === actual[j]
          ? (lengths[at + width + 1] ?? 0) + 1
          : Math.max(lengths[at + width] ?? 0, lengths[at + 1] ?? 0);
    }
  }
  return lengths;
}

function backtrack(expected: readonly string[], actual: readonly string[], lengths: Uint16Array): DiffLine[] {
  const width = actual.length + 1;
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < expected.length || j < actual.length) {
    const [a, b] = [expected[i], actual[j]];
    const at = i * width + j;
    if (a !== undefined && a === b) {
      lines.push(`  ${a}`);
      i++;
      j++;
    } else if (b === undefined || (a !== undefined && (lengths[at + width] ?? 0) >= (lengths[at + 1] ?? 0))) {
      lines.push(`- ${a}`);
      i++;
    } else {
      lines.push(`+ ${b}`);
      j++;
    }
  }
  return lines;
}

function shortened(lines: readonly DiffLine[]): DiffLine[] {
  const isNear = lines.map((_, i) =>
    lines.slice(Math.max(0, i - CONTEXT), i + CONTEXT + 1).some((line) => !line.startsWith('  ')),
  );
  if (!isNear.includes(true)) return [];
  const shown: DiffLine[] = [];
  for (const [i, line] of lines.entries()) {
    if (isNear[i] === true) shown.push(line);
    else if (shown.at(-1) !== '…') shown.push('…');
  }
  return shown;
}
