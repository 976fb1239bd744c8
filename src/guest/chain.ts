import { assert } from '../base/assert.ts';
import type { BatchReader } from '../pipeline/packed-batch.ts';
import {
  ALL_FROM_INPUT,
  CONTINUES,
  HEADERS_FROM_INPUT,
  KEY_FROM_INPUT,
  KIND_FAILED,
  KIND_FILTERED,
  KIND_OUTPUT,
  DEFAULT_TOPIC,
  RESULT,
  VALUE_FROM_INPUT,
} from '../pipeline/packed-results.ts';
import { BATCH_FULL, batchOutputBytesMax } from './batch-output.ts';
import type { GuestLimits } from './guest-config.ts';
import { outOfFuel } from './guest-failure.ts';
import type { BatchContext, Guest } from './guest.ts';
import { emptyTally, type StageTally } from './guest-stats.ts';
import { StageRecord } from './stage-record.ts';
import { outputsTooLarge, tooManyOutputs } from './record-outputs.ts';
import type { Stage } from './stage.ts';
import type { TopicTable } from './topic-table.ts';

/**
 * Several guests one after the other on one thread hop: what comes out of one goes into the next, depth first, so that outputs keep their
 * order. Each has its own memory and budget, the latter for all it is shown of one record of the input: what the watch over the thread allows
 * is for that record too. A stage that fails fails the whole record, and only its own instance is made anew. Only the last stage routes.
 */
export class Chain implements Guest {
  readonly #stages: readonly Stage[];
  readonly #limits: GuestLimits;
  readonly #batchOutputBytesMax: number;
  /** What each stage is shown. */
  readonly #records: readonly StageRecord[];
  /** Of the record under way: what is left of each stage's budget, and how many it has been shown. */
  readonly #fuelLeft: Float64Array;
  readonly #shown: Uint32Array;
  #tallies: StageTally[];
  #fuelUsed = 0;
  #outputs = 0;
  #outputBytes = 0;

  /** @param limits of a record: what comes out of each stage, and what comes out of all of them */
  constructor(stages: readonly Stage[], topics: TopicTable, limits: GuestLimits) {
    assert(stages.length > 1, 'a chain has stages');
    this.#stages = stages;
    this.#limits = limits;
    this.#batchOutputBytesMax = batchOutputBytesMax(limits.outputBytesMax);
    this.#records = stages.map(() => new StageRecord(topics));
    this.#fuelLeft = new Float64Array(stages.length);
    this.#shown = new Uint32Array(stages.length);
    this.#tallies = stages.map(emptyTally);
  }

  /** What each stage has done since this was last asked; undefined: nothing. */
  take(): readonly StageTally[] | undefined {
    const tallies = this.#tallies;
    if (tallies[0]?.records === 0) return undefined;
    this.#tallies = this.#stages.map(emptyTally);
    return tallies;
  }

