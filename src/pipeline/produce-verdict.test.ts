import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorCode } from '../base/error-code.ts';
import type { ProduceFailure } from './ports.ts';
import { judge, mayPass } from './produce-verdict.ts';

function failure(recordIndex: number, code: ErrorCode, endsTransaction = false): ProduceFailure {
  return { recordIndex, code, message: 'for a test', endsTransaction };
}

/** Whatever the order the outputs are told in. */
function inEachOrder(failures: readonly ProduceFailure[], check: (failures: readonly ProduceFailure[]) => void): void {
  check(failures);
  check(failures.toReversed());
}

void test("records' faults come by record, and are no trouble of the cluster", () => {
  const failures = [failure(2, 'record.too_large'), failure(2, 'record.too_large'), failure(5, 'record.rejected')];
  const { trouble, faults } = judge(failures);
  assert.equal(trouble, undefined);
  assert.deepEqual([...faults.keys()], [2, 5]);
});

void test("of a record with several outputs the cluster's trouble is seen beside the record's fault", () => {
  inEachOrder([failure(2, 'record.too_large'), failure(2, 'broker.produce_failed')], (failures) => {
    const { trouble, faults } = judge(failures);
    assert.equal(trouble?.code, 'broker.produce_failed');
    assert.equal(faults.get(2)?.code, 'record.too_large');
  });
});

void test('what somebody has to mend is told rather than what passes by itself', () => {
  for (const code of ['broker.topic_missing', 'broker.not_authorized', 'broker.fatal'] as const) {
    inEachOrder([failure(1, 'broker.produce_failed'), failure(3, code)], (failures) =>
      assert.equal(judge(failures).trouble?.code, code),
    );
    assert.equal(mayPass(failure(3, code)), false);
  }
  assert.equal(mayPass(failure(1, 'broker.produce_failed')), true);
});

void test('of two faults of a record the one that ends the transaction is told', () => {
  inEachOrder([failure(1, 'record.too_large'), failure(1, 'record.rejected', true)], (failures) =>
    assert.equal(judge(failures).faults.get(1)?.code, 'record.rejected'),
  );
});
