import { SpanKind, SpanStatusCode, trace, type Context, type HrTime, type Link, type Span } from '@opentelemetry/api';
import type { RecordFailure } from '../../pipeline/failure-policy.ts';
import type { WorkResult } from '../../pipeline/ports.ts';
import type { Outcome } from '../../pipeline/tally.ts';
import type { RecordTrace, Sent, TracedRecord, TraceOrder } from '../../pipeline/tracing.ts';
import { messagingSpan } from './messaging-attributes.ts';
import type { SpanClock } from './span-clock.ts';
import type { SpanPlan, SpanSource } from './span-source.ts';

export interface RecordPlan {
  readonly span: SpanPlan;
  /** Its own context, or the batch's. */
  readonly parent: Context;
  /** The batch, when that is not the parent. */
  readonly links: Link[];
  /** Of a topic index of packed results. */
  readonly topicOf: (topic: number) => string | undefined;
}

/** The spans of one record: `process` and, inside it, the calls into the guest and `send`. */
export class RecordSpans implements RecordTrace {
  readonly order: TraceOrder;
  readonly #source: SpanSource;
  readonly #clock: SpanClock;
  readonly #topicOf: RecordPlan['topicOf'];
  readonly #span: Span;
  readonly #context: Context;
  /** Of the last time that the guest was shown it. */
  #traced: TracedRecord;
  #failure: RecordFailure | undefined;

  constructor(
    source: SpanSource,
    clock: SpanClock,
    traced: TracedRecord,
    { span, parent, links, topicOf }: RecordPlan,
  ) {
    this.#source = source;
    this.#clock = clock;
    this.#topicOf = topicOf;
    this.#traced = traced;
    this.#span = source.start(span, parent, { startTime: clock.of(traced.beganMs), links });
    this.#context = trace.setSpan(parent, this.#span);
    const { traceId, spanId } = this.#span.spanContext();
    const { contexts, recordBytesMax } = source;
    this.order = { contexts, recordsMax: 1, recordBytesMax, again: { traceId, spanId } };
    this.#phases();
  }

  get isFiltered(): boolean {
    return this.#traced.outcome === 'filtered';
  }

  failed(failure: RecordFailure, attempt: number): void {
    this.#failure = failure;
    // The code alone: a message may quote the record.
    this.#span.addEvent('failed', { 'error.type': failure.code, 'streamline.attempt': attempt }, this.#clock.now());
  }

  tried({ traced }: WorkResult): void {
    const [again] = traced ?? [];
    if (again === undefined) return;
    this.#traced = again;
    this.#phases();
  }

  sending(topic: string | undefined): Sent {
    const { outcome, sendSpanId: spanId, outputs } = this.#traced;
    const startTime = this.#clock.now();
    const span =
      topic === undefined
        ? this.#sendOutputs(outcome, outputs, spanId, startTime)
        : this.#sendDeadLetter(topic, startTime);
    return ([failure], lost) => {
      const trouble = lost ?? failure;
      if (trouble !== undefined) fail(span, trouble.code);
      span?.end(this.#clock.now());
    };
  }

  settled({ deadLettered, skipped, filtered }: Partial<Outcome>): void {
    const failed = deadLettered !== undefined || skipped !== undefined;
    if (failed && this.#failure !== undefined) fail(this.#span, this.#failure.code);
    const outcome =
      deadLettered !== undefined
        ? 'dead_letter'
        : skipped !== undefined
          ? 'skipped'
          : filtered === undefined
            ? 'output'
            : 'filtered';
    this.#end(outcome);
  }

  /** It has no outcome here: the transform stops at it, or its partition was given up. */
  abandoned(): void {
    if (this.#failure !== undefined) fail(this.#span, this.#failure.code);
    this.#end('returned');
  }

  #end(outcome: string): void {
    this.#span.setAttribute('streamline.outcome', outcome);
    this.#span.end(this.#clock.now());
  }

  #phases(): void {
    const { phases, outcome } = this.#traced;
    for (const [i, { name, stage, beganMs, endedMs }] of phases.entries()) {
      const plan = { name, kind: SpanKind.INTERNAL, attributes: { 'streamline.stage': stage + 1 } };
      const span = this.#source.start(plan, this.#context, { startTime: this.#clock.of(beganMs) });
      if (outcome === 'failed' && i === phases.length - 1) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end(this.#clock.of(endedMs));
    }
  }

  /** The span that its outputs name in their headers. */
  #sendOutputs(outcome: TracedRecord['outcome'], outputs: number, spanId: string, startTime: HrTime): Span | undefined {
    if (outcome !== 'output') return undefined;
    const { topic } = this.#traced;
    const count = outputs === 1 ? {} : { 'messaging.batch.message_count': outputs };
    const plan = messagingSpan('send', topic === undefined ? undefined : this.#topicOf(topic), count);
    return this.#source.start(plan, this.#context, { startTime, spanId });
  }

  /** No record names it: a dead letter has the headers that the record came with. */
  #sendDeadLetter(topic: string, startTime: HrTime): Span {
    return this.#source.start(messagingSpan('send', topic, {}, SpanKind.CLIENT), this.#context, { startTime });
  }
}

function fail(span: Span | undefined, code: string): void {
  span?.setAttribute('error.type', code);
  span?.setStatus({ code: SpanStatusCode.ERROR, message: code });
}
