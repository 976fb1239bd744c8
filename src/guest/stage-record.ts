import type { BatchReader } from '../pipeline/packed-batch.ts';
import {
  ALL_FROM_INPUT,
  HEADERS_FROM_INPUT,
  KEY_FROM_INPUT,
  RESULT,
  VALUE_FROM_INPUT,
} from '../pipeline/packed-results.ts';
import type { ByteView } from './byte-view.ts';
import type { BatchContext } from './guest.ts';
import { InnerOutput } from './inner-record.ts';
import { ScratchRecord, SCRATCH_RECORD_AT } from './scratch-record.ts';
import type { TopicTable } from './topic-table.ts';

/**
 * The record a stage of a chain is shown, and where its answer goes. While nobody has changed it, that is the record where it stands in the batch:
 * it is copied to a place of its own only once a stage has written something.
 */
export class StageRecord extends InnerOutput implements BatchContext {
  readonly topics: TopicTable;
  readonly #own = new ScratchRecord();
  reader: BatchReader = this.#own.reader;
  input: ByteView = this.#own.input;
  /** Where it stands, by `reader`. */
  at = SCRATCH_RECORD_AT;
  /** Which parts are still those of the record that the batch has: flags of packed results. */
  untouched = ALL_FROM_INPUT;

  constructor(topics: TopicTable) {
    super();
    this.topics = topics;
  }

  /** The record as the batch has it. */
  show({ reader, input }: BatchContext, at: number): void {
    this.reader = reader;
    this.input = input;
    this.at = at;
    this.untouched = ALL_FROM_INPUT;
  }

  /** The stage before has left it alone. */
  follow(before: StageRecord): void {
    this.reader = before.reader;
    this.input = before.input;
    this.at = before.at;
    this.untouched = before.untouched;
  }

  /** Takes an output of the stage before: `entryAt` of what it wrote, and of what it left alone the record it was shown. */
  load(before: StageRecord, entryAt: number): void {
    const { results, output, reader, input, at } = before;
    const record = this.#own;
    const flags = results.flags(entryAt);
    const keyLength = results.keyLength(entryAt);
    const valueLength = results.valueLength(entryAt);
    const keyStart = entryAt + RESULT.key;
    const valueStart = keyStart + Math.max(0, keyLength);
    const headersStart = valueStart + Math.max(0, valueLength);
    this.untouched = flags & before.untouched;
    record.begin(reader, at);
    if ((flags & KEY_FROM_INPUT) !== 0) {
      const start = reader.valueStart(at) - Math.max(0, reader.keyLength(at));
      record.key(reader.keyLength(at) < 0 ? undefined : start, input.bytes, reader.valueStart(at));
    } else record.key(keyLength < 0 ? undefined : keyStart, output.bytes, valueStart);
    if ((flags & VALUE_FROM_INPUT) !== 0) {
      const start = reader.valueLength(at) < 0 ? undefined : reader.valueStart(at);
      record.value(start, input.bytes, reader.headersStart(at));
    } else record.value(valueLength < 0 ? undefined : valueStart, output.bytes, headersStart);
    if ((flags & HEADERS_FROM_INPUT) !== 0)
      record.headers(reader.headersStart(at), reader.headersLength(at), input.bytes);
    else record.headers(headersStart, results.headersLength(entryAt), output.bytes);
    // Its buffer may have grown.
    this.reader = record.reader;
    this.input = record.input;
    this.at = SCRATCH_RECORD_AT;
  }
}
