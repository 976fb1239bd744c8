import type { PackedBatch } from './packed-batch.ts';
import type { BatchTrace } from './tracing.ts';
import type { Version } from './version.ts';

export interface InFlightLimits {
  readonly batchesMax: number;
  readonly bytesMax: number;
}

/** One polled batch until its last segment settled. */
export interface BatchTicket {
  readonly batch: PackedBatch;
  /** Whose it is. Changes once at most, before any result of it is seen: a version that is taken back gives its batch to the one before. */
  version: Version;
  /** On the pipeline's clock. */
  readonly polledMs: number;
  /** When its results were there; 0 before that. */
  executedMs: number;
  readonly trace: BatchTrace | undefined;
}

interface OpenTicket extends BatchTicket {
  segmentsOpen: number;
  /** Segments of partitions that are not held up by a retry. */
  segmentsActive: number;
  /** Of the batch and, once they are there, of its results. */
  bytes: number;
}

/**
 * How much the pipeline holds, and whether it may poll for more: back-pressure end to end.
 *
 * A batch whose remaining segments all wait behind a retrying record no longer counts against `batchesMax`, so that the other
 * partitions flow on; its bytes count until it is done, so that memory stays bounded whatever happens.
 */
export class InFlight {
  readonly #limits: InFlightLimits;
  readonly #released: (ticket: BatchTicket) => void;
  #active = 0;
  #bytes = 0;
  #waiting: (() => void) | undefined;

  constructor(limits: InFlightLimits, released: (ticket: BatchTicket) => void) {
    this.#limits = limits;
    this.#released = released;
  }

  get bytes(): number {
    return this.#bytes;
  }

  hasRoom(): boolean {
    return this.#active < this.#limits.batchesMax && this.#bytes < this.#limits.bytesMax;
  }

  /** Calls back once as soon as something was released or held; replaces an earlier callback. */
  onChange(callback: () => void): void {
    this.#waiting = callback;
  }

  open(batch: PackedBatch, segments: number, version: Version, polledMs: number, trace?: BatchTrace): BatchTicket {
    const bytes = batch.byteLength;
    const own = { segmentsOpen: segments, segmentsActive: segments, bytes };
    const ticket: OpenTicket = { batch, version, trace, polledMs, executedMs: 0, ...own };
    this.#active += 1;
    this.#bytes += bytes;
    return ticket;
  }

  /** The batch's results are there: a guest may write far more than it was given. */
  grow(given: BatchTicket, bytes: number): void {
    (given as OpenTicket).bytes += bytes;
    this.#bytes += bytes;
  }

  /** One segment is done, held or not. */
  close(given: BatchTicket, held: boolean): void {
    const ticket = given as OpenTicket;
    ticket.segmentsOpen -= 1;
    if (!held) this.#deactivate(ticket);
    if (ticket.segmentsOpen === 0) {
      this.#bytes -= ticket.bytes;
      this.#released(ticket);
    }
    this.#wake();
  }

  hold(given: BatchTicket): void {
    this.#deactivate(given as OpenTicket);
    this.#wake();
  }

  unhold(given: BatchTicket): void {
    const ticket = given as OpenTicket;
    if (ticket.segmentsActive === 0) this.#active += 1;
    ticket.segmentsActive += 1;
  }

  #deactivate(ticket: OpenTicket): void {
    ticket.segmentsActive -= 1;
    if (ticket.segmentsActive === 0) this.#active -= 1;
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.();
  }
}
