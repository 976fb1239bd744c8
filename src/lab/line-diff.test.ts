import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lineDiff } from './line-diff.ts';

test('what is the same is told only beside what is not', () => {
  const lines = Array.from({ length: 20 }, (_, i) => `line ${i}`);
  assert.deepEqual(lineDiff(lines, lines), []);
  assert.deepEqual(lineDiff(lines, lines.with(10, 'other')), [
    '…',
    '  line 7',
    '  line 8',
    '  line 9',
    '- line 10',
    '+ other',
    '  line 11',
    '  line 12',
    '  line 13',
    '…',
  ]);
});

test('lines that were added or left out do not move the others', () => {
  assert.deepEqual(lineDiff(['a', 'b', 'c'], ['a', 'c']), ['  a', '- b', '  c']);
  assert.deepEqual(lineDiff(['a', 'c'], ['a', 'b', 'c']), ['  a', '+ b', '  c']);
  assert.deepEqual(lineDiff([], ['a']), ['+ a']);
  assert.deepEqual(lineDiff(['a'], []), ['- a']);
});

test('of any two texts the diff gives back both', () => {
  let seed = 7;
  const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
  let whole = 0;
  for (let round = 0; round < 400; round++) {
    const text = (): string[] => Array.from({ length: random(6) }, () => String(random(3)));
    const [expected, actual] = [text(), text()];
    const diff = lineDiff(expected, actual);
    if (diff.length === 0) {
      assert.deepEqual(expected, actual);
      continue;
    }
    if (diff.includes('…')) continue;
    whole += 1;
    const side = (mark: string): string[] =>
      diff.filter((line) => line.startsWith('  ') || line.startsWith(mark)).map((line) => line.slice(2));
    assert.deepEqual([side('- '), side('+ ')], [expected, actual], JSON.stringify([expected, actual]));
  }
  assert.ok(whole > 200, String(whole));
});

test('texts of thousands of lines are compared line by line', () => {
  const lines = Array.from({ length: 5000 }, (_, i) => `line ${i}`);
  assert.deepEqual(
    lineDiff(lines, lines.with(4999, 'end')).filter((line) => !line.startsWith('  ') && line !== '…'),
    ['- line 4999', '+ end'],
  );
});
