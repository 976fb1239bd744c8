import assert from 'node:assert/strict';
import { test } from 'node:test';
import { editDistance, nearestName } from './nearest-name.ts';

const fields = ['name', 'input_topic', 'output_topic', 'timeout_ms', 'max_retries', 'max_memory_mb'];

test('the nearest name is found by typing errors, other habits and parts', () => {
  const cases: readonly (readonly [string, string | undefined])[] = [
    ['timout_ms', 'timeout_ms'],
    ['timeoutMs', 'timeout_ms'],
    ['TIMEOUT-MS', 'timeout_ms'],
    ['naem', 'name'],
    ['input-topics', 'input_topic'],
    ['retries', 'max_retries'],
    ['colour', undefined],
    ['', undefined],
    ['___', undefined],
    ['x'.repeat(100_000), undefined],
  ];
  for (const [written, meant] of cases) assert.equal(nearestName(written, fields), meant, written.slice(0, 20));
});

test('a swap is one edit', () => {
  assert.equal(editDistance('naem', 'name'), 1);
  assert.equal(editDistance('abc', ''), 3);
  assert.equal(editDistance('kitten', 'sitting'), 3);
});
