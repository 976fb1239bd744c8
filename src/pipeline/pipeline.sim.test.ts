import assert from 'node:assert/strict';
import { mock, test, type TestContext } from 'node:test';
import { Assignment } from './assignment.ts';
import { InFlight } from './in-flight.ts';
import { PartitionLedger } from './ledger.ts';
import { isRecordsFault } from './failure-policy.ts';
import type { PackedBatch } from './packed-batch.ts';
import type { OutputRange } from './ports.ts';
import type { Version } from './version.ts';
import { Versions } from './versions.ts';
import { SimMember } from './sim/sim-cluster.ts';
import { simulate } from './sim/sim-world.ts';
import { Tally } from './tally.ts';
import { TransactionCommitter } from './transaction-committer.ts';
import { UnitGate } from './unit-gate.ts';

/** STREAMLINE_SIM_SEED=n replays one run, STREAMLINE_SIM_SEEDS=n runs that many. */
const only = process.env['STREAMLINE_SIM_SEED'];
const first = only === undefined ? 1 : Number(only);
const count = only === undefined ? Number(process.env['STREAMLINE_SIM_SEEDS'] ?? 1000) : 1;

/** Seeds that once broke an invariant. */
const REGRESSIONS: readonly number[] = [];

void test(`I1 I2 I3 I5 I6 hold on full ledgers over ${count} seeds from ${first} with faults at every step`, (t) =>
  overSeeds(t, 'at_least_once'));

void test(`I4: a reader of what is committed sees each record once and in order, over the same ${count} seeds`, (t) =>
  overSeeds(t, 'exactly_once'));

async function overSeeds(t: TestContext, delivery: 'at_least_once' | 'exactly_once'): Promise<void> {
  let restarts = 0;
  let rebalances = 0;
  let switches = 0;
  let takenBack = 0;
  for (const seed of [...REGRESSIONS, ...Array.from({ length: count }, (_, i) => first + i)]) {
    const outcome = await simulate(seed, delivery);
    restarts += outcome.restarts;
    rebalances += outcome.rebalances;
    switches += outcome.switches;
    takenBack += outcome.takenBack;
    const replay = `seed ${seed}, ${delivery}: replay with STREAMLINE_SIM_SEED=${seed}`;
    assert.deepEqual(outcome.violations.slice(0, 5), [], replay);
  }
  t.diagnostic(
    `${count} seeds, ${restarts} restarts, ${rebalances} rebalances, ${switches} versions, ${takenBack} taken back`,
  );
  const happened = restarts > count && rebalances > count && switches > count && takenBack > count / 2;
  assert.ok(only !== undefined || happened, 'the faults must really happen');
}

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
    assert.ok(await breaks(20, /^I1/), 'a broken ledger went unnoticed');
  } finally {
    broken.mock.restore();
    spy.mock.restore();
  }
});

/** Whether some run over these seeds breaks what the pattern names. */
async function breaks(seeds: number, pattern: RegExp, delivery?: 'exactly_once'): Promise<boolean> {
  for (let seed = 1; seed <= seeds; seed += 1) {
    if ((await simulate(seed, delivery)).violations.some((violation) => pattern.test(violation))) return true;
  }
  return false;
}

void test('the checker catches a transaction that is committed while records are under way (I4)', async () => {
  const broken = mock.method(UnitGate.prototype, 'empty', () => Promise.resolve());
  try {
    assert.ok(await breaks(20, /^I4/, 'exactly_once'));
  } finally {
    broken.mock.restore();
  }
});

void test('the checker catches a transaction that outlives a partition that was lost with records in it (I4)', async () => {
  const broken = mock.method(TransactionCommitter.prototype, 'lost', () => undefined);
  try {
    assert.ok(await breaks(400, /^(I4|bug)/, 'exactly_once'));
  } finally {
    broken.mock.restore();
  }
});

void test('the checker catches a replay that does not go back (I1, I4)', async () => {
  const broken = mock.method(SimMember.prototype, 'seek', () => Promise.resolve());
  try {
    assert.ok(await breaks(20, /^I1/, 'exactly_once'));
  } finally {
    broken.mock.restore();
  }
});

void test('the checker catches outcomes of an aborted transaction that are counted (I2)', async () => {
  const broken = mock.method(Tally.prototype, 'returned', () => undefined);
  try {
    assert.ok(await breaks(20, /^I2/, 'exactly_once'));
  } finally {
    broken.mock.restore();
  }
});

void test("the checker catches a record's fault that hides the cluster's trouble with another of its outputs (I1)", async () => {
  // oxlint-disable-next-line typescript/unbound-method -- called with its receiver below
  const produce = SimMember.prototype.produce;
  const broken = mock.method(SimMember.prototype, 'produce', async function (this: SimMember, range: OutputRange) {
    const failures = await produce.call(this, range);
    const faults = new Set(failures.filter(({ code }) => isRecordsFault(code)).map((f) => f.recordIndex));
    return failures.filter(({ code, recordIndex }) => isRecordsFault(code) || !faults.has(recordIndex));
  });
  try {
    assert.ok(await breaks(20, /^I1.*could not take it/));
  } finally {
    broken.mock.restore();
  }
});

void test('the checker catches buffers that are released while a range of them is unacknowledged', async () => {
  // oxlint-disable-next-line typescript/unbound-method -- called with its receiver below
  const open = InFlight.prototype.open;
  // The first segment that is done counts as all of them.
  const broken = mock.method(
    InFlight.prototype,
    'open',
    function (this: InFlight, batch: PackedBatch, _segments: number, version: Version, polledMs: number) {
      return open.call(this, batch, 1, version, polledMs);
    },
  );
  try {
    assert.ok(await breaks(20, /released while it was read/));
  } finally {
    broken.mock.restore();
  }
});

void test('the checker catches a trial whose traps are let out (I10)', async () => {
  // oxlint-disable-next-line typescript/unbound-method -- called with its receiver below
  const adopt = Versions.prototype.adopt;
  const broken = mock.method(
    Versions.prototype,
    'adopt',
    function (this: Versions, ...[parts, number, , events]: Parameters<typeof adopt>) {
      adopt.call(this, parts, number, 0, events);
    },
  );
  try {
    assert.ok(await breaks(20, /^I10/));
  } finally {
    broken.mock.restore();
  }
});

void test('the checker catches an assignment that goes on after it has ended (I5)', async () => {
  const broken = mock.getter(Assignment.prototype, 'ended', () => false);
  try {
    assert.ok(await breaks(20, /^I5/));
  } finally {
    broken.mock.restore();
  }
});
