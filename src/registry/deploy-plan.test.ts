import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StreamlineError } from '../base/error.ts';
import { planOf, type PlanParts, type Survey } from './deploy-plan.ts';
import { spec } from './testing/fake-factory.ts';

const cluster: Survey = {
  group: {
    groupId: 'streamline.a',
    state: 'Stable',
    members: [{ memberId: 'm', clientId: 'c', host: 'h', partitions: [0], self: true }],
  },
  offsets: [
    { committed: 4, latest: 10 },
    { committed: undefined, latest: 3 },
  ],
  partitions: new Map([
    ['a-in', 2],
    ['a-out', undefined],
  ]),
};

const parts = (more: Partial<PlanParts> = {}): PlanParts => ({
  config: spec('a'),
  before: undefined,
  module: undefined,
  moduleBefore: undefined,
  schemas: [],
  isSchemaFileChanged: false,
  topicsCreated: true,
  cluster,
  errors: [],
  ...more,
});

test('a new transform: topics that would be created, where its group begins', () => {
  const plan = planOf(parts({ cluster: { ...cluster, offsets: [] }, config: spec('a', 'input: { start: -5 }\n') }));
  assert.deepEqual(
    [plan.action, plan.changes, plan.group.start, plan.group.lag],
    ['create', [], '5 records before the latest', undefined],
  );
  assert.deepEqual(plan.topics, [
    { role: 'input', topic: 'a-in', partitions: 2, creates: false },
    { role: 'output', topic: 'a-out', partitions: undefined, creates: true },
    { role: 'dead_letter', topic: 'a.dlq', partitions: undefined, creates: true },
  ]);
});

test('nothing is created where that is off, for an input, or while the cluster does not answer', () => {
  const topics = planOf(parts({ topicsCreated: false })).topics;
  assert.ok(topics.every(({ creates }) => !creates));
  const away = planOf(parts({ cluster: undefined, errors: [new StreamlineError('broker.unreachable', 'away')] }));
  assert.deepEqual(
    [away.group.state, away.topics.map(({ creates }) => creates), away.errors.length],
    ['Unknown', [false, false, false], 1],
  );
});

test('what changes decides how: in place, after a drain, or not at all', () => {
  const before = spec('a');
  const action = (extra: string, more: Partial<PlanParts> = {}): string =>
    planOf(parts({ before, config: spec('a', extra), ...more })).action;
  assert.equal(action(''), 'unchanged');
  assert.equal(action('timeout_ms: 20\n'), 'in_place');
  assert.equal(action('input: { group_id: b }\n'), 'restart');
  assert.equal(action('ordering: key\n'), 'restart');
  assert.equal(action('delivery: exactly_once\n'), 'restart');
  const module = { path: 'm.wasm', sha256: 'two', exports: [], imports: [] };
  assert.equal(action('', { module, moduleBefore: 'one' }), 'in_place');
  assert.equal(action('', { module, moduleBefore: 'two' }), 'unchanged');
});

test('fields are named as the spec writes them, with what they were and will be', () => {
  const before = spec('a', 'config: { x: 1 }\n');
  const { changes, effects } = planOf(
    parts({ before, config: spec('a', 'config: { x: 2 }\nerrors: { max_retries: 3 }\n') }),
  );
  assert.deepEqual(changes, [
    { field: 'config', before: '{"x":1}', after: '{"x":2}' },
    { field: 'errors.max_retries', before: 0, after: 3 },
  ]);
  assert.match(effects.join(' '), /group notices nothing.*order is kept.*remember between records is lost/);
});

test('fields of formats are named as the spec writes them', () => {
  const before = spec('a', 'input: { format: avro, subject: s }\n');
  const after = spec('a', 'input: { format: avro, subject: t, version: 3 }\noutput: { key_format: json }\n');
  assert.deepEqual(planOf(parts({ before, config: after })).changes, [
    { field: 'input.subject', before: 's', after: 't' },
    { field: 'input.version', before: 'latest', after: 3 },
    { field: 'output.key_format', before: 'bytes', after: 'json' },
  ]);
  const fresh = planOf(parts({ before: spec('a'), config: before })).changes;
  assert.deepEqual(
    fresh.map(({ field, before: was }) => [field, was]),
    [
      ['input.format', 'bytes'],
      ['input.subject', null],
      ['input.version', null],
    ],
  );
});

test('a schema that would be registered, and another format of the output, are told', () => {
  const schema = { part: 'value', version: 'file', id: undefined, type: 'AVRO', compatible: true } as const;
  const schemas = [{ ...schema, subject: 's', registers: true, level: 'FULL', messages: [] }];
  assert.match(planOf(parts({ schemas })).effects.join(' '), /is registered under subject s/);
  assert.doesNotMatch(planOf(parts({ schemas: [{ ...schemas[0]!, registers: false }] })).effects.join(' '), /subject/);
  const effects = (extra: string, was = ''): string =>
    planOf(parts({ before: spec('a', was), config: spec('a', extra) })).effects.join(' ');
  const avro = 'config: { schema_registry_subject: s }\n';
  assert.match(effects(avro), /values are written as Avro of subject s: consumers must read both/);
  assert.doesNotMatch(effects(avro), /keys/);
  assert.match(effects('output: { key_format: json }\n'), /keys are written as JSON:/);
  assert.match(effects('output: { format: avro, subject: t }\n', avro), /as Avro of subject t/);
  assert.doesNotMatch(effects('timeout_ms: 20\n'), /written as/);
});

test('a schema file that says something else is a change', () => {
  const before = spec('a');
  const plan = planOf(parts({ before, config: before, isSchemaFileChanged: true }));
  assert.deepEqual([plan.action, plan.changes], ['in_place', []]);
  assert.match(plan.effects.join(' '), /The schema file is another/);
});

test('a change of the group says what becomes of offsets and order', () => {
  const plan = planOf(parts({ before: spec('a'), config: spec('a', 'input: { group_id: b }\nordering: key\n') }));
  assert.match(plan.effects.join(' '), /offsets of its own.*per key only/);
  assert.deepEqual([plan.group.lag, plan.group.start, plan.group.members], [6, 'at the committed offsets', 1]);
});
