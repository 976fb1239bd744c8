import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamlineError } from '../base/error.ts';
import type { CaseResult } from './case-run.ts';
import { junitReport } from './junit.ts';
import type { SpecRun } from './spec-run.ts';

function result(more: Partial<CaseResult>): CaseResult {
  return {
    name: 'a case',
    place: 'a.test.yaml:2:5',
    passed: true,
    mismatches: [],
    error: undefined,
    fuelUsed: 1,
    fuelShareMax: 0,
    timeoutMs: 10,
    durationMs: 1234,
    log: [],
    ...more,
  };
}

function run(cases: readonly CaseResult[] | undefined, errors: readonly StreamlineError[] = []): SpecRun {
  const coverage = { transform: { changed: 0, unchanged: 0, failed: 0 } };
  return {
    target: { spec: 'a.yaml', cases: 'a.test.yaml' },
    result: cases === undefined ? undefined : { cases, coverage },
    errors,
    files: [],
  };
}

test('a suite for each spec, a test for each case', () => {
  const mismatch = { at: 'output.value', message: 'differs at /a', expected: '1', actual: '2', diff: ['- 1', '+ <2>'] };
  const report = junitReport([
    run([
      result({}),
      result({ name: 'one & "two"', passed: false, mismatches: [mismatch], log: [{ level: 'info', text: 'said' }] }),
      result({ name: 'stuck', passed: false, error: new StreamlineError('guest.stuck', 'it hangs') }),
    ]),
    run(undefined, [new StreamlineError('spec.not_yaml', 'no', { place: 'a.yaml:1:1' })]),
  ]);
  assert.equal(
    report,
    `<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="4" failures="1" errors="2">
<testsuite name="a.yaml" file="a.test.yaml" tests="3" failures="1" errors="1" time="3.702">
<testcase classname="a.yaml" name="a case" time="1.234"/>
<testcase classname="a.yaml" name="one &amp; &quot;two&quot;" time="1.234">
<failure type="output.value" message="output.value: differs at /a">a.test.yaml:2:5
output.value: differs at /a
- 1
+ &lt;2&gt;</failure>
<system-out>info said</system-out>
</testcase>
<testcase classname="a.yaml" name="stuck" time="1.234">
<error type="guest.stuck" message="it hangs">it hangs [guest.stuck]</error>
</testcase>
</testsuite>
<testsuite name="a.yaml" file="a.test.yaml" tests="1" failures="0" errors="1" time="0.000">
<testcase classname="a.yaml" name="the spec and its cases">
<error type="spec.not_yaml" message="no">a.yaml:1:1: no [spec.not_yaml]</error>
</testcase>
</testsuite>
</testsuites>
`,
  );
});

test('what XML has no character for does not break it', () => {
  const report = junitReport([run([result({ name: 'a\u0000b\u001b[31m\ud800]]>\n' })])]);
  assert.match(report, /name="a\ufffdb\ufffd\[31m\ufffd\]\]&gt;&#10;"/);
});
