import assert from 'node:assert/strict';
import { after, describe, test, type TestContext } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { AvroCodec, AvroOptions, AvroReader } from '../../src/codec/avro/avro-codec.ts';
import { ClusterUnavailable } from '../cluster/cluster.ts';
import { avroJson } from './avro-json.ts';
import type { AvroSchema } from './avro-schema.ts';
import type { AvroValue } from './avro-value.ts';
import { AVRO_JSON, PLAIN, compile, encode, orError } from './codec-under-test.ts';
import { Dice } from './dice.ts';
import { DifferenceLedger } from './difference-ledger.ts';
import { evolvedSchema } from './evolved-schema.ts';
import { readAvroJson } from './exact-json.ts';
import { KNOWN_DIFFERENCES, ODD_SCHEMAS } from './odd-schemas.ts';
import { mutatedBytes } from './mutated-bytes.ts';
import { isUnambiguous } from './plain-union.ts';
import { randomSchema } from './random-schema.ts';
import { randomValue } from './random-value.ts';
import { schemaTexts } from './schema-text.ts';
import { AvroWitness, type WitnessAnswer, type WitnessRequest } from './witness/avro-witness.ts';

/** How many random schemas each test tries: more for a long run. */
const SEEDS = Number(process.env['STREAMLINE_AVRO_SEEDS'] ?? 2000);
/** The first of them: with STREAMLINE_AVRO_SEEDS=1 it repeats one that failed. */
const FIRST_SEED = Number(process.env['STREAMLINE_AVRO_FIRST_SEED'] ?? 1);
const SEEDS_AT_ONCE = 50;
const VALUES_A_SCHEMA = 4;
const MUTANTS_A_VALUE = 6;
const CALL_MS_MAX = 1000;

const witness = await AvroWitness.start().catch((error: unknown) => {
  if (error instanceof ClusterUnavailable && process.env['CI'] !== 'true') return error;
  throw error;
});

if (witness instanceof Error) {
  test("Avro as Apache's Java has it", { skip: witness.message }, () => {});
} else {
  describe("Avro as Apache's Java has it", () => {
    after(() => witness.stop());
    test('Avro-JSON and binary, both ways', (t) => judge(t, avroJsonBothWays(witness)));
    test('plain JSON gives the bytes it came from', (t) => judge(t, plainBothWays()));
    test('a compatible reader', (t) => judge(t, evolution(witness, 'compatible')));
    test('any reader', (t) => judge(t, evolution(witness, 'wild')));
    test('damaged bytes', (t) => judge(t, damagedBytes(witness)));
    test('which schemas there are', () => schemaVerdicts(witness));
  });
}

type Trial = (one: Case, ledger: DifferenceLedger) => Promise<void> | void;

interface Plan {
  readonly options: AvroOptions;
  readonly trial: Trial;
}

/** A schema and values that fit it. */
interface Case {
  readonly seed: number;
  readonly dice: Dice;
  readonly schema: AvroSchema;
  readonly texts: readonly string[];
  readonly codec: AvroCodec;
  readonly values: readonly AvroValue[];
}

async function judge(t: TestContext, plan: Plan): Promise<void> {
  const ledger = new DifferenceLedger();
  for (let first = FIRST_SEED; first < FIRST_SEED + SEEDS; first += SEEDS_AT_ONCE) {
    const seeds = Array.from({ length: Math.min(SEEDS_AT_ONCE, FIRST_SEED + SEEDS - first) }, (_, i) => first + i);
    await Promise.all(seeds.map((seed) => judgeSeed(seed, plan, ledger)));
  }
  t.diagnostic(`seeds ${FIRST_SEED} to ${FIRST_SEED + SEEDS - 1}: ${ledger.summary()}`);
  ledger.settle();
  assert.ok(ledger.of('compared') > 0);
  // What Java cannot do is nothing to compare with: it must stay the exception.
  assert.ok(ledger.of('not read by Java') <= ledger.of('compared') / 20);
}

async function judgeSeed(seed: number, { options, trial }: Plan, ledger: DifferenceLedger): Promise<void> {
  const dice = new Dice(seed);
  const schema = randomSchema(dice);
  const texts = schemaTexts(schema, dice);
  const codec = compile(texts, options);
  if (codec instanceof Error) {
    ledger.differ('we refuse a schema', { seed, texts, why: codec });
    return;
  }
  const some = Array.from({ length: VALUES_A_SCHEMA }, () => randomValue(schema, dice));
  await trial({ seed, dice, schema, texts, codec, values: some }, ledger);
}

