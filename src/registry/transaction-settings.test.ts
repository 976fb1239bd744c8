import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simConfig } from '../pipeline/sim/sim-config.ts';
import { transactionSettings } from './transaction-settings.ts';

const exactlyOnce = simConfig({}, 'partition', 'exactly_once');

test('a producer is named after its group and its process, or its static member', () => {
  assert.deepEqual(transactionSettings(exactlyOnce, {}, 'p', 5000), { id: 'g.p', timeoutMs: 5000 });
  const kafka = { 'group.instance.id': 'pod-1', 'isolation.level': 'read_committed' };
  assert.deepEqual(transactionSettings(exactlyOnce, kafka, 'p', 5000), { id: 'g.pod-1', timeoutMs: 5000 });
  assert.equal(transactionSettings(simConfig(), {}, 'p', 5000), undefined);
});

test('exactly once refuses to read what is not committed; at least once may', () => {
  const kafka = { 'isolation.level': 'read_uncommitted' };
  assert.throws(() => transactionSettings(exactlyOnce, kafka, 'p', 5000), {
    code: 'config.invalid',
    configPath: '/kafka/isolation.level',
  });
  assert.equal(transactionSettings(simConfig(), kafka, 'p', 5000), undefined);
});
