import { assert } from '../../base/assert.ts';
import type { Clock } from '../../base/clock.ts';
import { StreamlineError, toStreamlineError } from '../../base/error.ts';
import type { Rng } from '../../base/rng.ts';
import { isRenewal, type SchemaAnswer, type SchemaSource, type SchemaWish } from '../schema.ts';
import { backoffMs } from './backoff.ts';
import type { FileSchema, SchemaStore, StoreWish } from './schema-store.ts';

/** The registry cannot be asked, and somebody waits for it. */
export interface SchemaWaiting {
  /** Wall clock, ms since the epoch. */
  readonly sinceMs: number;
  /** Why, the last time it was tried. */
  readonly error: StreamlineError;
}

export interface SupplyParts {
  readonly store: Pick<SchemaStore, 'get'>;
  readonly clock: Clock;
  readonly rng: Rng;
  /** What `by: 'file'` means for this transform. */
  readonly file?: FileSchema;
  /** Told when waiting begins, and (undefined) when all who waited have their answers; not once a try. */
  readonly onWaiting?: (waiting: SchemaWaiting | undefined) => void;
}

interface Waiter {
  readonly wish: StoreWish;
  readonly resolve: (answer: SchemaAnswer) => void;
  readonly reject: (error: StreamlineError) => void;
  hasWaited: boolean;
}

const BACKOFF_MS = 500;
const BACKOFF_MS_MAX = 10_000;
/** While the registry fails: so many wishes find out whether it still does. */
const PROBES_MAX = 4;

/** One transform's schemas. It has the patience that a record's fate asks for: a registry that is down is waited for. */
export class SchemaSupply implements SchemaSource {
  readonly #parts: SupplyParts;
  readonly #asking = new Set<Waiter>();
  /** The one that was not asked for the longest comes first. */
  readonly #queue: Waiter[] = [];
  #waiting: SchemaWaiting | undefined;
  #failures = 0;
  #cancelTick: (() => void) | undefined;
  #isClosed = false;

  constructor(parts: SupplyParts) {
    this.#parts = parts;
  }

  /** undefined: nobody waits for the registry longer than an answer takes. */
  get waiting(): SchemaWaiting | undefined {
    return this.#waiting;
  }

  get(wish: SchemaWish): Promise<SchemaAnswer> {
    if (this.#isClosed) return Promise.reject(closed());
    const granted = this.#granted(wish);
    // Who has a schema does not stand in line with those who have none.
    if (isRenewal(wish)) return this.#parts.store.get(granted);
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { wish: granted, resolve, reject, hasWaited: false };
      // It may be known, or be what the registry does answer: a few are asked even while others fail.
      if (this.#waiting === undefined || this.#asking.size < PROBES_MAX) this.#ask(waiter);
      else this.#enqueue(waiter);
    });
  }

  /** Who waits is turned away. */
  close(): void {
    this.#isClosed = true;
    this.#cancelTick?.();
    const waiters = [...this.#asking, ...this.#queue.splice(0)];
    this.#asking.clear();
    for (const { reject } of waiters) reject(closed());
    this.#waiting = undefined;
  }

  #granted(wish: SchemaWish): StoreWish {
    if (wish.by !== 'file') return wish;
    const { file } = this.#parts;
    assert(file !== undefined, 'a transform without schema_file asks for it');
    return { ...wish, file };
  }

  #ask(waiter: Waiter): void {
    this.#asking.add(waiter);
    this.#parts.store.get(waiter.wish).then(
      (answer) => this.#answered(waiter, answer),
      (error: unknown) => this.#failed(waiter, error),
    );
  }

  #answered(waiter: Waiter, answer: SchemaAnswer): void {
    if (!this.#asking.delete(waiter)) return;
    waiter.resolve(answer);
    if (this.#waiting === undefined) return;
    // One that did not wait may have been answered from what is known: no sign that the registry is back.
    if (waiter.hasWaited) for (const next of this.#queue.splice(0)) this.#ask(next);
    this.#review();
  }

  #failed(waiter: Waiter, thrown: unknown): void {
    if (!this.#asking.delete(waiter)) return;
    if (!(thrown instanceof StreamlineError) || !thrown.code.startsWith('registry.')) {
      waiter.reject(toStreamlineError(thrown));
      this.#review();
      return;
    }
    this.#enqueue(waiter);
    const isFirst = this.#waiting === undefined;
    this.#waiting = { sinceMs: this.#waiting?.sinceMs ?? this.#parts.clock.wallMs(), error: thrown };
    if (isFirst) this.#parts.onWaiting?.(this.#waiting);
    this.#scheduleTick();
  }

  #enqueue(waiter: Waiter): void {
    waiter.hasWaited = true;
    this.#queue.push(waiter);
  }

  /** Waiting has ended when nobody waits any more. */
  #review(): void {
    if (this.#waiting === undefined) return;
    if (this.#queue.length > 0) {
      this.#scheduleTick();
      return;
    }
    if ([...this.#asking].some(({ hasWaited }) => hasWaited)) return;
    this.#waiting = undefined;
    this.#failures = 0;
    this.#cancelTick?.();
    this.#cancelTick = undefined;
    this.#parts.onWaiting?.(undefined);
  }

  #scheduleTick(): void {
    if (this.#cancelTick !== undefined) return;
    const delayMs = backoffMs(this.#failures, BACKOFF_MS, BACKOFF_MS_MAX, this.#parts.rng);
    this.#failures += 1;
    this.#cancelTick = this.#parts.clock.after(delayMs, () => {
      this.#cancelTick = undefined;
      const room = Math.max(0, PROBES_MAX - this.#asking.size);
      for (const waiter of this.#queue.splice(0, room)) this.#ask(waiter);
    });
  }
}

function closed(): StreamlineError {
  return new StreamlineError('guest.closed', 'no schema is waited for any more: the transform was closed');
}
