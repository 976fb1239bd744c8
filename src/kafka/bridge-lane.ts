import { StreamlineError, toStreamlineError } from '../base/error.ts';
import { ResultReader } from '../pipeline/packed-results.ts';
import type { OutputRange, ProduceFailure } from '../pipeline/ports.ts';
import type { BridgeProducer } from './bridge-addon.ts';
import { mayBeNeighbours, produceFailureCode, produceFailureMessage } from './delivery-failures.ts';
import { RangeJob, emptyOutput } from './output-job.ts';

/** A range on its way: handed to the addon once its turn has come, and told of only when all before it in its lane are. */
interface Job {
  readonly range: OutputRange;
  readonly resolve: (failures: readonly ProduceFailure[]) => void;
  readonly reject: (error: StreamlineError) => void;
  /** Resolves when the addon has answered; set once it was handed on. */
  answered: Promise<void>;
  /** What failed then. */
  failures: Failures | undefined;
}

/** One output of a job. */
interface Entry {
  readonly job: Job;
  readonly startByte: number;
  readonly endByte: number;
}

interface Failure {
  /** librdkafka's. */
  readonly code: number;
  /** Its batch was refused as a whole: others in it, and it too, may be fine. */
  readonly withNeighbours: boolean;
  /** The cluster said so, inside a transaction: that one can only be aborted. */
  readonly endsTransaction: boolean;
}
/** By where the output's entry begins in the results: a record may have several. */
type Failures = ReadonlyMap<number, Failure>;

const NONE: Failures = new Map();

/**
 * What is produced for one input partition, in order. The addon acknowledges ranges as they arrive; here they are told in the order they
 * came, so that nothing counts as done that lies behind a record which has to be tried again (I3).
 *
 * A broker refuses a batch as a whole for one record in it. Then the lane stops handing on, waits for what is under way, and tries again
 * what was refused and all that was produced after it to the same topic, in halves, until what is refused was refused alone. So some
 * records come twice, as after a crash.
 */
export class BridgeLane {
  readonly #producer: BridgeProducer;
  readonly #transactional: boolean;
  readonly #lose: (error: StreamlineError) => void;
  readonly #jobs: Job[] = [];
  /** How many of `#jobs` the addon has. */
  #handed = 0;
  #repairing = false;

  /**
   * @param transactional a refused batch is not sorted out: the transaction is lost, and what follows it is read again
   * @param lose the producer as a whole is lost
   */
  constructor(producer: BridgeProducer, transactional: boolean, lose: (error: StreamlineError) => void) {
    this.#producer = producer;
    this.#transactional = transactional;
    this.#lose = lose;
  }

  get isEmpty(): boolean {
    return this.#jobs.length === 0;
  }

  produce(range: OutputRange): Promise<readonly ProduceFailure[]> {
    return new Promise((resolve, reject) => {
      this.#jobs.push({ range, resolve, reject, answered: Promise.resolve(), failures: undefined });
      if (!this.#repairing) this.#handOn();
    });
  }

  reject(error: StreamlineError): void {
    for (const job of this.#jobs.splice(0)) job.reject(error);
    this.#handed = 0;
  }

  #handOn(): void {
    for (let job = this.#jobs[this.#handed]; job !== undefined; job = this.#jobs[this.#handed]) {
      this.#handed += 1;
      job.answered = this.#hand(job);
      void this.#follow(job);
    }
  }

  async #hand(job: Job): Promise<void> {
    job.failures = await this.#send(job, [job.range.startByte, job.range.endByte]);
  }

