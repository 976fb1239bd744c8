import { test } from 'node:test';
import assert from 'node:assert/strict';
import { rateRows, ratioRow, type Rates } from './copies.ts';

const rate = (
  perSecond: number,
  cpuSecondsPerMillion: number,
): { perSecond: number; cpuSecondsPerMillion: number } => ({
  perSecond,
  cpuSecondsPerMillion,
});

/** The machine is twice as slow in the second round and four times in the third. */
const RATES: Rates = new Map([
  ['ours', [rate(400, 2), rate(200, 4), rate(100, 9)]],
  ['theirs', [rate(200, 4), rate(100, 8), rate(40, 12)]],
]);

test('contestants are compared within each round, not by their medians', () => {
  assert.deepEqual(ratioRow('bench', RATES, 'ours', 'theirs'), [
    { name: 'bench.ours.to_theirs', value: 2, unit: 'of theirs' },
  ]);
  assert.deepEqual(ratioRow('bench', RATES, 'ours', 'theirs', 'cpu_to'), [
    { name: 'bench.ours.cpu_to_theirs', value: 0.5, unit: 'of theirs' },
  ]);
});

test('one that was left out has no ratio', () => {
  assert.deepEqual(ratioRow('bench', RATES, 'ours', 'missing'), []);
  assert.deepEqual(ratioRow('bench', RATES, 'missing', 'ours'), []);
});

test('a figure is the median over the rounds', () => {
  assert.deepEqual(rateRows('bench', new Map([['ours', RATES.get('ours') ?? []]])), [
    { name: 'bench.ours.per_s', value: 200, unit: 'records/s' },
    { name: 'bench.ours.cpu_s_per_million', value: 4, unit: 'CPU s' },
  ]);
});
