import assert from 'node:assert/strict';
import { test } from 'node:test';
import { subjectFor, wishFor, type SubjectRule } from './record-formats.ts';

const RULES: readonly (readonly [rule: SubjectRule, subject: string])[] = [
  [{ strategy: 'fixed', name: 'orders', suffix: '', version: 'latest' }, 'orders'],
  [{ strategy: 'topic', name: '', suffix: '-value', version: 3 }, 'out-value'],
  [{ strategy: 'topic', name: '', suffix: '-key', version: 'latest' }, 'out-key'],
  [{ strategy: 'record', name: 'ns.Order', suffix: '', version: 'file' }, 'ns.Order'],
  [{ strategy: 'topic_record', name: 'ns.Order', suffix: '', version: 'file' }, 'out-ns.Order'],
];

for (const [rule, subject] of RULES) {
  test(`${rule.strategy}${rule.suffix}: the subject is ${subject}`, () => {
    assert.equal(subjectFor(rule, 'out'), subject);
    const wish = rule.version === 'file' ? { by: 'file', subject } : { by: 'subject', subject, version: rule.version };
    assert.deepEqual(wishFor(rule, 'out'), wish);
  });
}