  async #follow(job: Job): Promise<void> {
    try {
      await job.answered;
      await this.#advance();
    } catch (thrown) {
      this.#lose(toStreamlineError(thrown));
    }
  }

  /** @returns the outputs that failed; undefined when the job was rejected */
  async #send(job: Job, ranges: readonly number[]): Promise<Failures | undefined> {
    const { batch, result, defaultTopic, timestamp, stamp, assignment } = job.range;
    const answer = await this.#producer.produce(
      new Uint8Array(batch.buffer),
      new Uint8Array(result.buffer),
      Uint32Array.from(ranges),
      result.topics,
      defaultTopic,
      timestamp === 'input',
      assignment.endedFlag,
      stamp?.name,
      stamp?.value,
    );
    if (answer === undefined) return NONE;
    const [whole = 0, ...triples] = answer;
    if (whole !== 0) {
      // Results that lie about their lengths, or a producer that is closing.
      job.reject(new StreamlineError('bug.assertion', `the results cannot be produced (librdkafka error ${whole})`));
      const index = this.#jobs.indexOf(job);
      if (index >= 0) {
        this.#jobs.splice(index, 1);
        this.#handed -= 1;
      }
      return undefined;
    }
    const failures = new Map<number, Failure>();
    for (let i = 0; i < triples.length; i += 3) {
      const [entry = 0, code = 0, reported] = triples.slice(i, i + 3);
      const byCluster = reported === 1;
      failures.set(entry, {
        code,
        withNeighbours: byCluster && !this.#transactional && mayBeNeighbours(code),
        endsTransaction: byCluster && this.#transactional,
      });
    }
    return failures;
  }

  async #advance(): Promise<void> {
    if (this.#repairing) return;
    for (let job = this.#jobs[0]; job?.failures !== undefined; job = this.#jobs[0]) {
      if ([...job.failures.values()].some(({ withNeighbours }) => withNeighbours)) {
        await this.#repair();
        continue;
      }
      this.#settle(job, job.failures);
    }
  }

  #settle(job: Job, failures: Failures): void {
    this.#jobs.shift();
    this.#handed -= 1;
    // Of an ended assignment nobody counts anything; what an abort purged is such.
    const told = job.range.assignment.ended ? [] : [...failures].toSorted(([a], [b]) => a - b);
    const results = new ResultReader(job.range.result.buffer);
    job.resolve(told.map(([entry, failure]) => failureOf(results.recordIndex(entry), failure)));
  }

  async #repair(): Promise<void> {
    this.#repairing = true;
    try {
      await Promise.all(this.#jobs.slice(0, this.#handed).map(({ answered }) => answered));
      const handed = this.#jobs.slice(0, this.#handed);
      const final = new Map(handed.map((job) => [job, new Map<number, Failure>()]));
      const again = disturbed(handed, final);
      await this.#tryHalves(again, final);
      for (const job of handed) if (this.#jobs[0] === job) this.#settle(job, final.get(job) ?? NONE);
    } finally {
      this.#repairing = false;
    }
    this.#handOn();
  }

  /** In order; what comes after a refused one is tried again too. */
  async #tryHalves(entries: readonly Entry[], final: Map<Job, Map<number, Failure>>): Promise<void> {
    const middle = Math.ceil(entries.length / 2);
    for (const half of [entries.slice(0, middle), entries.slice(middle)]) {
      if (half.length === 0) continue;
      const firstRefused = await this.#tryAgain(half, final);
      if (firstRefused >= 0) await this.#tryHalves(half.slice(firstRefused), final);
    }
  }

  /** @returns the first one refused as part of a batch, -1 when there is none; an output refused alone is a failure */
  async #tryAgain(part: readonly Entry[], final: Map<Job, Map<number, Failure>>): Promise<number> {
    const byJob = Map.groupBy(part, ({ job }) => job);
    // Handed on in one turn, so that they lie in the producer's queue in this order.
    const answers = await Promise.all(
      [...byJob].map(async ([job, entries]): Promise<[Job, Failures]> => {
        const ranges = entries.flatMap(({ startByte, endByte }) => [startByte, endByte]);
        return [job, (await this.#send(job, ranges)) ?? NONE];
      }),
    );
    const failures = new Map(answers);
    let firstRefused = -1;
    for (const [i, { job, startByte }] of part.entries()) {
      const failure = failures.get(job)?.get(startByte);
      if (failure === undefined) continue;
      if (part.length === 1 || !failure.withNeighbours) final.get(job)?.set(startByte, failure);
      else if (firstRefused < 0) firstRefused = i;
    }
    return firstRefused;
  }
}

/** What has to be tried again; other failures are entered as final. */
function disturbed(jobs: readonly Job[], final: ReadonlyMap<Job, Map<number, Failure>>): Entry[] {
  const again: Entry[] = [];
  const topics = new Set<string | undefined>();
  const output = emptyOutput();
  for (const job of jobs) {
    const reader = new RangeJob(job.range, noResult, noResult);
    for (let at = job.range.startByte; at < job.range.endByte;) {
      const next = reader.load(at, output);
      if (output.present) {
        const { topic } = output;
        const failure = job.failures?.get(at);
        if (failure?.withNeighbours === true) topics.add(topic);
        else if (failure !== undefined) final.get(job)?.set(at, failure);
        const failed = failure !== undefined && !failure.withNeighbours;
        if (topics.has(topic) && !failed) again.push({ job, startByte: at, endByte: next });
      }
      at = next;
    }
  }
  return again;
}

function failureOf(recordIndex: number, { code, endsTransaction }: Failure): ProduceFailure {
  const message = produceFailureMessage(code, `librdkafka error ${code}`);
  return { recordIndex, code: produceFailureCode(code), message, ...(endsTransaction ? { endsTransaction } : {}) };
}

function noResult(): void {}
