import {
  createTraceState,
  TraceFlags,
  type Attributes,
  type Context,
  type HrTime,
  type Link,
  type Span,
  type SpanContext,
  type SpanKind,
  type Tracer,
} from '@opentelemetry/api';
import type { ContextRule, RemoteContext } from '../../pipeline/tracing.ts';
import type { ChosenIds } from './chosen-ids.ts';
import type { TraceBudget } from './trace-budget.ts';

export interface SpanPlan {
  readonly name: string;
  readonly kind: SpanKind;
  readonly attributes: Attributes;
}

export interface SpanStart {
  readonly startTime: HrTime;
  readonly links?: Link[];
  /** The id it must have: something names it already. */
  readonly spanId?: string;
}

/** Where spans come from. */
export class SpanSource {
  readonly contexts: ContextRule;
  /** Shared by all transforms. */
  readonly budget: TraceBudget;
  /** limits.record_bytes */
  readonly recordBytesMax: number;
  readonly #tracer: Tracer;
  readonly #ids: ChosenIds;

  constructor(tracer: Tracer, ids: ChosenIds, contexts: ContextRule, budget: TraceBudget, recordBytesMax: number) {
    this.recordBytesMax = recordBytesMax;
    this.budget = budget;
    this.#tracer = tracer;
    this.#ids = ids;
    this.contexts = contexts;
  }

  start({ name, kind, attributes }: SpanPlan, parent: Context, { startTime, links, spanId }: SpanStart): Span {
    if (spanId !== undefined) this.#ids.choose(spanId);
    return this.#tracer.startSpan(
      name,
      { kind, attributes, startTime, ...(links === undefined ? {} : { links }) },
      parent,
    );
  }
}

export function spanContextOf({ traceId, spanId, sampled, traceState }: RemoteContext): SpanContext {
  return {
    traceId,
    spanId,
    traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
    ...(traceState === undefined ? {} : { traceState: createTraceState(traceState) }),
  };
}
