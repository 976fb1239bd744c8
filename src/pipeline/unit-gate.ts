/** Work that belongs to one transaction as a whole: from the first record it hands to the sink to the last one that settles. */
export interface Unit {
  /** Something of it is handed to the sink: from here on it has to settle, or the transaction cannot be committed. */
  handed(): void;
  /** @param settled whether all it handed over has settled */
  leave(settled: boolean): void;
}

/** At least once: there is no transaction to belong to. */
export const NO_UNIT: Unit = { handed: () => {}, leave: () => {} };

interface Waiting {
  readonly alone: boolean;
  readonly admit: () => void;
}

/**
 * Lets units in, in the order they came (I3), and closes for a commit: then nothing is inside, so what was produced and what has settled
 * are the same records (I4).
 */
export class UnitGate {
  #inside = new Set<Unit>();
  readonly #queue: Waiting[] = [];
  #closed = false;
  #alone = false;
  #produced = false;
  #broken = false;
  #emptied: (() => void) | undefined;

  /** Something was handed over since the last commit or abort. */
  get produced(): boolean {
    return this.#produced;
  }

  /** Something was handed over and will never settle: the transaction holds outputs of records that no offset covers. */
  get broken(): boolean {
    return this.#broken;
  }

  /** @param alone nobody else is inside meanwhile */
  enter(alone: boolean): Promise<Unit> {
    const unit = this.#unit();
    return new Promise((resolve) => {
      const admit = (): void => {
        this.#inside.add(unit);
        this.#alone = alone;
        resolve(unit);
      };
      this.#queue.push({ alone, admit });
      this.#admit();
    });
  }

  close(): void {
    this.#closed = true;
  }

  open(): void {
    this.#closed = false;
    this.#admit();
  }

  /** Resolves when nobody is inside. Of a gate that is closed: then nobody will be. */
  empty(): Promise<void> {
    if (this.#inside.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#emptied = resolve;
    });
  }

  /** The transaction is committed. */
  reset(): void {
    this.#produced = false;
    this.#broken = false;
  }

  /**
   * The transaction is gone, and with it whoever is inside or waits: they are not waited for any more. Those who wait are let in, to find
   * that their assignment has ended.
   */
  abandon(): void {
    for (const { admit } of this.#queue.splice(0)) admit();
    this.#inside = new Set();
    this.#alone = false;
    this.#emptied = undefined;
    this.reset();
  }

  #unit(): Unit {
    let handed = false;
    const unit: Unit = {
      handed: () => {
        handed = true;
        if (this.#inside.has(unit)) this.#produced = true;
      },
      leave: (settled) => {
        if (!this.#inside.delete(unit)) return;
        if (handed && !settled) this.#broken = true;
        if (this.#inside.size > 0) return;
        this.#alone = false;
        this.#emptied?.();
        this.#emptied = undefined;
        this.#admit();
      },
    };
    return unit;
  }

  #admit(): void {
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      if (this.#closed || this.#alone || (next.alone && this.#inside.size > 0)) return;
      this.#queue.shift();
      next.admit();
    }
  }
}
