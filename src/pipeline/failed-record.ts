import type { ErrorCode } from '../base/error-code.ts';
import { StreamlineError, toStreamlineError } from '../base/error.ts';
import { TRUNCATIONS, sendDeadLetter } from './dead-letter.ts';
import { backoffMs, decide, isClustersTrouble, type RecordFailure } from './failure-policy.ts';
import type { LaneContext } from './lane.ts';
import type { Assignment } from './assignment.ts';
import type { PlainRecord } from './packed-batch.ts';
import type { ProduceFailure } from './ports.ts';
import { retryRecord } from './retry.ts';
import type { Outcome } from './tally.ts';
import { untilSent, type RecordTrace } from './tracing.ts';
import { countCode } from './transformation-stats.ts';
import type { Unit } from './unit-gate.ts';
import type { Version } from './version.ts';

/** One of a range that was refused. */
export interface RefusedRecord {
  readonly offset: number;
  /** It has other outputs, which may have arrived. */
  readonly several: boolean;
}

/** The lane a failed record belongs to. */
export interface FailingLane {
  readonly assignment: Assignment;
  /** undefined: the record is not traced. */
  readonly trace: RecordTrace | undefined;
  /** Runs work that hands something to the sink; see Lane. True when all of it settled. */
  inUnit(alone: boolean, work: (unit: Unit) => Promise<boolean>): Promise<void>;
  /** One record has its outcome; `code`: why it was given up. */
  settle(outcome: Partial<Outcome>, code?: ErrorCode): void;
  /** The cluster would not take some of a range: by record its own failure; undefined when what became of the range is unsure. */
  refused(
    failures: readonly ProduceFailure[],
    alone: boolean,
    recordOf: (recordIndex: number) => RefusedRecord,
  ): ReadonlyMap<number, RecordFailure> | undefined;
  hurryIfDraining(): void;
  /** The record cannot be settled: nothing after it may leave. */
  halt(error: StreamlineError): void;
  /** False when the lane was ended, halted or drained before the time was up. */
  backoff(delayMs: number): Promise<boolean>;
}

const STOP_SUGGESTION = 'mend the record or the module and restart the transform: it goes on at this record';

/** What becomes of a record that failed: tried again while the policy allows, then dead-lettered, skipped, or the end of the transform. */
export class FailedRecord {
  readonly #context: LaneContext;
  readonly #lane: FailingLane;
  readonly #record: PlainRecord;
  readonly #version: Version;
  /** Exactly once: the cluster refused it in an earlier transaction. */
  readonly #alone: boolean;

  /** @param version that failed it: what it says of failures counts, and it tries again */
  constructor(context: LaneContext, version: Version, lane: FailingLane, record: PlainRecord) {
    this.#context = context;
    this.#version = version;
    this.#lane = lane;
    this.#record = record;
    this.#alone = context.transaction?.refused.get(record.partition, record.offset) !== undefined;
  }

