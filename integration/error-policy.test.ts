import assert from 'node:assert/strict';
import { clusterTest } from '../testcontainers.config.ts';
import { createTopic, type RecordToProduce } from './cluster/client.ts';
import { recordValue } from './guests/verdicts.ts';
import { headerOf } from './harness/spec.ts';
import type { MetricSample } from './harness/metric-sample.ts';
import { Rig } from './harness/rig.ts';

/* What becomes of a failed record: retries, dead letters of any size, skip, stop, the breaker. */

const MISBEHAVE = { wasm_module: 'hostile/misbehave.wasm' };

/**
 * A broker refuses a batch for one record in it, when later batches may be written already: what was in it comes again, and so does
 * what came after it, so that the order holds.
 */
const REPEATS_MAX = 20;

/** `count` records, those of `bad` with the order. */
function records(count: number, order: string, bad: (i: number) => boolean, partitions = 1): RecordToProduce[] {
  return Array.from({ length: count }, (_, i) => ({
    ...{ key: `k${i % 20}`, partition: i % partitions },
    value: recordValue(bad(i) ? order : '', i),
  }));
}

/** What is measured beside the outcomes, of records of which the first was retried four times and dead-lettered. */
function assertMeasured(metrics: MetricSample, transform: string, input: readonly RecordToProduce[]): void {
  const of = (name: string, labels: Readonly<Record<string, string>> = {}): number =>
    metrics.sum(`streamline_transform_${name}`, { transform, ...labels });
  const { length } = input;
  assert.deepEqual([of('dead_letters_total'), of('dead_letters_total', { code: 'guest.trap' })], [1, 1]);
  assert.deepEqual(
    ['guest', 'order', 'produce', 'commit'].map((step) => of('queued_records', { step })),
    [0, 0, 0, 0],
  );
  assert.equal(of('batch_records_sum'), length);
  const attempts = length + 4;
  assert.deepEqual([of('fuel_units_count'), of('execution_latency_seconds_count')], [attempts, attempts]);
  assert.equal(of('end_to_end_latency_seconds_count'), length);
  // The one that failed waited for its retries.
  assert.equal(
    of('end_to_end_latency_seconds_bucket', { le: '+Inf' }) - of('end_to_end_latency_seconds_bucket', { le: '2.5' }) >=
      1,
    true,
  );
  assert.deepEqual(
    ['queue', 'guest', 'produce'].map((step) => of('step_latency_seconds_count', { step })),
    [length, length, length - 1],
  );
  // Keys and values; the harness adds headers.
  const bytes = input.reduce(
    (sum, { key, value }) => sum + Buffer.byteLength(key ?? '') + Buffer.byteLength(value ?? ''),
    0,
  );
  const [inputBytes, outputBytes] = [of('input_bytes_total'), of('output_bytes_total')];
  assert.ok(inputBytes >= bytes && inputBytes < bytes + 200 * length, `${inputBytes} of ${bytes} bytes`);
  assert.ok(outputBytes > 0 && outputBytes < inputBytes, `${outputBytes} bytes out`);
  assert.ok(of('rebalances_total', { event: 'assigned' }) >= 1 && of('partitions') === 3);
  assert.equal(of('info', { version: '1' }), 1);
  assert.equal(metrics.sum('streamline_sidecar_info'), 1);
}

clusterTest(
  'retries with backoff hold up their own partition only, then the dead letter (I1, I2, I3)',
  async (cluster, t) => {
    const { bootstrap } = cluster;
    const input = records(6000, 'trap', (i) => i === 0, 3);
    const rig = await Rig.create(t, bootstrap, {
      records: input,
      partitions: 3,
      // A wait is between half of that and all of it: four of them are more than the 2.5 s that are looked for below.
      spec: { ...MISBEHAVE, errors: { max_retries: 4, retry_backoff_ms: 1_300, retry_backoff_max_ms: 1_300 } },
    });
    // One partition, so that its offsets tell who was written first.
    await createTopic(bootstrap, rig.out, 1);
    const sidecar = await rig.start();
    const metrics = await sidecar.settles(rig.name, 6000);
    assert.equal(metrics.sum('streamline_transform_retries_total', { transform: rig.name }), 4);
    assert.equal(metrics.sum('streamline_transform_errors_total', { transform: rig.name, code: 'guest.trap' }), 5);
    assertMeasured(metrics, rig.name, input);
    await sidecar.stop();
    const ledger = await rig.ledger();
    ledger.assertAccounted(({ id }) => (id === '0' ? ['guest.trap'] : 'output'));
    ledger.assertOrdered();
    const written = (own: boolean): number[] =>
      ledger.entries.flatMap(({ input, outputs }) =>
        (input.partition === 0) === own ? outputs.map((o) => o.offset) : [],
      );
    assert.ok(Math.max(...written(false)) < Math.min(...written(true)), 'the other partitions must not wait');
  },
);

