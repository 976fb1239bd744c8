import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Breaker } from './breaker.ts';

void test('0 failures: never opens', () => {
  const breaker = new Breaker({ failures: 0, window: 5 });
  for (let i = 0; i < 1000; i += 1) assert.equal(breaker.failed(), false);
});

void test('opens at the failure that is one too many within the window', () => {
  const breaker = new Breaker({ failures: 3, window: 10 });
  assert.equal(breaker.failed(), false);
  breaker.passed(4);
  assert.equal(breaker.failed(), false);
  breaker.passed(3);
  assert.equal(breaker.failed(), true);
});

void test('failures that have left the window do not count', () => {
  const breaker = new Breaker({ failures: 2, window: 10 });
  assert.equal(breaker.failed(), false);
  breaker.passed(9);
  assert.equal(breaker.failed(), false, 'the eleventh record: the first is out');
  breaker.passed(8);
  assert.equal(breaker.failed(), true, 'the twentieth: the eleventh is in');
});

void test('a window full of passes closes it for good', () => {
  const breaker = new Breaker({ failures: 2, window: 3 });
  for (let i = 0; i < 100; i += 1) {
    assert.equal(breaker.failed(), false);
    breaker.passed(2);
  }
});
