import type { BatchReader } from '../pipeline/packed-batch.ts';
import { ResultReader, ResultWriter } from '../pipeline/packed-results.ts';
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

/** One record between a format and a guest: read from a place of its own, answered into another. */
export class InnerRecord extends InnerOutput implements BatchContext {
  readonly record = new ScratchRecord();
  readonly topics: TopicTable;

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
}

/** Where InnerRecord's record stands. */
export const INNER_RECORD_AT = SCRATCH_RECORD_AT;
