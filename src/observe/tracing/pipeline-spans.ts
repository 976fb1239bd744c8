import { hrtimeMs } from '../../base/hrtime.ts';
import type { PackedBatch } from '../../pipeline/packed-batch.ts';
import type { PartitionOffset } from '../../pipeline/ports.ts';
import type { BatchTrace, RecordTrace, Sent, Tracing } from '../../pipeline/tracing.ts';
import type { TransformationConfig } from '../../spec/transformation-config.ts';
import { BatchSpans } from './batch-spans.ts';
import type { SpanSource } from './span-source.ts';

/** Sampled batches that wait for a commit: of a partition that went to somebody else there will be none. */
const UNCOMMITTED_MAX = 256;

/** What is traced of a batch that cannot be. */
const NOTHING: BatchTrace = {
  order: { contexts: 'never', recordsMax: 0, recordBytesMax: 0 },
  dispatched: () => undefined,
  answered: () => undefined,
  sending: () => () => undefined,
  record: () => undefined,
  ended: () => undefined,
};

/** The spans of one transform. */
export class PipelineSpans implements Tracing {
  readonly #source: SpanSource;
  readonly #trouble: (thrown: unknown) => void;
  /** The oldest first. */
  readonly #uncommitted = new Set<BatchSpans>();

  /** @param trouble what goes wrong here costs spans, and never a record */
  constructor(source: SpanSource, trouble: (thrown: unknown) => void) {
    this.#source = source;
    this.#trouble = trouble;
  }

  polled(batch: PackedBatch, config: TransformationConfig, pollBeganMs: number): BatchTrace {
    return this.#quietly(NOTHING, () => {
      const spans = new BatchSpans(this.#source, batch, config, pollBeganMs);
      if (spans.isSampled) this.#awaitCommit(spans);
      return this.#guarded(spans);
    });
  }

  committing(offsets: readonly PartitionOffset[]): ReturnType<Tracing['committing']> {
    const beganMs = hrtimeMs();
    const byPartition = new Map(offsets.map(({ partition, offset }) => [partition, offset]));
    return (trouble) => {
      this.#quietly(undefined, () => {
        for (const spans of this.#uncommitted) {
          if (spans.committed(byPartition, beganMs, trouble)) this.#uncommitted.delete(spans);
        }
      });
    };
  }

  #awaitCommit(spans: BatchSpans): void {
    this.#uncommitted.add(spans);
    const [oldest] = this.#uncommitted;
    if (oldest !== undefined && this.#uncommitted.size > UNCOMMITTED_MAX) this.#uncommitted.delete(oldest);
  }

  #guarded(spans: BatchSpans): BatchTrace {
    return {
      order: spans.order,
      dispatched: () => this.#quietly(undefined, () => spans.dispatched()),
      answered: (work) => this.#quietly(undefined, () => spans.answered(work)),
      sending: (run) => this.#sent(() => spans.sending(run)),
      record: (index) => {
        const record = spans.record(index);
        return record === undefined ? undefined : this.#guardedRecord(record);
      },
      ended: () => this.#quietly(undefined, () => spans.ended()),
    };
  }

  #guardedRecord(record: RecordTrace): RecordTrace {
    return {
      order: record.order,
      failed: (failure, attempt) => this.#quietly(undefined, () => record.failed(failure, attempt)),
      tried: (work) => this.#quietly(undefined, () => record.tried(work)),
      sending: (topic) => this.#sent(() => record.sending(topic)),
      settled: (outcome) => this.#quietly(undefined, () => record.settled(outcome)),
    };
  }

  #sent(send: () => Sent): Sent {
    const end = this.#quietly<Sent>(() => undefined, send);
    return (failures, lost) => this.#quietly(undefined, () => end(failures, lost));
  }

  #quietly<T>(otherwise: T, work: () => T): T {
    try {
      return work();
    } catch (thrown) {
      this.#trouble(thrown);
      return otherwise;
    }
  }
}
