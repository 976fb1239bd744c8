import type { Arrivals } from './arrivals.ts';
import { knownValues, RECORDS, type Look, type Seen } from './load.ts';

/** One that had records, in the order they took over. */
export interface ServedVersion {
  readonly name: string;
  /** Digest. */
  readonly module: string;
  readonly look: Look;
  /** It was taken back: so many records of its trial may have left before it trapped, in all. */
  readonly trialRecordsMax?: number;
}

/** What the sidecar says: where a version took over on a partition of the input. */
export interface ToldSwitch {
  /** Index of the version. */
  readonly version: number;
  readonly partition: number;
  readonly offset: number;
}

export interface Evidence {
  readonly arrivals: Arrivals;
  readonly partitions: number;
  readonly versions: readonly ServedVersion[];
  readonly switches: readonly ToldSwitch[];
}

export interface Verdict {
  readonly lost: number;
  readonly duplicated: number;
  readonly outOfOrder: number;
  /** What goes against the promise, in words; none = it was kept. */
  readonly violations: readonly string[];
}

/**
 * Each record once, in its partition's order (I2, I3); and the versions of a partition follow one another as they took over: none comes back,
 * none had a record before or after its time, none that was refused had one at all (I10). Where the sidecar says that a version took over is
 * where its first record is.
 */
export function judge({ arrivals, partitions, versions, switches }: Evidence): Verdict {
  const { sent, id, partition } = arrivals;
  const violations: string[] = [];
  const times = new Uint8Array(sent);
  const rowOf = new Int32Array(sent).fill(-1);
  const last = new Float64Array(partitions).fill(-1);
  const lastOffset = new Float64Array(partitions).fill(-1);
  let [outOfOrder, strangers, misplaced] = [0, 0, 0];
  for (let row = 0; row < id.length; row += 1) {
    const [own = -1, place = -1] = [id[row], partition[row]];
    if (own < 0 || own >= sent) {
      strangers += 1;
      continue;
    }
    times[own] = Math.min(255, (times[own] ?? 0) + 1);
    if (rowOf[own] === -1) rowOf[own] = row;
    if (own % partitions !== place) misplaced += 1;
    if ((arrivals.offset[row] ?? -1) <= (lastOffset[place] ?? -1)) violations.push(`row ${row} is read out of order`);
    lastOffset[place] = arrivals.offset[row] ?? -1;
    if (own < (last[place] ?? -1)) outOfOrder += 1;
    last[place] = Math.max(own, last[place] ?? -1);
  }
  let [lost, duplicated] = [0, 0];
  for (const count of times) {
    if (count === 0) lost += 1;
    if (count > 1) duplicated += count - 1;
  }
  const say = (count: number, what: string): void => {
    if (count > 0) violations.push(`${count} ${what}`);
  };
  say(lost, 'records lost');
  say(duplicated, 'records came more than once');
  say(outOfOrder, 'records out of order');
  say(strangers, 'records that nobody sent');
  say(misplaced, 'records in another partition');
  const makers = makersOf(arrivals);
  violations.push(...makers.violations);
  violations.push(...sequenceProblems(arrivals, partitions, versions, makers));
  violations.push(...switchProblems(rowOf, partitions, versions, switches, makers));
  return { lost, duplicated, outOfOrder, violations };
}

/** Which module made what of each arrival. */
interface Makers {
  /** By row: an index of `names`. */
  readonly maker: Int32Array;
  readonly names: readonly string[];
  readonly violations: readonly string[];
}

function makerName({ module, look }: Pick<ServedVersion, 'module' | 'look'>): string {
  return `${module.slice(0, 8)} ${look}`;
}

function makersOf({ id, module, value, texts }: Arrivals): Makers {
  const known = knownValues();
  const seenOf = texts.map((text): Seen | undefined => known.get(text));
  const names: string[] = [];
  const numbers = new Map<string, number>();
  const maker = new Int32Array(id.length);
  let [strange, foreign] = [0, 0];
  const example: string[] = [];
  for (let row = 0; row < id.length; row += 1) {
    const seen = seenOf[value[row] ?? -1];
    if (seen === undefined) {
      strange += 1;
      example[0] ??= texts[value[row] ?? -1]?.slice(0, 200) ?? '';
    } else if (seen.record !== (id[row] ?? -1) % RECORDS) foreign += 1;
    const name = makerName({ module: texts[module[row] ?? -1] ?? '', look: seen?.look ?? '?' });
    let number = numbers.get(name);
    if (number === undefined) {
      number = names.push(name) - 1;
      numbers.set(name, number);
    }
    maker[row] = number;
  }
  const violations = [
    ...(strange > 0 ? [`${strange} outputs that no version makes: ${example[0]}`] : []),
    ...(foreign > 0 ? [`${foreign} outputs of another record`] : []),
  ];
  return { maker, names, violations };
}