clusterTest('skip drops what fails and counts it (I2)', async ({ bootstrap }, t) => {
  const rig = await Rig.create(t, bootstrap, {
    records: records(1000, 'trap', (i) => i % 10 === 3),
    spec: { ...MISBEHAVE, errors: { on_failure: 'skip' } },
  });
  const sidecar = await rig.start();
  const metrics = await sidecar.settles(rig.name, 1000);
  assert.deepEqual([metrics.settled(rig.name, 'skipped'), metrics.settled(rig.name, 'output')], [100, 900]);
  assert.equal(metrics.sum('streamline_transform_skipped_records_total', { code: 'guest.trap' }), 100);
  await sidecar.stop();
  const ledger = await rig.ledger([rig.out], []);
  ledger.assertAccounted(({ id }) => (Number(id) % 10 === 3 ? 'dropped' : 'output'));
  ledger.assertOrdered();
});

clusterTest(
  'stop commits exactly up to the failing record, and a restart goes on there (I1, I2)',
  async ({ bootstrap }, t) => {
    const rig = await Rig.create(t, bootstrap, {
      records: records(500, 'trap', (i) => i === 321),
      spec: { ...MISBEHAVE, errors: { on_failure: 'stop' } },
    });
    const sidecar = await rig.start();
    await sidecar.reaches('FAILED', rig.name);
    const failure = await sidecar.logs(({ msg }) => msg === 'transform failed');
    assert.deepEqual([failure.code, failure['place']], ['guest.trap', `${rig.name}/0@321`]);
    assert.deepEqual(await rig.committed(), new Map([[0, 321]]));
    assert.equal((await sidecar.get('/readyz')).status, 200, 'a failed transform does not fail the sidecar');
    await sidecar.stop();
    const stopped = await rig.ledger([rig.out], []);
    stopped.assertAccounted(({ id }) => (Number(id) < 321 ? 'output' : 'dropped'));

    rig.deploy({ ...MISBEHAVE, errors: { on_failure: 'skip' } });
    const again = await rig.start();
    await again.settles(rig.name, 500 - 321);
    await again.stop();
    const ledger = await rig.ledger([rig.out], []);
    ledger.assertAccounted(({ id }) => (id === '321' ? 'dropped' : 'output'));
    ledger.assertOrdered();
  },
);

clusterTest('the breaker stops a transform whose records fail too often (I1, I2)', async ({ bootstrap }, t) => {
  const stopAfter = { failures: 5, window: 50 };
  const failing = [10, 100, 110, 120, 130, 140];
  const rig = await Rig.create(t, bootstrap, {
    records: records(400, 'trap', (i) => failing.includes(i)),
    spec: { ...MISBEHAVE, errors: { stop_after: stopAfter } },
  });
  const sidecar = await rig.start();
  await sidecar.reaches('FAILED', rig.name);
  const failure = await sidecar.logs(({ msg }) => msg === 'transform failed');
  // Five in any fifty: not with 10, which is long past.
  assert.deepEqual([failure.code, failure['place']], ['breaker.open', `${rig.name}/0@140`]);
  await sidecar.stop();
  assert.deepEqual(await rig.committed(), new Map([[0, 140]]));
  const ledger = await rig.ledger();
  ledger.assertAccounted(({ id }) =>
    Number(id) >= 140 ? 'dropped' : failing.includes(Number(id)) ? ['guest.trap'] : 'output',
  );
});

