import type { BatchReader } from '../pipeline/packed-batch.ts';
import {
  ALL_FROM_INPUT,
  HEADERS_FROM_INPUT,
  KEY_FROM_INPUT,
  RESULT,
  ResultReader,
  ResultWriter,
  VALUE_FROM_INPUT,
} from '../pipeline/packed-results.ts';
import { byteView, type ByteView } from './byte-view.ts';
import type { BatchContext } from './guest.ts';
import { ScratchRecord, SCRATCH_RECORD_AT } from './scratch-record.ts';
import type { TopicTable } from './topic-table.ts';

const RESULT_BYTES_INITIAL = 64 * 1024;

/** What a guest has written for one record, wherever that record stands: entries from the beginning of a buffer of its own. */
export class InnerOutput {
  readonly writer = new ResultWriter(new SharedArrayBuffer(RESULT_BYTES_INITIAL));
  #output = byteView(this.writer.buffer);
  #results = new ResultReader(this.writer.buffer);

  reset(): void {
    this.writer.reset(this.writer.buffer);
  }

  get output(): ByteView {
    if (this.#output.bytes.buffer !== this.writer.buffer) this.#output = byteView(this.writer.buffer);
    return this.#output;
  }

  /** Entries up to `writer.byteLength`. */
  get results(): ResultReader {
    if (this.#results.bytes.buffer !== this.writer.buffer) this.#results = new ResultReader(this.writer.buffer);
    return this.#results;
  }
}

/** One record between two guests, or between a format and a guest: read from a place of its own, answered into another. */
export class InnerRecord extends InnerOutput implements BatchContext {
  readonly record = new ScratchRecord();
  readonly topics: TopicTable;
  /** Which parts are still those of the record that the batch has: flags of packed results. */
  untouched = ALL_FROM_INPUT;

  constructor(topics: TopicTable) {
    super();
    this.topics = topics;
  }

  get reader(): BatchReader {
    return this.record.reader;
  }

  get input(): ByteView {
    return this.record.input;
  }

  /** Takes an output of the guest before as the record: `entryAt` of what it wrote, and of what it left as it was the record at `at`. */
  load(from: InnerOutput, entryAt: number, before: BatchContext, at: number): void {
    const { results, output } = from;
    const { reader, input } = before;
    const { record } = this;
    const flags = results.flags(entryAt);
    const keyLength = results.keyLength(entryAt);
    const valueLength = results.valueLength(entryAt);
    const keyStart = entryAt + RESULT.key;
    const valueStart = keyStart + Math.max(0, keyLength);
    const headersStart = valueStart + Math.max(0, valueLength);
    this.untouched = flags & (before instanceof InnerRecord ? before.untouched : ALL_FROM_INPUT);
    record.begin(reader, at);
    if ((flags & KEY_FROM_INPUT) !== 0) {
      const start = reader.valueStart(at) - Math.max(0, reader.keyLength(at));
      record.key(reader.keyLength(at) < 0 ? undefined : start, input.bytes, reader.valueStart(at));
    } else record.key(keyLength < 0 ? undefined : keyStart, output.bytes, valueStart);
    if ((flags & VALUE_FROM_INPUT) !== 0) {
      record.value(
        reader.valueLength(at) < 0 ? undefined : reader.valueStart(at),
        input.bytes,
        reader.headersStart(at),
      );
    } else record.value(valueLength < 0 ? undefined : valueStart, output.bytes, headersStart);
    if ((flags & HEADERS_FROM_INPUT) !== 0)
      record.headers(reader.headersStart(at), reader.headersLength(at), input.bytes);
    else record.headers(headersStart, results.headersLength(entryAt), output.bytes);
  }
}

/** Where InnerRecord's record stands. */
export const INNER_RECORD_AT = SCRATCH_RECORD_AT;
