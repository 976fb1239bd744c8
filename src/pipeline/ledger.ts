import { assert } from '../base/assert.ts';

/** A run of received records that settle together or one by one. Made by PartitionLedger only. */
export interface Receipt {
  /** Offset of the last record of the run that was received: what lies between runs was never ours to settle (I6). */
  readonly lastOffset: number;
  readonly unsettled: number;
}

interface MutableReceipt {
  lastOffset: number;
  unsettled: number;
  settled: number;
}

/**
 * What one partition has received and not settled, in order, within one assignment.
 *
 * I1: `committable` never passes the lowest unsettled record. I6: it counts received runs, never offset arithmetic.
 */
export class PartitionLedger {
  readonly #receipts: MutableReceipt[] = [];
  /** Receipts before this index are settled and passed; compacted now and then. */
  #head = 0;
  #lastReceived = -1;
  #committable: number | undefined;
  #unsettled = 0;
  #settledAhead = 0;
  #firstReceived: number | undefined;

  /** Offset of the first record received; undefined before it. */
  get firstReceived(): number | undefined {
    return this.#firstReceived;
  }

  /** Records settled that `committable` has not passed, because one before them is unsettled. */
  get settledAhead(): number {
    return this.#settledAhead;
  }

  /** Records received and not settled. */
  get unsettled(): number {
    return this.#unsettled;
  }

  /** The next offset to read once everything before it is settled; undefined until something settled. */
  get committable(): number | undefined {
    return this.#committable;
  }

  /** @throws bug.assertion when offsets go backwards within an assignment */
  accept(recordCount: number, firstOffset: number, lastOffset: number): Receipt {
    assert(recordCount > 0, 'ledger: an empty run');
    assert(firstOffset > this.#lastReceived && lastOffset >= firstOffset, 'ledger: offsets must ascend');
    this.#lastReceived = lastOffset;
    this.#firstReceived ??= firstOffset;
    const receipt = { lastOffset, unsettled: recordCount, settled: 0 };
    this.#receipts.push(receipt);
    this.#unsettled += recordCount;
    return receipt;
  }

  /**
   * Cuts a wholly unsettled run after its first `recordCount` records, so that they can be committed before the rest.
   * The given receipt keeps the rest; the head is returned.
   */
  splitHead(receipt: Receipt, recordCount: number, lastOffset: number): Receipt {
    const index = this.#receipts.indexOf(receipt as MutableReceipt, this.#head);
    const rest = this.#receipts[index];
    assert(rest !== undefined, 'ledger: not one of ours');
    assert(rest.settled === 0, 'ledger: split of a run that has begun to settle');
    assert(recordCount > 0 && recordCount < rest.unsettled, 'ledger: split outside the run');
    assert(lastOffset < rest.lastOffset, 'ledger: split past the run');
    const head = { lastOffset, unsettled: recordCount, settled: 0 };
    rest.unsettled -= recordCount;
    this.#receipts.splice(index, 0, head);
    return head;
  }

  /** Counts `recordCount` records of the run as settled, once and for all (I2). */
  settle(receipt: Receipt, recordCount: number): void {
    const own = receipt as MutableReceipt;
    assert(recordCount >= 0 && recordCount <= own.unsettled, 'ledger: more settled than received');
    own.unsettled -= recordCount;
    own.settled += recordCount;
    this.#unsettled -= recordCount;
    this.#settledAhead += recordCount;
    this.#advance();
  }

  #advance(): void {
    for (;;) {
      const first = this.#receipts[this.#head];
      if (first === undefined || first.unsettled > 0) break;
      this.#committable = first.lastOffset + 1;
      this.#settledAhead -= first.settled;
      this.#head += 1;
    }
    if (this.#head > 64 && this.#head * 2 > this.#receipts.length) {
      this.#receipts.splice(0, this.#head);
      this.#head = 0;
    }
  }
}
