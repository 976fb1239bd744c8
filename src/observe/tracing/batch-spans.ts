import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Context,
  type HrTime,
  type Span,
} from '@opentelemetry/api';
import { BatchReader, type PackedBatch } from '../../pipeline/packed-batch.ts';
import { DEFAULT_TOPIC } from '../../pipeline/packed-results.ts';
import type { WorkResult } from '../../pipeline/ports.ts';
import type { BatchTrace, RecordRun, RecordTrace, Sent, TracedRecord, TraceOrder } from '../../pipeline/tracing.ts';
import type { TransformationConfig } from '../../spec/transformation-config.ts';
import { messagingSpan, recordAttributes, type Operation } from './messaging-attributes.ts';
import { RecordSpans } from './record-spans.ts';
import { SpanClock } from './span-clock.ts';
import { spanContextOf, type SpanSource } from './span-source.ts';

/** Of one batch: as many as a span may have links, and a burst that the SDK's queue can hold. */
const TRACED_RECORDS_MAX = 128;

const NOTHING_SENT: Sent = () => undefined;

/** Why a commit failed. */
export interface CommitTrouble {
  readonly code: string;
}

/**
 * The spans of one polled batch: `process` and, inside it, poll, transform, send and, when its last offset is, commit. Of a batch that is
 * not sampled there are none, but there may be records that others have sampled.
 */
export class BatchSpans implements BatchTrace {
  readonly order: TraceOrder;
  readonly #source: SpanSource;
  readonly #clock = new SpanClock();
  readonly #config: TransformationConfig;
  /** Until its results are there: what waits for its commit must not hold records. */
  #batch: PackedBatch | undefined;
  readonly #span: Span;
  readonly #context: Context;
  readonly isSampled: boolean;
  /** Traced, and without an outcome yet. */
  readonly #records = new Map<number, RecordSpans>();
  /** Last offset of each partition that is not committed. */
  readonly #uncommitted: Map<number, number>;
  #transform: Span | undefined;
  #sendsTo: string | undefined;

