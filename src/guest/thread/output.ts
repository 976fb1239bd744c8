import type { ErrorCode } from '../../base/error-code.ts';
import { StreamlineError, toStreamlineError } from '../../base/error.ts';
import type { SchemaWish } from '../../codec/schema.ts';
import type { WorkResult } from '../../pipeline/ports.ts';
import type { GuestCounts } from '../guest-stats.ts';
import type { GuestLog } from '../host-functions/log-buffer.ts';

/** What a guest thread says to the main thread: one message a batch, and what schemas it needs. */
export type ThreadOutput =
  | { readonly kind: 'ready'; readonly log: GuestLog }
  /** The first instance could not be made; the thread ends. */
  | { readonly kind: 'refused'; readonly error: ThreadError; readonly log: GuestLog }
  | {
      readonly kind: 'done';
      readonly id: number;
      readonly result: WorkResult;
      readonly log: GuestLog;
      /** undefined: nothing was counted. */
      readonly counts: GuestCounts | undefined;
    }
  /** Schemas it does not have, or not as they may be by now: to be answered with `schemas`. */
  | { readonly kind: 'wishes'; readonly wishes: readonly SchemaWish[] }
  /** The transform as a whole cannot go on; the thread ends. */
  | { readonly kind: 'failed'; readonly id: number; readonly error: ThreadError; readonly log: GuestLog };

/** A StreamlineError across the thread boundary, where classes are lost. */
export interface ThreadError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly place: string | undefined;
  readonly configPath: string | undefined;
  readonly suggestion: string | undefined;
}

export function packError(thrown: unknown): ThreadError {
  const { code, message, place, configPath, suggestion } = toStreamlineError(thrown);
  return { code, message, place, configPath, suggestion };
}

export function unpackError(error: ThreadError): StreamlineError {
  return new StreamlineError(error.code, error.message, error);
}
