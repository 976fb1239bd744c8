import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as ensure, unreachable } from './assert.ts';
import { ERROR_CODES, errorCodeNumber, errorCodeOf, type ErrorCode } from './error-code.ts';
import { StreamlineError, toStreamlineError } from './error.ts';

void test('an error says whose it is and whether trying again may help', () => {
  const error = new StreamlineError('broker.unreachable', 'no answer');
  assert.deepEqual([error.origin, error.retriable, error.name], ['broker', true, 'StreamlineError']);
  assert.equal(new StreamlineError('guest.stuck', '').retriable, false);
});

void test('as JSON it shows what is known, and never a stack or a cause', () => {
  const details = {
    place: 'specs/a.yaml:4:3',
    configPath: '/errors',
    suggestion: 'write skip',
    cause: new Error('inner'),
  };
  const json = JSON.parse(JSON.stringify(new StreamlineError('spec.wrong_type', 'wrong', details))) as object;
  assert.deepEqual(json, {
    code: 'spec.wrong_type',
    message: 'wrong',
    origin: 'spec',
    retriable: false,
    place: 'specs/a.yaml:4:3',
    configPath: '/errors',
    suggestion: 'write skip',
  });
  assert.deepEqual(Object.keys(new StreamlineError('bug.assertion', 'x').toJSON()), [
    'code',
    'message',
    'origin',
    'retriable',
  ]);
});

void test('for a person it is one line, two with a suggestion', () => {
  const bare = new StreamlineError('guest.trap', 'unreachable');
  assert.equal(bare.describe(), 'unreachable [guest.trap]');
  const full = new StreamlineError('spec.bad_name', 'bad', {
    place: 'a.yaml:1',
    configPath: '/name',
    suggestion: 'use a-b',
  });
  assert.equal(full.describe(), 'a.yaml:1 /name: bad [spec.bad_name]\n  use a-b');
});

void test('anything thrown becomes one of ours; ours stay what they are', () => {
  const ours = new StreamlineError('guest.trap', 'x');
  assert.equal(toStreamlineError(ours), ours);
  const cause = new TypeError('not a function');
  const unknown = toStreamlineError(cause);
  assert.deepEqual([unknown.code, unknown.message, unknown.cause], ['bug.unexpected', 'not a function', cause]);
  for (const thrown of ['text', undefined, null, 7]) assert.equal(toStreamlineError(thrown).message, String(thrown));
});

void test('numbers of codes are one to one, and an unknown number is a bug of ours', () => {
  const codes = Object.keys(ERROR_CODES) as ErrorCode[];
  assert.equal(new Set(codes.map(errorCodeNumber)).size, codes.length);
  for (const code of codes) assert.equal(errorCodeOf(errorCodeNumber(code)), code);
  for (const number of [-1, codes.length, 65_535]) assert.equal(errorCodeOf(number), 'bug.unexpected');
  assert.ok(codes.length < 65_535, 'a number has 16 bits in the packed results');
});

void test('the first codes keep their numbers: they are part of the packed layout', () => {
  const first = [
    'guest.trap',
    'guest.out_of_fuel',
    'guest.timeout',
    'guest.stack_overflow',
    'guest.abi_violation',
    'guest.failed',
  ];
  assert.deepEqual(
    first.map((code) => errorCodeNumber(code as ErrorCode)),
    [0, 1, 2, 3, 4, 5],
  );
});

void test('a broken assumption throws, a kept one does not', () => {
  ensure(1, 'fine');
  for (const broken of [0, '', undefined, null, false])
    assert.throws(() => ensure(broken, 'gone'), { code: 'bug.assertion' });
  assert.throws(() => unreachable('x' as never), { code: 'bug.assertion', message: 'unexpected case "x"' });
});
