import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { clusterTest } from '../testcontainers.config.ts';
import { committedOffsets, createTopic, produceAll, type PlainRecord, type RecordToProduce } from './cluster/client.ts';
import { recordValue } from './guests/verdicts.ts';
import { Ledger } from './harness/ledger.ts';
import { startSidecar } from './harness/sidecar.ts';
import { specText, uniqueName, withIds } from './harness/spec.ts';

/* What other pipelines were seen to do with a bad record, on the same broker, and what must happen instead. */

interface Run {
  readonly t: TestContext;
  readonly bootstrap: string;
  readonly records: readonly RecordToProduce[];
  readonly spec: Readonly<Record<string, unknown>>;
  readonly partitions?: number;
}

/** One transform over all records, then SIGTERM; the ledger and the milliseconds SIGTERM took. */
async function transformAll({ t, bootstrap, records, spec, partitions = 1 }: Run): Promise<[Ledger, number]> {
  const name = uniqueName('bad');
  await createTopic(bootstrap, name, partitions);
  await produceAll(bootstrap, name, withIds(records));
  const sidecar = await startSidecar(t, bootstrap, {
    specs: {
      'spec.yaml': specText({
        ...{ name, input_topic: name, output_topic: `${name}.out`, input: { start: 'earliest' } },
        ...spec,
      }),
    },
  });
  await sidecar.settles(name, records.length);
  const stopMs = await sidecar.stop();
  const committed = await committedOffsets(bootstrap, `streamline.${name}`, name);
  const topics = { input: name, outputs: [`${name}.out`], deadLetters: [`${name}.dlq`] };
  const ledger = await Ledger.read(bootstrap, topics);
  const total = [...committed.values()].reduce((sum, offset) => sum + offset, 0);
  assert.equal(total, records.length, 'all is committed');
  return [ledger, stopMs];
}

const device = (i: number, poison = ''): string =>
  `{"device_id":"dev-${i}"${poison === '' ? '' : `,"poison":"${poison}"`}}`;

const FRAGILE = { wasm_module: 'transforms/fragile.wasm' };

clusterTest('a guest that traps at 5 of 10: the other 9 changed, the 5th dead-lettered (I2)', async (cluster, t) => {
  const records = Array.from({ length: 10 }, (_, i) => ({ key: 'k', value: device(i, i === 4 ? 'trap' : '') }));
  const [ledger] = await transformAll({ t, ...cluster, records, spec: FRAGILE });
  ledger.assertAccounted(({ id }) => (id === '4' ? ['guest.trap'] : 'output'));
  ledger.assertOrdered();
  for (const { id, outputs } of ledger.entries) {
    // Nothing leaves as it came: a failed transform must never let its input through.
    for (const { value } of outputs) assert.equal(value?.toString(), `{"device_id":"DEV-${id}"}`);
  }
  assert.equal(ledger.deadLetter(4).value?.toString(), records[4]!.value);
});

clusterTest(
  'a guest that loops costs its record, not the pipeline, and SIGTERM is quick (I7, I8)',
  async (cluster, t) => {
    const records = Array.from({ length: 10 }, (_, i) => ({ key: 'k', value: device(i, i % 3 === 1 ? 'spin' : '') }));
    const [ledger, stopMs] = await transformAll({ t, ...cluster, records, spec: FRAGILE });
    ledger.assertAccounted(({ id }) => (Number(id) % 3 === 1 ? ['guest.out_of_fuel'] : 'output'));
    ledger.assertOrdered();
    assert.ok(stopMs < 5000, `SIGTERM took ${Math.round(stopMs)} ms`);
  },
);

clusterTest('a batch with poison does not start over: each good record comes out once (I2)', async (cluster, t) => {
  const records = Array.from({ length: 3000 }, (_, i) => ({
    key: `k${i % 20}`,
    value: recordValue(i % 100 === 50 ? 'trap' : '', i),
  }));
  const [ledger] = await transformAll({
    ...{ t, ...cluster, records, partitions: 2 },
    spec: { wasm_module: 'hostile/misbehave.wasm' },
  });
  ledger.assertAccounted(({ id }) => (Number(id) % 100 === 50 ? ['guest.trap'] : 'output'));
  ledger.assertOrdered();
});

clusterTest('parallel instances keep the order of each partition (I3)', async (cluster, t) => {
  // Records that take long and records that take nothing, so that batches overtake each other in the guests.
  const records = Array.from({ length: 12_000 }, (_, i) => ({
    ...{ key: `k${i % 50}`, partition: i % 4 },
    value: `{"id":${i},"pad":"${'x'.repeat(i % 3000 < 1500 ? 10 : 800)}"}`,
  }));
  const [ledger] = await transformAll({
    ...{ t, ...cluster, records, partitions: 4 },
    spec: { wasm_module: 'transforms/compute.wasm', config: { rounds: 20 }, instances: 3, timeout_ms: 1000 },
  });
  ledger.assertAccounted(() => 'output');
  ledger.assertOrdered();
});

clusterTest(
  'tombstones stay null; keys, headers, timestamps, numbers and key order stay as they were',
  async (cluster, t) => {
    const values = [
      null,
      '',
      '{"price":5285.90,"id":12345678901234567890,"email":"a@b","a":1}',
      '{ "z":1 , "a" : 2, "email":"x","m":1e5,"n":-0.0 }',
      '{"b":[1.10,{"email":"deep"}],"email":null}',
    ];
    const records = values.map((value, i): RecordToProduce => ({
      ...{ value, timestamp: 1_600_000_000_000 + i },
      key: [null, '', 'k', Buffer.from([0, 255]), 'ключ'][i] ?? null,
      headers: [
        ['twice', 'a'],
        ['empty', ''],
        ['twice', Buffer.from([0, 1, 255])],
      ],
    }));
    const [ledger] = await transformAll({
      ...{ t, ...cluster, records },
      spec: { wasm_module: 'transforms/mask_pii.wasm', config: { fields_to_mask: ['email'] } },
    });
    // An empty value is no JSON, and no tombstone either.
    ledger.assertAccounted(({ id }) => (id === '1' ? ['guest.failed'] : 'output'));
    const text = (record: PlainRecord): string | undefined => record.value?.toString();
    assert.equal(ledger.output(0).value, null);
    assert.equal(text(ledger.output(2)), values[2]!.replace('a@b', '***REDACTED***'));
    assert.equal(text(ledger.output(3)), values[3]!.replace('"x"', '"***REDACTED***"'));
    assert.equal(text(ledger.output(4)), values[4]!.replace('deep', '***REDACTED***'));
    assert.deepEqual(ledger.deadLetter(1).value, Buffer.alloc(0));
    for (const { input, outputs } of ledger.entries) {
      for (const { key, timestamp, headers } of outputs) {
        assert.deepEqual(
          { key, timestamp, headers },
          { key: input.key, timestamp: input.timestamp, headers: input.headers },
        );
      }
    }
  },
);
