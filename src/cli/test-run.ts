import { writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { StreamlineError } from '../base/error.ts';
import { FileWatch } from '../lab/file-watch.ts';
import { junitReport } from '../lab/junit.ts';
import { labTargets } from '../lab/lab-target.ts';
import { runSpec, type SpecRun, type SpecRunOptions } from '../lab/spec-run.ts';
import { isCasesFile } from '../spec/spec-directory.ts';
import { readFailure } from '../spec/text-file.ts';
import type { ExitCode, Session } from './cli-context.ts';
import { exitCodeOf, usageError } from './command-error.ts';
import { schemasOf, sidecarConfigOf } from './lab-options.ts';
import type { Terminal } from './terminal.ts';
import type { TestFlags } from './test-command.ts';
import { caseLines, coverageLine, summaryLine, testShape } from './test-view.ts';

/** What `transforms test` does. */
export async function runTests(session: Session, path: string, flags: TestFlags): Promise<ExitCode> {
  const { limits } = await sidecarConfigOf(flags, session.env);
  const { modules, filter } = flags;
  const options = { modules, filter, limits, schemas: schemasOf(flags) };
  return flags.watch === true ? watchTests(session, path, options, flags) : runOnce(session, path, options, flags);
}

async function runOnce(
  { terminal }: Session,
  path: string,
  options: SpecRunOptions,
  { junit }: TestFlags,
): Promise<ExitCode> {
  const runs = await runAll(terminal, path, options);
  if (terminal.json) terminal.writeJson(testShape(runs));
  else terminal.line(summaryLine(terminal, runs));
  if (junit !== undefined) await writeReport(junit, runs);
  return exitCodeOfRuns(runs);
}

async function runAll(terminal: Terminal, path: string, options: SpecRunOptions): Promise<readonly SpecRun[]> {
  const runs: SpecRun[] = [];
  for (const target of await labTargets(path)) {
    if (!terminal.json) terminal.line(terminal.style('bold', target.spec));
    const run = await runSpec(target, options, (one) => {
      if (!terminal.json) terminal.lines(caseLines(terminal, one));
    });
    runs.push(run);
    if (terminal.json) continue;
    for (const error of run.errors) terminal.error(`  ${error.describe().replaceAll('\n', '\n  ')}`);
    if (run.result !== undefined && run.result.cases.length > 0) terminal.line(coverageLine(run.result.coverage));
    terminal.line();
  }
  const ran = runs.some(({ result }) => result === undefined || result.cases.length > 0);
  if (ran || options.filter === undefined) return runs;
  throw usageError(
    `no case has ${JSON.stringify(options.filter)} in its name`,
    'Run without --filter to see the names.',
  );
}

/** Until Ctrl-C. What is wrong is told and waited for: it is being worked on. */
async function watchTests(
  session: Session,
  path: string,
  options: SpecRunOptions,
  flags: TestFlags,
): Promise<ExitCode> {
  const { terminal } = session;
  const signal = session.interrupt();
  const targets = await labTargets(path);
  // Before the first run: what changes during it is not missed.
  const files = targets.flatMap(({ spec, cases }) => [spec, cases]);
  const watch = new FileWatch(files, (file) => isCasesFile(basename(file)));
  try {
    await watch.ready;
    do {
      // What a person has piped away is kept.
      if (terminal.isTerminal && !terminal.json) terminal.write('\u001b[2J\u001b[3J\u001b[H');
      await runWatched(session, path, options, flags, watch);
      if (!terminal.json) terminal.line(terminal.style('dim', 'waits for changes; Ctrl-C ends it'));
    } while (await watch.next(signal));
    return 0;
  } finally {
    await watch.close();
  }
}

async function runWatched(
  { terminal }: Session,
  path: string,
  options: SpecRunOptions,
  { junit }: TestFlags,
  watch: FileWatch,
): Promise<void> {
  try {
    const runs = await runAll(terminal, path, options);
    watch.watchFor(runs.flatMap(({ files }) => files));
    // One document a line, as `logs` and `top` have it.
    if (terminal.json) terminal.line(JSON.stringify(testShape(runs)));
    else terminal.line(summaryLine(terminal, runs));
    if (junit !== undefined) await writeReport(junit, runs);
  } catch (thrown) {
    if (!(thrown instanceof StreamlineError)) throw thrown;
    terminal.error(thrown.describe());
  }
}

async function writeReport(file: string, runs: readonly SpecRun[]): Promise<void> {
  await writeFile(file, junitReport(runs)).catch((thrown: unknown) => {
    throw usageError(`--junit: ${file} cannot be written: ${readFailure(thrown)}`);
  });
}

function exitCodeOfRuns(runs: readonly SpecRun[]): ExitCode {
  const cases = runs.flatMap(({ result }) => result?.cases ?? []);
  const errors = [...runs.flatMap((run) => run.errors), ...cases.flatMap(({ error }) => error ?? [])];
  const codes: ExitCode[] = [...errors.map(exitCodeOf), ...(cases.every(({ passed }) => passed) ? [] : [1 as const])];
  return codes.reduce((worst, code) => (code > worst ? code : worst), 0);
}
