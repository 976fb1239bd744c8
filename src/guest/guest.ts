import type { BatchReader } from '../pipeline/packed-batch.ts';
import type { ResultWriter } from '../pipeline/packed-results.ts';
import type { ByteView } from './byte-view.ts';
import type { TopicTable } from './topic-table.ts';

/** The batch under way, with what a guest needs at hand for each record. One object is reused from batch to batch. */
export interface BatchContext {
  readonly reader: BatchReader;
  /** Views of the reader's buffer. */
  readonly input: ByteView;
  readonly writer: ResultWriter;
  /** Views of the writer's buffer: read after `begin`, which may replace it. */
  readonly output: ByteView;
  readonly topics: TopicTable;
}

/** What runs records: an instance of a module, or a builtin. */
export interface Guest {
  /**
   * Runs one record and writes its entries, one or, of several outputs, more; `at` is its position in the reader's buffer. A record's failure
   * is an entry too. Answers false when the guest must not be used again.
   * @param fuelMax units it may use, instead of all that timeout_ms gives a record
   */
  run(batch: BatchContext, at: number, recordIndex: number, fuelMax?: number): boolean;
}