  /** @param within the unit of the range it came out of; its own when there is none */
  async resolve(first: RecordFailure, within?: Unit): Promise<boolean> {
    const { rng } = this.#context;
    const { config } = this.#version;
    let failure = first;
    for (let attempt = 1; ; attempt += 1) {
      this.#count(failure);
      this.#lane.trace?.failed(failure, attempt);
      if (decide(failure, attempt, config.errors) !== 'retry') break;
      // Draining or ended while it waited: the record stays unsettled, its next owner tries again (I1).
      if (!(await this.#lane.backoff(backoffMs(attempt, config.errors, rng)))) return false;
      const again = await this.#retry();
      if (again === undefined) return true;
      failure = again;
    }
    if (within !== undefined) return this.#giveUp(failure, within);
    let settled = false;
    await this.#lane.inUnit(this.#alone, async (unit) => (settled = await this.#giveUp(failure, unit)));
    return settled;
  }

  /** undefined = it settled, or cannot any more. */
  #retry(): Promise<RecordFailure | undefined> {
    this.#context.stats.retries += 1;
    const { assignment, trace } = this.#lane;
    return retryRecord(this.#version, this.#record, assignment, trace, async (outcome) => {
      if (outcome.kind === 'failed') return outcome.failure;
      let failure: RecordFailure | undefined;
      await this.#lane.inUnit(this.#alone, async (unit) => {
        if (outcome.kind === 'output') {
          unit.handed();
          const sent = trace?.sending(undefined);
          const produced = this.#context.sink.produce(outcome.range);
          this.#lane.hurryIfDraining();
          const refusals = await untilSent(produced, sent);
          if (this.#lane.assignment.ended) return false;
          if (refusals.length > 0) {
            const { offset } = this.#record;
            const refused = this.#lane.refused(refusals, this.#alone, () => ({ offset, several: outcome.several }));
            const own = refused?.get(0);
            failure = own === undefined ? undefined : { ...own, fuelUsed: outcome.fuelUsed };
            // Nothing of it reached the topic: the transaction is whole.
            return failure !== undefined;
          }
        }
        this.#version.breaker.passed(1);
        this.#lane.settle({ [outcome.kind]: 1 });
        return true;
      });
      return failure;
    });
  }

  async #giveUp(failure: RecordFailure, unit: Unit): Promise<boolean> {
    if (this.#lane.assignment.ended) return false;
    const { config, breaker } = this.#version;
    const { partition, offset } = this.#record;
    const place = `${config.inputTopic}/${partition}@${offset}`;
    // I2: asked whether a topic is there, the cluster did not answer.
    if (isClustersTrouble(failure.code)) {
      this.#lane.halt(new StreamlineError(failure.code, failure.message, { place }));
      return false;
    }
    if (config.errors.onFailure === 'stop') {
      this.#lane.halt(new StreamlineError(failure.code, failure.message, { place, suggestion: STOP_SUGGESTION }));
      return false;
    }
    if (breaker.failed()) {
      const { failures, window } = config.errors.stopAfter;
      const message = `${failures} of the last ${window} records failed, the last with ${failure.code}: ${failure.message}`;
      this.#lane.halt(new StreamlineError('breaker.open', message, { place, configPath: '/errors/stop_after' }));
      return false;
    }
    if (config.errors.onFailure === 'dead_letter') {
      unit.handed();
      // Only when the dead letter is acknowledged may the offset move.
      await this.#deadLetter(failure);
      if (this.#lane.assignment.ended) return false;
      this.#lane.settle({ deadLettered: 1 }, failure.code);
    } else {
      this.#lane.settle({ skipped: 1 }, failure.code);
    }
    return true;
  }

  async #deadLetter(failure: RecordFailure): Promise<void> {
    const { sink, recordBytesMax, transaction } = this.#context;
    const { deadLetters } = this.#version;
    const { partition, offset } = this.#record;
    const refused = transaction?.refused.get(partition, offset)?.deadLetters ?? 0;
    const truncations = TRUNCATIONS.slice(refused);
    const { assignment, trace } = this.#lane;
    const span = trace?.sending(deadLetters.config.errors.deadLetterTopic);
    const sent = sendDeadLetter(sink, this.#record, failure, deadLetters, recordBytesMax, assignment, truncations);
    this.#lane.hurryIfDraining();
    try {
      await sent;
      span?.([]);
    } catch (thrown) {
      const error = toStreamlineError(thrown);
      span?.([], error);
      const byCluster = error.code === 'broker.transaction_aborted' && error.cause instanceof StreamlineError;
      if (transaction === undefined || !byCluster) throw error;
      transaction.refused.addDeadLetter(partition, offset, this.#alone);
      transaction.abort(error, 'insight');
    }
  }

  #count(failure: RecordFailure): void {
    countCode(this.#context.stats.errors, failure.code);
  }
}
