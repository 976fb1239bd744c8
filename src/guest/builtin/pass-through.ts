import { ALL_FROM_INPUT, DEFAULT_TOPIC, KIND_FILTERED, KIND_OUTPUT } from '../../pipeline/packed-results.ts';
import type { GuestConfig } from '../guest-config.ts';
import type { BatchContext, Guest } from '../guest.ts';

/**
 * `builtin:pass-through`: every record to the output topic as it is, key, value, headers and all. A copy between topics or a
 * measure of what the sidecar costs without a guest.
 */
export class PassThrough implements Guest {
  readonly #dropTombstones: boolean;
  readonly #partitionOfInput: boolean;

  constructor(config: GuestConfig) {
    this.#dropTombstones = config.tombstones === 'drop';
    this.#partitionOfInput = config.partition === 'input';
  }

  run(batch: BatchContext, at: number, recordIndex: number): boolean {
    const { reader, writer } = batch;
    const partition = this.#partitionOfInput ? reader.partition(at) : -1;
    const dropped = this.#dropTombstones && reader.valueLength(at) < 0;
    const kind = dropped ? KIND_FILTERED : KIND_OUTPUT;
    writer.plain(recordIndex, kind, dropped ? 0 : ALL_FROM_INPUT, DEFAULT_TOPIC, partition, 0);
    return true;
  }
}
