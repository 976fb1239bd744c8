import { assert } from '../base/assert.ts';
import { hrtimeMs } from '../base/hrtime.ts';
import { randomHex } from '../base/random-hex.ts';
import type { BatchReader } from '../pipeline/packed-batch.ts';
import {
  HEADERS_FROM_INPUT,
  KEY_FROM_INPUT,
  KIND_FILTERED,
  KIND_OUTPUT,
  RESULT,
  ResultReader,
  VALUE_FROM_INPUT,
  type ResultWriter,
} from '../pipeline/packed-results.ts';
import type { WorkResult } from '../pipeline/ports.ts';
import type { RemoteContext, TracedRecord, TraceOrder } from '../pipeline/tracing.ts';
import type { HostContext } from './host-functions/host-context.ts';
import { PhaseTimes } from './phase-times.ts';
import { continued, findTraceparent, looksSampled, ratioSamples, readContext } from './trace-context.ts';

/** Of a sampled batch, besides records that bring a context: enough to see where their time goes, five spans each. */
const OWN_RECORDS_MAX = 8;
/** Of a record's entries as they were, before its headers are written anew. More is made for those that need it. */
const SCRATCH_BYTES = 64 * 1024;
/** What a client adds to key, value and headers, generously. */
const FRAME_BYTES = 512;

/** The record under way, if it is traced. */
interface Current {
  readonly recordIndex: number;
  readonly context: RemoteContext | undefined;
  readonly traceId: string;
  readonly sendSpanId: string;
  readonly beganMs: number;
}

/**
 * Decides in the guest thread which records of a batch are traced, times the calls they take, and continues their traces in the headers of
 * their outputs. Of a batch that nobody traces it is never asked.
 */
export class RecordTracer {
  readonly #hosts: readonly HostContext[];
  readonly #times = new PhaseTimes();
  #order: TraceOrder = { contexts: 'never', recordsMax: 0, recordBytesMax: 0 };
  /** Records without a context of their own: each so many-th belongs to the batch's trace. */
  #stride = 1;
  #traced: TracedRecord[] = [];
  #untraced = 0;
  #lastUntraced = -1;
  readonly #scratch = new ResultReader(new SharedArrayBuffer(SCRATCH_BYTES));
  #current: Current | undefined;

  /** @param hosts of each stage, which tell of their calls */
  constructor(hosts: readonly HostContext[]) {
    this.#hosts = hosts;
  }

  beginBatch(order: TraceOrder, recordCount: number): void {
    this.#order = order;
    this.#stride = Math.ceil(recordCount / Math.max(1, Math.min(OWN_RECORDS_MAX, order.recordsMax)));
    this.#traced = [];
    this.#untraced = 0;
    this.#lastUntraced = -1;
    this.#leave();
  }

  #leave(): void {
    this.#current = undefined;
    for (const host of this.#hosts) host.times = undefined;
  }

  /** A record is about to be run, perhaps once more because it had to wait for a schema. @returns whether it is traced */
  begin(reader: BatchReader, at: number, recordIndex: number): boolean {
    if (this.#current?.recordIndex === recordIndex) return true;
    const current = this.#decide(reader, at, recordIndex);
    if (current === undefined) return false;
    this.#current = current;
    for (const host of this.#hosts) host.times = this.#times;
    return true;
  }

  /** A traced record has been run, and its entries stand from `entryAt` on. */
  end(reader: BatchReader, at: number, writer: ResultWriter, entryAt: number): void {
    const current = this.#current;
    assert(current !== undefined, 'a record is traced');
    this.#leave();
    const { recordIndex, context, sendSpanId, beganMs } = current;
    const endedMs = hrtimeMs();
    const kind = writer.view.getUint8(entryAt + RESULT.kind);
    const sent =
      kind === KIND_OUTPUT ? this.#continue(current, reader, at, writer, entryAt) : { outputs: 0, topic: undefined };
    const phases = this.#times.take();
    this.#traced.push({
      ...{ recordIndex, context, sendSpanId, beganMs, endedMs },
      // A builtin makes no calls.
      phases: phases.length > 0 ? phases : [{ name: 'transform', stage: 0, beganMs, endedMs }],
      outcome: kind === KIND_OUTPUT ? 'output' : kind === KIND_FILTERED ? 'filtered' : 'failed',
      ...sent,
    });
  }

