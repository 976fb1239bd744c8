import { StreamlineError } from '../base/error.ts';
import type { Executor, RecordSink, RecordSource } from '../pipeline/ports.ts';

/*
 * For the fault suite (integration/faults): a process that kills itself at a counted step, which no signal from outside can hit. Nothing
 * of it is there unless the variable is set.
 */

/** `STEP:N`: the N-th time a batch, a range, a commit or a file passes the step, the process is gone. */
export const CRASH_VARIABLE = 'STREAMLINE_CRASH_AT';

/**
 * In a record's order. produced: handed to the producer, most likely not sent. before_ack: the cluster has it, nobody here knows.
 * after_ack: settled, not committed. offsets_sent (exactly once): in the transaction, which is not committed. committed: the cluster has the offsets, nobody here knows.
 */
export const CRASH_STEPS = [
  'decoded',
  'transformed',
  'produced',
  'before_ack',
  'after_ack',
  'offsets_sent',
  'committed',
] as const;

export type CrashStep = (typeof CRASH_STEPS)[number];

/** Not of a record: any step of any write of a spec, a module or a state (base/atomic-file.ts), counted over all of them. */
export const FILE_STEP = 'file';

type Step = CrashStep | typeof FILE_STEP;

const STEPS: readonly Step[] = [...CRASH_STEPS, FILE_STEP];

export class CrashPoint {
  readonly step: Step;
  readonly #crash: () => void;
  #left: number;

  constructor(step: Step, count: number, crash: () => void) {
    this.step = step;
    this.#left = count;
    this.#crash = crash;
  }

  /** undefined where the variable is not set. Throws config.invalid. */
  static of(
    environment: Readonly<Record<string, string | undefined>>,
    crash: () => void = () => process.kill(process.pid, 'SIGKILL'),
  ): CrashPoint | undefined {
    const text = environment[CRASH_VARIABLE];
    if (text === undefined || text === '') return undefined;
    const [name, count = ''] = text.split(':', 2);
    const step = STEPS.find((known) => known === name);
    if (step === undefined || !/^[1-9]\d{0,8}$/.test(count)) {
      throw new StreamlineError('config.invalid', `${CRASH_VARIABLE} is STEP:N, not ${JSON.stringify(text)}`, {
        suggestion: `It is for tests. The steps are ${STEPS.join(', ')}.`,
      });
    }
    return new CrashPoint(step, Number(count), crash);
  }

  passed(step: Step): void {
    if (step !== this.step) return;
    this.#left -= 1;
    if (this.#left === 0) this.#crash();
  }

  /** For whoever writes files (AtomicOptions). */
  readonly fileStep = (): void => this.passed(FILE_STEP);

  /* Methods are replaced on the very object: whatever else an adapter has stays as it is. */

  watchSource(source: RecordSource): void {
    const poll = source.poll.bind(source);
    source.poll = async (recordsMax, waitMs) => {
      const batch = await poll(recordsMax, waitMs);
      if (batch !== undefined) this.passed('decoded');
      return batch;
    };
    const commit = source.commit.bind(source);
    source.commit = async (offsets) => {
      await commit(offsets);
      this.passed('committed');
    };
  }

  watchExecutor(executor: Executor): void {
    const execute = executor.execute.bind(executor);
    executor.execute = async (batch, trace) => {
      const result = await execute(batch, trace);
      this.passed('transformed');
      return result;
    };
  }

  watchSink(sink: RecordSink): void {
    const produce = sink.produce.bind(sink);
    sink.produce = (range) => this.#watchAcknowledgement(produce(range));
    const produceOne = sink.produceOne.bind(sink);
    sink.produceOne = (record) => this.#watchAcknowledgement(produceOne(record));
    const { transactions } = sink;
    if (transactions === undefined) return;
    transactions.offsetsSent = () => this.passed('offsets_sent');
    const commit = transactions.commit.bind(transactions);
    transactions.commit = async (offsets, member) => {
      await commit(offsets, member);
      this.passed('committed');
    };
  }

  async #watchAcknowledgement<T>(acknowledged: Promise<T>): Promise<T> {
    this.passed('produced');
    const answer = await acknowledged;
    this.passed('before_ack');
    // When this turn is over, whoever waited has settled the records.
    setImmediate(() => this.passed('after_ack'));
    return answer;
  }
}
