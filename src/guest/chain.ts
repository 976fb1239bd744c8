import { assert } from '../base/assert.ts';
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
import type { BatchContext, Guest } from './guest.ts';
import { emptyTally, type StageTally } from './guest-stats.ts';
import { INNER_RECORD_AT, InnerOutput, InnerRecord } from './inner-record.ts';
import type { Stage } from './stage.ts';
import type { TopicTable } from './topic-table.ts';

/** A stage's guest is shown records that stand in the batch (the first stage) or between two stages. */
class FirstRecord extends InnerOutput implements BatchContext {
  readonly topics: TopicTable;
  reader: BatchContext['reader'];
  input: BatchContext['input'];

  constructor(batch: BatchContext) {
    super();
    this.topics = batch.topics;
    this.reader = batch.reader;
    this.input = batch.input;
  }
}

/**
 * Several guests one after the other on one thread hop: what comes out of one goes into the next, depth first, so that outputs keep their
 * order. Each has its own memory and budget; a stage that fails fails the whole record, and only its own instance is made anew.
 * Only the last stage routes.
 */
export class Chain implements Guest {
  readonly #stages: readonly Stage[];
  readonly #outputBytesMax: number;
  readonly #inner: InnerRecord[];
  #tallies: StageTally[];
  #first: FirstRecord | undefined;
  #fuelUsed = 0;
  #outputs = 0;

  constructor(stages: readonly Stage[], topics: TopicTable, outputBytesMax: number) {
    assert(stages.length > 1, 'a chain has stages');
    this.#stages = stages;
    this.#outputBytesMax = batchOutputBytesMax(outputBytesMax);
    this.#inner = stages.slice(1).map(() => new InnerRecord(topics));
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
    this.#first ??= new FirstRecord(batch);
    this.#first.reader = batch.reader;
    this.#first.input = batch.input;
    this.#fuelUsed = 0;
    this.#outputs = 0;
    const begin = batch.writer.byteLength;
    if (!this.#stage(0, this.#first, at, batch, recordIndex, begin)) return true;
    if (this.#outputs > 0) batch.writer.view.setFloat64(begin + RESULT.fuelUsed, this.#fuelUsed, true);
    else batch.writer.plain(recordIndex, KIND_FILTERED, 0, DEFAULT_TOPIC, -1, this.#fuelUsed);
    return true;
  }

  /** Shows one record to a stage, and what comes out of it to the next ones. False: the record has failed, and it is written. */
  #stage(
    index: number,
    context: InnerOutput & BatchContext,
    at: number,
    batch: BatchContext,
    recordIndex: number,
    begin: number,
  ): boolean {
    const stage = this.#stages[index];
    const tally = this.#tallies[index];
    assert(stage !== undefined && tally !== undefined, 'a chain has this stage');
    context.reset();
    if (!stage.guest.run(context, at, recordIndex)) stage.drop();
    const { results, writer } = context;
    const end = writer.byteLength;
    const fuelUsed = results.fuelUsed(0);
    this.#fuelUsed += fuelUsed;
    tally.records += 1;
    tally.fuelUsed += fuelUsed;
    switch (results.kind(0)) {
      case KIND_FILTERED:
        tally.filtered += 1;
        return true;
      case KIND_FAILED: {
        tally.failed += 1;
        const { code, message } = results.failure(0);
        return this.#fail(batch, recordIndex, begin, code, message, index);
      }
      default:
    }
    const next = this.#inner[index];
    for (let entry = 0; entry < end; entry = results.next(entry)) {
      if (next === undefined) {
        if (!this.#write(context, entry, batch, recordIndex)) {
          return this.#fail(batch, recordIndex, begin, 'guest.output_too_large', BATCH_FULL, index);
        }
        continue;
      }
      next.load(context, entry, context, at);
      if (!this.#stage(index + 1, next, INNER_RECORD_AT, batch, recordIndex, begin)) return false;
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
    writer.rewind(begin);
    writer.failed(recordIndex, code, message, this.#fuelUsed, stage);
    return false;
  }

  /** An output of the last stage. False when the batch's outputs come to too much. */
  #write(context: InnerOutput & BatchContext, entry: number, batch: BatchContext, recordIndex: number): boolean {
    const { results, output } = context;
    const { writer } = batch;
    const own = results.flags(entry);
    const untouched = context instanceof InnerRecord ? context.untouched : ALL_FROM_INPUT;
    const record = context instanceof InnerRecord ? context.record.reader : undefined;
    const from = own & untouched & ALL_FROM_INPUT;
    // What the last stage left alone and an earlier one wrote stands in the last stage's input.
    const part = (flag: number, entryStart: number, entryLength: number, recordStart: number, recordLength: number) =>
      (from & flag) !== 0
        ? NOTHING
        : (own & flag) !== 0
          ? { bytes: context.input.bytes, start: recordStart, length: recordLength }
          : { bytes: output.bytes, start: entryStart, length: entryLength };
    const keyStart = entry + RESULT.key;
    const valueStart = keyStart + Math.max(0, results.keyLength(entry));
    const headersStart = valueStart + Math.max(0, results.valueLength(entry));
    const at = INNER_RECORD_AT;
    const valueAt = record?.valueStart(at) ?? 0;
    const keyLengthIn = record?.keyLength(at) ?? 0;
    const key = part(
      KEY_FROM_INPUT,
      keyStart,
      results.keyLength(entry),
      valueAt - Math.max(0, keyLengthIn),
      keyLengthIn,
    );
    const value = part(VALUE_FROM_INPUT, valueStart, results.valueLength(entry), valueAt, record?.valueLength(at) ?? 0);
    const headers = part(
      HEADERS_FROM_INPUT,
      headersStart,
      results.headersLength(entry),
      record?.headersStart(at) ?? 0,
      record?.headersLength(at) ?? 0,
    );
    const bytes = Math.max(0, key.length) + Math.max(0, value.length) + headers.length;
    if (writer.byteLength + bytes > this.#outputBytesMax) return false;
    const flags = from | (this.#outputs > 0 ? CONTINUES : 0);
    let to = writer.begin(recordIndex, KIND_OUTPUT, flags, results.topic(entry), results.partition(entry), 0, bytes);
    for (const { bytes: source, start, length } of [key, value, headers]) {
      if (length <= 0) continue;
      writer.bytes.set(source.subarray(start, start + length), to);
      to += length;
    }
    writer.end(key.length, value.length, headers.length);
    this.#outputs += 1;
    return true;
  }
}

const NOTHING = { bytes: Buffer.alloc(0), start: 0, length: 0 };
