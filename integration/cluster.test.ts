import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { clusterTest } from '../testcontainers.config.ts';
import { committedOffsets, createTopic, produceAll, readAll, type RecordToProduce } from './cluster/client.ts';

clusterTest('every part of a record survives the way to the cluster and back', async ({ bootstrap }) => {
  const topic = `round-trip-${randomUUID()}`;
  await createTopic(bootstrap, topic, 2, { 'retention.ms': '-1' });
  const records: RecordToProduce[] = [
    { key: 'k1', value: 'v1', partition: 0, timestamp: 1_700_000_000_001, headers: [['h', 'x']] },
    { key: null, value: Buffer.from([0, 255, 128]), partition: 1, timestamp: 1_700_000_000_002 },
    // A tombstone, an empty value, an empty key and a header that occurs twice are four different things.
    { key: 'gone', value: null, partition: 0, timestamp: 1_700_000_000_003 },
    {
      key: '',
      value: '',
      partition: 1,
      timestamp: 1_700_000_000_004,
      headers: [
        ['twice', 'a'],
        ['other', ''],
        ['twice', 'b'],
      ],
    },
    { key: Buffer.from('ключ'), value: 'é', partition: 0, timestamp: 1_700_000_000_005 },
  ];
  await produceAll(bootstrap, topic, records);

  const expected = [0, 1].flatMap((partition) =>
    records
      .filter((record) => record.partition === partition)
      .map(({ key, value, headers, timestamp }, offset) => ({
        ...{ topic, partition, offset, timestamp },
        key: bytes(key),
        value: bytes(value),
        headers: (headers ?? []).map(([name, content]) => [name, bytes(content)]),
      })),
  );
  assert.deepEqual(await readAll(bootstrap, topic, { until: 'end' }), expected);
  assert.equal((await readAll(bootstrap, topic, { until: records.length })).length, records.length);
});

clusterTest('an empty topic has an end and a group without commits has no offsets', async ({ bootstrap }) => {
  const topic = `empty-${randomUUID()}`;
  await createTopic(bootstrap, topic, 3);
  assert.deepEqual(await readAll(bootstrap, topic, { until: 'end' }), []);
  assert.deepEqual(await committedOffsets(bootstrap, `group-${randomUUID()}`, topic), new Map());
});

clusterTest('a topic is not created by producing to it', async ({ bootstrap }) => {
  await assert.rejects(
    produceAll(bootstrap, `missing-${randomUUID()}`, [{ value: 'v' }], {
      // How long the client hopes that the topic is only young: 30 s unless told otherwise.
      'topic.metadata.propagation.max.ms': 500,
    }),
    /not produced/,
  );
});

clusterTest(
  'a killed broker comes back on its address with its records',
  async (cluster) => {
    const topic = `kept-${randomUUID()}`;
    await createTopic(cluster.bootstrap, topic);
    await produceAll(cluster.bootstrap, topic, [{ key: 'a', value: 'before' }]);
    await cluster.kill();
    await cluster.restart();
    await produceAll(cluster.bootstrap, topic, [{ key: 'a', value: 'after' }]);
    const read = await readAll(cluster.bootstrap, topic, { until: 2 });
    assert.deepEqual(
      read.map(({ offset, value }) => [offset, value?.toString()]),
      [
        [0, 'before'],
        [1, 'after'],
      ],
    );
  },
  { own: true, timeoutMs: 180_000 },
);

function bytes(part: Buffer | string | null | undefined): Buffer | null {
  return part === null || part === undefined ? null : Buffer.from(part);
}