function avroJsonBothWays(java: AvroWitness): Plan {
  const trial: Trial = async ({ seed, dice, schema, texts, codec, values }, ledger) => {
    const cuts = values.map(() => dice.pick(['one', 'many', 'sized'] as const));
    const asOne = await java.ask(values.map((value) => toBinary(schema, texts, value, 'one')));
    const asCut = await java.ask(values.map((value, i) => toBinary(schema, texts, value, cuts[i] ?? 'one')));
    const encoded = values.map((value) => encode(codec, avroJson(schema, value, 'quoted')));
    const decoded = await java.ask(
      encoded.map((bytes) => toJson(texts, bytes instanceof Error ? Buffer.alloc(0) : bytes)),
    );
    for (const [i, value] of values.entries()) {
      const facts = { seed, texts, json: avroJson(schema, value, 'quoted') };
      const [theirs, cut, ours, theirJson] = [asOne[i], asCut[i], encoded[i], decoded[i]];
      ledger.count('compared');
      if (ours === undefined || ours instanceof Error) {
        ledger.differ('we do not encode a value', { ...facts, ours });
        continue;
      }
      if (isFailureOfJava(theirJson)) ledger.count('not read by Java');
      else if (!isSame(read(schema, theirJson?.json), value))
        ledger.differ('Java reads our bytes otherwise', { ...facts, ours, theirs: theirJson });
      if (
        !isSame(
          read(
            schema,
            orError(() => codec.toJson(ours)),
          ),
          value,
        )
      )
        ledger.differ('we read our bytes otherwise', { ...facts, ours });
      if (isFailureOfJava(theirs)) {
        ledger.count('not encoded by Java');
        continue;
      }
      if (theirs?.binary?.equals(ours) !== true)
        ledger.differ('other bytes', { ...facts, ours, theirs: theirs?.binary ?? theirs });
      const cutBytes = cut?.binary;
      if (cutBytes === undefined) continue;
      const json = orError(() => codec.toJson(cutBytes));
      if (!isSame(read(schema, json), value))
        ledger.differ("we read Java's bytes otherwise", { ...facts, bytes: cutBytes, ours: json });
    }
  };
  return { options: AVRO_JSON, trial };
}

function plainBothWays(): Plan {
  const trial: Trial = ({ seed, schema, texts, codec, values }, ledger) => {
    const exact = compile(texts, AVRO_JSON);
    assert.ok(!(exact instanceof Error));
    for (const value of values) {
      const bytes = encode(exact, avroJson(schema, value, 'quoted'));
      assert.ok(!(bytes instanceof Error));
      const json = orError(() => codec.toJson(bytes));
      const facts = { seed, texts, avroJson: avroJson(schema, value, 'quoted'), json, bytes };
      const again = json instanceof Error ? json : encode(codec, json);
      ledger.count('compared');
      if (again instanceof Error) {
        ledger.differ('plain JSON of ours is not taken back', { ...facts, again });
      } else if (isUnambiguous(schema)) {
        ledger.count('unambiguous');
        if (!again.equals(bytes)) ledger.differ('plain JSON of ours gives other bytes', { ...facts, again });
      } else {
        const jsonAgain = orError(() => codec.toJson(again));
        if (jsonAgain !== json) ledger.differ('plain JSON of ours gives other plain JSON', { ...facts, jsonAgain });
      }
    }
  };
  return { options: PLAIN, trial };
}

