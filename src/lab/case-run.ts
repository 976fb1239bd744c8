import { availableParallelism } from 'node:os';
import { toStreamlineError, type StreamlineError } from '../base/error.ts';
import type { GuestLogLine } from '../guest/host-functions/log-buffer.ts';
import { CoverageCount, type Coverage } from './coverage.ts';
import { inputRecords } from './input-records.ts';
import type { LabTransform } from './lab-transform.ts';
import type { RecordOutcome } from './outcome.ts';
import type { TestCase } from './test-case.ts';
import { judge, type Mismatch } from './verdict.ts';

export interface CaseResult {
  readonly name: string;
  readonly place: string;
  readonly passed: boolean;
  readonly mismatches: readonly Mismatch[];
  /** It could not be run to its end: its input is no record, or the guest as a whole gave up. */
  readonly error: StreamlineError | undefined;
  /** Units, of all records. */
  readonly fuelUsed: number;
  /** Of the record that used most: how much of the fuel of `timeoutMs`, 0 to 1. */
  readonly fuelShareMax: number;
  readonly timeoutMs: number;
  readonly durationMs: number;
  readonly log: readonly GuestLogLine[];
}

export interface CasesResult {
  readonly cases: readonly CaseResult[];
  readonly coverage: Coverage;
}

/** Making a guest takes longer than most cases: others run meanwhile. Each has a thread and the memory of an instance. */
const AT_ONCE_MAX = 4;

/**
 * Runs cases, each on a fresh guest: no case sees what another has left behind.
 * @param ended told of each case, in their order
 */
export async function runCases(
  transform: LabTransform,
  cases: readonly TestCase[],
  ended: (result: CaseResult) => void,
): Promise<CasesResult> {
  const count = new CoverageCount(transform.exports);
  const results: CaseResult[] = [];
  const underWay: Promise<CaseResult>[] = [];
  const atOnce = Math.min(AT_ONCE_MAX, availableParallelism());
  for (const test of cases) {
    underWay.push(runCase(transform, test, count));
    if (underWay.length >= atOnce) await takeFirst();
  }
  while (underWay.length > 0) await takeFirst();
  return { cases: results, coverage: count.coverage };

  async function takeFirst(): Promise<void> {
    const result = await underWay.shift();
    if (result === undefined) return;
    results.push(result);
    ended(result);
  }
}

/** Never rejects. */
async function runCase(transform: LabTransform, test: TestCase, count: CoverageCount): Promise<CaseResult> {
  const { config, fuelBudget, lens } = transform;
  const beganMs = performance.now();
  const outcomes: RecordOutcome[] = [];
  const log: GuestLogLine[] = [];
  let error: StreamlineError | undefined;
  try {
    const records = inputRecords(test, transform);
    for await (const outcome of transform.run(records)) {
      const shown = records[outcomes.length]?.value !== null || config.input.tombstones === 'transform';
      count.add(outcome, shown);
      outcomes.push(outcome);
      log.push(...outcome.log);
    }
    count.addCase();
  } catch (thrown) {
    error = toStreamlineError(thrown);
  }
  const mismatches = error === undefined ? judge(test, outcomes, lens) : [];
  return {
    name: test.name,
    place: test.place,
    passed: error === undefined && mismatches.length === 0,
    mismatches,
    error,
    fuelUsed: outcomes.reduce((sum, { fuelUsed }) => sum + fuelUsed, 0),
    fuelShareMax: Math.max(0, ...outcomes.map(({ fuelUsed }) => fuelUsed / fuelBudget)),
    timeoutMs: config.timeoutMs,
    durationMs: performance.now() - beganMs,
    log,
  };
}
