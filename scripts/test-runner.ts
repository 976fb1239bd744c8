import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EVENTS_FILE_VARIABLE } from './test-reporter.ts';
import type { TestOutcome } from './test-reporter.ts';

const OUTPUT_CHARACTERS_MAX = 20_000;

export interface Failure {
  readonly name: string;
  readonly place: string;
  readonly details: string;
}

/** What came out of one test file, or of the static checks. */
export interface FileReport {
  readonly file: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly durationMs: number;
  readonly failures: readonly Failure[];
  /** `name: reason` */
  readonly skips: readonly string[];
  /** The end of what the file printed. */
  readonly output: string;
}

export interface RunOptions {
  readonly root: string;
  readonly concurrency: number;
  readonly fileMsMax: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** Process groups of running test files: a killed run must not leave its brokers behind. */
const groups = new Set<number>();

export function killRunningTests(): void {
  for (const pid of groups) killGroup(pid);
}

/** Runs test files, a process each; `onFile` sees each report as its file ends. Every file gets a report, come what may. */
export async function runTestFiles(
  files: readonly string[],
  options: RunOptions,
  onFile: (report: FileReport) => void,
): Promise<FileReport[]> {
  const reports: FileReport[] = [];
  const waiting = [...files];
  const lane = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const report = await runTestFile(file, options);
      reports.push(report);
      onFile(report);
    }
  };
  await Promise.all(Array.from({ length: options.concurrency }, lane));
  return reports;
}

async function runTestFile(file: string, options: RunOptions): Promise<FileReport> {
  const folder = mkdtempSync(join(tmpdir(), 'streamline-test-'));
  const events = join(folder, 'events');
  try {
    const start = performance.now();
    const { end, output } = await runProcess(file, events, options);
    return { ...reportOf(file, end, readOutcomes(events)), output, durationMs: performance.now() - start };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface ProcessEnd {
  readonly code: number | null;
  readonly signal: string | null;
  readonly timedOutMs: number | undefined;
}

/** node:test's own runner cannot end a test that never yields: here a file is a process group with a hard limit. */
function runProcess(file: string, events: string, options: RunOptions): Promise<{ end: ProcessEnd; output: string }> {
  const reporter = join(import.meta.dirname, 'test-reporter.ts');
  // Set where this itself runs under node's own runner, and would turn the reporter off.
  const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [`--test-reporter=${reporter}`, '--test-reporter-destination=stdout', file], {
      cwd: options.root,
      env: { ...env, ...options.env, [EVENTS_FILE_VARIABLE]: events },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const { pid } = child;
    if (pid !== undefined) groups.add(pid);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-OUTPUT_CHARACTERS_MAX);
      });
    }
    let timedOutMs: number | undefined;
    const timer = setTimeout(() => {
      timedOutMs = options.fileMsMax;
      if (pid !== undefined) killGroup(pid);
    }, options.fileMsMax);
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      if (pid !== undefined) {
        groups.delete(pid);
        // What the file started and left behind would hold its output open, and a port.
        killGroup(pid);
      }
      const done = (): void => resolve({ end: { code, signal, timedOutMs }, output });
      if (child.stdout.closed && child.stderr.closed) done();
      else child.once('close', done);
    });
  });
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nothing of it is left.
  }
}

function readOutcomes(events: string): TestOutcome[] {
  try {
    const lines = readFileSync(events, 'utf8').split('\n');
    // The last one is empty, or half of a line that a kill cut off.
    return lines.slice(0, -1).map((line) => JSON.parse(line) as TestOutcome);
  } catch {
    return [];
  }
}

/** Exported for its test. */
function reportOf(
  file: string,
  end: ProcessEnd,
  outcomes: readonly TestOutcome[],
): Omit<FileReport, 'output' | 'durationMs'> {
  const failures: Failure[] = [];
  const skips: string[] = [];
  let passed = 0;
  for (const outcome of outcomes) {
    if (outcome.kind === 'pass') passed += 1;
    if (outcome.kind === 'skip') skips.push(`${outcome.name}: ${outcome.reason}`);
    if (outcome.kind !== 'fail') continue;
    const place = outcome.line === undefined ? file : `${file}:${outcome.line}`;
    failures.push({ name: outcome.name, place, details: outcome.details });
  }
  const problem = problemOf(end, outcomes, passed + failures.length + skips.length, failures.length);
  if (problem !== undefined) failures.push({ name: file, place: file, details: `the file ${problem}` });
  return { file, passed, failed: failures.length, skipped: skips.length, failures, skips };
}

/** What went wrong with the file as a whole. */
function problemOf(
  { code, signal, timedOutMs }: ProcessEnd,
  outcomes: readonly TestOutcome[],
  tests: number,
  failed: number,
): string | undefined {
  const how = signal ?? `exit code ${code}`;
  if (timedOutMs !== undefined) {
    return `did not end within ${timedOutMs / 1000} s and was killed${openTests(outcomes)}`;
  }
  if (!outcomes.some(({ kind }) => kind === 'end')) return `ended (${how}) before its tests did${openTests(outcomes)}`;
  if (code !== 0 && failed === 0) {
    const notes = outcomes.flatMap((outcome) => (outcome.kind === 'note' ? [outcome.text] : []));
    return [`failed outside its tests (${how})`, ...notes].join('\n');
  }
  return tests === 0 ? 'ran no test' : undefined;
}

/** Tests that began and did not end, as far as the process still reported them. */
function openTests(outcomes: readonly TestOutcome[]): string {
  const open = new Set<string>();
  for (const outcome of outcomes) {
    if (outcome.kind === 'begin') open.add(outcome.name);
    if (outcome.kind === 'done') open.delete(outcome.name);
  }
  return open.size === 0 ? '' : ` in ${[...open].map((name) => `"${name}"`).join(', ')}`;
}
