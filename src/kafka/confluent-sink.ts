import { assert } from '../base/assert.ts';
import { sleep, systemClock, type Clock } from '../base/clock.ts';
import { StreamlineError, toStreamlineError } from '../base/error.ts';
import type { OutputRange, ProduceFailure, ProduceRecord, RecordSink } from '../pipeline/ports.ts';
import { producerConfig, redactor, type ClientIdentity, type TransactionSettings } from './client-config.ts';
import { codeOf, endsClient, toBrokerError } from './client-error.ts';
import { RD, RdKafka, type ClientDeliveryReport, type ClientError, type NativeProducer } from './client.ts';
import { connectClient, forgetClient, makeClient, type Connecting } from './connection.ts';
import {
  DeliveryFailures,
  errorOfOne,
  mayBeNeighbours,
  produceFailureCode,
  produceFailureMessage,
} from './delivery-failures.ts';
import { ClientLog, type Logger } from './log.ts';
import { RangeJob, RecordJob, emptyOutput, type OutputJob } from './output-job.ts';
import { KafkaTransactions, TRANSACTION_TIMEOUTS_MAX, type TransactionalProducer } from './transactions.ts';

export interface ConfluentSinkOptions extends ClientIdentity {
  readonly logger: Logger;
  /** A topic that exists, to ask about when connecting. */
  readonly knownTopic?: string;
  /** Largest record, bytes (limits.record_bytes). */
  readonly recordBytesMax: number;
  readonly clock?: Clock;
  readonly connectTimeoutMs?: number;
  /** Acknowledgements are collected this often: what is between two of them is read again after a crash. */
  readonly flushIntervalMs?: number;
  readonly queueBytesMax?: number;
  readonly queueRecordsMax?: number;
  /** Exactly once; undefined = at least once. */
  readonly transactions?: TransactionSettings;
}

type Producer = Parameters<typeof connectClient>[0] &
  TransactionalProducer<unknown> & {
    on(event: 'delivery-report', listener: (error: ClientError | null, report: ClientDeliveryReport) => void): unknown;
    getClient(): NativeProducer;
    setPollInterval(intervalMs: number): unknown;
    flush(timeoutMs: number, done: (error: ClientError | null | undefined) => void): unknown;
    disconnect(flushTimeoutMs: number, done: () => void): unknown;
    isConnected(): boolean;
  };

/** One output of a job. */
interface Entry {
  readonly job: OutputJob;
  readonly at: number;
}

/**
 * A flush looks at its queue when something arrives, else each 10 ms; with reports for failures only nothing arrives. Short flushes
 * in a row end within this time of the last acknowledgement.
 */
const FLUSH_SLICE_MS = 2;
/** A flush that takes longer than this meets a cluster in trouble: look less often, and leave libuv's threads to others. */
const FLUSH_PATIENCE_MS = 1_000;
const FLUSH_PAUSE_MS = 50;
/** Records produced before the event loop gets its turn: about 5 ms. */
const RECORDS_PER_TURN = 4_000;
/** How often errors are looked for while nothing is produced. */
const POLL_INTERVAL_MS = 500;

/**
 * The producer on the client's low-level API. Successes are not reported one by one (FACTS: that costs more than producing); they
 * follow from a flush: each `flushIntervalMs` new records are held back, in order, until what was queued before is acknowledged or
 * reported as failed. Consuming and guests go on meanwhile.
 */
export class ConfluentSink implements RecordSink {
  readonly transactions: KafkaTransactions<unknown> | undefined;
  readonly #options: ConfluentSinkOptions;
  readonly #clock: Clock;
  readonly #log: ClientLog;
  #producer: Producer | undefined;
  #native: NativeProducer | undefined;
  #connecting: Connecting | undefined;
  #failed: ((error: StreamlineError) => void) | undefined;
  readonly #output = emptyOutput();

  /** Not yet produced, in order; the first may be half done. */
  readonly #waiting: OutputJob[] = [];
  /** With entries produced and not acknowledged, in order. */
  readonly #unacknowledged = new Set<OutputJob>();
  readonly #failures = new DeliveryFailures();
  #cycle: Promise<void> | undefined;
  #cancelTimer: (() => void) | undefined;
  #turn: NodeJS.Immediate | undefined;
  #hurried = false;
  /** A transaction is being aborted: nothing is produced, and what was is not waited for. */
  #aborting = false;
  #lost: StreamlineError | undefined;
  #closed: Promise<void> | undefined;
  #idle: (() => void) | undefined;

