import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { InFlight } from './in-flight.ts';
import { Lane } from './lane.ts';
import { PartitionLedger } from './ledger.ts';
import type { PackedBatch } from './packed-batch.ts';
import { simulate } from './sim/sim-world.ts';

/** STREAMLINE_SIM_SEED=n replays one run, STREAMLINE_SIM_SEEDS=n runs that many. */
const only = process.env['STREAMLINE_SIM_SEED'];
const first = only === undefined ? 1 : Number(only);
const count = only === undefined ? Number(process.env['STREAMLINE_SIM_SEEDS'] ?? 1000) : 1;

/** Seeds that once broke an invariant. */
const REGRESSIONS: readonly number[] = [];

void test(`I1 I2 I3 I5 I6 hold on full ledgers over ${count} seeds from ${first} with faults at every step`, async (t) => {
  let restarts = 0;
  let rebalances = 0;
  for (const seed of [...REGRESSIONS, ...Array.from({ length: count }, (_, i) => first + i)]) {
    const outcome = await simulate(seed);
    restarts += outcome.restarts;
    rebalances += outcome.rebalances;
    assert.deepEqual(outcome.violations.slice(0, 5), [], `seed ${seed}: replay with STREAMLINE_SIM_SEED=${seed}`);
  }
  t.diagnostic(`${count} seeds, ${restarts} restarts, ${rebalances} rebalances`);
  assert.ok(only !== undefined || (restarts > count && rebalances > count), 'the faults must really happen');
});

void test('the checker catches a ledger that commits what is not settled (I1)', async () => {
  const broken = mock.getter(PartitionLedger.prototype, 'committable', function (this: PartitionLedger) {
    // Everything received counts as settled.
    return lastReceived.get(this);
  });
  const lastReceived = new WeakMap<PartitionLedger, number>();
  // oxlint-disable-next-line typescript/unbound-method -- called with its receiver below
  const accept = PartitionLedger.prototype.accept;
  const spy = mock.method(
    PartitionLedger.prototype,
    'accept',
    function (this: PartitionLedger, ...args: [number, number, number]) {
      lastReceived.set(this, args[2] + 1);
      return accept.apply(this, args);
    },
  );
  try {
    assert.ok(
      (await violationsOver(20)).some((v) => v.startsWith('I1')),
      'a broken ledger went unnoticed',
    );
  } finally {
    broken.mock.restore();
    spy.mock.restore();
  }
});

async function violationsOver(seeds: number): Promise<string[]> {
  const violations: string[] = [];
  for (let seed = 1; seed <= seeds; seed += 1) violations.push(...(await simulate(seed)).violations);
  return violations;
}

void test('the checker catches buffers that are released while a range of them is unacknowledged', async () => {
  // oxlint-disable-next-line typescript/unbound-method -- called with its receiver below
  const open = InFlight.prototype.open;
  // The first segment that is done counts as all of them.
  const broken = mock.method(InFlight.prototype, 'open', function (this: InFlight, batch: PackedBatch) {
    return open.call(this, batch, 1);
  });
  try {
    const violations = await violationsOver(20);
    assert.ok(violations.some((v) => v.includes('released while it was read')));
  } finally {
    broken.mock.restore();
  }
});

void test('the checker catches an assignment that goes on after it has ended (I5)', async () => {
  const broken = mock.getter(Lane.prototype, 'ended', () => false);
  try {
    assert.ok((await violationsOver(20)).some((v) => v.startsWith('I5')));
  } finally {
    broken.mock.restore();
  }
});
