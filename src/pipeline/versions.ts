import { assert } from '../base/assert.ts';
import { ERROR_CODES, type ErrorCode } from '../base/error-code.ts';
import { StreamlineError, toStreamlineError } from '../base/error.ts';
import type { BatchTicket } from './in-flight.ts';
import { BatchReader, type PackedBatch } from './packed-batch.ts';
import { KIND_FAILED, ResultReader } from './packed-results.ts';
import type { Executor, WorkResult } from './ports.ts';
import { Version, type VersionParts } from './version.ts';

/** What becomes of a version that was to take over. */
export interface TakeOver {
  /** It serves: nothing goes to the one before any more. */
  tookOver(version: Version): void;
  /** It trapped on one of its first records, and the one before serves again: of the batch that trapped nothing has left. */
  takenBack(error: StreamlineError): void;
}

/** A version on trial: it has its first records one batch at a time, and what it makes of them is looked at before it leaves. */
interface Trial {
  readonly version: Version;
  readonly before: Version;
  readonly records: number;
  done: number;
  readonly events: TakeOver;
}

/** Where a version took over on a partition. */
export interface Switch {
  /** Of the first record it had. */
  readonly offset: number;
  readonly version: number;
  readonly moduleSha256: string;
  readonly configSha256: string;
}

/** A failure that is the version's, not its verdict on a record: `guest.failed` may be right. */
export function isTrap(code: ErrorCode): boolean {
  return ERROR_CODES[code].origin === 'guest' && code !== 'guest.failed';
}

/**
 * The versions a pipeline has at a time: the one that serves, those that still have batches, and one on trial at most (I10). A
 * version's guests are closed when its last batch is done.
 */
export class Versions {
  readonly #workerId: string;
  readonly #closed: (executor: Executor) => void;
  readonly #open = new Set<Version>();
  #current: Version;
  #trial: Trial | undefined;
  readonly #switches = new Map<number, Switch>();

  /** @param closed the guests of a version that is done are gone */
  constructor(first: VersionParts, number: number, workerId: string, closed: (executor: Executor) => void) {
    this.#workerId = workerId;
    this.#closed = closed;
    this.#current = new Version(number, first, workerId);
    this.#open.add(this.#current);
  }

  /** Has the next batch. */
  get current(): Version {
    return this.#current;
  }

  /** What serves without question: during a trial the one before. */
  get serving(): Version {
    return this.#trial?.before ?? this.#current;
  }

  get trial(): { readonly version: Version; readonly done: number; readonly of: number } | undefined {
    const trial = this.#trial;
    return trial === undefined ? undefined : { version: trial.version, done: trial.done, of: trial.records };
  }

  /** How many records the next batch may have: a trial has no more than it needs. */
  recordsMax(limit: number): number {
    const trial = this.#trial;
    return trial === undefined ? limit : Math.min(limit, trial.records - trial.done);
  }

  /** Whether another batch may be dispatched while `executing` are with the guests. */
  hasRoom(executing: number): boolean {
    return this.#trial === undefined ? executing < this.#current.executor.parallelism : executing === 0;
  }

  switchOf(partition: number): Switch | undefined {
    return this.#switches.get(partition);
  }

