import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LineQueue } from './line-queue.ts';

function contents(queue: LineQueue): (string | undefined)[] {
  return Array.from({ length: queue.length }, (_, i) => queue.at(i));
}

test('keeps the newest, at none, one, as many as there is room for and one more', () => {
  const none = new LineQueue(0, 100);
  assert.deepEqual([none.push('a'), none.length, none.shift()], [1, 0, undefined]);
  const three = new LineQueue(3, 100);
  assert.deepEqual(contents(three), []);
  assert.deepEqual([three.push('a'), contents(three)], [0, ['a']]);
  three.push('b');
  assert.deepEqual([three.push('c'), contents(three)], [0, ['a', 'b', 'c']]);
  assert.deepEqual([three.push('d'), contents(three)], [1, ['b', 'c', 'd']]);
  assert.deepEqual([three.shift(), contents(three)], ['b', ['c', 'd']]);
});

test('is bounded by characters: one long line may cost several short ones, and itself', () => {
  const queue = new LineQueue(100, 10);
  for (const line of ['aaa', 'bbb', 'ccc']) assert.equal(queue.push(line), 0);
  assert.deepEqual([queue.push('dddd'), contents(queue)], [1, ['bbb', 'ccc', 'dddd']]);
  assert.deepEqual([queue.push('eeeeeeee'), contents(queue)], [3, ['eeeeeeee']]);
  assert.deepEqual([queue.push('f'.repeat(11)), contents(queue)], [2, []]);
  assert.equal(queue.push('g'), 0);
  assert.deepEqual(contents(queue), ['g']);
});

test('goes on in order through many pushes and shifts', () => {
  const queue = new LineQueue(7, 1_000);
  let next = 0;
  for (let i = 0; i < 1_000; i += 1) {
    queue.push(`${i}`);
    if (i % 3 === 0) next = Number(queue.shift()) + 1;
    assert.ok(queue.length <= 7);
    const lines = contents(queue).map(Number);
    assert.deepEqual(
      lines,
      Array.from({ length: lines.length }, (_, k) => i - lines.length + 1 + k),
    );
    assert.ok(next <= i + 1);
  }
});
