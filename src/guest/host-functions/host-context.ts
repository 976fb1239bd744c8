import type { BatchReader } from '../../pipeline/packed-batch.ts';
import type { GuestMemory } from '../guest-memory.ts';
import { GuestAbort } from './guest-abort.ts';
import type { LogBuffer } from './log-buffer.ts';

/** Fuel of a host call that does next to nothing: about what it takes in time. */
export const CALL_FUEL = 100;

/** The two exports the meter adds, absent in a module that is not metered. */
export interface FuelGauge {
  set(units: number): void;
  left(): number;
}

/**
 * What the host functions of one guest thread work on: the instance's memory and the record under way. It outlives
 * instances (a trapped one is replaced, the context stays); I9: nothing in here leads to another transform.
 */
export class HostContext {
  readonly inputTopic: string;
  readonly log: LogBuffer;
  /** Nanoseconds, moved by each look at the clock and never by time itself: see wasi.ts. */
  monotonicNs = 0n;
  #memory: GuestMemory | undefined;
  #fuel: FuelGauge | undefined;
  #reader: BatchReader | undefined;
  #recordAt = 0;

  constructor(inputTopic: string, log: LogBuffer) {
    this.inputTopic = inputTopic;
    this.log = log;
  }

  /** A new instance begins: what the old one held is gone. */
  attach(memory: GuestMemory, fuel: FuelGauge | undefined): void {
    this.#memory = memory;
    this.#fuel = fuel;
    this.#reader = undefined;
    this.monotonicNs = 0n;
  }

  /** A record begins: metadata functions answer from it. */
  enter(reader: BatchReader, at: number): void {
    this.#reader = reader;
    this.#recordAt = at;
  }

  /** A start section may call a host function before the instance, and with it its memory, is known. */
  get memory(): GuestMemory {
    if (this.#memory === undefined) throw new GuestAbort('a host function was called before the module had started');
    return this.#memory;
  }

  /**
   * Takes fuel for work the host does at the guest's request, so that a loop of host calls meets the same deadline as a
   * loop of instructions. The guest traps at its next checkpoint if this was too much.
   */
  charge(units: number): void {
    const fuel = this.#fuel;
    if (fuel !== undefined) fuel.set(fuel.left() - units);
  }

  /** -1 outside a record, as in init. */
  partition(): number {
    return this.#reader === undefined ? -1 : this.#reader.partition(this.#recordAt);
  }
  offset(): number {
    return this.#reader === undefined ? -1 : this.#reader.offset(this.#recordAt);
  }
  timestampMs(): number {
    return this.#reader === undefined ? -1 : this.#reader.timestampMs(this.#recordAt);
  }
}