function evolution(java: AvroWitness, changes: 'compatible' | 'wild'): Plan {
  const trial: Trial = async ({ seed, dice, schema, texts, codec, values }, ledger) => {
    const reader = evolvedSchema(schema, dice, changes);
    const readerTexts = schemaTexts(reader, dice);
    const facts = { seed, writer: texts, reader: readerTexts };
    const ours = compile(readerTexts, AVRO_JSON);
    if (ours instanceof Error) {
      ledger.differ('we refuse a schema', { ...facts, why: ours });
      return;
    }
    const resolved = orError(() => ours.readerOf(codec));
    const binaries = values.map((value) => encode(codec, avroJson(schema, value, 'quoted')));
    const bytes = binaries.filter((binary): binary is Buffer => !(binary instanceof Error));
    const theirs = await java.ask(bytes.map((binary) => ({ ...toJson(texts, binary), reader: readerTexts })));
    for (const [i, binary] of bytes.entries()) {
      const json = theirs[i]?.json;
      const theirValue = read(reader, json);
      const ourJson = resolved instanceof Error ? resolved : orError(() => resolved.toJson(binary));
      ledger.count('compared');
      if (theirValue instanceof Error && ourJson instanceof Error) {
        ledger.count('refused by both');
      } else if (ourJson instanceof Error && ourJson.message.includes('not UTF-8')) {
        // Java puts U+FFFD in place of what is not text; we refuse.
        ledger.count('bytes that are no text');
      } else if (ourJson instanceof Error) {
        ledger.count('refused by us alone');
        // A value may fit where the schema does not: Java finds out value by value, we look at the schemas.
        if (changes === 'compatible')
          ledger.differ(`we refuse what Java reads: ${reasonOf(ourJson.message)}`, {
            ...facts,
            binary,
            json,
            ours: ourJson,
          });
      } else if (isFailureOfJava(theirs[i])) {
        ledger.count('not read by Java');
      } else if (changes === 'wild' && hasRecordsInUnion(readerTexts) && !isSame(read(reader, ourJson), theirValue)) {
        // Of several records Java takes the last that looks like what was written, whatever its name is; we go by names.
        ledger.count('another record of a union');
      } else if (theirValue instanceof Error) {
        ledger.differ('we read what Java refuses', { ...facts, binary, ours: ourJson, theirs: theirs[i] });
      } else if (!isSame(read(reader, ourJson), theirValue)) {
        ledger.differ('we read it otherwise than Java', { ...facts, binary, ours: ourJson, theirs: json });
      }
    }
  };
  return { options: AVRO_JSON, trial };
}

function damagedBytes(java: AvroWitness): Plan {
  const trial: Trial = async ({ seed, dice, schema, texts, codec, values }, ledger) => {
    const plain = compile(texts, PLAIN);
    assert.ok(!(plain instanceof Error));
    const evolved = evolvedSchema(schema, dice, 'compatible');
    const readerTexts = schemaTexts(evolved, dice);
    const reader = readerOf(codec, readerTexts);
    const mutants = values.flatMap((value) => {
      const binary = encode(codec, avroJson(schema, value, 'quoted'));
      return binary instanceof Error ? [] : Array.from({ length: MUTANTS_A_VALUE }, () => mutatedBytes(binary, dice));
    });
    const taken: Taken[] = [];
    for (const mutant of mutants) {
      const facts = { seed, texts, mutant };
      ledger.count('compared');
      const json = inTime(() => codec.toJson(mutant), facts, ledger);
      const plainJson = inTime(() => plain.toJson(mutant), facts, ledger);
      if (json instanceof Error !== plainJson instanceof Error)
        ledger.differ('only one JSON encoding takes it', { ...facts, json, plainJson });
      if (!(json instanceof Error)) taken.push({ how: '', schema, json, request: toJson(texts, mutant) });
      if (reader instanceof Error) continue;
      const resolved = inTime(() => reader.toJson(mutant), facts, ledger);
      const request = { ...toJson(texts, mutant), reader: readerTexts };
      if (!(resolved instanceof Error)) taken.push({ how: ' with a reader', schema: evolved, json: resolved, request });
    }
    // Only what we take: Java skips 2^60 nulls one by one.
    const answers = await java.ask(taken.map(({ request }) => request));
    for (const [i, one] of taken.entries()) compareTaken(one, answers[i], seed, ledger);
  };
  return { options: AVRO_JSON, trial };
}

/** Damaged bytes that we read all the same. */
interface Taken {
  readonly how: string;
  readonly schema: AvroSchema;
  readonly json: string;
  readonly request: WitnessRequest & { readonly op: 'toJson' };
}

/** Whether a union has more than one record, or what may be one. */
function hasRecordsInUnion(texts: readonly string[]): boolean {
  const look = (schema: unknown): boolean => {
    if (Array.isArray(schema)) return schema.filter(mayBeRecord).length > 1 || schema.some(look);
    return typeof schema === 'object' && schema !== null && Object.values(schema).some(look);
  };
  return texts.some((text) => look(JSON.parse(text)));
}

