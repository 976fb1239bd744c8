import { assert } from '../base/assert.ts';
import { systemClock, within, type Clock } from '../base/clock.ts';
import { StreamlineError } from '../base/error.ts';
import { packBatch } from '../pipeline/packed-batch.ts';
import {
  ALL_FROM_INPUT,
  DEFAULT_TOPIC,
  KIND_OUTPUT,
  RESULT_ENTRY_BYTES,
  ResultWriter,
} from '../pipeline/packed-results.ts';
import type { OutputRange, ProduceFailure, ProduceRecord, RecordSink } from '../pipeline/ports.ts';
import type { BridgeAddon, BridgeProducer } from './bridge-addon.ts';
import { BridgeConnection, closedWhileStarting, properties } from './bridge-connection.ts';
import { BridgeLane } from './bridge-lane.ts';
import { bridgeTransactions, type BridgeMembership } from './bridge-transactions.ts';
import { producerConfig, redactor } from './client-config.ts';
import { endsClient, toBrokerError } from './client-error.ts';
import type { ConfluentSinkOptions } from './confluent-sink.ts';
import { makeClient } from './connection.ts';
import { errorOfOne } from './delivery-failures.ts';
import { ClientLog } from './log.ts';
import { KafkaTransactions, TRANSACTION_TIMEOUTS_MAX } from './transactions.ts';

/**
 * Larger than the JavaScript client's: here the producer keeps up, and one request a partition is under way at a time. Still below the
 * MiB that a topic takes by default.
 */
const BATCH_BYTES = 786_432;
/** The addon's thread is given so long to end; beyond that it ends by itself. */
const CLOSE_MS_MAX = 10_000;

/**
 * The producer on the native addon: its thread reads the packed results, produces them and collects the delivery reports. What comes back
 * here is one answer a range.
 */
export class BridgeSink implements RecordSink {
  readonly #options: ConfluentSinkOptions;
  readonly #addon: BridgeAddon;
  readonly #clock: Clock;
  readonly #log: ClientLog;
  readonly #connection: BridgeConnection;
  readonly transactions: KafkaTransactions<BridgeMembership> | undefined;
  #producer: BridgeProducer | undefined;
  #started = false;
  #failed: ((error: StreamlineError) => void) | undefined;
  /** I3: order is kept for each input partition. */
  readonly #lanes = new Map<number, BridgeLane>();
  readonly #open = new Set<Promise<unknown>>();
  #lost: StreamlineError | undefined;
  #closed: Promise<void> | undefined;

  constructor(addon: BridgeAddon, options: ConfluentSinkOptions) {
    this.#addon = addon;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#log = new ClientLog(options.logger, this.#clock, options.clientId, redactor(options.kafka));
    this.#connection = new BridgeConnection(options.kafka, this.#log, (code, text) => this.#trouble(code, text));
    if (options.transactions === undefined) return;
    const boundMs = TRANSACTION_TIMEOUTS_MAX * options.transactions.timeoutMs;
    // librdkafka drops what it holds itself, and the ends of the assignments stop what it has not been given.
    this.transactions = new KafkaTransactions('bridge', this.#clock, boundMs, async (abort) => {
      await abort();
      await Promise.all(this.#open);
    });
  }

