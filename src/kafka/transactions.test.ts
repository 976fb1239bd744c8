import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settled, SimClock } from '../pipeline/sim/sim-clock.ts';
import { RD } from './client.ts';
import {
  KafkaTransactions,
  type TransactionalProducer,
  type TransactionDone,
  type TransactionMember,
} from './transactions.ts';

const BOUND_MS = 2_000;
const offsets = [{ partition: 0, offset: 7 }];

/** A failure as librdkafka flags it. */
const failure = (code: number, flags: 'fatal' | 'retriable' | 'abort' | 'none') => ({
  message: `error ${code}`,
  code,
  isFatal: flags === 'fatal',
  isRetriable: flags === 'retriable',
  isTxnRequiresAbort: flags === 'abort',
});

function setUp() {
  const clock = new SimClock();
  const calls: string[] = [];
  /** What each call of a name answers, one after another; then it succeeds. */
  const answers = new Map<string, (ReturnType<typeof failure> | 'never')[]>();
  const answer = (name: string, done: TransactionDone): void => {
    calls.push(name);
    const next = answers.get(name)?.shift();
    if (next !== 'never') setImmediate(() => done(next, undefined));
  };
  const producer: TransactionalProducer<string> = {
    initTransactions: (_, done) => answer('init', done),
    beginTransaction: (done) => answer('begin', done),
    sendOffsetsToTransaction: ([o], membership, _, done) => answer(`offsets ${o?.offset} of ${membership}`, done),
    commitTransaction: (_, done) => answer('commit', done),
    abortTransaction: (_, done) => answer('abort', done),
  };
  const member: TransactionMember<string> = { adapter: 'fake', topic: 't', use: (work) => work('m') };
  const transactions = new KafkaTransactions<string>('fake', clock, BOUND_MS, (abort) => abort());
  const until = async (work: Promise<unknown>): Promise<void> => {
    let done = false;
    const ended = work.then(
      () => (done = true),
      () => (done = true),
    );
    while (!done) {
      await settled();
      await settled();
      if (!done) await clock.step();
    }
    await ended;
  };
  return { clock, calls, answers, producer, member, transactions, until };
}

test('a transaction is open from the start on: offsets, commit, and the next', async () => {
  const { clock, calls, producer, member, transactions, until } = setUp();
  await transactions.init(producer);
  await until(transactions.commit(offsets, member));
  assert.equal(clock.nowMs(), 5, 'the cluster has its time for the markers');
  await transactions.abort();
  assert.deepEqual(calls, ['init', 'begin', 'offsets 7 of m', 'commit', 'begin', 'abort', 'begin']);
});

test('what may succeed when called again is called again, with pauses, within the bound; then the outcome stays open', async () => {
  const { clock, calls, answers, producer, member, transactions, until } = setUp();
  await transactions.init(producer);
  answers.set('commit', [failure(RD.TIMED_OUT, 'retriable'), failure(RD.TIMED_OUT, 'retriable')]);
  await until(transactions.commit(offsets, member));
  assert.equal(calls.filter((call) => call === 'commit').length, 3);
  assert.equal(clock.nowMs(), 205);
  answers.set(
    'commit',
    Array.from({ length: 1000 }, () => failure(RD.TIMED_OUT, 'retriable')),
  );
  const committing = transactions.commit(offsets, member);
  await until(committing);
  await assert.rejects(committing, { code: 'broker.unreachable' });
  assert.ok(calls.length < 40, 'none of it is hot');
});

test('each class of error has its answer', async () => {
  const cases = [
    [failure(RD.UNKNOWN_MEMBER_ID, 'abort'), 'broker.transaction_aborted'],
    [failure(RD.INVALID_PRODUCER_EPOCH, 'abort'), 'broker.transaction_aborted'],
    [failure(RD.FENCED, 'fatal'), 'broker.fenced'],
    [failure(RD.PRODUCER_FENCED, 'fatal'), 'broker.fenced'],
    [failure(RD.FATAL, 'fatal'), 'broker.fatal'],
    [failure(RD.STATE, 'none'), 'broker.fatal'],
    [failure(RD.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, 'none'), 'broker.not_authorized'],
  ] as const;
  for (const [error, code] of cases) {
    for (const at of ['offsets 7 of m', 'commit']) {
      const { answers, producer, member, transactions } = setUp();
      await transactions.init(producer);
      answers.set(at, [error]);
      await assert.rejects(transactions.commit(offsets, member), { code }, `${error.code} at ${at}`);
    }
  }
});

test('a member of another adapter proves nothing', async () => {
  const { producer, member, transactions } = setUp();
  await transactions.init(producer);
  await assert.rejects(transactions.commit(offsets, { ...member, adapter: 'other' }), { code: 'bug.assertion' });
});

test('a close waits for the call under way, aborts what is open, and ends the calls to come', async () => {
  const { calls, answers, producer, member, transactions, until } = setUp();
  await transactions.init(producer);
  answers.set('commit', [failure(RD.TIMED_OUT, 'retriable')]);
  const committing = transactions.commit(offsets, member);
  await settled();
  const closing = transactions.close();
  await until(Promise.allSettled([committing, closing]));
  await assert.rejects(committing, { code: 'broker.client' });
  assert.deepEqual(calls.slice(2), ['offsets 7 of m', 'commit', 'abort']);
});

test('a close with nothing open asks the cluster for nothing', async () => {
  const { calls, transactions } = setUp();
  await transactions.close();
  assert.deepEqual(calls, []);
});