  /** Always true: which stage's guest must not be used again is settled here. */
  run(batch: BatchContext, at: number, recordIndex: number): boolean {
    this.#fuelUsed = 0;
    this.#outputs = 0;
    this.#outputBytes = 0;
    this.#shown.fill(0);
    const begin = batch.writer.byteLength;
    this.#record(0).show(batch, at);
    if (!this.#stage(0, batch, recordIndex, begin)) return true;
    if (this.#outputs > 0) batch.writer.view.setFloat64(begin + RESULT.fuelUsed, this.#fuelUsed, true);
    else batch.writer.plain(recordIndex, KIND_FILTERED, 0, DEFAULT_TOPIC, -1, this.#fuelUsed);
    return true;
  }

  #record(index: number): StageRecord {
    const record = this.#records[index];
    assert(record !== undefined, 'a chain has this stage');
    return record;
  }

  /** Lets a stage run its record, and the next ones what comes out of it. False: the record has failed, and it is written. */
  #stage(index: number, batch: BatchContext, recordIndex: number, begin: number): boolean {
    const stage = this.#stages[index];
    const tally = this.#tallies[index];
    const record = this.#record(index);
    assert(stage !== undefined && tally !== undefined, 'a chain has this stage');
    const shown = (this.#shown[index] ?? 0) + 1;
    this.#shown[index] = shown;
    // The first one has it all; showing a guest another record is work too, of ours.
    const fuelMax = shown === 1 ? stage.budget : (this.#fuelLeft[index] ?? 0) - SHOW_FUEL;
    if (fuelMax < 0) {
      const { code, message } = outOfFuel('transform', stage.timeoutMs);
      return this.#fail(batch, recordIndex, begin, code, `${message}${together(shown)}`, index);
    }
    record.reset();
    if (!stage.guest.run(record, record.at, recordIndex, fuelMax)) stage.drop();
    const { results, writer } = record;
    const end = writer.byteLength;
    const fuelUsed = results.fuelUsed(0);
    this.#fuelLeft[index] = fuelMax - fuelUsed;
    this.#fuelUsed += fuelUsed;
    tally.records += 1;
    tally.fuelUsed += fuelUsed;
    const kind = results.kind(0);
    if (kind === KIND_FILTERED) {
      tally.filtered += 1;
      return true;
    }
    if (kind === KIND_FAILED) {
      const { code, message } = results.failure(0);
      const text = code === 'guest.out_of_fuel' ? `${message}${together(shown)}` : message;
      return this.#fail(batch, recordIndex, begin, code, text, index);
    }
    const next = this.#records[index + 1];
    for (let entry = 0; entry < end; entry = results.next(entry)) {
      if (next === undefined) {
        const excess = this.#write(record, entry, batch, recordIndex);
        if (excess === undefined) continue;
        return this.#fail(batch, recordIndex, begin, 'guest.output_too_large', excess, index);
      }
      if (results.topic(entry) !== DEFAULT_TOPIC) {
        return this.#fail(batch, recordIndex, begin, 'route.invalid_topic', ROUTES_EARLY, index);
      }
      if ((results.flags(entry) & ALL_FROM_INPUT) === ALL_FROM_INPUT) next.follow(record);
      else next.load(record, entry);
      if (!this.#stage(index + 1, batch, recordIndex, begin)) return false;
    }
    return true;
  }

  #fail(
    { writer }: BatchContext,
    recordIndex: number,
    begin: number,
    code: Parameters<BatchContext['writer']['failed']>[1],
    message: string,
    stage: number,
  ): false {
    const tally = this.#tallies[stage];
    if (tally !== undefined) tally.failed += 1;
    writer.rewind(begin);
    writer.failed(recordIndex, code, message, this.#fuelUsed, stage);
    return false;
  }

  /** An output of the last stage. @returns why there is no room for it */
  #write(record: StageRecord, entry: number, batch: BatchContext, recordIndex: number): string | undefined {
    // Each stage keeps to the limits, but the next one has as much again for each output of it.
    if (this.#outputs >= this.#limits.outputsMax) return tooManyOutputs(this.#limits);
    const { results, reader, at, untouched } = record;
    const { writer } = batch;
    const own = results.flags(entry);
    const from = own & untouched & ALL_FROM_INPUT;
    const flags = from | (this.#outputs > 0 ? CONTINUES : 0);
    if (this.#outputs > 0) this.#outputBytes += keptBytes(from, reader, at);
    this.#outputs += 1;
    if (this.#outputBytes > this.#limits.outputBytesMax) return outputsTooLarge(this.#limits);
    if (from === ALL_FROM_INPUT) {
      writer.plain(recordIndex, KIND_OUTPUT, flags, results.topic(entry), results.partition(entry), 0);
      return undefined;
    }
    // What the last stage left alone and an earlier one wrote stands in the last stage's input.
    const part = (flag: number, entryStart: number, entryLength: number, recordStart: number, recordLength: number) =>
      (from & flag) !== 0
        ? NOTHING
        : (own & flag) !== 0
          ? { bytes: record.input.bytes, start: recordStart, length: recordLength }
          : { bytes: record.output.bytes, start: entryStart, length: entryLength };
    const keyLength = results.keyLength(entry);
    const valueLength = results.valueLength(entry);
    const keyStart = entry + RESULT.key;
    const valueStart = keyStart + Math.max(0, keyLength);
    const headersStart = valueStart + Math.max(0, valueLength);
    const valueAt = reader.valueStart(at);
    const keyLengthIn = reader.keyLength(at);
    const keyAt = valueAt - Math.max(0, keyLengthIn);
    const headersAt = reader.headersStart(at);
    const key = part(KEY_FROM_INPUT, keyStart, keyLength, keyAt, keyLengthIn);
    const value = part(VALUE_FROM_INPUT, valueStart, valueLength, valueAt, reader.valueLength(at));
    const headersLength = results.headersLength(entry);
    const headers = part(HEADERS_FROM_INPUT, headersStart, headersLength, headersAt, reader.headersLength(at));
    const bytes = Math.max(0, key.length) + Math.max(0, value.length) + headers.length;
    this.#outputBytes += bytes;
    if (this.#outputBytes > this.#limits.outputBytesMax) return outputsTooLarge(this.#limits);
    if (writer.byteLength + bytes > this.#batchOutputBytesMax) return BATCH_FULL;
    let to = writer.begin(recordIndex, KIND_OUTPUT, flags, results.topic(entry), results.partition(entry), 0, bytes);
    for (const { bytes: source, start, length } of [key, value, headers]) {
      if (length <= 0) continue;
      writer.bytes.set(source.subarray(start, start + length), to);
      to += length;
    }
    writer.end(key.length, value.length, headers.length);
    return undefined;
  }
}

/** Of the input, sent again with an output that keeps them: of the first they are what came in, and free. */
function keptBytes(flags: number, reader: BatchReader, at: number): number {
  const key = (flags & KEY_FROM_INPUT) === 0 ? 0 : Math.max(0, reader.keyLength(at));
  const value = (flags & VALUE_FROM_INPUT) === 0 ? 0 : Math.max(0, reader.valueLength(at));
  return key + value + ((flags & HEADERS_FROM_INPUT) === 0 ? 0 : reader.headersLength(at));
}

/** Units that showing a stage one more output of the stage before takes of its budget: half a microsecond. */
const SHOW_FUEL = 2500;

/** A budget is of one record, and of all that the stages before made of it. */
function together(shown: number): string {
  return shown === 1 ? '' : `, with ${String(shown)} records it was shown of this one`;
}

/** A module that exports route() is refused at deploy; what a guest emits, or a component returns, shows here. */
const ROUTES_EARLY = 'a stage named a topic, and only the last one of a chain may';
const NOTHING = { bytes: Buffer.alloc(0), start: 0, length: 0 };
