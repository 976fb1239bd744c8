import assert from 'node:assert/strict';
import { clusterTest } from '../testcontainers.config.ts';
import { createTopic, eventually, readAll, type RecordToProduce } from './cluster/client.ts';
import type { Entry, Fate, Ledger } from './harness/ledger.ts';
import { Rig } from './harness/rig.ts';
import { Sidecar } from './harness/sidecar.ts';
import { headerOf } from './harness/spec.ts';

/* What a reader of committed records sees of a transform with `delivery: exactly_once`; integration/faults has more ways to die. */

const PARTITIONS = 4;
const RECORDS = 20_000;
const POISON_EVERY = 50;
const SETTINGS = {
  kafka: { 'session.timeout.ms': 3000, 'heartbeat.interval.ms': 300 },
  // Small batches and short transactions: a kill finds records in every stage. What it leaves open is soon given up.
  limits: { poll_records: 100, transaction_interval_ms: 50, transaction_timeout_ms: 2000, drain_timeout_ms: 1500 },
};
const VISIBLE_MS_MAX = 60_000;

/** Reads until each record has an outcome: what a killed producer left open hides what was written behind it for a while. */
async function whole(rig: Rig, records: number): Promise<Ledger> {
  return eventually(async () => {
    const ledger = await rig.ledger();
    const seen = ledger.entries.filter(({ outputs, deadLetters }) => outputs.length + deadLetters.length > 0);
    assert.ok(seen.length >= records, `${seen.length} of ${records} are seen`);
    return ledger;
  }, VISIBLE_MS_MAX);
}

clusterTest(
  'kill -9 at a counted record and partitions that move: each record is seen once, in order (I2, I3, I4, I8)',
  async ({ bootstrap }, t) => {
    const records = Array.from({ length: RECORDS }, (_, i): RecordToProduce => {
      const poison = i % POISON_EVERY === 0 ? ',"poison":"trap"' : '';
      return { key: `device-${i % 97}`, value: `{"device_id":"dev-${i}"${poison}}`, partition: i % PARTITIONS };
    });
    const fateOf = ({ id }: Entry): Fate => (Number(id) % POISON_EVERY === 0 ? ['guest.trap'] : 'output');
    const spec = {
      wasm_module: 'transforms/fragile.wasm',
      delivery: 'exactly_once',
      output: { partition: 'input' },
    };
    const rig = await Rig.create(t, bootstrap, { records, partitions: PARTITIONS, spec, settings: SETTINGS });
    await rig.createTopics(PARTITIONS);
    const twin = rig.twin(t);

    const first = Sidecar.launch(rig.home);
    await readAll(bootstrap, rig.out, { until: 2_000, onReached: () => first.killNow() });
    await first.kill();
    const seen = (await rig.ledger()).entries.filter(({ outputs }) => outputs.length > 0).length;
    assert.ok(seen < RECORDS, 'the kill came too late to mean anything');

    const second = await Sidecar.start(twin);
    await readAll(bootstrap, rig.out, { until: 6_000 });
    // Partitions move to it while the second works.
    const third = await Sidecar.start(rig.home);
    await readAll(bootstrap, rig.out, { until: 12_000, onReached: () => second.killNow() });
    await second.kill();
    const ledger = await whole(rig, RECORDS);
    await third.stop();

    ledger.assertAccounted(fateOf);
    ledger.assertOrdered();
    const sum = [...(await rig.committed()).values()].reduce((total, offset) => total + offset, 0);
    assert.equal(sum, RECORDS);
  },
  { timeoutMs: 240_000 },
);

clusterTest(
  'records that the cluster refuses, and their dead letters too, are dead-lettered once; the others are seen once, in order',
  async ({ bootstrap }, t) => {
    const large = new Set([7, 300]);
    const records = Array.from({ length: 500 }, (_, i): RecordToProduce => {
      return { key: `k${i}`, value: `${i} `.padEnd(large.has(i) ? 30_000 : 100, 'x') };
    });
    const spec = { wasm_module: 'builtin:pass-through', delivery: 'exactly_once' };
    const rig = await Rig.create(t, bootstrap, { records, spec, settings: SETTINGS });
    // The client takes them (limits.record_bytes), the topics do not.
    for (const topic of [rig.out, rig.dlq]) await createTopic(bootstrap, topic, 1, { 'max.message.bytes': '20000' });
    const sidecar = await rig.start();
    const ledger = await whole(rig, 500);
    const metrics = await sidecar.metrics();
    const count = (outcome: string): number =>
      metrics.sum('streamline_transform_records_total', { transform: rig.name, outcome });
    assert.deepEqual([count('output'), count('dead_lettered')], [498, 2]);
    assert.equal(metrics.sum('streamline_transform_records_unaccounted', { transform: rig.name }), 0);
    await sidecar.stop();
    ledger.assertAccounted(({ id }) => (large.has(Number(id)) ? ['record.too_large'] : 'output'));
    ledger.assertOrdered();
    assert.equal(headerOf(ledger.deadLetter(300), 'streamline.truncated'), 'small');
  },
  { timeoutMs: 180_000 },
);
