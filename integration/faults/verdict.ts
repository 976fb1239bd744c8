import type { Entry, Fate, Ledger } from '../harness/ledger.ts';

export type Delivery = 'at_least_once' | 'exactly_once';

/** What a member had under way when it was killed or frozen. Its next owner begins at `from`, so this may come again. */
export interface Tail {
  readonly member: string;
  readonly fault: 'killed' | 'frozen';
  /** By input partition. */
  readonly ranges: ReadonlyMap<number, TailRange>;
}

/** Input offsets. */
export interface TailRange {
  /** Committed when the fault came. */
  readonly from: number;
  /** Beyond what was written out when the fault came. */
  readonly written: number;
  /** Beyond what the member may have written at all: one that was frozen may go on until it learns that it is out. */
  readonly to: number;
}

export interface Verdict {
  readonly records: number;
  /** Records that nothing came of. */
  readonly lost: number;
  /** Outcomes beyond the first of a record. */
  readonly duplicates: number;
  /** What goes against the promise, in words; none = it was kept. */
  readonly violations: readonly string[];
}

export interface Evidence {
  readonly ledger: Ledger;
  readonly fateOf: (entry: Entry) => Fate;
  readonly delivery: Delivery;
  /** One for each fault that may repeat records. */
  readonly tails: readonly Tail[];
  /** How many records a member that goes on without knowing that it is out may write: what it had in flight. */
  readonly inFlightMax: number;
  /** Partition → the group's offset in the end. */
  readonly committed: ReadonlyMap<number, number>;
}

/**
 * At least once: nothing is lost, each repeat lies in a tail, a record comes at most once more for each tail it lies in; and order is that
 * of one owner after the other: first occurrences ascend, and what was written is the merge of no more ascending runs than there were
 * owners cut off. Exactly once: each record once, in order. Both: what is committed in the end is the end.
 */
export function judge(evidence: Evidence): Verdict {
  const { ledger, fateOf, delivery, tails, committed, inFlightMax } = evidence;
  const allowed = delivery === 'exactly_once' ? [] : tails;
  const repeatsOf = ({ input }: Entry): number => allowed.filter((tail) => covers(tail, input)).length;
  const violations = ledger.accountProblems(fateOf, repeatsOf);
  if (allowed.length === 0) violations.push(...ledger.orderProblems());
  else {
    violations.push(...ledger.firstOrderProblems());
    violations.push(...ledger.runProblems((partition) => runsMax(allowed, partition)));
    violations.push(...allowed.flatMap((tail) => lateProblems(ledger, tail, inFlightMax)));
  }
  violations.push(...commitProblems(ledger, committed));
  const outcomes = ledger.entries.map(({ outputs, deadLetters }) => outputs.length + deadLetters.length);
  return {
    records: ledger.entries.length,
    lost: outcomes.filter((count) => count === 0).length,
    duplicates: outcomes.reduce((sum, count) => sum + Math.max(0, count - 1), 0),
    violations,
  };
}

function covers({ ranges }: Tail, { partition, offset }: { partition: number; offset: number }): boolean {
  const range = ranges.get(partition);
  return range !== undefined && offset >= range.from && offset < range.to;
}

/** One owner, and one more for each that was cut off in this partition. */
function runsMax(tails: readonly Tail[], partition: number): number {
  return 1 + tails.filter(({ ranges }) => ranges.has(partition)).length;
}

function commitProblems({ entries }: Ledger, committed: ReadonlyMap<number, number>): string[] {
  const ends = new Map<number, number>();
  for (const { input } of entries)
    ends.set(input.partition, Math.max(ends.get(input.partition) ?? 0, input.offset + 1));
  return [...ends].flatMap(([partition, end]) => {
    const offset = committed.get(partition) ?? 0;
    return offset === end ? [] : [`partition ${partition} is committed at ${offset}, its end is ${end}`];
  });
}

/** What a frozen member wrote after it went on. */
function lateProblems(ledger: Ledger, tail: Tail, inFlightMax: number): string[] {
  const late = repeatsIn(ledger, tail).late;
  return late <= inFlightMax
    ? []
    : [`${tail.member} wrote ${late} records after it was out, ${inFlightMax} were in flight`];
}

/** Records of the tail that did come again: of what was written at the fault, and beyond it. */
function repeatsIn(ledger: Ledger, { ranges }: Tail): { early: number; late: number } {
  const repeats = { early: 0, late: 0 };
  for (const { input, outputs, deadLetters } of ledger.entries) {
    const range = ranges.get(input.partition);
    if (range === undefined || outputs.length + deadLetters.length < 2) continue;
    if (input.offset < range.from || input.offset >= range.to) continue;
    repeats[input.offset < range.written ? 'early' : 'late'] += 1;
  }
  return repeats;
}

/** A tail in words, for whoever reads the output. */
export function describeTail(ledger: Ledger, tail: Tail): string {
  const { member, fault, ranges } = tail;
  const filled = [...ranges].filter(([, { from, written }]) => written > from);
  const uncommitted = filled.reduce((sum, [, { from, written }]) => sum + written - from, 0);
  const places = filled.map(([partition, { from, written }]) => `${partition}@${from}–${written - 1}`);
  const { early, late } = repeatsIn(ledger, tail);
  const after = fault === 'frozen' ? `, ${late} written by it later` : '';
  return `${member} ${fault} with ${uncommitted} uncommitted [${places.join(' ')}]: ${early} came again${after}`;
}
