import type { BatchReader } from '../../pipeline/packed-batch.ts';
import type { GuestMemory } from '../guest-memory.ts';
import type { BatchContext } from '../guest.ts';
import type { PhaseTimes } from '../phase-times.ts';
import type { RecordOutputs } from '../record-outputs.ts';
import type { TopicTable } from '../topic-table.ts';
import type { GuestMetrics } from './guest-metrics.ts';
import { GuestAbort } from './guest-abort.ts';
import type { LogBuffer } from './log-buffer.ts';

/** Fuel of a host call that does next to nothing: about what it takes in time. */
export const CALL_FUEL = 400;
export const LOG_LINE_FUEL = 5000;
/** Bytes copied for one unit, as bulk-memory operations are charged. */
export const BYTES_PER_UNIT = 16;
/** Of ending the call with an exception, which a guest may catch and ask for again: 3 µs. */
export const ABORT_FUEL = 20_000;

/** The two exports the meter adds, absent in a module that is not metered. */
export interface FuelGauge {
  /** Throws the guest's trap when it is negative. */
  set(units: number): void;
  left(): number;
}

/** Of a schema in the registry. */
export interface SchemaIdentity {
  readonly id: number;
  /** Full name of the Avro type. */
  readonly name: string;
}

/**
 * What the host functions of one guest thread work on: the instance's memory and the record under way. It outlives
 * instances (a trapped one is replaced, the context stays); I9: nothing in here leads to another transform.
 */
export class HostContext {
  readonly inputTopic: string;
  readonly log: LogBuffer;
  readonly metrics: GuestMetrics;
  /** What becomes of the record under way. */
  readonly outputs: RecordOutputs;
  /** Topic names of the batch under way. */
  topics: TopicTable | undefined;
  /** While the record under way is traced. */
  times: PhaseTimes | undefined;
  /** Of a chain, from 0. */
  readonly stage: number;
  /** Nanoseconds, moved by each look at the clock and never by time itself: see wasi.ts. */
  monotonicNs = 0n;
  #fault: unknown;
  #memory: GuestMemory | undefined;
  #fuel: FuelGauge | undefined;
  #reader: BatchReader | undefined;
  #recordAt = 0;
  #keySchema: SchemaIdentity | undefined;
  #valueSchema: SchemaIdentity | undefined;

  constructor(inputTopic: string, log: LogBuffer, outputs: RecordOutputs, metrics: GuestMetrics, stage = 0) {
    this.stage = stage;
    this.metrics = metrics;
    this.inputTopic = inputTopic;
    this.log = log;
    this.outputs = outputs;
  }

  /** The instance is gone: until the next is attached, its start section finds neither a memory nor a record. */
  detach(): void {
    this.#memory = undefined;
    this.#fuel = undefined;
    this.#reader = undefined;
    this.#keySchema = undefined;
    this.#valueSchema = undefined;
    this.outputs.leave();
    this.monotonicNs = 0n;
  }

  attach(memory: GuestMemory, fuel: FuelGauge | undefined): void {
    this.#memory = memory;
    this.#fuel = fuel;
  }

  /** A record begins: metadata functions answer from it. */
  enter(batch: Pick<BatchContext, 'reader' | 'topics'>, at: number): void {
    this.#fault = undefined;
    this.#reader = batch.reader;
    this.#recordAt = at;
    this.topics = batch.topics;
  }

  /** undefined outside a record. */
  get record(): { readonly reader: BatchReader; readonly at: number } | undefined {
    return this.#reader === undefined ? undefined : { reader: this.#reader, at: this.#recordAt };
  }

  /** What the record that begins was written with. */
  schemas(key: SchemaIdentity | undefined, value: SchemaIdentity | undefined): void {
    this.#keySchema = key;
    this.#valueSchema = value;
  }

  /** A start section may call a host function before the instance, and with it its memory, is known. */
  get memory(): GuestMemory {
    return this.#memory ?? this.abort('a host function was called before the module had started');
  }

  /**
   * Writes bytes to where the guest asks for them, if they fit.
   * @returns how many there are
   */
  give(call: string, bytes: Uint8Array, pointer: number, capacity: number): number {
    if (bytes.length > capacity >>> 0) return bytes.length;
    const { memory } = this;
    if (!memory.contains(pointer, bytes.length)) {
      this.abort(`streamline.${call}: the buffer lies outside of the memory`);
    }
    memory.view.bytes.set(bytes, pointer >>> 0);
    return bytes.length;
  }

  /**
   * Takes fuel for work the host is about to do at the guest's request, so that a loop of host calls meets the same deadline as
   * a loop of instructions. Ends the guest's call with a trap, which it cannot catch, when there is not enough.
   */
  charge(units: number): void {
    const fuel = this.#fuel;
    if (fuel !== undefined) fuel.set(fuel.left() - units);
  }

  /** Ends the guest's call because of what it did, or asked for. */
  abort(message: string): never {
    this.charge(ABORT_FUEL);
    throw this.blame(new GuestAbort(message));
  }

  /** Keeps the first fault of a record: a guest may catch what ends its call, and go on as if nothing had been. */
  blame<T>(fault: T): T {
    this.#fault ??= fault;
    return fault;
  }

  /** After a call of the guest's that came back: throws what it caught of ours, so that the record fails all the same. */
  settle(): void {
    if (this.#fault !== undefined) throw this.#fault;
  }

  /** undefined outside a record, and where its format knows no schema. */
  get keySchema(): SchemaIdentity | undefined {
    return this.#keySchema;
  }
  get valueSchema(): SchemaIdentity | undefined {
    return this.#valueSchema;
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
