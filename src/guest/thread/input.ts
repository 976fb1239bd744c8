import type { SchemaAnswer, SchemaWish } from '../../codec/schema.ts';
import type { Condemned } from '../../pipeline/ports.ts';
import type { TraceOrder } from '../../pipeline/tracing.ts';
import type { GuestSource } from '../batch-runner.ts';

/** What a guest thread is started with. */
export interface ThreadData {
  readonly source: GuestSource;
  /** Of a ControlBlock. */
  readonly control: SharedArrayBuffer;
}

/** What the main thread says to a guest thread: one message a batch, and schemas where it needs them. */
export type ThreadInput =
  | {
      readonly kind: 'batch';
      /** Ascends from 1; shows in the control block once the thread has begun it. */
      readonly id: number;
      readonly batch: SharedArrayBuffer;
      readonly condemned: readonly Condemned[];
      /** Where to put the results, or to replace by a larger one. */
      readonly result: SharedArrayBuffer;
      /** undefined: nothing of it is traced. */
      readonly trace: TraceOrder | undefined;
    }
  /** What was asked for; the batch that waits goes on. */
  | { readonly kind: 'schemas'; readonly answers: readonly (readonly [SchemaWish, SchemaAnswer])[] }
  /** Finish what was posted before, then end. */
  | { readonly kind: 'close' };
