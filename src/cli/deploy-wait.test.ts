import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Status } from '../api/rest-shapes.ts';
import { judge, waitForFirstRecord, type Verdict } from './deploy-wait.ts';
import { errorShape, SINCE, WORKER } from './testing/fake-sidecar.ts';

const wanted = { configSha256: 'new', moduleSha256: undefined };
const version = { number: 2, module: 'm.wasm', module_sha256: 'm2', config_sha256: 'new', since: SINCE, records: 0 };
const old = { ...version, number: 1, config_sha256: 'old', records: 9 };
const candidate = { stage: 'PREPARING', module: 'm.wasm', config_sha256: 'new', since: SINCE } as const;

function status(changes: Partial<Status>): Status {
  return {
    name: 'a',
    type: 'map',
    connector: { state: 'RUNNING', worker_id: WORKER },
    tasks: [],
    target_state: 'RUNNING',
    group_id: 'g',
    partitions: [0],
    worker_id: WORKER,
    restarts: 0,
    instances: { busy: 0, idle: 1 },
    spec_errors: [],
    ...changes,
  };
}

const failed = { state: 'FAILED', worker_id: WORKER } as const;
const verdict = (changes: Partial<Status>, oldFailure = false): Verdict['is'] =>
  judge(status(changes), wanted, oldFailure).is;

void test('served: the wanted version has a record; one of another config or module is not it', () => {
  assert.equal(verdict({ version: { ...version, records: 1 } }), 'served');
  assert.equal(verdict({ version }), 'waiting');
  assert.equal(verdict({ version: old }), 'waiting');
  const ofModule = (moduleSha256: string) =>
    judge(status({ version: { ...version, records: 1 } }), { ...wanted, moduleSha256 }, false).is;
  assert.deepEqual([ofModule('m2'), ofModule('m1')], ['served', 'waiting']);
});

void test('failed: refused, or failed, or the spec is wrong beside others', () => {
  const error = errorShape('module.invalid', 'no');
  assert.equal(verdict({ version: old, candidate: { ...candidate, stage: 'REFUSED', error } }), 'failed');
  assert.equal(verdict({ version, connector: failed, error }), 'failed');
  assert.equal(verdict({ connector: failed }), 'failed');
  assert.equal(verdict({ version: old, spec_errors: [error] }), 'failed');
  // Another deploy's refusal is none of this one.
  assert.equal(
    verdict({ version: old, candidate: { ...candidate, config_sha256: 'other', stage: 'REFUSED', error } }),
    'waiting',
  );
});

void test('a failure from before the deploy does not count while it may be the old one', () => {
  assert.equal(verdict({ version: old, connector: failed }, true), 'waiting');
  assert.equal(verdict({ version: old, connector: failed, candidate }, false), 'waiting');
  assert.equal(verdict({ version, connector: failed }, true), 'failed');
});

void test('waiting says for what', () => {
  const why = (changes: Partial<Status>): string => {
    const found = judge(status(changes), wanted, false);
    return found.is === 'waiting' ? found.why : found.is;
  };
  assert.equal(why({ version: old }), 'the new version has not begun (RUNNING)');
  assert.equal(why({ candidate }), 'the new version is being prepared');
  assert.equal(
    why({ candidate: { ...candidate, stage: 'CANARY', canary: { done: 3, of: 10 } } }),
    '3 of 10 canary records tried',
  );
  assert.equal(why({ version }), 'it is RUNNING and no record has come');
  const waiting = { for: 'schema_registry', since: SINCE, code: 'registry.failed', message: 'it says 500' } as const;
  assert.equal(why({ version, waiting }), 'its records wait for the schema registry: it says 500');
  assert.equal(why({ version, partitions: [] }), 'it has no partitions yet');
  assert.equal(why({ version, connector: { state: 'RESTARTING', worker_id: WORKER } }), 'it is RESTARTING');
});

void test('each change is told once; in the end it is not waited for ever', async () => {
  const told: string[] = [];
  const looks = [status({ candidate }), status({ candidate }), status({ version })];
  const { error } = await waitForFirstRecord({
    wanted,
    read: () => Promise.resolve(looks.length > 1 ? looks.shift()! : looks[0]!),
    before: undefined,
    timeoutMs: 700,
    onProgress: (why) => told.push(why),
  });
  assert.deepEqual(told, ['the new version is being prepared', 'it is RUNNING and no record has come']);
  assert.equal(error?.code, 'deploy.timeout');
});
