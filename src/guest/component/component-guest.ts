import { StreamlineError } from '../../base/error.ts';
import { printable } from '../../base/printable.ts';
import type { PreparedComponent } from '../../catalog/component-plan.ts';
import { FUEL_PER_MS, type PreparedModule } from '../../catalog/prepared-module.ts';
import { RESULT } from '../../pipeline/packed-results.ts';
import type { GuestConfig } from '../guest-config.ts';
import { GuestFault, guestFailureOf, outOfFuel } from '../guest-failure.ts';
import { initFailure, instantiationFailure } from '../init-failure.ts';
import { writeUnshownTombstone } from '../unshown-tombstone.ts';
import type { BatchContext, Guest } from '../guest.ts';
import type { componentFunctions } from '../host-functions/component.ts';
import type { HostContext } from '../host-functions/host-context.ts';
import { ComponentInstance, type Lifted } from './component-instance.ts';
import { RecordLowering } from './record-lowering.ts';
import { lie, RESULT_RECORD, ResultLifting } from './result-lifting.ts';

type Init = (json: number, jsonLength: number) => number;
/** An input-record, part by part: as few values as that are passed without memory. */
type Transform = (
  hasKey: number,
  key: number,
  keyLength: number,
  hasValue: number,
  value: number,
  valueLength: number,
  headers: number,
  headerCount: number,
  hasTimestamp: number,
  timestampMs: bigint,
  topic: number,
  topicLength: number,
  partition: number,
  offset: bigint,
) => number;

type Functions = ReturnType<typeof componentFunctions>;

const INIT_MESSAGE_BYTES_MAX = 4000;
const MIB = 1024 * 1024;

/** Answers that are orderly: the instance stays. */
const ORDERLY = new Set<string>([
  'guest.failed',
  'guest.rejected',
  'guest.output_too_large',
  'route.invalid_topic',
  'route.too_many_topics',
]);

/**
 * One instance of a component that exports a world of wit/. Values are written to and read from its memory here, by the layout the
 * WIT has in it: a generic binding takes ten times as long, and makes objects of whatever a guest claims to have answered.
 */
export class ComponentGuest implements Guest {
  readonly #config: GuestConfig;
  readonly #host: HostContext;
  readonly #instance: ComponentInstance;
  readonly #transform: Lifted<Transform>;
  readonly #lowering: RecordLowering;
  readonly #lifting: ResultLifting;
  readonly #budget: number;
  /** Of the record under way. */
  #fuelGiven: number;
  readonly #recordBytesMax: number;
  readonly #tombstonesToGuest: boolean;
  readonly #partitionOfInput: boolean;

  private constructor(
    config: GuestConfig,
    host: HostContext,
    instance: ComponentInstance,
    transform: Lifted<Transform>,
    maxMemoryMb: number,
  ) {
    this.#config = config;
    this.#host = host;
    this.#instance = instance;
    this.#transform = transform;
    this.#lowering = new RecordLowering(transform.memory, transform.realloc, config.inputTopic);
    this.#lifting = new ResultLifting(transform.memory, config.limits);
    this.#budget = config.timeoutMs * FUEL_PER_MS;
    this.#fuelGiven = this.#budget;
    this.#recordBytesMax = maxMemoryMb * MIB;
    this.#tombstonesToGuest = config.tombstones === 'transform';
    this.#partitionOfInput = config.partition === 'input';
  }

  /**
   * Puts the component together and calls its `init(config)`, all on the init budget.
   * Throws StreamlineError guest.init_failed or guest.init_rejected.
   */
  static create(
    prepared: PreparedModule & { readonly component: PreparedComponent },
    config: GuestConfig,
    host: HostContext,
    functions: Functions,
  ): ComponentGuest {
    const { component } = prepared;
    const { plan } = component;
    const budget = config.limits.initTimeoutMs * FUEL_PER_MS;
    const instance = instantiate(component, config, host, functions, budget);
    const transform = instance.lifted<Transform>(plan.transform);
    instance.attach(plan.transform, transform.memory);
    try {
      instance.setFuel(budget);
      if (plan.init !== undefined) initialise(instance.lifted<Init>(plan.init), config);
      if (instance.fuelLeft(budget) < 0) throw outOfFuel('init', config.limits.initTimeoutMs);
    } catch (thrown) {
      throw initFailure(thrown, 'init', instance.fuelLeft(budget), config);
    }
    return new ComponentGuest(config, host, instance, transform, prepared.maxMemoryMb);
  }

