import type { CaseResult } from '../lab/case-run.ts';
import type { Coverage } from '../lab/coverage.ts';
import type { SpecRun } from '../lab/spec-run.ts';
import { shapeOf } from './command-error.ts';
import type { Style, Terminal } from './terminal.ts';

/* What `transforms test` prints. */

const LOG_LINES_MAX = 20;
const DIFF_LINES_MAX = 60;

type Styler = Pick<Terminal, 'style'>;

/** A case in a line, and if it failed why. */
export function caseLines(terminal: Styler, one: CaseResult): string[] {
  const fuel = terminal.style('dim', fuelText(one.fuelUsed, one.fuelShareMax, one.timeoutMs));
  if (one.passed) return [`  ${terminal.style('green', 'ok')}    ${one.name}  ${fuel}`];
  const head = `  ${terminal.style(['red', 'bold'], 'FAIL')}  ${terminal.style('bold', one.name)}  ${fuel}`;
  return [
    head,
    `        ${terminal.style('dim', one.place)}`,
    ...(one.error === undefined ? [] : one.error.describe().split('\n').map(indented)),
    ...one.mismatches.flatMap(({ at, message, diff }) => [
      indented(`${at}: ${message}`),
      ...diff.slice(0, DIFF_LINES_MAX).map((line) => indented(`  ${styledDiff(terminal, line)}`)),
      ...(diff.length > DIFF_LINES_MAX ? [indented(`  … ${diff.length - DIFF_LINES_MAX} more lines`)] : []),
    ]),
    ...logLines(one).map(indented),
  ];
}

function indented(line: string): string {
  return `        ${line}`;
}

function logLines({ log }: CaseResult): string[] {
  const lines = log.slice(0, LOG_LINES_MAX).map(({ level, text }) => `log ${level.padEnd(5)} ${text}`);
  return log.length > LOG_LINES_MAX ? [...lines, `log … ${log.length - LOG_LINES_MAX} more lines`] : lines;
}

const DIFF_STYLES: Readonly<Record<string, Style>> = { '-': 'red', '+': 'green' };

function styledDiff(terminal: Styler, line: string): string {
  const style = DIFF_STYLES[line[0] ?? ''];
  return style === undefined ? line : terminal.style(style, line);
}

/** `3,290 fuel, 0.1 % of 10 ms`: of all records, and of the budget of the one that used most. */
export function fuelText(fuelUsed: number, shareMax: number, timeoutMs: number): string {
  return `${fuelUsed.toLocaleString('en-US')} fuel, ${percent(shareMax)} of ${timeoutMs} ms`;
}

function percent(share: number): string {
  const value = share * 100;
  if (value > 0 && value < 0.1) return '< 0.1 %';
  return `${value.toFixed(value < 10 ? 1 : 0)} %`;
}

/** What the cases have shown of each export, and what none of them has. */
export function coverageLine({ init, filter, transform, route }: Coverage): string {
  const parts: string[] = [];
  const add = (name: string, counts: Readonly<Record<string, number>>): void => {
    const shown = Object.entries(counts).map(([answer, count]) =>
      count === 0 ? `never ${answer}` : `${count} ${answer}`,
    );
    parts.push(`${name} ${shown.join(', ')}`);
  };
  if (init !== undefined) add('init', { called: init.called });
  if (filter !== undefined) add('filter', { ...filter });
  add('transform', { ...transform });
  if (route !== undefined) add('route', { ...route });
  return `  coverage: ${parts.join('; ')}`;
}

function totals(runs: readonly SpecRun[]): { readonly passed: number; readonly failed: number } {
  const cases = runs.flatMap(({ result }) => result?.cases ?? []);
  const passed = cases.filter((one) => one.passed).length;
  return { passed, failed: cases.length - passed };
}

export function summaryLine(terminal: Styler, runs: readonly SpecRun[]): string {
  const { passed, failed } = totals(runs);
  const broken = runs.filter(({ result }) => result === undefined).length;
  const parts = [
    `${passed} passed`,
    failed === 0 ? '0 failed' : terminal.style('red', `${failed} failed`),
    ...(broken === 0
      ? []
      : [terminal.style('red', `${broken} ${broken === 1 ? 'spec' : 'specs'} could not be tested`)]),
  ];
  return parts.join(', ');
}

/** What `--json` prints. */
export function testShape(runs: readonly SpecRun[]): Record<string, unknown> {
  const { passed, failed } = totals(runs);
  return {
    ok: failed === 0 && runs.every(({ result }) => result !== undefined),
    passed,
    failed,
    specs: runs.map(({ target, result, errors }) => ({
      spec: target.spec,
      cases_file: target.cases,
      cases: (result?.cases ?? []).map(caseShape),
      ...(result === undefined ? {} : { coverage: result.coverage }),
      errors: errors.map(shapeOf),
    })),
  };
}

function caseShape(one: CaseResult): Record<string, unknown> {
  return {
    name: one.name,
    place: one.place,
    passed: one.passed,
    fuel: one.fuelUsed,
    fuel_share: one.fuelShareMax,
    duration_ms: Math.round(one.durationMs),
    mismatches: one.mismatches,
    ...(one.error === undefined ? {} : { error: shapeOf(one.error) }),
    log: one.log,
  };
}
