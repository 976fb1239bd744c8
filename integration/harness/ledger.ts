import assert from 'node:assert/strict';
import { readAll, type PlainRecord } from '../cluster/client.ts';
import { headerOf, idOf } from './spec.ts';

/** What must become of a record: out, dropped (by filter or policy), or dead-lettered with one of these codes. */
export type Fate = 'output' | 'dropped' | readonly string[];

/** One input record with all that came of it. */
export interface Entry {
  readonly id: string;
  readonly input: PlainRecord;
  readonly outputs: readonly PlainRecord[];
  readonly deadLetters: readonly PlainRecord[];
}

export interface LedgerTopics {
  readonly input: string;
  readonly outputs: readonly string[];
  readonly deadLetters?: readonly string[];
}

export interface LedgerRecords {
  readonly inputs: readonly PlainRecord[];
  readonly outputs: readonly PlainRecord[];
  readonly deadLetters: readonly PlainRecord[];
}

/** A record and what was written of it. */
interface Move {
  readonly from: PlainRecord;
  readonly to: PlainRecord;
}

const PROBLEMS_SHOWN = 20;

/**
 * Accounts for every input record (I2): reads topics in full and finds by the record's id what became of it. Every check returns
 * what is wrong, in words; `assertAccounted` and `assertOrdered` throw it.
 */
export class Ledger {
  readonly entries: readonly Entry[];
  /** Outputs and dead letters that are of no input: without an id, or with one never put in. */
  readonly strangers: readonly PlainRecord[];
  readonly #byId: ReadonlyMap<string, Entry>;

  constructor({ inputs, outputs, deadLetters }: LedgerRecords) {
    const byId = new Map<
      string,
      { id: string; input: PlainRecord; outputs: PlainRecord[]; deadLetters: PlainRecord[] }
    >();
    for (const input of inputs) {
      const id = idOf(input) ?? assert.fail(`the input at ${placeOf(input)} has no id`);
      assert.ok(!byId.has(id), `the input at ${placeOf(input)} has the id ${id} of another`);
      byId.set(id, { id, input, outputs: [], deadLetters: [] });
    }
    const places = new Map(inputs.map((input) => [`${input.topic}/${input.partition}@${input.offset}`, idOf(input)]));
    const strangers: PlainRecord[] = [];
    for (const output of outputs) {
      const entry = byId.get(idOf(output) ?? '');
      if (entry === undefined) strangers.push(output);
      else entry.outputs.push(output);
    }
    for (const letter of deadLetters) {
      // One that was cut down to fit its topic may have lost its own headers, never where it came from.
      const entry = byId.get(idOf(letter) ?? places.get(originOf(letter)) ?? '');
      if (entry === undefined) strangers.push(letter);
      else entry.deadLetters.push(letter);
    }
    this.#byId = byId;
    this.entries = [...byId.values()];
    this.strangers = strangers;
  }

  static async read(bootstrap: string, { input, outputs, deadLetters = [] }: LedgerTopics): Promise<Ledger> {
    const readTopics = async (topics: readonly string[]): Promise<PlainRecord[]> => {
      const read: PlainRecord[][] = [];
      for (const topic of topics) read.push(await readAll(bootstrap, topic, { until: 'end' }));
      return read.flat();
    };
    return new Ledger({
      inputs: await readTopics([input]),
      outputs: await readTopics(outputs),
      deadLetters: await readTopics(deadLetters),
    });
  }

  entry(id: string | number): Entry {
    return this.#byId.get(String(id)) ?? assert.fail(`there is no input ${id}`);
  }

  /** The one output of a record. */
  output(id: string | number): PlainRecord {
    const { outputs, deadLetters } = this.entry(id);
    assert.equal(outputs.length, 1, `record ${id}: outputs, with ${deadLetters.map(codeOf).join()} as dead letters`);
    return outputs[0]!;
  }

  deadLetter(id: string | number): PlainRecord {
    const { deadLetters } = this.entry(id);
    assert.equal(deadLetters.length, 1, `record ${id}: dead letters`);
    return deadLetters[0]!;
  }

  /**
   * I2: each record came to the end it must, once. `extra` says how often more than once a record may have come out, after a
   * kill; 0 unless given.
   */
  accountProblems(fateOf: (entry: Entry) => Fate, extra: (entry: Entry) => number = () => 0): string[] {
    const problems = this.strangers.map((record) => `a stranger at ${placeOf(record)}`);
    for (const entry of this.entries) {
      const problem = fateProblem(entry, fateOf(entry), extra(entry));
      if (problem !== undefined) problems.push(`record ${entry.id} at ${placeOf(entry.input)}: ${problem}`);
    }
    return problems;
  }

  /**
   * I3: what came of one input partition stands in its order in every partition it was written to. After a kill, records from the
   * committed offset on come again: `rewinds` says where the order may step back to, and how often.
   */
  orderProblems(rewinds: readonly ReadonlyMap<number, number>[] = []): string[] {
    const streams = this.#streams(({ outputs, deadLetters }) => [...outputs, ...deadLetters]);
    return [...streams].flatMap(([stream, moves]) => stepsBack(stream, moves, rewinds));
  }

