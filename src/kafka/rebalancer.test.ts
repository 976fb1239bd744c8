import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RD } from './client.ts';
import { silentLogger } from './log.ts';
import { Rebalancer, type RebalanceClient } from './rebalancer.ts';

const parts = (...numbers: number[]) => numbers.map((partition) => ({ topic: 't', partition }));
const turn = () => new Promise<void>((resolve) => void setImmediate(resolve));
const ASSIGN = { message: '', code: RD.ASSIGN_PARTITIONS };
const REVOKE = { message: '', code: RD.REVOKE_PARTITIONS };

function setUp(protocol = 'EAGER') {
  const calls: string[] = [];
  const state = { lost: false, drained: () => {}, consumed: Promise.resolve() };
  const client: RebalanceClient = {
    assign: (list) => void calls.push(`assign ${list.map((p) => p.partition).join()}`),
    unassign: () => void calls.push('unassign'),
    resume: (list) => void calls.push(`resume ${list.map((p) => p.partition).join()}`),
    incrementalAssign: (list) => void calls.push(`+assign ${list.map((p) => p.partition).join()}`),
    incrementalUnassign: (list) => void calls.push(`+unassign ${list.map((p) => p.partition).join()}`),
    assignmentLost: () => state.lost,
    rebalanceProtocol: () => protocol,
  };
  const handlers = {
    assigned: (list: readonly number[]) => void calls.push(`assigned ${list.join()}`),
    revoked: (list: readonly number[]) => {
      calls.push(`revoked ${list.join()}`);
      return new Promise<void>((resolve) => {
        state.drained = resolve;
      });
    },
    lost: (list: readonly number[]) => void calls.push(`lost ${list.join()}`),
    failed: () => void calls.push('failed'),
  };
  return { calls, client, state, rebalancer: new Rebalancer(client, handlers, silentLogger, () => state.consumed) };
}

test('a revoke is answered when the drain is done, and what comes next waits for it', async () => {
  const { calls, state, rebalancer } = setUp();
  rebalancer.onEvent(ASSIGN, parts(0, 1));
  await turn();
  assert.deepEqual(rebalancer.active, [true, true]);
  rebalancer.onEvent(REVOKE, parts(0, 1));
  assert.deepEqual(rebalancer.active, [false, false], 'I5: nothing is handed out from the first moment');
  rebalancer.onEvent(ASSIGN, parts(1));
  await turn();
  assert.deepEqual(calls, ['assigned 0,1', 'assign 0,1', 'resume 0,1', 'revoked 0,1']);
  state.drained();
  await turn();
  assert.deepEqual(calls.slice(4), ['unassign', 'assigned 1', 'assign 1', 'resume 1']);
});

test('an assign waits for the consume that began before it', async () => {
  const { calls, state, rebalancer } = setUp();
  let done = (): void => {};
  state.consumed = new Promise((resolve) => {
    done = resolve;
  });
  rebalancer.onEvent(ASSIGN, parts(0));
  await turn();
  assert.deepEqual(calls, []);
  done();
  await turn();
  assert.deepEqual(calls, ['assigned 0', 'assign 0', 'resume 0']);
});

test('lost partitions are not drained', async () => {
  const { calls, state, rebalancer } = setUp();
  rebalancer.onEvent(ASSIGN, parts(0));
  state.lost = true;
  rebalancer.onEvent(REVOKE, parts(0));
  await turn();
  assert.deepEqual(calls, ['assigned 0', 'assign 0', 'resume 0', 'lost 0', 'unassign']);
});

test('a cooperative group is answered in kind, also while it closes', async () => {
  const { calls, rebalancer } = setUp('COOPERATIVE');
  rebalancer.onEvent(ASSIGN, parts(0, 1));
  await turn();
  await rebalancer.close();
  rebalancer.onEvent(REVOKE, parts(0, 1));
  await turn();
  assert.deepEqual(calls, ['assigned 0,1', '+assign 0,1', 'resume 0,1', '+unassign 0,1']);
});

test('close cuts a drain short and calls no handler any more', async () => {
  const { calls, rebalancer } = setUp();
  rebalancer.onEvent(ASSIGN, parts(0));
  rebalancer.onEvent(REVOKE, parts(0));
  await turn();
  await rebalancer.close();
  rebalancer.onEvent(REVOKE, parts(0));
  rebalancer.onEvent(ASSIGN, parts(0));
  await turn();
  assert.deepEqual(calls, ['assigned 0', 'assign 0', 'resume 0', 'revoked 0', 'unassign', 'unassign', 'unassign']);
});

test('a rebalance that cannot be answered ends the consumer: it would hold its partitions and read none', async () => {
  const { calls, client, rebalancer } = setUp();
  client.assign = () => {
    throw Object.assign(new Error('Local: Erroneous state'), { code: RD.STATE });
  };
  rebalancer.onEvent(ASSIGN, parts(0));
  await turn();
  assert.deepEqual(calls, ['assigned 0', 'failed']);
});