/** In each partition the makers are those of the versions, in their order. */
function sequenceProblems(
  { partition }: Arrivals,
  partitions: number,
  versions: readonly ServedVersion[],
  { maker, names }: Makers,
): string[] {
  const turns = Array.from({ length: partitions }, () => new Turns(versions));
  for (let row = 0; row < maker.length; row += 1) turns[partition[row] ?? -1]?.see(maker[row] ?? -1, names);
  for (const one of turns) one.end();
  const problems = turns.flatMap((one, place) =>
    one.problem === undefined ? [] : [`partition ${place}: ${one.problem}`],
  );
  for (const [version, { name, trialRecordsMax }] of versions.entries()) {
    const count = turns.reduce((sum, { trialRecords }) => sum + (trialRecords.get(version) ?? 0), 0);
    if (trialRecordsMax === undefined || count <= trialRecordsMax) continue;
    problems.push(`${count} records of ${name}, which was taken back, have left`);
  }
  return problems;
}

/** Whose turn it is in one partition. */
class Turns {
  /** Of versions that were taken back, by index. */
  readonly trialRecords = new Map<number, number>();
  problem: string | undefined;
  readonly #versions: readonly ServedVersion[];
  readonly #makers: readonly string[];
  #version = 0;
  #maker = -1;

  constructor(versions: readonly ServedVersion[]) {
    this.#versions = versions;
    this.#makers = versions.map(makerName);
  }

  see(maker: number, names: readonly string[]): void {
    if (this.problem !== undefined) return;
    if (maker !== this.#maker) this.#change(names[maker] ?? '');
    this.#maker = maker;
    if (this.#versions[this.#version]?.trialRecordsMax === undefined) return;
    this.trialRecords.set(this.#version, (this.trialRecords.get(this.#version) ?? 0) + 1);
  }

  end(): void {
    const missed = this.#missed(this.#versions.length);
    if (this.problem === undefined && missed !== undefined) this.problem = `nothing of ${missed}`;
  }

  #change(name: string): void {
    const next = this.#makers.indexOf(name, this.#version);
    const missed = next < 0 ? undefined : this.#missed(next);
    const before = this.#versions[this.#version]?.name;
    if (next < 0) this.problem = `${name} after ${before}, which is nobody's turn`;
    else if (missed !== undefined) this.problem = `${name} after ${before}, nothing of ${missed}`;
    else this.#version = next;
  }

  /**
   * The first that had its turn before `next` and no record. Two that make the same cannot be told apart, and one that was taken back need
   * not have any.
   */
  #missed(next: number): string | undefined {
    const distinct = (index: number): boolean => this.#makers[index] !== this.#makers[this.#version];
    return this.#versions.find(
      ({ trialRecordsMax }, index) =>
        index > this.#version && index < next && distinct(index) && trialRecordsMax === undefined,
    )?.name;
  }
}

/** Where the sidecar says that a version took over, its records begin; the one before is not its own, where they can be told apart. */
function switchProblems(
  rowOf: Int32Array,
  partitions: number,
  versions: readonly ServedVersion[],
  switches: readonly ToldSwitch[],
  { maker, names }: Makers,
): string[] {
  const problems: string[] = [];
  const lastOffset = new Map<number, number>();
  const madeBy = (partition: number, offset: number): string | undefined => {
    const row = rowOf[offset * partitions + partition] ?? -1;
    return row < 0 ? undefined : names[maker[row] ?? -1];
  };
  for (const { version, partition, offset } of switches) {
    const own = versions[version];
    const before = versions.slice(0, version).findLast(({ trialRecordsMax }) => trialRecordsMax === undefined);
    if (own === undefined) continue;
    const place = `${own.name} took over at ${partition}@${offset}`;
    if (offset <= (lastOffset.get(partition) ?? -1)) problems.push(`${place}, not beyond the one before`);
    lastOffset.set(partition, offset);
    const [first, last] = [madeBy(partition, offset), madeBy(partition, offset - 1)];
    if (first !== makerName(own)) problems.push(`${place}, whose record is by ${first ?? 'nobody'}`);
    const isOwn = last === makerName(own) && before !== undefined && makerName(before) !== last;
    if (offset > 0 && isOwn) problems.push(`${place}, but had the record before already`);
  }
  return problems;
}
