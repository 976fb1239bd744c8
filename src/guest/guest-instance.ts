import { StreamlineError } from '../base/error.ts';
import { FUEL_LEFT, FUEL_PER_MS, FUEL_SET, type PreparedModule } from '../catalog/prepared-module.ts';
import { RECORD } from '../pipeline/packed-batch.ts';
import {
  ALL_FROM_INPUT,
  DEFAULT_TOPIC,
  HEADERS_FROM_INPUT,
  KEY_FROM_INPUT,
  KIND_FILTERED,
  KIND_OUTPUT,
} from '../pipeline/packed-results.ts';
import { BATCH_FULL, batchOutputBytesMax } from './batch-output.ts';
import { copyBytes } from './byte-view.ts';
import { GuestBuffers } from './guest-buffers.ts';
import type { GuestConfig } from './guest-config.ts';
import { GuestFault, guestFailureOf } from './guest-failure.ts';
import { initFailure, instantiationFailure } from './init-failure.ts';
import { writeUnshownTombstone } from './unshown-tombstone.ts';
import { GuestMemory } from './guest-memory.ts';
import { checkTopicLength } from './topic-table.ts';
import { framedKeyLength, payloadParts } from './payload.ts';
import type { OutputPart } from './record-outputs.ts';
import type { BatchContext, Guest } from './guest.ts';
import type { HostContext } from './host-functions/host-context.ts';

const FAILED = 0xffffffff;
type RecordCall = (pointer: number, length: number) => number;
type OutputCall = (pointer: number, length: number, output: number) => number;

interface Calls {
  readonly filter: RecordCall | undefined;
  readonly transform: OutputCall;
  readonly route: OutputCall | undefined;
  readonly fuelSet: (units: number) => void;
  readonly fuelLeft: () => number;
}

/**
 * One instance of a module, speaking the core ABI (DESIGN.md). `run` is the hot path of the engine: it allocates nothing for
 * a record that goes well, and copies its bytes once into the guest and once out of it.
 */
export class GuestInstance implements Guest {
  readonly #config: GuestConfig;
  readonly #host: HostContext;
  readonly #memory: GuestMemory;
  readonly #buffers: GuestBuffers;
  readonly #filter: RecordCall | undefined;
  readonly #transform: OutputCall;
  readonly #route: OutputCall | undefined;
  readonly #fuelSet: (units: number) => void;
  readonly #fuelLeft: () => number;
  readonly #budget: number;
  /** Of the record under way. */
  #fuelGiven: number;
  readonly #batchOutputBytesMax: number;
  readonly #framed: boolean;
  readonly #tombstonesToGuest: boolean;
  readonly #partitionOfInput: boolean;
  /** The export under way, for the message should it trap. */
  #call = 'transform';

  private constructor(
    config: GuestConfig,
    host: HostContext,
    memory: GuestMemory,
    buffers: GuestBuffers,
    calls: Calls,
  ) {
    this.#config = config;
    this.#host = host;
    this.#memory = memory;
    this.#buffers = buffers;
    this.#filter = calls.filter;
    this.#transform = calls.transform;
    this.#route = calls.route;
    this.#fuelSet = calls.fuelSet;
    this.#fuelLeft = calls.fuelLeft;
    this.#budget = config.timeoutMs * FUEL_PER_MS;
    this.#fuelGiven = this.#budget;
    this.#batchOutputBytesMax = batchOutputBytesMax(config.limits.outputBytesMax);
    this.#framed = config.payload === 'framed';
    this.#tombstonesToGuest = config.tombstones === 'transform';
    this.#partitionOfInput = config.partition === 'input';
  }

  /**
   * Instantiates, then `_initialize`, buffers, `init(config)`, all on the init budget.
   * Throws StreamlineError guest.init_failed or guest.init_rejected.
   */
  static create(
    prepared: PreparedModule,
    config: GuestConfig,
    host: HostContext,
    imports: Record<string, Record<string, unknown>>,
  ): GuestInstance {
    host.detach();
    const instance = instantiate(prepared, imports, config);
    const memory = new GuestMemory(exportedMemory(instance));
    const calls = callsOf(instance);
    const metered = exportedFunction(instance, FUEL_SET) !== undefined;
    host.attach(memory, metered ? { set: calls.fuelSet, left: calls.fuelLeft } : undefined);
    const alloc = exportedFunction(instance, 'alloc') as ((length: number) => number) | undefined;
    const buffers = new GuestBuffers(memory, alloc, {
      maxMemoryMb: prepared.maxMemoryMb,
      outputBytesMax: config.limits.outputBytesMax,
    });
    let call = '_initialize';
    try {
      calls.fuelSet(config.limits.initTimeoutMs * FUEL_PER_MS);
      (exportedFunction(instance, call) as (() => void) | undefined)?.();
      const init = exportedFunction(instance, 'init') as RecordCall | undefined;
      if (init !== undefined) {
        const json = Buffer.from(config.configJson, 'utf8');
        call = 'alloc';
        const at = buffers.allocateConfig(json.length);
        json.copy(memory.view.bytes, at);
        call = 'init';
        if (init(at, json.length) === 0) throw initRejected();
      }
      // After init, whose allocations may have grown the memory: the output buffer is to be the last thing in it.
      call = 'alloc';
      buffers.open();
    } catch (thrown) {
      throw initFailure(thrown, call, calls.fuelLeft(), config);
    }
    return new GuestInstance(config, host, memory, buffers, calls);
  }

