import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StreamlineError } from '../base/error.ts';
import { RD } from './client.ts';
import { DeliveryFailures, errorOfOne, mayBeNeighbours, produceFailureCode } from './delivery-failures.ts';
import { emptyOutput, type Output } from './output-job.ts';

const output = (key: string | null, value: string | null, topic = 't'): Output => ({
  ...emptyOutput(),
  present: true,
  topic,
  key: key === null ? null : Buffer.from(key),
  value: value === null ? null : Buffer.from(value),
});
const failure = { clientCode: RD.UNKNOWN_TOPIC, message: 'gone' };

test('a report finds its record, and no other that looks alike', () => {
  const failures = new DeliveryFailures();
  failures.add(failure, { topic: 't', key: Buffer.from('ab'), value: Buffer.from('c') });
  for (const other of [
    output('a', 'bc'),
    output('ab', 'd'),
    output('ab', 'c', 'u'),
    output(null, 'abc'),
    output('ab', null),
  ]) {
    assert.equal(failures.of(other), undefined);
  }
  assert.equal(failures.of(output('ab', 'c')), failure);
  assert.equal(failures.of(output('ab', 'c')), failure, 'twins fail together');
  failures.clear();
  assert.equal(failures.size, 0);
});

test('null and empty are different contents', () => {
  const failures = new DeliveryFailures();
  failures.add(failure, { topic: 't', key: null, value: Buffer.alloc(0) });
  assert.equal(failures.of(output('', null)), undefined);
  assert.equal(failures.of(output(null, '')), failure);
});

test('I1: a report that belongs to no record is not shrugged off', () => {
  const failures = new DeliveryFailures();
  failures.add(failure, { topic: 't', key: null, value: Buffer.from('x') });
  failures.of(output(null, 'y'));
  assert.throws(() => failures.clear(), { code: 'bug.assertion' });
});

test('which failures may be the fault of a neighbour, and what a record alone is told', () => {
  assert.deepEqual([RD.MSG_SIZE_TOO_LARGE, RD.INVALID_RECORD, RD.UNKNOWN_TOPIC].map(mayBeNeighbours), [
    true,
    true,
    false,
  ]);
  assert.equal(produceFailureCode(RD.MSG_SIZE_TOO_LARGE), 'record.too_large');
  assert.equal(produceFailureCode(RD.INVALID_TIMESTAMP), 'record.rejected');
  assert.equal(produceFailureCode(RD.TOPIC_AUTHORIZATION_FAILED), 'broker.not_authorized');
  assert.equal(produceFailureCode(-1), 'broker.produce_failed');
});

test('a single record that fails is thrown as what it means for its transaction', () => {
  const tooLarge = { recordIndex: 0, code: 'record.too_large', message: 'm' } as const;
  const shown = (error: StreamlineError) => [error.code, (error.cause as StreamlineError | undefined)?.code];
  assert.deepEqual(shown(errorOfOne(tooLarge, false)), ['record.too_large', undefined]);
  assert.deepEqual(shown(errorOfOne(tooLarge, true)), ['record.too_large', undefined], 'the client did not take it');
  const refused = errorOfOne({ ...tooLarge, endsTransaction: true }, true);
  assert.deepEqual(shown(refused), ['broker.transaction_aborted', 'record.too_large']);
  const cluster = { recordIndex: 0, code: 'broker.produce_failed', message: 'm' } as const;
  assert.deepEqual(shown(errorOfOne(cluster, true)), ['broker.transaction_aborted', undefined]);
  assert.deepEqual(shown(errorOfOne(cluster, false)), ['broker.produce_failed', undefined]);
  assert.deepEqual(shown(errorOfOne({ ...cluster, code: 'broker.fatal' }, true)), ['broker.fatal', undefined]);
});

test('after an abort a report that belongs to no record is nothing', () => {
  const failures = new DeliveryFailures();
  failures.add({ clientCode: RD.MSG_TIMED_OUT, message: 'm' }, { topic: 't', key: null, value: null });
  failures.drop();
  assert.equal(failures.size, 0);
  failures.clear();
});
