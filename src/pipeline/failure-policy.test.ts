import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRng } from '../base/rng.ts';
import { backoffMs, decide, isClustersTrouble, isRecordsFault, type RecordFailure } from './failure-policy.ts';
import { simConfig } from './sim/sim-config.ts';

const failure = (code: RecordFailure['code']): RecordFailure => ({ code, message: '', fuelUsed: 0 });

void test('a failure of the guest is retried as often as the policy says, then the policy decides', () => {
  const { errors } = simConfig({ maxRetries: 2, onFailure: 'skip' });
  assert.equal(decide(failure('guest.trap'), 1, errors), 'retry');
  assert.equal(decide(failure('guest.trap'), 2, errors), 'retry');
  assert.equal(decide(failure('guest.trap'), 3, errors), 'skip');
});

void test('what can never succeed is not tried again', () => {
  for (const onFailure of ['dead_letter', 'skip', 'stop'] as const) {
    const { errors } = simConfig({ maxRetries: 5, onFailure });
    assert.equal(decide(failure('record.too_large'), 1, errors), onFailure);
    assert.equal(decide(failure('route.invalid_topic'), 1, errors), onFailure);
  }
});

void test('no retries unless asked for', () => {
  assert.equal(decide(failure('guest.timeout'), 1, simConfig().errors), 'dead_letter');
});

void test('the backoff doubles up to its maximum and stays within its upper half', () => {
  const { errors } = simConfig({ retryBackoffMs: 100, retryBackoffMaxMs: 1000 });
  const rng = seededRng(7);
  for (const [attempt, ceiling] of [
    [1, 100],
    [2, 200],
    [3, 400],
    [4, 800],
    [5, 1000],
    [60, 1000],
    [5000, 1000],
  ] as const) {
    for (let i = 0; i < 50; i += 1) {
      const delayMs = backoffMs(attempt, errors, rng);
      assert.ok(delayMs >= ceiling / 2 && delayMs <= ceiling, `attempt ${attempt}: ${delayMs}`);
    }
  }
  assert.notEqual(backoffMs(3, errors, rng), backoffMs(3, errors, rng), 'those that failed together part');
});

test("only what the cluster says of the record itself is the record's fault", () => {
  assert.equal(isRecordsFault('record.too_large'), true);
  assert.equal(isRecordsFault('record.rejected'), true);
  assert.equal(isRecordsFault('broker.not_authorized'), false);
  assert.equal(isClustersTrouble('broker.unreachable'), true);
  for (const code of ['broker.partition_mismatch', 'guest.trap', 'schema.unknown_id'] as const)
    assert.equal(isClustersTrouble(code), false);
});
