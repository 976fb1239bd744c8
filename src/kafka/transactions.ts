import { assert } from '../base/assert.ts';
import { sleep, type Clock } from '../base/clock.ts';
import { StreamlineError } from '../base/error.ts';
import type { GroupMember, PartitionOffset, Transactions } from '../pipeline/ports.ts';
import { RD, promised, type ClientError, type ClientTopicPartition } from './client.ts';
import { codeOf, errorCodeOfClient } from './client-error.ts';

/** What `member` of a source gives. `Membership` is what the adapter's producer takes as a proof of it. */
export interface TransactionMember<Membership> extends GroupMember {
  readonly topic: string;
  /** The consumer stays open until the work is done. Rejects when it is closed. */
  use<T>(work: (membership: Membership) => Promise<T>): Promise<T>;
}

/** librdkafka's verdict on a failed transactional call (rd_kafka_error_is_fatal and so on). */
interface TransactionError extends ClientError {
  readonly isFatal?: boolean;
  readonly isRetriable?: boolean;
  readonly isTxnRequiresAbort?: boolean;
}

export type TransactionDone = (error: TransactionError | null | undefined, nothing: void) => void;

/** A producer as this file uses it. */
export interface TransactionalProducer<Membership> {
  initTransactions(timeoutMs: number, done: TransactionDone): unknown;
  beginTransaction(done: TransactionDone): unknown;
  sendOffsetsToTransaction(
    offsets: readonly (ClientTopicPartition & { readonly offset: number })[],
    membership: Membership,
    timeoutMs: number,
    done: TransactionDone,
  ): unknown;
  commitTransaction(timeoutMs: number, done: TransactionDone): unknown;
  abortTransaction(timeoutMs: number, done: TransactionDone): unknown;
}

/** A call may take so many times a transaction's own timeout: after one the cluster has ended it, after two it is in trouble. */
export const TRANSACTION_TIMEOUTS_MAX = 2;
/** One call holds one of libuv's threads so long; librdkafka goes on where it was when called again. */
const CALL_MS_MAX = 1_000;
/**
 * Between a commit and the next transaction. While the cluster still writes the markers of the last one it turns the next away, and librdkafka
 * asks again only after 20 ms: a short wait is shorter (bench/README.md, "Transactions").
 */
const MARKERS_MS = 5;
/** Between two calls that failed and may succeed. */
const PAUSE_MS = 100;
/** The longest a close waits for the cluster to abort. It does so itself when the transaction times out. */
const CLOSE_MS_MAX = 3_000;

/**
 * Transactions on a producer of either adapter. Each call's error has one of three answers: call again, within a bound; abort and replay; a new
 * producer. An outcome that stays open is the last: the next producer of this name waits for it, and a member that joins reads the
 * offsets after it.
 */
export class KafkaTransactions<Membership> implements Transactions {
  offsetsSent: (() => void) | undefined;
  readonly #adapter: string;
  readonly #clock: Clock;
  readonly #boundMs: number;
  /** Around an abort: the sink drops what it holds. */
  readonly #dropping: (abort: () => Promise<void>) => Promise<void>;
  #producer: TransactionalProducer<Membership> | undefined;
  #running: Promise<unknown> = Promise.resolve();
  #begun = false;
  #closing = false;

  /**
   * @param adapter whose members it knows
   * @param boundMs until a call has to succeed; at least the time after which the cluster ends a transaction by itself
   */
  constructor(adapter: string, clock: Clock, boundMs: number, dropping: (abort: () => Promise<void>) => Promise<void>) {
    this.#adapter = adapter;
    this.#clock = clock;
    this.#boundMs = boundMs;
    this.#dropping = dropping;
  }

  /** Fences earlier producers of the name, ends what they left open, and begins. */
  async init(producer: TransactionalProducer<Membership>): Promise<void> {
    this.#producer = producer;
    await this.#call('cannot begin transactions', (ms, done) => producer.initTransactions(ms, done));
    await this.#begin();
  }

  async commit(offsets: readonly PartitionOffset[], member: GroupMember): Promise<void> {
    const producer = this.#producer;
    assert(producer !== undefined && this.#isOurs(member), 'transactions: a member of another adapter');
    const list = offsets.map((o) => ({ topic: member.topic, partition: o.partition, offset: o.offset }));
    if (list.length > 0) {
      await member.use((membership) =>
        this.#call('the offsets were not taken into the transaction', (ms, done) =>
          producer.sendOffsetsToTransaction(list, membership, ms, done),
        ),
      );
      this.offsetsSent?.();
    }
    await this.#call('the transaction was not committed', (ms, done) => producer.commitTransaction(ms, done));
    this.#begun = false;
    await sleep(this.#clock, MARKERS_MS);
    await this.#begin();
  }

  abort(): Promise<void> {
    return this.#dropping(async () => {
      await this.#abort();
      await this.#begin();
    });
  }

  /** Aborts what is open, if the cluster answers. Never rejects. The client may be closed then. */
  async close(): Promise<void> {
    this.#closing = true;
    await this.#running.catch(() => undefined);
    const producer = this.#producer;
    if (!this.#begun || producer === undefined) return;
    await promised<void>((done) => producer.abortTransaction(CLOSE_MS_MAX, done)).catch(() => undefined);
  }

  #isOurs(member: GroupMember): member is TransactionMember<Membership> {
    return member.adapter === this.#adapter;
  }

  async #begin(): Promise<void> {
    await this.#call('cannot begin a transaction', (_, done) => this.#producer?.beginTransaction(done));
    this.#begun = true;
  }

  async #abort(): Promise<void> {
    await this.#call('the transaction was not aborted', (ms, done) => this.#producer?.abortTransaction(ms, done));
    this.#begun = false;
  }

  async #call(doing: string, call: (timeoutMs: number, done: TransactionDone) => unknown): Promise<void> {
    const untilMs = this.#clock.nowMs() + this.#boundMs;
    for (;;) {
      if (this.#closing) throw new StreamlineError('broker.client', `${doing}: the producer is being closed`);
      const calling = promised<void>((done) => call(CALL_MS_MAX, done));
      this.#running = calling;
      try {
        await calling;
        return;
      } catch (thrown) {
        const error = thrown as TransactionError;
        if (error.isRetriable !== true || this.#clock.nowMs() > untilMs) throw transactionError(error, doing);
      }
      await sleep(this.#clock, PAUSE_MS);
    }
  }
}

/** The answer to a failed call that is not worth repeating. */
function transactionError(error: TransactionError, doing: string): StreamlineError {
  const code = codeOf(error);
  const message = `${doing}: ${error.message}`;
  if (error.isTxnRequiresAbort === true) return new StreamlineError('broker.transaction_aborted', message);
  if (isFenced(code)) return new StreamlineError('broker.fenced', message);
  if (error.isFatal === true) return new StreamlineError('broker.fatal', message);
  // Neither: the outcome stays open, or the configuration is at fault. Only a new producer gets out of it.
  return new StreamlineError(errorCodeOfClient(code, 'broker.fatal'), message);
}

/** Another producer has this name, or the cluster has given this one's transaction up. */
function isFenced(code: number): boolean {
  return code === RD.FENCED || code === RD.PRODUCER_FENCED || code === RD.INVALID_PRODUCER_EPOCH;
}