clusterTest('a dead letter too large for its topic is cut down and says so (I1, I2)', async ({ bootstrap }, t) => {
  const pad = 'x'.repeat(60_000);
  const own: [string, string][] = [['large-header', 'h'.repeat(20_000)]];
  const rig = await Rig.create(t, bootstrap, {
    records: Array.from({ length: 60 }, (_, i): RecordToProduce => {
      // Many of 1 kB, each of which fits, though not all of them in one batch; two that do not fit; one with a header that does not.
      if (i === 20 || i === 40) return { key: 'k', value: recordValue('trap', i, { pad }) };
      if (i === 41) return { key: 'k', value: recordValue('trap', i), headers: own };
      return { key: 'k', value: recordValue('trap', i, { pad: 'y'.repeat(1000) }) };
    }),
    spec: MISBEHAVE,
  });
  await createTopic(bootstrap, rig.dlq, 1, { 'max.message.bytes': '10000' });
  const sidecar = await rig.start();
  await sidecar.settles(rig.name, 60);
  await sidecar.stop();
  const ledger = await rig.ledger();
  // A batch is refused as a whole for one letter in it: what lay in it or was sent after it comes again, half by half, for each of the three.
  ledger.assertAccounted(
    () => ['guest.trap'],
    () => 3 * Math.ceil(Math.log2(60)),
  );
  for (const { id, input, deadLetters } of ledger.entries) {
    const letter = deadLetters.at(-1);
    assert.ok(letter !== undefined);
    const cut = headerOf(letter, 'streamline.truncated');
    if (id === '20' || id === '40') {
      assert.equal(cut, 'small', `record ${id}`);
      assert.deepEqual(letter.value, input.value!.subarray(0, letter.value!.length));
      assert.equal(headerOf(letter, 'streamline.original.value.bytes'), String(input.value!.length));
    } else if (id === '41') {
      assert.equal(cut, 'headers_only');
      assert.deepEqual([letter.key, letter.value], [null, null]);
      assert.equal(headerOf(letter, 'streamline.original.key.bytes'), '1');
      assert.equal(headerOf(letter, '__connect.errors.offset'), '41');
    } else {
      assert.deepEqual([cut, letter.value], [undefined, input.value], `record ${id} fits as it is`);
    }
  }
});

clusterTest(
  'an output too large for its topic is dead-lettered, the ones beside it come out in order (I2, I3)',
  async (cluster, t) => {
    const { bootstrap } = cluster;
    const large = [100, 101, 500, 999];
    const rig = await Rig.create(t, bootstrap, {
      records: Array.from({ length: 1000 }, (_, i) => ({
        ...{ key: `k${i % 20}`, partition: i % 2 },
        value: recordValue('', i, { pad: 'x'.repeat(large.includes(i) ? 30_000 : 200) }),
      })),
      partitions: 2,
      spec: { ...MISBEHAVE, output: { partition: 'input' } },
    });
    // Smaller than the batches the producer makes: a batch is refused as a whole for its size, though each record would fit.
    await createTopic(bootstrap, rig.out, 2, { 'max.message.bytes': '20000' });
    const sidecar = await rig.start();
    await sidecar.settles(rig.name, 1000);
    await sidecar.stop();
    const ledger = await rig.ledger();
    ledger.assertAccounted(
      ({ id }) => (large.includes(Number(id)) ? ['record.too_large'] : 'output'),
      () => REPEATS_MAX,
    );
    for (const id of large) assert.equal(headerOf(ledger.deadLetter(id), '__connect.errors.stage'), 'TASK_PUT');
    ledger.assertLastOrdered();
  },
);

clusterTest(
  'a compacted topic refuses what has no key, and the order of the rest holds (I2, I3)',
  async ({ bootstrap }, t) => {
    const keyless = (id: number): boolean => id % 500 === 250;
    const rig = await Rig.create(t, bootstrap, {
      records: Array.from({ length: 2000 }, (_, i) => ({
        ...{ key: keyless(i) ? null : `k${i % 20}`, partition: 0 },
        value: recordValue('', i, { pad: 'x'.repeat(500) }),
      })),
      spec: { ...MISBEHAVE, output: { partition: 'input' } },
    });
    await createTopic(bootstrap, rig.out, 1, { 'cleanup.policy': 'compact' });
    const sidecar = await rig.start();
    await sidecar.settles(rig.name, 2000);
    await sidecar.stop();
    const ledger = await rig.ledger();
    ledger.assertAccounted(
      ({ id }) => (keyless(Number(id)) ? ['record.rejected'] : 'output'),
      () => REPEATS_MAX,
    );
    ledger.assertLastOrdered();
  },
);

clusterTest('what a guest returns beyond limits.output_bytes is dead-lettered (I2)', async ({ bootstrap }, t) => {
  const rig = await Rig.create(t, bootstrap, {
    records: [100, 5000, 100].map((n, i) => ({ key: 'k', value: recordValue('inflate', i, { n }) })),
    spec: MISBEHAVE,
    settings: { limits: { output_bytes: 2000 } },
  });
  const sidecar = await rig.start();
  await sidecar.settles(rig.name, 3);
  await sidecar.stop();
  const ledger = await rig.ledger();
  // The guest is told how much room it has, and this one fails rather than write past it.
  ledger.assertAccounted(({ id }) => (id === '1' ? ['guest.failed', 'guest.output_too_large'] : 'output'));
});