  async start(failed: (error: StreamlineError) => void): Promise<void> {
    assert(this.#producer === undefined && this.#closed === undefined, 'a sink starts once');
    const { kafka, connectTimeoutMs, knownTopic } = this.#options;
    const conf = producerConfig(this.#options, this.#options, this.#options.transactions);
    conf['batch.size'] = kafka['batch.size'] ?? BATCH_BYTES;
    // The addon needs the report of each record, and collects them outside JavaScript.
    const { 'delivery.report.only.error': _onlyErrors, dr_msg_cb: _callback, ...rest } = conf;
    const producer = makeClient(
      kafka,
      () => new this.#addon.Producer(properties(rest), (...event) => this.#connection.onEvent(event)),
    );
    this.#producer = producer;
    await this.#connection.connect(producer, knownTopic, connectTimeoutMs ?? 10_000);
    if (this.#closed === undefined) await this.transactions?.init(bridgeTransactions(producer));
    if (this.#closed !== undefined) throw closedWhileStarting('producer');
    this.#started = true;
    this.#failed = failed;
  }

  produce(range: OutputRange): Promise<readonly ProduceFailure[]> {
    const { startByte, endByte, result } = range;
    assert(startByte >= 0 && startByte <= endByte, 'output range: start past the end');
    assert(endByte <= result.buffer.byteLength, 'output range: past the buffer');
    if (this.#closed !== undefined || !this.#started || this.#lost !== undefined) {
      return Promise.reject(this.#lost ?? new StreamlineError('broker.client', 'the producer is closed'));
    }
    const produced = this.#lane(range.assignment.partition).produce(range);
    const settled = produced.then(
      () => {},
      () => {},
    );
    this.#open.add(settled);
    void settled.then(() => this.#open.delete(settled));
    return produced;
  }

  async produceOne(record: ProduceRecord): Promise<void> {
    const [failure] = await this.produce(rangeOfOne(record));
    if (failure !== undefined) throw errorOfOne(failure, this.transactions !== undefined);
  }

  /** Nothing waits here but for linger.ms: acknowledgements come by themselves. */
  hurry(): void {}

  close(timeoutMs: number): Promise<void> {
    this.#closed ??= this.#shutDown(timeoutMs);
    return this.#closed;
  }

  async #shutDown(timeoutMs: number): Promise<void> {
    if (this.#open.size > 0) await within(this.#clock, timeoutMs, Promise.all(this.#open));
    this.#failed = undefined;
    this.#lose(
      new StreamlineError('broker.client', 'the producer was closed before the cluster acknowledged the record'),
    );
    await this.transactions?.close();
    if (this.#producer === undefined) return;
    if (await within(this.#clock, CLOSE_MS_MAX, this.#producer.close())) return;
    this.#options.logger.warn({}, 'the producer does not end; it is left to end by itself');
  }

  #lane(partition: number): BridgeLane {
    let lane = this.#lanes.get(partition);
    if (lane === undefined) {
      assert(this.#producer !== undefined, 'produce before start');
      lane = new BridgeLane(this.#producer, this.transactions !== undefined, (error) => this.#fail(error));
      this.#lanes.set(partition, lane);
    }
    return lane;
  }

  #trouble(code: number, text: string): void {
    if (this.#failed === undefined || !endsClient(code)) {
      this.#log.trouble(`producer ${code}`, text);
      return;
    }
    this.#fail(toBrokerError({ message: text, code }, 'broker.fatal', 'the producer cannot go on'));
  }

  /** The producer is lost: told once, and to everyone who waits. */
  #fail(error: StreamlineError): void {
    const failed = this.#failed;
    this.#failed = undefined;
    this.#lose(error);
    failed?.(error);
  }

  #lose(error: StreamlineError): void {
    this.#lost ??= error;
    for (const lane of this.#lanes.values()) lane.reject(error);
  }
}

/** A record built on the main thread, in the form of all others: a batch of one that passes through. */
function rangeOfOne({ topic, key, value, headers, timestampMs, assignment }: ProduceRecord): OutputRange {
  const { partition } = assignment;
  const batch = packBatch([{ partition, offset: 0, timestampMs, key, value, headers }]);
  const writer = new ResultWriter(new SharedArrayBuffer(RESULT_ENTRY_BYTES));
  writer.plain(0, KIND_OUTPUT, ALL_FROM_INPUT, DEFAULT_TOPIC, -1, 0);
  const endByte = writer.byteLength;
  const segment = { startByte: 0, endByte, outputs: 1, filtered: 0, failed: 0 };
  const result = { buffer: writer.buffer, segments: [segment], topics: [] };
  return { batch, result, startByte: 0, endByte, defaultTopic: topic, timestamp: 'input', assignment };
}