  /** Of the batch. */
  get report(): Pick<WorkResult, 'traced' | 'untraced'> {
    return {
      ...(this.#traced.length === 0 ? {} : { traced: this.#traced }),
      ...(this.#untraced === 0 ? {} : { untraced: this.#untraced }),
    };
  }

  #decide(reader: BatchReader, at: number, recordIndex: number): Current | undefined {
    const { contexts, batch, again, recordsMax } = this.#order;
    const hasRoom = this.#traced.length < recordsMax;
    if (again !== undefined) return begun(recordIndex, undefined, again.traceId);
    const length = reader.headersLength(at);
    if (length > 0) {
      const start = reader.headersStart(at);
      const { bytes, view } = reader;
      const valueAt = findTraceparent(bytes, view, start, length);
      if (valueAt >= 0) {
        // Nearly all of them, where little is sampled: decided without decoding anything.
        if (contexts === 'never' || (contexts === 'as_it_says' && !looksSampled(bytes, valueAt))) return undefined;
        const context = readContext({ bytes, view, start, length });
        if (context !== undefined) {
          const sampled =
            contexts === 'always' ||
            (contexts === 'as_it_says' ? context.sampled : ratioSamples(context.traceId, contexts.ratio));
          // Once, though one that waits for a schema is decided on again.
          if (sampled && !hasRoom && recordIndex > this.#lastUntraced) {
            this.#untraced += 1;
            this.#lastUntraced = recordIndex;
          }
          return sampled && hasRoom ? begun(recordIndex, context, context.traceId) : undefined;
        }
      }
    }
    return batch !== undefined && hasRoom && recordIndex % this.#stride === 0
      ? begun(recordIndex, undefined, batch.traceId)
      : undefined;
  }

  /** Writes the entries anew, with headers that name the span that sends them. */
  #continue(
    current: Current,
    reader: BatchReader,
    at: number,
    writer: ResultWriter,
    entryAt: number,
  ): { readonly outputs: number; readonly topic: number | undefined } {
    const length = writer.byteLength - entryAt;
    const entries = length <= SCRATCH_BYTES ? this.#scratch : new ResultReader(new SharedArrayBuffer(length));
    entries.bytes.set(writer.bytes.subarray(entryAt, writer.byteLength));
    const hasContext = current.context !== undefined || this.#order.again !== undefined;
    const topics = new Set<number>();
    let outputs = 0;
    writer.rewind(entryAt);
    for (let entry = 0; entry < length; entry = entries.next(entry)) {
      outputs += 1;
      topics.add(entries.topic(entry));
      const flags = entries.flags(entry);
      const [keyLength, valueLength] = [entries.keyLength(entry), entries.valueLength(entry)];
      const bodyBytes = Math.max(0, keyLength) + Math.max(0, valueLength);
      const bodyAt = entry + RESULT.key;
      const own =
        (flags & HEADERS_FROM_INPUT) === 0
          ? {
              bytes: entries.bytes,
              view: entries.view,
              start: bodyAt + bodyBytes,
              length: entries.headersLength(entry),
            }
          : {
              bytes: reader.bytes,
              view: reader.view,
              start: reader.headersStart(at),
              length: reader.headersLength(at),
            };
      const next = continued(own, current.traceId, current.sendSpanId, hasContext);
      const inputBytes =
        ((flags & KEY_FROM_INPUT) === 0 ? 0 : Math.max(0, reader.keyLength(at))) +
        ((flags & VALUE_FROM_INPUT) === 0 ? 0 : Math.max(0, reader.valueLength(at)));
      const size = inputBytes + bodyBytes + next.byteLength + FRAME_BYTES;
      // Tracing makes no record too large.
      const fits = next.byteLength <= own.length || size <= this.#order.recordBytesMax;
      const parts = fits ? next.parts : [own.bytes.subarray(own.start, own.start + own.length)];
      const byteLength = fits ? next.byteLength : own.length;
      const to = writer.begin(
        current.recordIndex,
        KIND_OUTPUT,
        flags & ~HEADERS_FROM_INPUT,
        entries.topic(entry),
        entries.partition(entry),
        entries.fuelUsed(entry),
        bodyBytes + byteLength,
      );
      writer.bytes.set(entries.bytes.subarray(bodyAt, bodyAt + bodyBytes), to);
      let partAt = to + bodyBytes;
      for (const part of parts) {
        writer.bytes.set(part, partAt);
        partAt += part.length;
      }
      writer.end(keyLength, valueLength, byteLength);
    }
    const [topic] = topics;
    return { outputs, topic: topics.size === 1 ? topic : undefined };
  }
}

function begun(recordIndex: number, context: RemoteContext | undefined, traceId: string): Current {
  return { recordIndex, context, traceId, sendSpanId: randomHex(8), beganMs: hrtimeMs() };
}