  run(batch: BatchContext, at: number, recordIndex: number, fuelMax = this.#budget): boolean {
    const { reader, writer } = batch;
    const partition = this.#partitionOfInput ? reader.partition(at) : -1;
    const valueLength = reader.valueLength(at);
    if (valueLength < 0 && !this.#tombstonesToGuest) {
      writeUnshownTombstone(writer, recordIndex, this.#config.tombstones, partition);
      return true;
    }
    const begin = writer.byteLength;
    const recordBytes = Math.max(0, reader.keyLength(at)) + Math.max(0, valueLength) + reader.headersLength(at);
    if (recordBytes > this.#recordBytesMax) {
      const text = `a record of ${String(recordBytes)} bytes does not fit into the component's memory`;
      writer.failed(recordIndex, 'record.too_large', text, 0);
      return true;
    }
    const { times, stage } = this.#host;
    this.#host.enter(batch, at);
    this.#fuelGiven = fuelMax;
    this.#instance.setFuel(fuelMax);
    times?.begin();
    let result = -1;
    let sound = true;
    try {
      result = this.#call(batch, at);
      this.#host.settle();
      // Core modules check their own fuel as they go; all together are looked at here.
      if (this.#fuelLeft() < 0) throw outOfFuel('transform', this.#config.timeoutMs);
      this.#lifting.lift(batch, result, at, recordIndex, partition);
      writer.view.setFloat64(begin + RESULT.fuelUsed, this.#fuelUsed(), true);
    } catch (thrown) {
      const failure = guestFailureOf(thrown, 'transform', this.#fuelLeft(), this.#config.timeoutMs);
      writer.rewind(begin);
      writer.failed(recordIndex, failure.code, failure.message, this.#fuelUsed());
      sound = thrown instanceof GuestFault && ORDERLY.has(failure.code);
    }
    times?.end('transform', stage);
    return sound && this.#release(result);
  }

  /** @returns where the result is */
  #call(batch: BatchContext, at: number): number {
    const lowering = this.#lowering;
    lowering.lower(batch, at);
    const { reader } = batch;
    const timestampMs = reader.timestampMs(at);
    const answer = this.#transform.call(
      lowering.keyLength < 0 ? 0 : 1,
      lowering.keyAt,
      Math.max(0, lowering.keyLength),
      lowering.valueLength < 0 ? 0 : 1,
      lowering.valueAt,
      Math.max(0, lowering.valueLength),
      lowering.headersAt,
      lowering.headerCount,
      timestampMs < 0 ? 0 : 1,
      BigInt(Math.max(0, Math.trunc(timestampMs))),
      lowering.topicAt,
      lowering.topicLength,
      reader.partition(at),
      BigInt(reader.offset(at)),
    );
    return answer >>> 0;
  }

  /** Tells the guest that its answer has been read. What it has answered stands, even if it fails now. */
  #release(result: number): boolean {
    const { postReturn } = this.#transform;
    if (postReturn === undefined) return true;
    try {
      postReturn(result);
      return true;
    } catch (thrown) {
      guestFailureOf(thrown, 'transform', this.#fuelLeft(), this.#config.timeoutMs);
      return false;
    }
  }

  #fuelLeft(): number {
    return this.#instance.fuelLeft(this.#fuelGiven);
  }

  #fuelUsed(): number {
    const left = this.#fuelLeft();
    return left === Infinity ? 0 : this.#fuelGiven - left;
  }
}

function instantiate(
  component: PreparedComponent,
  config: GuestConfig,
  host: HostContext,
  functions: Functions,
  startFuel: number,
): ComponentInstance {
  try {
    return new ComponentInstance(component, host, functions, startFuel);
  } catch (thrown) {
    const doesNotLink = thrown instanceof WebAssembly.LinkError || thrown instanceof TypeError;
    throw instantiationFailure(thrown, 'component', doesNotLink, config);
  }
}

function initialise(init: Lifted<Init>, config: GuestConfig): void {
  const json = Buffer.from(config.configJson, 'utf8');
  const { memory } = init;
  const at = new RecordLowering(memory, init.realloc, '').allocate(json.length, 1);
  json.copy(memory.view.bytes, at);
  const result = init.call(at, json.length) >>> 0;
  const { bytes } = memory.view;
  if (result + RESULT_RECORD.bytes - 4 > bytes.length) throw lie('a pointer to outside of its memory');
  const rejected = bytes[result] !== 0;
  const message = rejected ? initMessage(bytes, result) : '';
  init.postReturn?.(result);
  if (!rejected) return;
  throw new StreamlineError('guest.init_rejected', `init() does not accept the config: ${message}`, {
    configPath: '/config',
    suggestion: "see the guest's documentation for the config it expects",
  });
}

function initMessage(bytes: Buffer, result: number): string {
  const at = bytes.readUInt32LE(result + 4);
  const length = bytes.readUInt32LE(result + 8);
  if (at + length > bytes.length) throw lie('a pointer to outside of its memory');
  return printable(bytes.toString('utf8', at, at + Math.min(length, INIT_MESSAGE_BYTES_MAX)));
}