  /**
   * The next batch is this version's. One that is still on trial makes way for it.
   * @param trialRecords so many records are tried first; 0 = none
   */
  adopt(parts: VersionParts, number: number, trialRecords: number, events: TakeOver): void {
    this.withdraw();
    const before = this.#current;
    assert(number > before.number, 'versions are numbered in the order they come');
    const version = new Version(number, parts, this.#workerId);
    this.#open.add(version);
    this.#current = version;
    if (trialRecords > 0) {
      this.#trial = { version, before, records: trialRecords, done: 0, events };
      return;
    }
    this.#retire(before);
    events.tookOver(version);
  }

  withdraw(): void {
    if (this.#trial !== undefined) this.#endTrial(this.#trial.before);
  }

  /** A batch is on its way. */
  opened({ version }: BatchTicket): void {
    version.openBatches += 1;
  }

  /** A batch is done, retries and all. */
  done({ version }: BatchTicket): void {
    version.openBatches -= 1;
    this.#closeIfDone(version);
  }

  /** Runs a batch. One of a version on trial that traps is done again by the one before, and so is all that comes. */
  async execute(ticket: BatchTicket): Promise<WorkResult> {
    const trial = this.#trial;
    const { batch, version, trace } = ticket;
    if (trial === undefined || trial.version !== version) return version.executor.execute(batch, trace?.order);
    let work: WorkResult | undefined;
    let trap: StreamlineError | undefined;
    try {
      work = await version.executor.execute(batch, trace?.order);
      trap = trapIn(work, batch, version.config.inputTopic);
    } catch (thrown) {
      trap = toStreamlineError(thrown);
    }
    // Another version may have come meanwhile: then this trial is over, and so is this version.
    const over = this.#trial !== trial;
    if (work !== undefined && trap === undefined) {
      trial.done += batch.recordCount;
      if (!over && trial.done >= trial.records) this.#pass(trial);
      return work;
    }
    if (work !== undefined) version.executor.release(work);
    if (!over) this.#endTrial(trial.before);
    this.#reassign(ticket, this.#current);
    if (!over && trap !== undefined) trial.events.takenBack(trap);
    return this.execute(ticket);
  }

  /** Results of a batch are about to leave, in this version's name. */
  delivered(partition: number, firstOffset: number, version: Version): void {
    const known = this.#switches.get(partition);
    if (known !== undefined && version.retired) return;
    // Batches finish out of order, and exactly once reads again.
    if (known?.version === version.number && known.offset <= firstOffset) return;
    const { number, moduleSha256, config } = version;
    this.#switches.set(partition, { offset: firstOffset, version: number, moduleSha256, configSha256: config.sha256 });
  }

  /** All guests, those of batches under way too: their results are nobody's any more. */
  async close(): Promise<void> {
    const open = [...this.#open];
    this.#open.clear();
    this.#trial = undefined;
    await Promise.all(open.map(({ executor }) => executor.close()));
  }

  #pass(trial: Trial): void {
    this.#trial = undefined;
    this.#retire(trial.before);
    trial.events.tookOver(trial.version);
  }

  #reassign(ticket: BatchTicket, next: Version): void {
    const { version } = ticket;
    next.openBatches += 1;
    ticket.version = next;
    version.openBatches -= 1;
    this.#closeIfDone(version);
  }

  #endTrial(next: Version): void {
    const trial = this.#trial;
    assert(trial !== undefined, 'versions: no trial');
    this.#trial = undefined;
    this.#current = next;
    this.#retire(trial.version);
  }

  #retire(version: Version): void {
    version.retired = true;
    this.#closeIfDone(version);
  }

  #closeIfDone(version: Version): void {
    if (!version.retired || version.openBatches > 0 || !this.#open.delete(version)) return;
    const { executor } = version;
    // Whatever it says: nobody uses it any more, and its threads are told to end.
    const closed = (): void => this.#closed(executor);
    void executor.close().then(closed, closed);
  }
}

/** The first trap among the results, in words and with its record. */
function trapIn(work: WorkResult, batch: PackedBatch, topic: string): StreamlineError | undefined {
  if (work.segments.every(({ failed }) => failed === 0)) return undefined;
  const results = new ResultReader(work.buffer);
  for (const [i, { startByte, endByte }] of work.segments.entries()) {
    for (let at = startByte; at < endByte; at = results.next(at)) {
      if (results.kind(at) !== KIND_FAILED) continue;
      const { code, message, recordIndex } = results.failure(at);
      if (!isTrap(code)) continue;
      const reader = new BatchReader(batch.buffer);
      const place = `${topic}/${batch.segments[i]?.partition}@${reader.offset(reader.recordAt(recordIndex))}`;
      return new StreamlineError(code, message, { place });
    }
  }
  return undefined;
}
