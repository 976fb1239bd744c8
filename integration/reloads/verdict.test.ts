import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Arrivals } from './arrivals.ts';
import { knownValues, maskedLook, RECORDS, UPPER_LOOK, type Look } from './load.ts';
import { quantileMs, spansOf } from './latency.ts';
import type { Reload } from './live-transform.ts';
import { judge, type ServedVersion, type ToldSwitch, type Verdict } from './verdict.ts';

/* The judge can condemn: each fault a reload may have is put in front of it. 40 records in two partitions; three versions take over. */

const PARTITIONS = 2;
const SENT = 40;
const [EMAIL, PHONE] = [maskedLook(['email']), maskedLook(['phone'])];
const FIRST: ServedVersion = { name: 'first', module: 'aaaa', look: EMAIL };
const SECOND: ServedVersion = { name: 'second', module: 'aaaa', look: PHONE };
const THIRD: ServedVersion = { name: 'third', module: 'bbbb', look: PHONE };
const BAD: ServedVersion = { name: 'bad', module: 'cccc', look: UPPER_LOOK, trialRecordsMax: 2 };
const VERSIONS = [FIRST, SECOND, THIRD];
/** Input offsets where they take over, in both partitions. */
const SWITCHES: readonly ToldSwitch[] = [0, 1].flatMap((partition) => [
  { version: 1, partition, offset: 6 },
  { version: 2, partition, offset: 12 },
]);

interface Output {
  readonly id: number;
  readonly by: Pick<ServedVersion, 'module' | 'look'>;
  /** Whose content, when that is another's. */
  readonly content?: number;
  readonly partition?: number;
}

/** What a sidecar without fault writes. */
function fine(): Output[] {
  return Array.from({ length: SENT }, (_, id) => {
    const offset = Math.floor(id / PARTITIONS);
    return { id, by: offset < 6 ? FIRST : offset < 12 ? SECOND : THIRD };
  });
}

function withBy(by: Output['by'], ...ids: number[]): Output[] {
  return fine().map((one) => (ids.includes(one.id) ? { ...one, by } : one));
}

const texts: string[] = [];
const numberOf = (text: string): number => (texts.includes(text) ? texts.indexOf(text) : texts.push(text) - 1);
const known = [...knownValues()];

function valueOf(record: number, look: Look): string {
  const found = known.find(([, seen]) => seen.record === record && seen.look === look);
  return found?.[0] ?? '{"nobody": "made it"}';
}

function arrivalsOf(outputs: readonly Output[]): Arrivals {
  const offsets = [0, 0];
  const partition = outputs.map((output) => output.partition ?? output.id % PARTITIONS);
  return {
    sentMs: new Float64Array(outputs.length),
    tookMs: new Float64Array(outputs.length),
    offset: Float64Array.from(partition, (place) => (offsets[place] = (offsets[place] ?? 0) + 1)),
    id: Int32Array.from(outputs, ({ id }) => id),
    partition: Int32Array.from(partition),
    module: Int32Array.from(outputs, ({ by }) => numberOf(by.module)),
    value: Int32Array.from(outputs, ({ id, by, content = id }) => numberOf(valueOf(content % RECORDS, by.look))),
    texts,
    sent: SENT,
  };
}

function verdict(
  outputs: readonly Output[],
  versions: readonly ServedVersion[] = VERSIONS,
  switches: readonly ToldSwitch[] = SWITCHES,
): Verdict {
  return judge({ arrivals: arrivalsOf(outputs), partitions: PARTITIONS, versions, switches });
}

function condemns(outputs: readonly Output[], why: RegExp, versions = VERSIONS, switches = SWITCHES): Verdict {
  const judged = verdict(outputs, versions, switches);
  assert.match(judged.violations.join('\n'), why);
  return judged;
}

test('each record once, in order, by the versions in theirs: nothing to say', () => {
  assert.deepEqual(verdict(fine()), { lost: 0, duplicated: 0, outOfOrder: 0, violations: [] });
});

test('records lost, repeated, out of order, of nobody, elsewhere', () => {
  assert.equal(
    condemns(
      fine().filter(({ id }) => id !== 17 && id !== 39),
      /2 records lost/,
    ).lost,
    2,
  );
  const repeated = [...fine().slice(0, 10), ...fine().slice(6)];
  assert.equal(condemns(repeated, /4 records came more than once/).duplicated, 4);
  const swapped = fine();
  [swapped[20], swapped[22]] = [swapped[22]!, swapped[20]!];
  assert.equal(condemns(swapped, /1 records out of order/).outOfOrder, 1);
  condemns([...fine(), { id: SENT, by: THIRD }], /1 records that nobody sent/);
  condemns([...fine().slice(0, -1), { id: 39, by: THIRD, partition: 0 }], /1 records in another partition/);
});