  run(batch: BatchContext, at: number, recordIndex: number, fuelMax = this.#budget): boolean {
    const { reader, writer } = batch;
    const partition = this.#partitionOfInput ? reader.partition(at) : -1;
    const valueLength = reader.valueLength(at);
    if (valueLength < 0 && !this.#tombstonesToGuest) {
      writeUnshownTombstone(writer, recordIndex, this.#config.tombstones, partition);
      return true;
    }
    const buffers = this.#buffers;
    const keyBytes = Math.max(0, reader.keyLength(at));
    const valueBytes = Math.max(0, valueLength);
    const start = this.#framed ? at + RECORD.keyLength : at + RECORD.key + keyBytes;
    const length = this.#framed ? 4 + keyBytes + valueBytes : valueBytes;
    const { outputs, times, stage } = this.#host;
    this.#host.enter(batch, at);
    outputs.begin(batch, at, recordIndex, partition);
    this.#fuelGiven = fuelMax;
    this.#fuelSet(fuelMax);
    try {
      times?.begin();
      if (length > buffers.inputCapacity) {
        this.#call = 'alloc';
        buffers.ensureInput(length);
      }
      copyBytes(batch.input, start, this.#memory.view, buffers.inputPointer, length);
      if (this.#filter !== undefined) {
        this.#call = 'filter';
        const passes = this.#filter(buffers.inputPointer, length);
        times?.end('filter', stage);
        this.#host.settle();
        if (passes === 0) {
          writer.plain(recordIndex, KIND_FILTERED, 0, DEFAULT_TOPIC, partition, this.#fuelUsed());
          return true;
        }
      }
      this.#call = 'transform';
      outputs.accepting = true;
      const written = this.#transform(buffers.inputPointer, length, buffers.outputPointer) >>> 0;
      times?.end('transform', stage);
      outputs.accepting = false;
      this.#host.settle();
      if (written === FAILED) {
        outputs.discard();
        // An orderly answer: the instance stays.
        writer.failed(recordIndex, 'guest.failed', 'transform() reported that it failed', this.#fuelUsed());
        return true;
      }
      if (written > buffers.outputCapacity) throw outputTooLong(written, buffers.outputCapacity);
      if (writer.byteLength + written > this.#batchOutputBytesMax) {
        outputs.discard();
        writer.failed(recordIndex, 'guest.output_too_large', BATCH_FULL, this.#fuelUsed());
        return true;
      }
      // What it emitted is all there is, unless it answers more.
      if (written === 0 && outputs.count > 0) {
        outputs.close(this.#fuelUsed());
        return true;
      }
      const topic = this.#route === undefined ? DEFAULT_TOPIC : this.#routed(batch, this.#route, written, length);
      if (outputs.count > 0 || outputs.hasOwnHeaders) this.#addAnswer(written, topic);
      else if (written === 0) {
        writer.plain(recordIndex, KIND_OUTPUT, ALL_FROM_INPUT, topic, partition, this.#fuelUsed());
      } else if (this.#framed) this.#writeFramed(batch, recordIndex, topic, partition, written);
      else this.#writeValue(batch, recordIndex, topic, partition, written);
      return true;
    } catch (thrown) {
      times?.end(this.#call, stage);
      outputs.accepting = false;
      outputs.discard();
      const failure = guestFailureOf(thrown, this.#call, this.#fuelLeft(), this.#config.timeoutMs);
      writer.failed(recordIndex, failure.code, failure.message, this.#fuelUsed());
      return false;
    }
  }

  /** What transform() answered, beside what it emitted or with headers that it changed. */
  #addAnswer(written: number, topic: number): void {
    const { outputs } = this.#host;
    if (written === 0) outputs.pass(topic);
    else {
      const { key, value } = this.#parts(this.#buffers.outputPointer, written);
      outputs.add(key, value, topic);
    }
    outputs.close(this.#fuelUsed());
  }

  #parts(at: number, length: number): { readonly key: OutputPart; readonly value: OutputPart } {
    return payloadParts(this.#memory.view, at, length, this.#framed, 'transform()');
  }

  /**
   * Calls route() on what transform() has left: the output buffer, or the input when it passed the record through. The name
   * goes to the other of the two buffers, which nobody needs any more.
   */
  #routed(batch: BatchContext, route: OutputCall, written: number, inputLength: number): number {
    const { inputPointer, outputPointer, inputCapacity, outputCapacity } = this.#buffers;
    this.#call = 'route';
    const passed = written === 0;
    const nameAt = passed ? outputPointer : inputPointer;
    const nameLength =
      (passed ? route(inputPointer, inputLength, nameAt) : route(outputPointer, written, nameAt)) >>> 0;
    this.#host.times?.end('route', this.#host.stage);
    this.#host.settle();
    if (nameLength === 0) return DEFAULT_TOPIC;
    if (nameLength > (passed ? outputCapacity : inputCapacity)) {
      throw new GuestFault(
        'guest.abi_violation',
        `route() returned a length of ${String(nameLength)}, past its buffer`,
      );
    }
    checkTopicLength(nameLength, 'route');
    return batch.topics.named(this.#memory.view.bytes.toString('utf8', nameAt, nameAt + nameLength), 'route()');
  }

  #writeFramed(batch: BatchContext, recordIndex: number, topic: number, partition: number, written: number): void {
    const at = this.#buffers.outputPointer;
    const view = this.#memory.view;
    const keyLength = framedKeyLength(view, at, written, 'transform()');
    const keyBytes = Math.max(0, keyLength);
    const { writer } = batch;
    const flags = HEADERS_FROM_INPUT;
    const bodyAt = writer.begin(recordIndex, KIND_OUTPUT, flags, topic, partition, this.#fuelUsed(), written - 4);
    copyBytes(view, at + 4, batch.output, bodyAt, written - 4);
    writer.end(keyLength, written - 4 - keyBytes, 0);
  }

  #writeValue(batch: BatchContext, recordIndex: number, topic: number, partition: number, written: number): void {
    const { writer } = batch;
    const flags = KEY_FROM_INPUT | HEADERS_FROM_INPUT;
    const bodyAt = writer.begin(recordIndex, KIND_OUTPUT, flags, topic, partition, this.#fuelUsed(), written);
    copyBytes(this.#memory.view, this.#buffers.outputPointer, batch.output, bodyAt, written);
    writer.end(0, written, 0);
  }

  #fuelUsed(): number {
    const left = this.#fuelLeft();
    return left === Infinity ? 0 : this.#fuelGiven - left;
  }
}

function instantiate(
  prepared: PreparedModule,
  imports: Record<string, Record<string, unknown>>,
  config: GuestConfig,
): WebAssembly.Instance {
  try {
    return new WebAssembly.Instance(prepared.module, imports);
  } catch (thrown) {
    throw instantiationFailure(thrown, 'module', thrown instanceof WebAssembly.LinkError, config);
  }
}

function exportedMemory(instance: WebAssembly.Instance): WebAssembly.Memory {
  const memory = instance.exports['memory'];
  // Shared memory would not detach on growth, which GuestMemory relies on; the catalog refuses it.
  if (memory instanceof WebAssembly.Memory && !(memory.buffer instanceof SharedArrayBuffer)) return memory;
  throw new StreamlineError('guest.init_failed', 'the module exports no memory of its own');
}

type GuestFunction = (...args: never[]) => unknown;

function exportedFunction(instance: WebAssembly.Instance, name: string): GuestFunction | undefined {
  const exported = instance.exports[name];
  return typeof exported === 'function' ? (exported as GuestFunction) : undefined;
}

function callsOf(instance: WebAssembly.Instance): Calls {
  const transform = exportedFunction(instance, 'transform');
  if (transform === undefined) throw new StreamlineError('guest.init_failed', 'the module exports no transform');
  return {
    filter: exportedFunction(instance, 'filter') as RecordCall | undefined,
    transform: transform as OutputCall,
    route: exportedFunction(instance, 'route') as OutputCall | undefined,
    // A module without a meter (a fixture): only the wall clock stops it.
    fuelSet: (exportedFunction(instance, FUEL_SET) as Calls['fuelSet'] | undefined) ?? ((): void => undefined),
    fuelLeft: (exportedFunction(instance, FUEL_LEFT) as Calls['fuelLeft'] | undefined) ?? ((): number => Infinity),
  };
}

function initRejected(): StreamlineError {
  return new StreamlineError('guest.init_rejected', 'init() returned 0: the guest does not accept its config', {
    configPath: '/config',
    suggestion: "see the guest's log lines and its documentation for the config it expects",
  });
}

function outputTooLong(written: number, capacity: number): GuestFault {
  const text = `transform() returned a length of ${String(written)}; its output buffer has ${String(capacity)} bytes`;
  return new GuestFault('guest.abi_violation', text);
}
