import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Trial, type Given } from '../../../sdk/js/lib/trial.js';
import redact from './transform.js';

/* Natively; what the component does, its cases show (examples/specs/redact-regex.test.yaml). */

const valueOf = (config: unknown, given: Given | string): unknown => new Trial(redact, config).run(given)[0]?.value;
const defaults = (text: string): string =>
  (JSON.parse(String(valueOf({}, JSON.stringify({ text })))) as { text: string }).text;

void test('what the defaults find', () => {
  for (const [text, redacted] of [
    ['write to Ada.Lovelace+x@mail.example.co.uk!', 'write to [email]!'],
    ['a@b, @c.de, a@b.c', 'a@b, @c.de, a@b.c'],
    [`${'x'.repeat(200)}@b.cd`, '[email]'],
    ['<a@b.cd>b@c.de;mailto:c@d.ef', '<[email]>[email];mailto:[email]'],
    ['DE89370400440532013000', '[iban]'],
    ['to DE89 3704 0044 0532 0130 00.', 'to [iban].'],
    ['NO9386011117947', '[iban]'],
    ['4111 1111 1111 1111', '[card]'],
    ['5500-0000-0000-0004, 378282246310005', '[card], [card]'],
    ['1700000000000 is a time, 12345 is short', '1700000000000 is a time, 12345 is short'],
    ['20211207123456789012345', '20211207123456789012345'],
  ] as const) {
    assert.equal(defaults(text), redacted);
  }
});

void test('time is linear: long text without a finding', () => {
  const began = performance.now();
  for (const char of ['x', '1', '1 ', 'A1', 'a@', 'a.', '4-'])
    assert.equal(typeof defaults(char.repeat(100_000)), 'string');
  const tookMs = performance.now() - began;
  // The square of it would be minutes.
  assert.ok(tookMs < 5000, `${tookMs} ms`);
});

void test('replacements: of groups, of the name, of nothing', () => {
  const pattern = { name: 'phone', regex: String.raw`(\+\d\d)\d+`, replacement: '$1***' };
  assert.equal(valueOf({ patterns: [pattern] }, '["+4912345"]'), '["+49***"]');
  assert.equal(valueOf({ patterns: [{ name: 'phone', regex: '[0-9]+' }] }, '["1 2"]'), '["[phone] [phone]"]');
  assert.equal(valueOf({ patterns: [{ name: 'x', regex: 'A', flags: 'i', replacement: '' }] }, '["abA"]'), '["b"]');
});

void test('a pattern sees what those before it have left', () => {
  const patterns = [
    { name: 'first', regex: 'a', replacement: 'b' },
    { name: 'second', regex: 'b', replacement: 'c' },
  ];
  assert.equal(valueOf({ patterns }, '["ab", "b"]'), '["cc", "c"]');
});

void test('in the given fields only, and all below them', () => {
  const config = { fields: ['user'] };
  assert.equal(
    valueOf(config, '{"user":{"mail":["a@b.cd"]},"mail":"a@b.cd"}'),
    '{"user":{"mail":["[email]"]},"mail":"a@b.cd"}',
  );
  assert.equal(valueOf(config, '{"list":[{"user":"a@b.cd"}]}'), '{"list":[{"user":"[email]"}]}');
});

void test('tombstones and records without a finding go on as they came; findings are counted', () => {
  const trial = new Trial(redact);
  assert.equal(trial.run({ key: 'k', value: null })[0]?.value, null);
  assert.equal(trial.run('{ "a@b.cd": 1 }')[0]?.value, '{ "a@b.cd": 1 }');
  trial.run('["a@b.cd a@b.cd", "a@b.cd"]');
  assert.deepEqual([...trial.counters], [['redacted_email', 3]]);
});

void test('a value that is no JSON fails, is not quoted, and is not tried again', () => {
  for (const value of ['a@b.cd', '', new Uint8Array([0xff])]) {
    assert.throws(
      () => new Trial(redact).run({ value }),
      (thrown: Error & { retry: boolean }) => /^the value is no (JSON|UTF-8)$/.test(thrown.message) && !thrown.retry,
    );
  }
});

void test('a config that cannot be refuses the deploy, with the reason', () => {
  const pattern = { name: 'x', regex: 'x' };
  for (const [config, reason] of [
    [{ patterns: [{ name: 'x', regex: '(' }] }, /^patterns\[0\]\.regex is none: .*\(/],
    [{ patterns: [pattern, { name: 'y', regex: 'a*' }] }, /^patterns\[1\]\.regex matches an empty text/],
    [{ patterns: [{ ...pattern, flags: 'y' }] }, /flags has to be/],
    [{ patterns: [{ ...pattern, flags: 'uv' }] }, /^patterns\[0\]\.regex is none: /],
    [{ patterns: [{ ...pattern, replacement: 1 }] }, /replacement has to be a text/],
    [{ patterns: [{ ...pattern, replace: '' }] }, /unknown field replace/],
    [{ patterns: [{ name: 'X y', regex: 'x' }] }, /name has to be/],
    [{ patterns: [{ name: 'x' }] }, /regex has to be a text/],
    [{ patterns: ['x'] }, /has to be an object/],
    [{ patterns: [pattern, pattern] }, /two of the name x/],
    [{ patterns: [] }, /list of 1 to 32/],
    [{ patterns: Array.from({ length: 33 }, (_, i) => ({ name: `x${i}`, regex: 'x' })) }, /list of 1 to 32/],
    [{ fields: 'user' }, /^fields has to be a list/],
    [{ fields: [] }, /^fields has to be a list/],
    [{ feilds: ['user'] }, /^unknown field feilds$/],
  ] as const) {
    assert.throws(() => new Trial(redact, config), { message: reason }, JSON.stringify(config));
  }
});
