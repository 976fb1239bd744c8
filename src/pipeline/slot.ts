import type { BatchTicket, InFlight } from './in-flight.ts';
import type { Receipt } from './ledger.ts';
import type { Segment } from './packed-batch.ts';
import type { SegmentResult, WorkResult } from './ports.ts';

/** Batches of one partition with records that wait for their keys before it is not read any further: the rest of the memory is the others'. */
const KEY_HELD_SLOTS_MAX = 8;

/** One segment of one batch on its way through its lane. */
export interface Slot {
  readonly segment: Segment;
  readonly ticket: BatchTicket;
  /** Covers what has not been cut off as a piece of its own yet. */
  readonly receipt: Receipt;
  result: { readonly work: WorkResult; readonly segment: SegmentResult } | undefined;
  /** Pieces begun and not finished, plus one while the slot is being cut. */
  open: number;
  /** No longer counted as active in flight: waits behind a retry. */
  held: boolean;
}

/** Which slots of a lane wait behind a retry, and whether its partition is read meanwhile. */
export class SlotHold {
  readonly #inFlight: InFlight;
  readonly #setReading: (reading: boolean) => void;
  #holding = false;
  /** Slots with records that wait for their keys. */
  readonly #keyHeld = new Set<Slot>();

  constructor(inFlight: InFlight, setReading: (reading: boolean) => void) {
    this.#inFlight = inFlight;
    this.#setReading = setReading;
  }

  /** A slot that comes while the lane waits is held from the start. */
  entered(slot: Slot): void {
    if (this.#holding) this.#hold(slot);
  }

  /** ordering: key. Some of its records wait; the lane flows on. */
  waitsForKey(slot: Slot): void {
    if (slot.held) return;
    this.#hold(slot);
    this.#keyHeld.add(slot);
    if (this.#keyHeld.size === KEY_HELD_SLOTS_MAX) this.#setReading(false);
  }

  /** ordering: partition. While a record retries its partition is neither read nor counted as active; the others flow on. */
  async holdWhile(slots: readonly Slot[], work: () => Promise<void>): Promise<void> {
    this.#holding = true;
    this.#setReading(false);
    for (const slot of slots) if (!slot.held) this.#hold(slot);
    try {
      await work();
    } finally {
      this.#holding = false;
      for (const slot of slots) {
        if (!slot.held || slot.open === 0) continue;
        slot.held = false;
        this.#inFlight.unhold(slot.ticket);
      }
      this.#setReading(true);
    }
  }

  /** All of it is done. */
  left(slot: Slot): void {
    if (this.#keyHeld.delete(slot) && this.#keyHeld.size === KEY_HELD_SLOTS_MAX - 1) this.#setReading(true);
    this.#inFlight.close(slot.ticket, slot.held);
  }

  #hold(slot: Slot): void {
    slot.held = true;
    this.#inFlight.hold(slot.ticket);
  }
}
