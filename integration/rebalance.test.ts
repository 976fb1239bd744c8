import assert from 'node:assert/strict';
import { clusterTest } from '../testcontainers.config.ts';
import { eventually, type RecordToProduce } from './cluster/client.ts';
import { Flow } from './harness/flow.ts';
import { Rig } from './harness/rig.ts';
import { Sidecar } from './harness/sidecar.ts';

/* Partitions that move between sidecars, and a broker that goes away, while records flow. */

const PARTITIONS = 6;
const CATCH_UP_MS_MAX = 60_000;
const SETTINGS = {
  kafka: { 'session.timeout.ms': 6000, 'heartbeat.interval.ms': 500 },
  limits: { drain_timeout_ms: 4000 },
};

const recordOf = (i: number): RecordToProduce => ({
  ...{ key: `device-${i % 50}`, partition: i % PARTITIONS },
  value: `{"device_id":"dev-${i}"${i % 100 === 99 ? ',"poison":"trap"' : ''}}`,
});
const fateOf = ({ id }: { id: string }) => (Number(id) % 100 === 99 ? ['guest.trap'] : 'output');

const SPEC = { wasm_module: 'transforms/fragile.wasm', output: { partition: 'input' } };

/** Waits until everything flowed so far, and `more`, is committed by whoever runs the group. */
async function commits(rig: Rig, atLeast: () => number): Promise<void> {
  await eventually(async () => {
    const committed = [...(await rig.committed()).values()].reduce((sum, offset) => sum + offset, 0);
    assert.ok(committed >= atLeast(), `${committed} of ${atLeast()} are committed`);
  }, CATCH_UP_MS_MAX);
}

/** The sidecar has partitions, and settled records of them. */
async function works(sidecar: Sidecar, rig: Rig): Promise<void> {
  const before = (await sidecar.metrics()).sum('streamline_transform_records_received_total');
  await sidecar.settles(rig.name, before + 200);
}

clusterTest(
  'sidecars come and go by SIGTERM while records flow: nothing lost, nothing twice, order kept (I1, I2, I3, I5, I8)',
  async ({ bootstrap }, t) => {
    const rig = await Rig.create(t, bootstrap, {
      records: [],
      partitions: PARTITIONS,
      spec: SPEC,
      settings: SETTINGS,
    });
    const other = rig.twin(t);
    const flow = new Flow(t, bootstrap, rig.name, recordOf);
    const first = await rig.start();
    await works(first, rig);
    const second = await Sidecar.start(other);
    await works(second, rig);
    await works(first, rig);
    const moves = (await first.metrics()).sum('streamline_transform_rebalances_total', { event: 'revoked' });
    assert.ok(moves >= 1, 'the second one got its share from the first');
    await first.stop();
    await works(second, rig);
    const third = await rig.start();
    await works(third, rig);
    await works(second, rig);
    await second.stop();
    const produced = await flow.end();
    await commits(rig, () => produced);
    await third.stop();

    const ledger = await rig.ledger();
    assert.equal(ledger.entries.length, produced);
    ledger.assertAccounted(fateOf);
    ledger.assertOrdered();
    t.diagnostic(`${produced} records through four assignments`);
  },
  { timeoutMs: 180_000 },
);

clusterTest(
  'a broker that is killed and one that restarts while records flow: nothing lost (I1, I2, I3)',
  async (cluster, t) => {
    const { bootstrap } = cluster;
    const rig = await Rig.create(t, bootstrap, {
      records: [],
      partitions: PARTITIONS,
      spec: SPEC,
      settings: SETTINGS,
    });
    const flow = new Flow(t, bootstrap, rig.name, recordOf);
    const sidecar = await rig.start();
    await works(sidecar, rig);
    await cluster.kill();
    await cluster.restart();
    await works(sidecar, rig);
    // Cleanly this time, under way all the same.
    await cluster.restart();
    await works(sidecar, rig);
    const produced = await flow.end();
    await commits(rig, () => produced);
    await sidecar.stop();

    const ledger = await rig.ledger();
    assert.equal(ledger.entries.length, produced);
    // What was under way may come again when the group began anew, never be lost or overtaken.
    ledger.assertAccounted(fateOf, () => 2);
    ledger.assertLastOrdered();
    const outcomes = ledger.entries.reduce(
      (sum, { outputs, deadLetters }) => sum + outputs.length + deadLetters.length,
      0,
    );
    t.diagnostic(`${outcomes - produced} of ${produced} came again`);
  },
  { own: true, timeoutMs: 240_000 },
);