  constructor(options: ConfluentSinkOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#log = new ClientLog(options.logger, this.#clock, options.clientId, redactor(options.kafka));
    if (options.transactions === undefined) return;
    const boundMs = TRANSACTION_TIMEOUTS_MAX * options.transactions.timeoutMs;
    this.transactions = new KafkaTransactions('confluent', this.#clock, boundMs, (abort) => this.#dropping(abort));
  }

  async start(failed: (error: StreamlineError) => void): Promise<void> {
    assert(this.#producer === undefined && this.#closed === undefined, 'a sink starts once');
    const { kafka, connectTimeoutMs, knownTopic } = this.#options;
    const config = producerConfig(this.#options, this.#options, this.#options.transactions);
    const producer = makeClient(kafka, () => new RdKafka.Producer(config) as unknown as Producer);
    this.#producer = producer;
    producer.on('event.error', (error) => this.#trouble(error));
    producer.on('delivery-report', (error, report) => {
      if (error) this.#failures.add({ clientCode: codeOf(error), message: error.message }, report);
    });
    const connecting = connectClient(producer, kafka, connectTimeoutMs ?? 10_000, this.#log, knownTopic);
    this.#connecting = connecting;
    await connecting.ready;
    producer.setPollInterval(POLL_INTERVAL_MS);
    if (this.#closed === undefined) await this.transactions?.init(producer);
    if (this.#closed !== undefined)
      throw new StreamlineError('broker.client', 'the producer was closed while it started');
    this.#native = producer.getClient();
    this.#failed = failed;
  }

  produce(range: OutputRange): Promise<readonly ProduceFailure[]> {
    return new Promise((resolve, reject) => this.#enqueue(new RangeJob(range, resolve, reject)));
  }

  produceOne(record: ProduceRecord): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = ([failure]: readonly ProduceFailure[]): void => {
        if (failure === undefined) resolve();
        else reject(errorOfOne(failure, this.transactions !== undefined));
      };
      this.#enqueue(new RecordJob(record, settle, reject));
    });
  }

  hurry(): void {
    this.#hurried = true;
    this.#pump();
  }

  close(timeoutMs: number): Promise<void> {
    this.#closed ??= this.#shutDown(timeoutMs);
    return this.#closed;
  }

  async #shutDown(timeoutMs: number): Promise<void> {
    this.#connecting?.abandon();
    if (this.#waiting.length > 0 || this.#unacknowledged.size > 0) {
      const idle = new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
      this.hurry();
      const cancel = this.#clock.after(timeoutMs, () => this.#idle?.());
      await idle;
      cancel();
    }
    this.#failed = undefined;
    this.#lose(
      new StreamlineError('broker.client', 'the producer was closed before the cluster acknowledged the record'),
    );
    // The binding crashes when a client goes away under a call of its own.
    await this.#connecting?.ended;
    await this.#cycle;
    await this.transactions?.close();
    const producer = this.#producer;
    if (producer?.isConnected() === true) {
      await new Promise<void>((resolve) => void producer.disconnect(0, () => resolve()));
    }
    if (producer !== undefined) forgetClient(producer);
  }

  #enqueue(job: OutputJob): void {
    if (this.#closed !== undefined || this.#native === undefined || this.#lost !== undefined) {
      job.reject(this.#lost ?? new StreamlineError('broker.client', 'the producer is closed'));
      return;
    }
    this.#waiting.push(job);
    this.#pump();
  }

  /** Produces what waits, in order, unless a flush holds it back. */
  #pump(): void {
    if (this.#cycle !== undefined || this.#turn !== undefined || this.#lost !== undefined || this.#aborting) return;
    let budget = RECORDS_PER_TURN;
    for (let job = this.#waiting[0]; job !== undefined; job = this.#waiting[0]) {
      if (budget <= 0) {
        this.#turn = setImmediate(() => {
          this.#turn = undefined;
          this.#pump();
        });
        return;
      }
      this.#unacknowledged.add(job);
      const left = this.#produceSome(job, budget);
      if (left === 'full') {
        // Back-pressure: room comes with acknowledgements.
        this.#startCycle();
        return;
      }
      if (left === 'lost') return;
      budget = left;
      if (job.at !== job.end) continue;
      this.#waiting.shift();
      // Nothing of it reached librdkafka: all filtered, or too large.
      if (job.produced === 0) this.#settle(job);
    }
    if (this.#unacknowledged.size === 0) {
      this.#hurried = false;
      this.#idle?.();
    } else if (this.#hurried) {
      this.#startCycle();
    } else {
      this.#cancelTimer ??= this.#clock.after(this.#options.flushIntervalMs ?? 100, () => this.#startCycle());
    }
  }

  /** @returns what is left of the budget, or why it stopped early */
  #produceSome(job: OutputJob, budgetMax: number): number | 'full' | 'lost' {
    let budget = budgetMax;
    // I5: what waited here until its partition went to someone else is theirs to produce.
    if (job.assignment.ended) job.at = job.end;
    try {
      while (job.at < job.end && budget > 0) {
        const next = job.load(job.at, this.#output);
        if (this.#output.present) {
          const code = this.#produceOutput();
          if (code === RD.QUEUE_FULL) return 'full';
          if (code === 0) job.produced += 1;
          else if (!this.#refused(job, job.at, code)) return 'lost';
          budget -= 1;
        }
        job.at = next;
      }
    } catch (thrown) {
      // Results that lie about their lengths: nothing of the cluster's, and this range only.
      this.#drop(job, toStreamlineError(thrown));
    }
    return budget;
  }

  #produceOutput(): number {
    const { topic, partition, value, key, timestampMs, headers } = this.#output;
    if (topic === undefined) return RD.UNKNOWN_TOPIC;
    assert(this.#native !== undefined, 'produce before start');
    return this.#native.produce(topic, partition, value, key, timestampMs, undefined, headers);
  }

  /** A record librdkafka did not take. @returns false when it takes none any more */
  #refused(job: OutputJob, at: number, code: number): boolean {
    // A transaction that can only be aborted takes no more records, and the producer goes on after it.
    const doomed = code === RD.STATE && this.transactions !== undefined;
    if ((code === RD.FATAL || code === RD.FENCED || code === RD.STATE) && !doomed) {
      this.#fail(new StreamlineError('broker.fatal', `the producer cannot go on (librdkafka error ${code})`));
      return false;
    }
    this.#addFailure(job, at, code, `librdkafka error ${code}`, false);
    return true;
  }

  /**
   * Of the output just loaded.
   * @param delivered it failed on its way to the cluster or there, and with it the transaction it is in
   */
  #addFailure(job: OutputJob, at: number, clientCode: number, fallback: string, delivered = true): void {
    const { recordIndex } = this.#output;
    const message = produceFailureMessage(clientCode, fallback);
    const endsTransaction = delivered && this.transactions !== undefined;
    job.failures.set(at, { recordIndex, code: produceFailureCode(clientCode), message, endsTransaction });
  }

