import { expectationOf, personalValues, type Expectation } from './expectation.ts';
import { DEMO_TRANSFORMS, writerOf } from './plan.ts';
import { EVENT_HEADER, eventId, headerOf, RUN_HEADER, type FedRecord, type ReadRecord } from './record.ts';

/** What became of the events of one transform. */
export interface TransformTally {
  readonly name: string;
  readonly fed: number;
  output: number;
  deadLettered: number;
  /** Records of earlier runs that were still waiting: done now, not counted above. */
  foreignOutput: number;
  foreignDeadLettered: number;
}

export interface Verdict {
  readonly tallies: readonly TransformTally[];
  readonly lost: number;
  readonly duplicated: number;
  readonly misplaced: number;
  readonly altered: number;
  readonly outOfOrder: number;
  readonly unmasked: number;
  /** One line each; empty = every record is accounted for (I2). */
  readonly problems: readonly string[];
}

type Fault = 'lost' | 'duplicated' | 'misplaced' | 'altered' | 'outOfOrder' | 'unmasked';

/** Compares all that was fed with all that came out since: a full ledger, record by record. */
export class DemoLedger {
  readonly #run: string;
  readonly #fed = new Map<string, FedRecord>();
  readonly #seen = new Map<string, ReadRecord[]>();
  readonly #tallies = new Map<string, TransformTally>();

  constructor(run: string, fed: readonly FedRecord[]) {
    this.#run = run;
    for (const record of fed) this.#fed.set(eventId(record), record);
    for (const { name } of DEMO_TRANSFORMS) {
      const count = fed.filter(({ transform }) => transform === name).length;
      const nothing = { output: 0, deadLettered: 0, foreignOutput: 0, foreignDeadLettered: 0 };
      this.#tallies.set(name, { name, fed: count, ...nothing });
    }
  }

  get fed(): number {
    return this.#fed.size;
  }

  /** Different events that have come out somewhere. */
  get settled(): number {
    return this.#seen.size;
  }

  /** Everything that is in an output or dead-letter topic; each record once, in its partition's order. */
  add(record: ReadRecord): void {
    const writer = writerOf(record.topic);
    const tally = writer === undefined ? undefined : this.#tallies.get(writer.name);
    const dead = record.topic === writer?.deadLetterTopic;
    if (headerOf(record, RUN_HEADER) !== this.#run) {
      if (tally !== undefined && dead) tally.foreignDeadLettered += 1;
      else if (tally !== undefined) tally.foreignOutput += 1;
      return;
    }
    if (tally !== undefined && dead) tally.deadLettered += 1;
    else if (tally !== undefined) tally.output += 1;
    const id = headerOf(record, EVENT_HEADER) ?? placeOf(record);
    const earlier = this.#seen.get(id);
    if (earlier === undefined) this.#seen.set(id, [record]);
    else earlier.push(record);
  }

