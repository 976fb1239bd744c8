import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePartitionOffset, resetTargetOf } from './offset-flags.ts';
import { nameOf } from './modules-command.ts';
import { parseVariable, specOfFlags } from './spec-flags.ts';
import { repeated } from './repeated.ts';

const usage = { code: 'request.invalid' };

void test('a variable is what stands before the first =, and after it', () => {
  assert.deepEqual(parseVariable('a=b'), { name: 'a', value: 'b' });
  assert.deepEqual(parseVariable('a=b=c'), { name: 'a', value: 'b=c' });
  assert.deepEqual(parseVariable('a='), { name: 'a', value: '' });
  for (const text of ['', 'a', '=b']) assert.throws(() => parseVariable(text), usage, text);
  assert.deepEqual(repeated('b', repeated('a', undefined)), ['a', 'b']);
});

void test('a variable is text, whatever it looks like, and has the last word on a field', () => {
  const flags = { name: 'a', input: 'b', output: 'c', config: '{"n": 1, "x": [1, 2]}', var: ['n=2', 'yes=true'] };
  const text = specOfFlags(flags, 'm.wasm');
  assert.match(text, /"?n"?: "2"/);
  assert.match(text, /"?yes"?: "true"/);
  assert.match(text, /"x": \[ ?1, 2 ?\]/);
});

void test('two fields of one name in --config are refused, not one of them lost', () => {
  const flags = { name: 'a', input: 'b', output: 'c', config: '{"n": 1, "n": 2}' };
  assert.throws(() => specOfFlags(flags, 'm.wasm'), usage);
});

void test('where offsets are put', () => {
  assert.deepEqual(resetTargetOf({ to: 'start' }), { to: 'earliest' });
  assert.deepEqual(resetTargetOf({ to: 'end' }), { to: 'latest' });
  assert.deepEqual(resetTargetOf({ to: '-5' }), { to: '-5' });
  assert.deepEqual(resetTargetOf({ offset: ['0=1', '2:30'] }), {
    exact: [
      { partition: 0, offset: 1 },
      { partition: 2, offset: 30 },
    ],
  });
  for (const flags of [{}, { to: 'earliest', offset: ['0=1'] }, { to: '5' }, { to: '@soon' }])
    assert.throws(() => resetTargetOf(flags), usage, JSON.stringify(flags));
  for (const text of ['', '0', '=1', '0=-1', '0=9999999999999999', 'x=1'])
    assert.throws(() => parsePartitionOffset(text), usage, text);
});

void test('a module is named after its file', () => {
  assert.deepEqual(['mask_pii.wasm', './a/MaskPii.wasm', 'target/__x__.wasm', 'a.b.wasm'].map(nameOf), [
    'mask-pii',
    'mask-pii',
    'x',
    'a-b',
  ]);
});
