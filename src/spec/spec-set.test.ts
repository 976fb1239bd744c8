import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSpec } from './parse-spec.ts';
import { checkSpecs } from './spec-set.ts';
import type { TransformationConfig } from './transformation-config.ts';

function spec(name: string, from: string, to: string, more = '', source = `${name}.yaml`): TransformationConfig {
  const outcome = parseSpec(
    `name: ${name}\ninput_topic: ${from}\noutput_topic: "${to}"\nwasm_module: m.wasm\n${more}`,
    source,
  );
  assert.ok('config' in outcome);
  return outcome.config;
}

const names = (configs: readonly TransformationConfig[]) => configs.map((config) => config.name);

test('specs that have nothing to do with each other all run', () => {
  const configs = [spec('a', 't1', 't2'), spec('b', 't2', 't3'), spec('c', 't1', 't3'), spec('d', 't3', '')];
  assert.deepEqual(checkSpecs(configs), { accepted: configs, errors: [] });
});

test('two specs of one name are both refused, each pointing to the other', () => {
  const { accepted, errors } = checkSpecs([
    spec('a', 't1', 't2', '', 'x.yaml'),
    spec('b', 't1', 't2'),
    spec('a', 't3', 't4', '', 'y.yaml'),
  ]);
  assert.deepEqual(names(accepted), ['b']);
  assert.deepEqual(
    errors.map(({ source, error }) => [source, error.code, error.place, error.configPath, error.message]),
    [
      ['x.yaml', 'spec.duplicate_name', 'x.yaml:1:7', '/name', 'the name a is also used by y.yaml:1:7'],
      ['y.yaml', 'spec.duplicate_name', 'y.yaml:1:7', '/name', 'the name a is also used by x.yaml:1:7'],
    ],
  );
});

test('many twins make one short message each', () => {
  const { accepted, errors } = checkSpecs(Array.from({ length: 10 }, (_, i) => spec('a', 't1', 't2', '', `${i}.yaml`)));
  assert.equal(accepted.length, 0);
  assert.equal(errors.length, 10);
  assert.match(errors[0]!.error.message, /1\.yaml:1:7, 2\.yaml:1:7, 3\.yaml:1:7 and 6 more$/);
});

test('two specs in one consumer group are both refused, also when one has it by default', () => {
  const { accepted, errors } = checkSpecs([
    spec('a', 't1', 't2'),
    spec('b', 't1', 't2', 'input: {group_id: streamline.a}'),
    spec('c', 't1', 't2'),
  ]);
  assert.deepEqual(names(accepted), ['c']);
  assert.deepEqual(
    errors.map(({ error }) => [error.code, error.place, error.configPath]),
    [
      ['spec.conflict', 'a.yaml:1:1', '/input/group_id'],
      ['spec.conflict', 'b.yaml:5:19', '/input/group_id'],
    ],
  );
});

test('a cycle is refused with its path; what reads from it or writes to it runs on', () => {
  const configs = [
    spec('before', 't0', 't1'),
    spec('a', 't1', 't2'),
    spec('b', 't2', 't3'),
    spec('c', 't3', 't1'),
    spec('after', 't3', 't9'),
  ];
  const { accepted, errors } = checkSpecs(configs);
  assert.deepEqual(names(accepted), ['before', 'after']);
  assert.deepEqual(
    errors.map(({ source, error }) => [source, error.code, error.place, error.message]),
    [
      ['a.yaml', 'spec.cycle', 'a.yaml:3:15', 'cycle among specs: a → b → c → a (topics t1 → t2 → t3 → t1)'],
      ['b.yaml', 'spec.cycle', 'b.yaml:3:15', 'cycle among specs: b → c → a → b (topics t2 → t3 → t1 → t2)'],
      ['c.yaml', 'spec.cycle', 'c.yaml:3:15', 'cycle among specs: c → a → b → c (topics t3 → t1 → t2 → t3)'],
    ],
  );
});

test('dead letters close a cycle too, unless the spec writes none', () => {
  const redrive = spec('redrive', 'a.dlq', 't1');
  const { accepted, errors } = checkSpecs([spec('a', 't1', 't2'), redrive]);
  assert.equal(accepted.length, 0);
  assert.equal(errors[0]!.error.configPath, '/errors/dead_letter_topic');
  assert.match(errors[0]!.error.message, /a → redrive → a \(topics t1 → a\.dlq → t1\)/);
  assert.equal(checkSpecs([spec('a', 't1', 't2', 'errors: {on_failure: skip}'), redrive]).errors.length, 0);
});

test('a routed output closes no cycle that could be known', () => {
  assert.equal(checkSpecs([spec('a', 't1', ''), spec('b', 't2', 't1')]).errors.length, 0);
});

test('a thousand specs are checked without delay: a chain and two crowds facing each other', () => {
  const chain = Array.from({ length: 500 }, (_, i) => spec(`chain-${i}`, `c${i}`, `c${i + 1}`));
  const crowds = Array.from({ length: 500 }, (_, i) =>
    spec(`crowd-${i}`, i % 2 === 0 ? 'x' : 'y', i % 2 === 0 ? 'y' : 'x'),
  );
  const { accepted, errors } = checkSpecs([...chain, ...crowds]);
  assert.deepEqual(accepted, chain);
  assert.equal(errors.length, 500);
});