  judge(): Verdict {
    const faults: Record<Fault, string[]> = {
      ...{ unmasked: [], lost: [], duplicated: [], misplaced: [], altered: [], outOfOrder: [] },
    };
    const personal = this.#personalValues();
    for (const [id, fed] of this.#fed) {
      const [first, ...more] = this.#seen.get(id) ?? [];
      if (first === undefined) {
        faults.lost.push(`lost: ${id} (${fed.sample.kind}) is in no output and in no dead-letter topic`);
        continue;
      }
      for (const again of more) {
        faults.duplicated.push(`duplicated: ${id} is at ${placeOf(first)} and at ${placeOf(again)}`);
      }
      const expected = expectationOf(fed);
      const misplaced = placeFault(first, fed, expected);
      if (misplaced !== undefined) faults.misplaced.push(`in the wrong place: ${id} ${misplaced}`);
      else faults.altered.push(...contentFaults(first, fed, expected).map((fault) => `altered: ${id} ${fault}`));
    }
    for (const [id, [record]] of this.#seen) {
      if (record !== undefined && !this.#fed.has(id)) {
        faults.misplaced.push(`in the wrong place: ${id} at ${placeOf(record)} was never fed`);
      }
    }
    const read = [...this.#seen.values()].flat();
    for (const record of read) {
      if (record.topic === 'clean-events' && reveals(record.value, personal)) {
        faults.unmasked.push(`not masked: ${placeOf(record)} shows a value that had to be masked`);
      }
    }
    faults.outOfOrder.push(...orderFaults(read));
    return {
      tallies: [...this.#tallies.values()],
      lost: faults.lost.length,
      duplicated: faults.duplicated.length,
      misplaced: faults.misplaced.length,
      altered: faults.altered.length,
      outOfOrder: faults.outOfOrder.length,
      unmasked: faults.unmasked.length,
      problems: Object.values(faults).flat(),
    };
  }

  #personalValues(): ReadonlySet<string> {
    const values = new Set<string>();
    for (const { transform, sample } of this.#fed.values()) {
      if (transform === 'mask-pii' && sample.kind === 'plain') {
        for (const value of personalValues(sample.value ?? '')) values.add(value);
      }
    }
    return values;
  }
}

const placeOf = ({ topic, partition, offset }: ReadRecord): string => `${topic}/${String(partition)}@${String(offset)}`;

function placeFault(record: ReadRecord, fed: FedRecord, expected: Expectation): string | undefined {
  if (expected.kind === 'output') {
    return record.topic === expected.topic ? undefined : `is in ${record.topic}, not in ${expected.topic}`;
  }
  if (record.topic !== deadLetterTopicOf(fed))
    return `is in ${record.topic}, and should be a dead letter (${expected.code})`;
  const code = headerOf(record, 'streamline.error.code');
  return code === expected.code ? undefined : `is a dead letter with ${code ?? 'no code'}, not with ${expected.code}`;
}

function deadLetterTopicOf({ transform }: FedRecord): string | undefined {
  return DEMO_TRANSFORMS.find(({ name }) => name === transform)?.deadLetterTopic;
}

/** Key, value, headers and timestamp: the event's own but for what the transform changes. */
function contentFaults(record: ReadRecord, { sample }: FedRecord, expected: Expectation): string[] {
  const faults: string[] = [];
  const value = expected.kind === 'output' ? expected.value : sample.value;
  if (record.value !== value) faults.push(`has another value than expected at ${placeOf(record)}`);
  if (record.key !== sample.key) faults.push(`has another key at ${placeOf(record)}`);
  if (record.timestampMs !== sample.timestampMs) faults.push(`has another timestamp at ${placeOf(record)}`);
  const own = record.headers.slice(0, sample.headers.length);
  const kept = sample.headers.every(([name, text], i) => own[i]?.name === name && own[i]?.value === text);
  if (!kept) faults.push(`has other headers at ${placeOf(record)}`);
  return faults;
}

/** Looks for every string of a value, wherever it stands, and for what stands inside of strings. */
function reveals(value: string | null, personal: ReadonlySet<string>): boolean {
  if (value === null) return false;
  const texts = [...value.matchAll(/"(?:[^"\\]|\\.)*"/g)].map(([quoted]) => unquoted(quoted));
  return texts.some((text) => personal.has(text) || text.split(/[^\w.@+-]+/).some((word) => personal.has(word)));
}

function unquoted(text: string): string {
  try {
    return String(JSON.parse(text));
  } catch {
    return text;
  }
}

/** I3: within a topic, what has one key comes in the order in which it was fed. */
function orderFaults(read: readonly ReadRecord[]): string[] {
  const faults: string[] = [];
  const last = new Map<string, { readonly sequence: number; readonly record: ReadRecord }>();
  const byOffset = read.toSorted(
    (a, b) => a.topic.localeCompare(b.topic) || a.partition - b.partition || a.offset - b.offset,
  );
  for (const record of byOffset) {
    if (record.key === null) continue;
    const [transform = '', sequenceText] = (headerOf(record, EVENT_HEADER) ?? '').split('#');
    const sequence = Number(sequenceText);
    const lane = `${transform}/${record.topic}/${record.key}`;
    const before = last.get(lane);
    if (before !== undefined && before.sequence > sequence) {
      faults.push(`out of order: ${placeOf(record)} was fed before ${placeOf(before.record)} of the same key`);
    }
    last.set(lane, { sequence, record });
  }
  return faults;
}