  #drop(job: OutputJob, error: StreamlineError): void {
    job.at = job.end;
    this.#unacknowledged.delete(job);
    job.reject(error);
  }

  #startCycle(): void {
    if (this.#cycle !== undefined) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#cycle = this.#acknowledge()
      .catch((thrown: unknown) => this.#fail(toStreamlineError(thrown)))
      .finally(() => {
        this.#cycle = undefined;
        this.#pump();
      });
  }

  /** Settles what was produced up to here. New records are held back until it returns. */
  async #acknowledge(): Promise<void> {
    await this.#flushed();
    if (this.#aborting) return;
    if (this.#failures.size > 0) await this.#sortOut();
    if (this.#lost !== undefined) return;
    const settled = [...this.#unacknowledged];
    this.#unacknowledged.clear();
    for (const job of settled) {
      job.acknowledgedTo = job.at;
      if (job.at === job.end) this.#settle(job);
    }
  }

  #settle(job: OutputJob): void {
    this.#unacknowledged.delete(job);
    job.resolve();
  }

  /** Resolves when librdkafka's queue is empty and each failure in it has been reported here. */
  async #flushed(): Promise<void> {
    const sinceMs = this.#clock.nowMs();
    while (this.#lost === undefined && !this.#aborting && !(await this.#flush())) {
      if (this.#clock.nowMs() - sinceMs > FLUSH_PATIENCE_MS) await sleep(this.#clock, FLUSH_PAUSE_MS);
    }
    /*
     * A report is put in a list and an async handle is set (src/callbacks.cc, Delivery::dr_cb) before its message is counted as gone,
     * so before the flush returns; the flush's own callback comes by another async handle. libuv's pass over the handles may have
     * looked at the first just before it was set, so it may come one pass, which is one loop turn, after the second. The list is handed
     * over 100 at a time, each further hundred a turn later: when a turn brings none, there are no more.
     */
    await this.#reportsIn();
  }

  async #reportsIn(): Promise<void> {
    let received: number;
    await immediate();
    do {
      received = this.#failures.received;
      await immediate();
    } while (this.#failures.received !== received);
  }

  #flush(): Promise<boolean> {
    const producer = this.#producer;
    assert(producer !== undefined, 'flush before start');
    return new Promise((resolve) => {
      producer.flush(FLUSH_SLICE_MS, (error) => {
        if (error && codeOf(error) !== RD.TIMED_OUT) this.#trouble(error);
        resolve(!error);
      });
    });
  }

  /**
   * Gives the reported failures to their records. What was refused with its neighbours is tried again, and with it all that was
   * produced after it to the same topic, taken or not: I3, an older record must not come to lie behind a newer one. So some come
   * twice, as after a crash.
   */
  async #sortOut(): Promise<void> {
    const retried: Entry[] = [];
    const disturbed = new Set<string | undefined>();
    for (const job of this.#unacknowledged) {
      for (let at = job.acknowledgedTo; at < job.at;) {
        const next = job.load(at, this.#output);
        const { present, topic } = this.#output;
        // What the client did not take was never on its way.
        if (present && !job.failures.has(at)) {
          const failure = this.#failures.of(this.#output);
          // In a transaction nothing can be tried again: it is lost already.
          const again = this.transactions === undefined;
          if (failure !== undefined && again && mayBeNeighbours(failure.clientCode)) disturbed.add(topic);
          else if (failure !== undefined) this.#addFailure(job, at, failure.clientCode, failure.message);
          if (disturbed.has(topic) && !job.failures.has(at)) retried.push({ job, at });
        }
        at = next;
      }
    }
    this.#failures.clear();
    await this.#tryHalves(retried);
  }

  /** Halves until what is refused was refused alone. In order; what comes after a refused one is tried again too. */
  async #tryHalves(entries: readonly Entry[]): Promise<void> {
    const middle = Math.ceil(entries.length / 2);
    for (const half of [entries.slice(0, middle), entries.slice(middle)]) {
      if (half.length === 0 || this.#lost !== undefined) continue;
      const firstRefused = await this.#tryAgain(half);
      if (firstRefused >= 0) await this.#tryHalves(half.slice(firstRefused));
    }
  }

  /** @returns the first one refused as part of a batch, -1 when there is none; a record refused alone is a failure */
  async #tryAgain(part: readonly Entry[]): Promise<number> {
    for (const { job, at } of part) {
      if (job.assignment.ended) continue; // I5
      job.load(at, this.#output);
      let code = this.#produceOutput();
      while (code === RD.QUEUE_FULL && this.#lost === undefined) {
        await this.#flushed();
        job.load(at, this.#output);
        code = this.#produceOutput();
      }
      if (code !== 0 && !this.#refused(job, at, code)) return -1;
    }
    await this.#flushed();
    let firstRefused = -1;
    for (const [i, { job, at }] of part.entries()) {
      if (this.#failures.size === 0) break;
      job.load(at, this.#output);
      const failure = this.#failures.of(this.#output);
      if (failure === undefined) continue;
      if (part.length === 1 || !mayBeNeighbours(failure.clientCode)) {
        this.#addFailure(job, at, failure.clientCode, failure.message);
      } else if (firstRefused < 0) firstRefused = i;
    }
    this.#failures.clear();
    return firstRefused;
  }

  /** Around an abort: what was produced comes to nothing. The assignments of all of it have ended, so nobody waits for it. */
  async #dropping(abort: () => Promise<void>): Promise<void> {
    this.#aborting = true;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#turn !== undefined) clearImmediate(this.#turn);
    this.#turn = undefined;
    try {
      await this.#cycle;
      await abort();
      await this.#reportsIn();
      this.#failures.drop();
      const jobs = new Set([...this.#unacknowledged, ...this.#waiting]);
      this.#unacknowledged.clear();
      this.#waiting.length = 0;
      for (const job of jobs) {
        assert(job.assignment.ended, 'an abort drops what its assignment still waits for');
        job.resolve();
      }
    } finally {
      this.#aborting = false;
    }
    this.#pump();
  }

  #trouble(error: ClientError): void {
    const code = codeOf(error);
    if (this.#failed === undefined || !endsClient(code)) {
      this.#log.trouble(`producer ${code}`, error.message);
      return;
    }
    this.#fail(toBrokerError({ ...error, code }, 'broker.fatal', 'the producer cannot go on'));
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
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#turn !== undefined) clearImmediate(this.#turn);
    this.#turn = undefined;
    const jobs = new Set([...this.#unacknowledged, ...this.#waiting]);
    this.#unacknowledged.clear();
    this.#waiting.length = 0;
    for (const job of jobs) job.reject(error);
    this.#idle?.();
  }
}

function immediate(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