test('content that no version makes, and that of another record', () => {
  condemns(withBy({ module: 'bbbb', look: 'nothing known' }, 30), /1 outputs that no version makes/);
  condemns(
    fine().map((one) => (one.id === 30 ? { ...one, content: 31 } : one)),
    /1 outputs of another record/,
  );
});

test('a version before its time, after it, again, or never', () => {
  condemns(withBy(SECOND, 6), /partition 0: aaaa masks email after second, which is nobody's turn/);
  condemns(withBy(FIRST, 15), /partition 1: aaaa masks email after second/);
  condemns(withBy(SECOND, 39), /partition 1: aaaa masks phone after third/);
  condemns(withBy(FIRST, ...Array.from({ length: 40 }, (_, id) => id)), /partition 0: nothing of second/);
  const skipped = fine().map((one) => (one.by === SECOND ? { ...one, by: FIRST } : one));
  condemns(skipped, /bbbb masks phone after first, nothing of second/);
  // A config that is old and a module that is new: no record is made by half a version.
  condemns(withBy({ module: 'bbbb', look: EMAIL }, 24), /bbbb masks email after/);
});

test('a version that was refused', () => {
  condemns(withBy(BAD, 14), /cccc upper-cases after second, which is nobody's turn/);
});

test('one that was taken back may have had no more of its trial than it may', () => {
  const versions = [FIRST, SECOND, BAD, SECOND, THIRD];
  const switches = SWITCHES.map((one) => (one.version === 2 ? { ...one, version: 4 } : one));
  assert.deepEqual(verdict(fine(), versions, switches).violations, []);
  assert.deepEqual(verdict(withBy(BAD, 16, 17), versions, switches).violations, []);
  condemns(withBy(BAD, 16, 17, 18), /3 records of bad, which was taken back, have left/, versions, switches);
  condemns(withBy(BAD, 30), /cccc upper-cases after third/, versions, switches);
});

test('versions that cannot be told apart are no fault', () => {
  const versions = [FIRST, { ...FIRST, name: 'with another limit' }, SECOND, THIRD];
  const switches = SWITCHES.map((one) => ({ ...one, version: one.version + 1 }));
  const told = [{ version: 1, partition: 0, offset: 3 }, ...switches];
  assert.deepEqual(verdict(fine(), versions, told).violations, []);
});

test('a switch that was told where none was', () => {
  const told = (offset: number): ToldSwitch[] => [{ version: 1, partition: 0, offset }];
  assert.deepEqual(verdict(fine(), VERSIONS, told(6)).violations, []);
  condemns(fine(), /second took over at 0@5, whose record is by aaaa masks email/, VERSIONS, told(5));
  condemns(fine(), /second took over at 0@7, but had the record before already/, VERSIONS, told(7));
  condemns(fine(), /third took over at 0@6, not beyond the one before/, VERSIONS, [
    ...told(6),
    { ...told(6)[0]!, version: 2 },
  ]);
});

test('latency by spans: between reloads, around switches, while a change is prepared', () => {
  const reload = (fromMs: number, toMs: number, switched: boolean): Reload => ({
    ...{ kind: '', fromMs, writtenMs: fromMs, noticedMs: toMs, toMs, switched },
  });
  const spans = spansOf([reload(2000, 2500, true), reload(5000, 5100, false)], { fromMs: 0, toMs: 8000 });
  assert.deepEqual(spans.switches, [{ fromMs: 2250, toMs: 2750 }]);
  assert.deepEqual(spans.steady, [
    { fromMs: 0, toMs: 2000 },
    { fromMs: 3000, toMs: 5000 },
    { fromMs: 5600, toMs: 8000 },
  ]);
  const sentMs = Float64Array.from({ length: 80 }, (_, i) => i * 100);
  const arrivals = { ...arrivalsOf(fine()), sentMs, tookMs: sentMs.map((ms) => (ms >= 2250 && ms <= 2750 ? 30 : 10)) };
  assert.equal(quantileMs(arrivals, spans.switches, 0.99), 30);
  assert.equal(quantileMs(arrivals, spans.steady, 0.99), 10);
});