  constructor(source: SpanSource, batch: PackedBatch, config: TransformationConfig, pollBeganMs: number) {
    this.#source = source;
    this.#config = config;
    this.#batch = batch;
    const startTime = this.#clock.ofThread(pollBeganMs);
    const plan = messagingSpan('process', config.inputTopic, { ...this.#whose(), ...this.#count(batch.recordCount) });
    this.#span = source.start(plan, ROOT_CONTEXT, { startTime });
    this.#context = trace.setSpan(ROOT_CONTEXT, this.#span);
    const { traceId, spanId, traceFlags } = this.#span.spanContext();
    this.isSampled = (traceFlags & TraceFlags.SAMPLED) !== 0;
    const recordsMax = Math.min(TRACED_RECORDS_MAX, source.budget.left);
    const { contexts, recordBytesMax } = source;
    const named = this.isSampled ? { traceId, spanId } : undefined;
    this.order = { contexts, recordsMax, recordBytesMax, batch: named };
    this.#uncommitted = new Map(
      this.isSampled ? batch.segments.map(({ partition, lastOffset }) => [partition, lastOffset]) : [],
    );
    if (this.isSampled) this.#child('receive', config.inputTopic, startTime, batch.recordCount).end(this.#clock.now());
  }

  dispatched(): void {
    if (!this.isSampled) return;
    const plan = { name: 'transform', kind: SpanKind.INTERNAL, attributes: this.#whose() };
    this.#transform = this.#source.start(plan, this.#context, { startTime: this.#clock.now() });
  }

  answered(work: WorkResult | undefined): void {
    const transform = this.#transform;
    if (transform !== undefined) {
      if (work === undefined) transform.setStatus({ code: SpanStatusCode.ERROR, message: 'no guest is left' });
      for (const outcome of ['outputs', 'filtered', 'failed'] as const) {
        const records = work?.segments.reduce((sum, segment) => sum + segment[outcome], 0) ?? 0;
        transform.setAttribute(`streamline.records.${outcome}`, records);
      }
      transform.end(this.#clock.now());
    }
    this.#sendsTo = work?.topics.length === 0 ? this.#config.outputTopic : undefined;
    if (work?.untraced !== undefined) this.#span.setAttribute('streamline.records.untraced', work.untraced);
    const batch = this.#batch;
    this.#batch = undefined;
    if (work?.traced === undefined || batch === undefined) return;
    this.#source.budget.spend(work.traced.length);
    const reader = new BatchReader(batch.buffer);
    for (const traced of work.traced) this.#open(traced, reader, work.topics);
  }

  sending({ recordCount, lastRecord, outputs }: RecordRun): Sent {
    const records = this.#recordsOf(lastRecord - recordCount + 1, lastRecord);
    if (!this.isSampled && records.length === 0) return NOTHING_SENT;
    const sends = this.isSampled && outputs > 0;
    const span = sends ? this.#child('send', this.#sendsTo, this.#clock.now(), outputs) : undefined;
    const sent = records.map(([index, record]) => [index, record, record.sending(undefined)] as const);
    return (failures, lost) => {
      const trouble = lost ?? failures[0];
      if (trouble !== undefined) span?.setStatus({ code: SpanStatusCode.ERROR, message: trouble.code });
      span?.end(this.#clock.now());
      for (const [index, record, end] of sent) {
        const own = failures.filter(({ recordIndex }) => recordIndex === index);
        end(own, lost);
        // What becomes of one that was refused is for the error policy, of one that is lost for its next reader.
        if (own.length > 0 || lost !== undefined) continue;
        record.settled(record.isFiltered ? { filtered: 1 } : { output: 1 });
        this.#records.delete(index);
      }
    };
  }

  record(recordIndex: number): RecordTrace | undefined {
    return this.#records.get(recordIndex);
  }

  ended(): void {
    for (const record of this.#records.values()) record.abandoned();
    this.#records.clear();
    this.#span.end(this.#clock.now());
  }

  /**
   * Offsets were committed, or not.
   * @param began of process.hrtime, ms
   * @returns whether all of it is committed by now
   */
  committed(offsets: ReadonlyMap<number, number>, beganMs: number, trouble: CommitTrouble | undefined): boolean {
    const reached = [...this.#uncommitted].filter(([partition, last]) => (offsets.get(partition) ?? -1) > last);
    if (reached.length === 0) return false;
    if (trouble === undefined) for (const [partition] of reached) this.#uncommitted.delete(partition);
    if (trouble === undefined && this.#uncommitted.size > 0) return false;
    const span = this.#child('settle', this.#config.inputTopic, this.#clock.of(beganMs));
    if (trouble !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: trouble.code });
    span.end(this.#clock.now());
    return trouble === undefined;
  }

  #open(traced: TracedRecord, reader: BatchReader, topics: readonly string[]): void {
    const { recordIndex, context } = traced;
    const { inputTopic, outputTopic } = this.#config;
    const at = reader.recordAt(recordIndex);
    const itself = recordAttributes(reader.partition(at), reader.offset(at), reader.valueLength(at));
    const remote = context === undefined ? undefined : spanContextOf(context);
    if (remote !== undefined && this.isSampled) this.#span.addLink({ context: remote });
    const plan = {
      span: messagingSpan('process', inputTopic, { ...this.#whose(), ...itself }),
      parent: remote === undefined ? this.#context : trace.setSpanContext(ROOT_CONTEXT, remote),
      links: remote !== undefined && this.isSampled ? [{ context: this.#span.spanContext() }] : [],
      topicOf: (topic: number) => (topic === DEFAULT_TOPIC ? outputTopic : topics[topic]),
    };
    this.#records.set(recordIndex, new RecordSpans(this.#source, this.#clock, traced, plan));
  }

  #recordsOf(first: number, last: number): [number, RecordSpans][] {
    if (this.#records.size === 0) return [];
    return [...this.#records].filter(([index]) => index >= first && index <= last);
  }

  #child(operation: Operation, topic: string | undefined, startTime: HrTime, count?: number): Span {
    const more = { ...(operation === 'send' ? {} : this.#whose()), ...(count === undefined ? {} : this.#count(count)) };
    return this.#source.start(messagingSpan(operation, topic, more, SpanKind.CLIENT), this.#context, { startTime });
  }

  #whose(): Record<string, string> {
    return { 'messaging.consumer.group.name': this.#config.input.groupId, 'streamline.transform': this.#config.name };
  }

  #count(records: number): Record<string, number> {
    return { 'messaging.batch.message_count': records };
  }
}