function mayBeRecord(schema: unknown): boolean {
  if (typeof schema === 'string') return !/^(?:null|boolean|int|long|float|double|bytes|string)$/.test(schema);
  return typeof schema === 'object' && schema !== null && 'type' in schema && schema.type === 'record';
}

function readerOf(writer: AvroCodec, texts: readonly string[]): AvroReader | Error {
  const codec = compile(texts, AVRO_JSON);
  return codec instanceof Error ? codec : orError(() => codec.readerOf(writer));
}

function inTime(act: () => string, facts: Readonly<Record<string, unknown>>, ledger: DifferenceLedger): string | Error {
  const since = performance.now();
  const json = orError(act);
  const tookMs = performance.now() - since;
  if (tookMs > CALL_MS_MAX) ledger.differ('it takes too long', { ...facts, tookMs });
  return json;
}

/** What we refuse Java may take: it looks less closely. */
function compareTaken(
  { how, schema, json, request }: Taken,
  theirs: WitnessAnswer | undefined,
  seed: number,
  ledger: DifferenceLedger,
): void {
  const facts = { seed, ...request, ours: json, theirs };
  ledger.count(`taken by us${how}`);
  if (isFailureOfJava(theirs)) ledger.count('not read by Java');
  else if (how !== '' && /Invalid (int|long) encoding/.test(theirs?.error ?? '')) {
    // It is in a field that the reader does not have: where it ends is all that matters.
    ledger.count('passed over with a number too long');
  } else if (theirs?.error !== undefined)
    ledger.differ(`we take what Java refuses${how}: ${reasonOf(theirs.error)}`, facts);
  else if (theirs?.rest !== 0) ledger.differ(`we pass over bytes at the end${how}`, facts);
  else if (!isSame(read(schema, json), read(schema, theirs.json)))
    ledger.differ(`we read it otherwise than Java${how}`, facts);
}

async function schemaVerdicts(java: AvroWitness): Promise<void> {
  const ledger = new DifferenceLedger();
  const verdicts = await java.ask(ODD_SCHEMAS.map((schema) => ({ op: 'check', schema })));
  for (const [i, text] of ODD_SCHEMAS.entries()) {
    const ours = compile([text], AVRO_JSON);
    const theirs = verdicts[i]?.error;
    const isAsJava = (theirs !== undefined) === ours instanceof Error;
    if (isAsJava === KNOWN_DIFFERENCES.has(text)) {
      const kind = isAsJava
        ? 'no difference any more'
        : ours instanceof Error
          ? 'we refuse what Java takes'
          : 'we take what Java refuses';
      ledger.differ(kind, {
        seed: i,
        text,
        theirs: theirs ?? 'taken',
        ours: ours instanceof Error ? ours.message : 'taken',
      });
    }
  }
  ledger.settle();
}

/** Without the names in it. */
function reasonOf(message: string): string {
  const reason = message.slice(message.indexOf(': ') + 1);
  return reason
    .replaceAll(/"[^"]*"|\d+/g, '*')
    .replaceAll(/(?:\*,)+\*/g, '*')
    .slice(0, 100);
}

function toBinary(
  schema: AvroSchema,
  texts: readonly string[],
  value: AvroValue,
  blocks: 'one' | 'many' | 'sized',
): WitnessRequest {
  return { op: 'toBinary', schema: texts, json: avroJson(schema, value, 'bare'), blocks };
}

function toJson(texts: readonly string[], binary: Buffer): WitnessRequest & { readonly op: 'toJson' } {
  return { op: 'toJson', schema: texts, binary };
}

/**
 * Its grammars of some recursive unions are wrong, with whichever decoder. And it renames the writer's fields as the reader's aliases say, but
 * not within the writer's defaults.
 */
function isFailureOfJava(answer: WitnessAnswer | undefined): boolean {
  return /^NullPointerException|Invalid default/.test(answer?.error ?? '');
}

function read(schema: AvroSchema, json: string | Error | undefined): AvroValue | Error {
  if (json === undefined) return new Error('there is none');
  if (json instanceof Error) return json;
  try {
    return readAvroJson(schema, json);
  } catch (thrown) {
    return thrown instanceof Error ? thrown : new Error(String(thrown));
  }
}

function isSame(a: AvroValue | Error, b: AvroValue | Error): boolean {
  return !(a instanceof Error) && !(b instanceof Error) && isDeepStrictEqual(a, b);
}
