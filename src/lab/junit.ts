import type { CaseResult } from './case-run.ts';
import type { SpecRun } from './spec-run.ts';

/** The report that build servers read: a suite for each spec, a test for each case. A spec that could not be run is a test with an error. */
export function junitReport(runs: readonly SpecRun[]): string {
  const suites = runs.map(suite);
  const all = runs.flatMap(({ result }) => result?.cases ?? []);
  const errors = runs.filter(({ result }) => result === undefined).length + all.filter(hasError).length;
  const failures = all.filter((one) => !one.passed && !hasError(one)).length;
  const totals = attributes({
    tests: all.length + runs.filter(({ result }) => result === undefined).length,
    failures,
    errors,
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites${totals}>\n${suites.join('')}</testsuites>\n`;
}

function suite({ target, result, errors }: SpecRun): string {
  const cases = result?.cases ?? [];
  const body = [
    ...cases.map((one) => testCase(target.spec, one)),
    ...(result === undefined
      ? [
          element('testcase', { classname: target.spec, name: 'the spec and its cases' }, [
            element('error', { type: errors[0]?.code ?? '', message: errors[0]?.message ?? '' }, [
              text(errors.map((error) => error.describe()).join('\n')),
            ]),
          ]),
        ]
      : []),
  ];
  const facts = {
    name: target.spec,
    file: target.cases,
    tests: body.length,
    failures: cases.filter((one) => !one.passed && !hasError(one)).length,
    errors: cases.filter(hasError).length + (result === undefined ? 1 : 0),
    time: seconds(cases.reduce((sum, { durationMs }) => sum + durationMs, 0)),
  };
  return element('testsuite', facts, body);
}

function testCase(spec: string, one: CaseResult): string {
  const body: string[] = [];
  const [first] = one.mismatches;
  if (one.error !== undefined) {
    body.push(element('error', { type: one.error.code, message: one.error.message }, [text(one.error.describe())]));
  } else if (first !== undefined) {
    const lines = one.mismatches.flatMap(({ at, message, diff }) => [`${at}: ${message}`, ...diff]);
    const facts = { type: first.at, message: `${first.at}: ${first.message}` };
    body.push(element('failure', facts, [text([one.place, ...lines].join('\n'))]));
  }
  if (one.log.length > 0) {
    body.push(element('system-out', {}, [text(one.log.map((line) => `${line.level} ${line.text}`).join('\n'))]));
  }
  return element('testcase', { classname: spec, name: one.name, time: seconds(one.durationMs) }, body);
}

function hasError({ error }: CaseResult): boolean {
  return error !== undefined;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

function element(name: string, facts: Readonly<Record<string, string | number>>, body: readonly string[]): string {
  return body.length === 0
    ? `<${name}${attributes(facts)}/>\n`
    : `<${name}${attributes(facts)}>${name === 'testsuite' || name === 'testcase' ? '\n' : ''}${body.join('')}</${name}>\n`;
}

function attributes(facts: Readonly<Record<string, string | number>>): string {
  return Object.entries(facts)
    .map(([name, value]) => ` ${name}="${text(String(value)).replaceAll('"', '&quot;').replaceAll('\n', '&#10;')}"`)
    .join('');
}

/** What XML 1.0 has no character for is shown as the mark for that. */
function text(value: string): string {
  return value
    .toWellFormed()
    .replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
}
