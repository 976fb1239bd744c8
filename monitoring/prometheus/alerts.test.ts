import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { unknownIn } from '../known-metrics.ts';

const ROOT = dirname(dirname(import.meta.dirname));

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: { readonly severity: string };
  readonly annotations: Readonly<Record<string, string>>;
}

interface RuleTest {
  readonly name: string;
  readonly promql_expr_test: readonly { readonly exp_samples: readonly { readonly labels: string }[] }[];
}

const read = (file: string): string => readFileSync(join(import.meta.dirname, file), 'utf8');
const { groups } = parse(read('alerts.yml')) as { groups: { name: string; rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);

test('each rule has a name of its own, a severity, and says what it is about', () => {
  assert.equal(new Set(rules.map(({ alert }) => alert)).size, rules.length);
  for (const { alert, for: held, labels, annotations } of rules) {
    assert.match(alert, /^Streamline[A-Z]\w+$/);
    assert.ok(['critical', 'warning', 'info'].includes(labels.severity), `${alert}: ${labels.severity}`);
    assert.match(held, /^\d+[mh]$/, `${alert} fires at once`);
    assert.deepEqual(Object.keys(annotations), ['summary', 'description', 'runbook_url'], alert);
  }
});

test('each rule asks for metrics, labels and values that are exported', () => {
  for (const { alert, expr } of rules) assert.deepEqual(unknownIn(expr), [], alert);
});

test('each rule has a runbook, and each runbook a rule', () => {
  const operations = readFileSync(join(ROOT, 'docs', 'operations.md'), 'utf8');
  const runbooks = [...operations.matchAll(/^#+ (Streamline\w+)$/gm)].map(([, name = '']) => name);
  assert.deepEqual(runbooks.toSorted(), rules.map(({ alert }) => alert).toSorted());
  for (const { alert, annotations } of rules) {
    assert.equal(annotations['runbook_url'], `docs/operations.md#${alert.toLowerCase()}`);
  }
});

test('each rule has a test of when it fires, and one of when it does not', () => {
  const { tests } = parse(read('alerts.test.yml')) as { tests: RuleTest[] };
  for (const { alert, labels } of rules) {
    const own = tests.filter(({ name }) => name.startsWith(`${alert}: `));
    const fired = (one: RuleTest): boolean =>
      one.promql_expr_test.some(({ exp_samples: samples }) =>
        samples.some(({ labels: of }) => of.includes(`"${alert}"`) && of.includes(`severity="${labels.severity}"`)),
      );
    assert.ok(
      own.some((one) => one.name.includes(': fires') && fired(one)),
      `${alert} is not seen to fire`,
    );
    assert.ok(
      own.some((one) => one.name.includes(': not ') && !fired(one)),
      `${alert} is not seen not to fire`,
    );
  }
});