  /**
   * I3 where records may come more than once without a kill: whoever keeps the last of each must end with the newest, so the last
   * occurrences stand in order.
   */
  lastOrderProblems(): string[] {
    const streams = this.#streams(({ outputs, deadLetters }) =>
      [outputs.at(-1), deadLetters.at(-1)].filter((last) => last !== undefined),
    );
    return [...streams].flatMap(([stream, moves]) => stepsBack(stream, moves, []));
  }

  /** I3 where records may come more than once: the first occurrences stand in order, so no record comes out before an older one has. */
  firstOrderProblems(): string[] {
    const streams = this.#streams(({ outputs, deadLetters }) =>
      [outputs[0], deadLetters[0]].filter((first) => first !== undefined),
    );
    return [...streams].flatMap(([stream, moves]) => stepsBack(stream, moves, []));
  }

  /**
   * I3 where owners were cut off and their work was done again, possibly by two at a time: each writes in order, so what was written is
   * the merge of at most `runsMax` ascending runs.
   */
  runProblems(runsMax: (inputPartition: number) => number): string[] {
    const streams = this.#streams(({ outputs, deadLetters }) => [...outputs, ...deadLetters]);
    return [...streams].flatMap(([stream, moves]) => {
      const runs = ascendingRuns(moves);
      const allowed = runsMax(moves[0]?.from.partition ?? -1);
      return runs <= allowed ? [] : [`${stream}: written in ${runs} runs, not in ${allowed}`];
    });
  }

  #streams(written: (entry: Entry) => readonly PlainRecord[]): Map<string, Move[]> {
    const streams = new Map<string, Move[]>();
    for (const entry of this.entries) {
      for (const to of written(entry)) {
        const stream = `${entry.input.partition} → ${to.topic}/${to.partition}`;
        const moves = streams.get(stream) ?? [];
        if (moves.push({ from: entry.input, to }) === 1) streams.set(stream, moves);
      }
    }
    return streams;
  }

  assertAccounted(fateOf: (entry: Entry) => Fate, extra?: (entry: Entry) => number): void {
    assertNone(this.accountProblems(fateOf, extra));
  }

  assertOrdered(rewinds?: readonly ReadonlyMap<number, number>[]): void {
    assertNone(this.orderProblems(rewinds));
  }

  assertLastOrdered(): void {
    assertNone(this.lastOrderProblems());
  }
}

function codeOf(deadLetter: PlainRecord): string {
  return headerOf(deadLetter, 'streamline.error.code') ?? 'no code';
}

export function placeOf({ topic, partition, offset }: PlainRecord): string {
  return `${topic}/${partition}@${offset}`;
}

function originOf(deadLetter: PlainRecord): string {
  const part = (name: string): string => headerOf(deadLetter, `__connect.errors.${name}`) ?? '?';
  return `${part('topic')}/${part('partition')}@${part('offset')}`;
}

function fateProblem({ outputs, deadLetters }: Entry, fate: Fate, extra: number): string | undefined {
  const codes = deadLetters.map(codeOf);
  const found = `${outputs.length} outputs, dead letters [${codes.join(', ')}]`;
  const [wanted, unwanted] = fate === 'output' ? [outputs, deadLetters] : [deadLetters, outputs];
  if (fate === 'dropped') return outputs.length + deadLetters.length === 0 ? undefined : `should be dropped: ${found}`;
  const what = fate === 'output' ? 'an output' : `a dead letter with ${fate.join(' or ')}`;
  if (wanted.length === 0 || unwanted.length > 0) return `should be ${what}: ${found}`;
  if (fate !== 'output' && codes.some((code) => !fate.includes(code))) return `should be ${what}: ${found}`;
  return wanted.length > 1 + extra ? `may come ${1 + extra} times: ${found}` : undefined;
}

function stepsBack(stream: string, moves: readonly Move[], rewinds: readonly ReadonlyMap<number, number>[]): string[] {
  const problems: string[] = [];
  const left = [...rewinds];
  const written = moves.toSorted((one, other) => one.to.offset - other.to.offset);
  for (const [i, { from }] of written.entries()) {
    const before = written[i - 1]?.from;
    if (before === undefined || from.offset > before.offset) continue;
    // Kills come one after the other: a step back uses up this one and those before it.
    const kill = left.findIndex((committed) => from.offset >= (committed.get(from.partition) ?? 0));
    if (kill >= 0) left.splice(0, kill + 1);
    else problems.push(`${stream}: ${from.offset} after ${before.offset}`);
  }
  return problems;
}

/** The least number of ascending runs that merge into what was written. Each record goes to the run that ends closest below it. */
function ascendingRuns(moves: readonly Move[]): number {
  const ends: number[] = [];
  for (const { from } of moves.toSorted((one, other) => one.to.offset - other.to.offset)) {
    let best = -1;
    for (const [run, end] of ends.entries()) {
      if (end < from.offset && (best < 0 || end > (ends[best] ?? -1))) best = run;
    }
    if (best < 0) ends.push(from.offset);
    else ends[best] = from.offset;
  }
  return ends.length;
}

function assertNone(problems: readonly string[]): void {
  if (problems.length === 0) return;
  const more = problems.length > PROBLEMS_SHOWN ? [`and ${problems.length - PROBLEMS_SHOWN} more`] : [];
  assert.fail([`${problems.length} problems`, ...problems.slice(0, PROBLEMS_SHOWN), ...more].join('\n'));
}
