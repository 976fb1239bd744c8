// `npm test [checks] [unit] [sim] [integration] [--only PART-OF-A-FILE-NAME] [--json FILE]`
import { writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { allClusters, type ClusterChoice } from '../testcontainers.config.ts';
import { TRANSPORT_VARIABLE } from '../integration/harness/sidecar-home.ts';
import { loadBridge } from '../src/kafka/bridge-addon.ts';
import { runChecks } from './checks.ts';
import { killRunningTests, runTestFiles, type FileReport } from './test-runner.ts';
import { filesOf, runsSidecars, SUITE_NAMES, SUITES, type SuiteName } from './test-suites.ts';

const root = dirname(import.meta.dirname);

interface SuiteReport {
  readonly suite: string;
  readonly files: readonly FileReport[];
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { only: { type: 'string' }, json: { type: 'string' } },
    allowPositionals: true,
  });
  const unknown = positionals.find((name) => !SUITE_NAMES.some((known) => known === name));
  if (unknown !== undefined) throw new Error(`no suite is named ${unknown}; there are ${SUITE_NAMES.join(', ')}`);
  // One file is asked for while working on it: the checks of everything else would only be in the way.
  const byDefault = SUITE_NAMES.filter((name) => name !== 'checks' || values.only === undefined);
  const suites = positionals.length === 0 ? byDefault : SUITE_NAMES.filter((name) => positionals.includes(name));
  const reports: SuiteReport[] = [];
  for (const suite of suites) reports.push(...(await runSuite(suite, values.only)));
  finish(reports, values.json);
}

async function runSuite(suite: SuiteName, only: string | undefined): Promise<SuiteReport[]> {
  if (suite === 'checks') return [await runStaticChecks()];
  const options = SUITES[suite];
  const files = filesOf(root, options, only);
  if (files.length === 0) return [];
  if (suite !== 'integration') {
    console.log(`\n${suite}`);
    return [{ suite, files: await runTestFiles(files, { root, ...options }, printFile) }];
  }
  const reports: SuiteReport[] = [];
  for (const choice of await allClusters()) reports.push(...(await runOnCluster(choice, files)));
  return reports;
}

/** The same tests on every cluster there is, which all files of the run share. */
async function runOnCluster(choice: ClusterChoice, files: readonly string[]): Promise<SuiteReport[]> {
  const suite = `integration on ${choice.title}`;
  console.log(`\n${suite}`);
  const start = performance.now();
  const cluster = await choice.start();
  if (cluster !== undefined) console.log(`  ready at ${cluster.bootstrap} after ${seconds(performance.now() - start)}`);
  try {
    const env = cluster === undefined ? {} : choice.environment(cluster);
    const run = (some: readonly string[], more: Readonly<Record<string, string>>): Promise<FileReport[]> =>
      runTestFiles(some, { root, ...SUITES.integration, env: { ...env, ...more } }, printFile);
    const reports: SuiteReport[] = [{ suite, files: await run(files, {}) }];
    const again = files.filter((file) => runsSidecars(root, file));
    if (loadBridge().addon === undefined || again.length === 0 || process.env[TRANSPORT_VARIABLE] !== undefined)
      return reports;
    const title = `${suite}, by the JavaScript client`;
    console.log(`\n${title}`);
    reports.push({ suite: title, files: await run(again, { [TRANSPORT_VARIABLE]: 'confluent' }) });
    return reports;
  } finally {
    await cluster?.stop();
  }
}

async function runStaticChecks(): Promise<SuiteReport> {
  console.log('checks');
  const files: FileReport[] = [];
  await runChecks(root, ({ name, ok, output, durationMs }) => {
    const report: FileReport = {
      file: name,
      passed: ok ? 1 : 0,
      failed: ok ? 0 : 1,
      skipped: 0,
      durationMs,
      failures: ok ? [] : [{ name, place: 'npm run check', details: output }],
      skips: [],
      output: '',
    };
    printFile(report);
    files.push(report);
  });
  return { suite: 'checks', files };
}

function printFile({ file, passed, failed, skipped, durationMs, failures, skips, output }: FileReport): void {
  const counts = [
    `${passed} passed`,
    ...(failed > 0 ? [`${failed} FAILED`] : []),
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
  ];
  console.log(`  ${failed > 0 ? '✗' : '✓'} ${file}: ${counts.join(', ')} (${seconds(durationMs)})`);
  for (const skip of skips) console.log(`      skipped ${skip}`);
  for (const { name, place, details } of failures) {
    console.log(`      ✗ ${name}  (${place})\n${indent(details, 10)}`);
  }
  if (failed > 0 && output.trim() !== '') console.log(`      it printed:\n${indent(output.trimEnd(), 10)}`);
}

function finish(reports: readonly SuiteReport[], jsonFile: string | undefined): void {
  const sum = (key: 'passed' | 'failed' | 'skipped'): number =>
    reports.flatMap(({ files }) => files).reduce((total, file) => total + file[key], 0);
  const [passed, failed, skipped] = [sum('passed'), sum('failed'), sum('skipped')];
  if (jsonFile !== undefined) {
    writeFileSync(jsonFile, `${JSON.stringify({ passed, failed, skipped, suites: reports }, undefined, 2)}\n`);
  }
  if (passed + failed === 0) console.log('\nNothing ran.');
  process.exitCode = failed > 0 || passed + failed === 0 ? 1 : 0;
  // CI reads this line: it stays the last.
  console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function indent(text: string, columns: number): string {
  return text.replaceAll(/^/gm, ' '.repeat(columns));
}

/** Says so when the machine stood still, as a virtual one may: whoever reads of tests that took too long is to know. */
function watchForStalls(): void {
  const LOOK_MS = 500;
  const STALL_MS_MIN = 3_000;
  let lookedMs = performance.now();
  const look = (): void => {
    const nowMs = performance.now();
    const stoodMs = nowMs - lookedMs - LOOK_MS;
    lookedMs = nowMs;
    if (stoodMs >= STALL_MS_MIN) console.log(`  … nothing ran here for ${seconds(stoodMs)}: the machine stood still`);
  };
  setInterval(look, LOOK_MS).unref();
}

for (const [signal, code] of [['SIGINT', 130] as const, ['SIGTERM', 143] as const]) {
  process.once(signal, () => {
    killRunningTests();
    process.exit(code);
  });
}
watchForStalls();
try {
  await main();
} catch (error) {
  // A run that could not even start is a failed run, and says so where CI looks.
  console.error(error instanceof Error ? error.message : String(error));
  console.log('\n0 passed, 1 failed, 0 skipped');
  process.exitCode = 1;
}
