import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OutputRecord, RecordOutcome } from './outcome.ts';
import { parseCases } from './parse-cases.ts';
import type { TestCase } from './test-case.ts';
import { judge, type Mismatch } from './verdict.ts';

function caseOf(rest: string): TestCase {
  const outcome = parseCases(`cases: [{ name: a, input: { value: 1 }, ${rest} }]`, 'a.test.yaml');
  assert.ok('file' in outcome, 'errors' in outcome ? outcome.errors[0].describe() : '');
  const [one] = outcome.file.cases;
  assert.ok(one !== undefined);
  return one;
}

function output(value: string | Buffer | null, more: Partial<OutputRecord> = {}): OutputRecord {
  const bytes = value === null ? null : Buffer.from(value);
  return { topic: 'out', partition: undefined, key: null, value: bytes, headers: [], ...more };
}

function outcome(outputs: readonly OutputRecord[], failure?: RecordOutcome['failure']): RecordOutcome {
  return { outputs, failure, fuelUsed: 1, unchanged: false, routed: false };
}

function verdict(rest: string, ...outcomes: readonly RecordOutcome[]): Mismatch[] {
  return judge(caseOf(rest), outcomes, undefined);
}

const text = (bytes: string): Buffer => Buffer.from(bytes);

const PASSES: readonly (readonly [rest: string, outcomes: readonly RecordOutcome[]])[] = [
  ['output: { value: {a: 1, b: 2} }', [outcome([output('{"b":2, "a":1}')])]],
  ['output: { value: "{}" }', [outcome([output('{}')])]],
  ['output: { value: null }', [outcome([output(null)])]],
  ['output: { value: {base64: /wA=} }', [outcome([output(Buffer.from([255, 0]))])]],
  ['output: { json_contains: {a: 1} }', [outcome([output('{"b":2,"a":1}')])]],
  ['output: {}', [outcome([output('whatever', { key: text('k') })])]],
  ['output: { key: k, topic: t }', [outcome([output('', { key: text('k'), topic: 't' })])]],
  [
    'output: { headers: { b: [2, 3], a: null } }',
    [
      outcome([
        output('', {
          headers: [
            { name: 'b', value: text('2') },
            { name: 'a', value: null },
            { name: 'b', value: text('3') },
          ],
        }),
      ]),
    ],
  ],
  ['output: [{ value: 1 }, { value: 2 }]', [outcome([output('1')]), outcome([]), outcome([output('2')])]],
  ['dropped: true', [outcome([])]],
  ['error: { code: guest.trap, message_contains: here }', [outcome([], { code: 'guest.trap', message: 'over here' })]],
  [
    'error: { code: guest.trap }, output: { value: 1 }',
    [outcome([], { code: 'guest.trap', message: '' }), outcome([output('1')])],
  ],
];

for (const [rest, outcomes] of PASSES) {
  test(`passes: ${rest}`, () => assert.deepEqual(verdict(rest, ...outcomes), []));
}

const FAILS: readonly (readonly [rest: string, outcomes: readonly RecordOutcome[], at: string, message: RegExp])[] = [
  [
    'output: { value: {a: 1} }',
    [outcome([output('{"a":1,"b":2}')])],
    'output.value',
    /at \/b: expected nothing, got 2/,
  ],
  ['output: { value: {a: 1.50} }', [outcome([output('{"a":1.5}')])], 'output.value', /at \/a: expected 1.50, got 1.5/],
  ['output: { value: {a: 1} }', [outcome([output('no json')])], 'output.value', /expected JSON, got "no json"/],
  ['output: { value: {a: 1} }', [outcome([output(null)])], 'output.value', /got null/],
  ['output: { value: "ab" }', [outcome([output('ac')])], 'output.value', /from character 1 on/],
  ['output: { value: "ab" }', [outcome([output(Buffer.from([255]))])], 'output.value', /not UTF-8/],
  ['output: { value: null }', [outcome([output('')])], 'output.value', /expected null, got ""/],
  ['output: { value: {base64: AA==} }', [outcome([output(Buffer.from([1]))])], 'output.value', /AQ==/],
  ['output: { json_contains: {a: 1} }', [outcome([output('{"a":2}')])], 'output.value', /at \/a/],
  ['output: { topic: t }', [outcome([output('')])], 'output.topic', /expected "t", got "out"/],
  ['output: { key: k }', [outcome([output('')])], 'output.key', /got null/],
  [
    'output: { headers: {} }',
    [outcome([output('', { headers: [{ name: 'a', value: null }] })])],
    'output.headers',
    /differs/,
  ],
  ['output: { value: 1 }', [outcome([])], 'output', /expected 1 output, got nothing: dropped/],
  ['output: { value: 1 }', [outcome([output('1'), output('2')])], 'output', /expected 1 output, got 2 outputs/],
  ['dropped: true', [outcome([output('1')])], 'output', /expected nothing, got 1 output/],
  ['dropped: true', [outcome([], { code: 'guest.trap', message: 'm' })], 'error', /failed with guest.trap: m/],
  ['output: { value: 1 }', [outcome([], { code: 'guest.trap', message: 'm' })], 'error', /failed with guest.trap: m/],
  ['error: { code: guest.trap }', [outcome([])], 'error', /nothing failed/],
  [
    'error: { code: guest.trap }',
    [outcome([], { code: 'guest.failed', message: 'm' })],
    'error',
    /expected guest.trap/,
  ],
  [
    'error: { code: guest.trap, stage: 2 }',
    [outcome([], { code: 'guest.trap', message: 'm', stage: 1 })],
    'error',
    /expected it of stage 2, failed with guest.trap in stage 1: m/,
  ],
  [
    'error: { code: guest.trap, message_contains: x }',
    [outcome([], { code: 'guest.trap', message: 'm' })],
    'error',
    /no "x": m/,
  ],
];

for (const [rest, outcomes, at, message] of FAILS) {
  test(`fails: ${rest} with ${String(message)}`, () => {
    const mismatches = verdict(rest, ...outcomes);
    assert.equal(mismatches.length, 1, JSON.stringify(mismatches));
    assert.equal(mismatches[0]?.at, at);
    assert.match(mismatches[0]?.message ?? '', message);
  });
}

test('the first character that differs is marked, in what may be a long text', () => {
  const [mismatch] = verdict(
    `output: { value: "${'x'.repeat(100)}\\"ab" }`,
    outcome([output(`${'x'.repeat(100)}"ac`)]),
  );
  const [expected = '', actual = '', caret = ''] = mismatch?.diff ?? [];
  const at = caret.indexOf('^');
  assert.deepEqual([expected[at], actual[at], expected.slice(2, at)], ['b', 'c', actual.slice(2, at)]);
});

test('all that differs of all outputs is told', () => {
  const mismatches = verdict('output: [{ value: 1, topic: t }, { value: 2 }]', outcome([output('2'), output('1')]));
  assert.deepEqual(
    mismatches.map(({ at }) => at),
    ['output[0].topic', 'output[0].value', 'output[1].value'],
  );
});
